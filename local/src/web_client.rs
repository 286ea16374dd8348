//! The web client: serves its built files and builds them if npm is available.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use maud::html;
use tokio::process::Command;
use tower::ServiceBuilder;
use tower_http::{services::ServeDir, set_header::SetResponseHeaderLayer};

use crate::{guard::AllowedHosts, page::page, pages::with_websocket_url};

/// The client's sources. A change to any of them triggers a build.
const SOURCES: [&str; 9] = [
    "app/index.html",
    "app/public",
    "app/src",
    "app/vite.config.ts",
    "app/worker",
    "package-lock.json",
    "package.json",
    "packages/client/src",
    "packages/react/src",
];

/// The client's own routes. All serve the same file, whose script reads the path.
const PAGES: [&str; 6] = ["/", "/callback", "/callback/", "/messages", "/messages/", "/messages/{*rest}"];

/// Files with fixed names, and their content types.
const FILES: [(&str, &str); 7] = [
    ("favicon.svg", "image/svg+xml"),
    ("manifest.webmanifest", "application/manifest+json"),
    ("service-worker.js", "text/javascript"),
    ("icon-180.png", "image/png"),
    ("icon-192.png", "image/png"),
    ("icon-512.png", "image/png"),
    ("icon-maskable-512.png", "image/png"),
];

/// Seconds until the page that stands in for the client reloads.
const RELOAD_AFTER: u8 = 2;

/// The number of npm's first and last lines that an error shows.
const SHOWN_LINES: usize = 10;

/// The client in a folder. Clones share its state.
#[derive(Clone, Debug)]
pub struct WebClient {
    folder: PathBuf,
    /// The hosts of the WebSocket API. `None` if there is none.
    websocket: Option<AllowedHosts>,
    /// The reason why the client is not built. `None` before and during a build.
    failure: Arc<Mutex<Option<String>>>,
}

impl WebClient {
    pub(crate) fn new(folder: &Path, websocket: Option<AllowedHosts>) -> Self {
        Self { folder: folder.to_owned(), websocket, failure: Arc::default() }
    }

    /// Its pages and files. Until it is built, the pages show the progress.
    pub(crate) fn router(&self) -> Router {
        let built = self.folder.join("dist");
        // File names contain a content hash.
        let immutable = HeaderValue::from_static("public, max-age=31536000, immutable");
        let assets = ServiceBuilder::new()
            .layer(SetResponseHeaderLayer::if_not_present(header::CACHE_CONTROL, immutable))
            .service(ServeDir::new(built.join("assets")).precompressed_br());
        let pages = PAGES.into_iter().fold(Router::new(), |router, path| router.route(path, get(index)));
        let files = FILES.into_iter().fold(pages, |router, (name, content_type)| {
            router.route(&format!("/{name}"), get(move |client| file(client, name, content_type)))
        });
        files.route("/config.json", get(config)).nest_service("/assets", assets).with_state(self.clone())
    }

    /// Returns `true` if the client can be used. A stack without the client's sources has none.
    #[must_use]
    pub fn is_built(&self) -> bool {
        self.folder.join("dist/index.html").exists()
    }

    /// Builds the client if it is missing or out of date, and reports each step to `progress`.
    pub async fn build(&self, progress: impl Fn(&str)) {
        if !self.folder.join("package.json").exists() || is_up_to_date(&self.folder) {
            return;
        }
        progress("building the web client; the first time this takes a minute");
        let built = async {
            npm(&self.folder, &["ci", "--no-audit", "--no-fund"]).await?;
            npm(&self.folder, &["run", "build"]).await
        };
        if let Err(error) = built.await {
            progress(&format!("the web client is not built: {error}"));
            *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
        }
    }

    fn stand_in(&self) -> Response {
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let main = html! {
            h1 { "Cruddur Messages" }
            @if let Some(failure) = failure {
                p.error role="alert" { "The web client is not built." }
                pre { (failure) }
                p { "Start the stack again, or run " code { "npm ci && npm run build" } " in the folder "
                    code { "frontend" } ". This page then shows the client." }
            } @else if !self.folder.join("package.json").exists() {
                p { "The folder " code { (self.folder.display()) } " has no web client." }
            } @else {
                p role="status" { "The web client is being built, which takes a minute the first time. This page
                    shows it as soon as it is ready." }
            }
            p { "The API is at " code { "/api" } ". Its routes are in openapi.yaml." }
        };
        page(StatusCode::OK, "Web client", Some(RELOAD_AFTER), &main)
    }
}

async fn index(State(client): State<WebClient>) -> Response {
    match tokio::fs::read(client.folder.join("dist/index.html")).await {
        Ok(page) => of_type("text/html; charset=utf-8", page),
        Err(_) => client.stand_in(),
    }
}

/// The client's configuration, with the URL of the WebSocket API under the page's host.
async fn config(State(client): State<WebClient>, headers: HeaderMap) -> Response {
    let Ok(configured) = tokio::fs::read(client.folder.join("dist/config.json")).await else {
        return not_built();
    };
    let websocket_url = client.websocket.and_then(|hosts| hosts.websocket_url(&headers));
    let config = match serde_json::from_slice(&configured) {
        Ok(config) if websocket_url.is_some() => with_websocket_url(config, websocket_url).to_string().into(),
        // The client shows what is wrong with a malformed file.
        _ => configured,
    };
    of_type("application/json", config)
}

async fn file(State(client): State<WebClient>, name: &str, content_type: &'static str) -> Response {
    match tokio::fs::read(client.folder.join("dist").join(name)).await {
        Ok(bytes) => of_type(content_type, bytes),
        Err(_) => not_built(),
    }
}

fn not_built() -> Response {
    (StatusCode::NOT_FOUND, "the web client is not built").into_response()
}

fn of_type(content_type: &'static str, bytes: Vec<u8>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, "no-cache"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
    ];
    (headers, bytes).into_response()
}

/// A failed build.
#[derive(Debug, thiserror::Error)]
enum BuildError {
    #[error("npm is missing; install Node.js 20.19 or newer, and start again")]
    NoNpm,
    #[error("npm can't be started: {0}")]
    Start(#[source] io::Error),
    #[error("npm {arguments} failed in {folder}:\n{output}", folder = .folder.display())]
    Failed { arguments: String, folder: PathBuf, output: Excerpt },
}

/// The beginning and the end of npm's output.
#[derive(Debug)]
struct Excerpt(String);

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // npm ends with the path of its log, which repeats the output.
        let lines =
            self.0.lines().filter(|line| !line.trim().is_empty() && !line.contains("A complete log of"));
        let lines = lines.collect::<Vec<_>>();
        // npm's own errors come first, a compiler's last.
        match (lines.first_chunk::<SHOWN_LINES>(), lines.last_chunk::<SHOWN_LINES>()) {
            (Some(first), Some(last)) if lines.len() > 2 * SHOWN_LINES => {
                write!(f, "{}\n…\n{}", first.join("\n"), last.join("\n"))
            }
            _ => f.write_str(&lines.join("\n")),
        }
    }
}

async fn npm(folder: &Path, arguments: &[&str]) -> Result<(), BuildError> {
    let mut npm = Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" });
    npm.args(arguments).current_dir(folder).stdin(Stdio::null()).kill_on_drop(true);
    let Output { status, stdout, stderr } = npm.output().await.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => BuildError::NoNpm,
        _ => BuildError::Start(error),
    })?;
    if status.success() {
        return Ok(());
    }
    Err(BuildError::Failed {
        arguments: arguments.join(" "),
        folder: folder.to_owned(),
        output: Excerpt(String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned()),
    })
}

/// Returns `true` if the built page is newer than every source.
fn is_up_to_date(folder: &Path) -> bool {
    let built = folder.join("dist/index.html").metadata().and_then(|file| file.modified());
    let newest = SOURCES.iter().map(|name| newest(&folder.join(name))).max().flatten();
    matches!((built, newest), (Ok(built), Some(newest)) if built >= newest)
}

/// The modification time of the newest file in `path`.
fn newest(path: &Path) -> Option<SystemTime> {
    let metadata = path.metadata().ok()?;
    if !metadata.is_dir() {
        return metadata.modified().ok();
    }
    path.read_dir().ok()?.filter_map(|entry| newest(&entry.ok()?.path())).max()
}

#[cfg(test)]
mod tests {
    use std::{fs, time::Duration};

    use axum::body::Body;
    use http::Request;
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    use super::*;

    async fn get(folder: &Path, path: &str) -> (StatusCode, String, String) {
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        let response = WebClient::new(folder, None).router().oneshot(request).await.unwrap();
        let status = response.status();
        let caching = response.headers().get("cache-control");
        let caching = caching.map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, caching, String::from_utf8(body.to_vec()).unwrap())
    }

    fn client() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        // Written first, because built files must not be older than their sources.
        fs::write(folder.path().join("package.json"), "{}").unwrap();
        fs::create_dir_all(folder.path().join("dist/assets")).unwrap();
        fs::write(folder.path().join("dist/index.html"), "the page").unwrap();
        fs::write(folder.path().join("dist/config.json"), "{}").unwrap();
        fs::write(folder.path().join("dist/service-worker.js"), "the worker").unwrap();
        fs::write(folder.path().join("dist/assets/main-1a2b.js"), "the script").unwrap();
        folder
    }

    #[tokio::test]
    async fn all_pages_are_the_same_file() {
        let folder = client();
        let page = (StatusCode::OK, "no-cache".to_owned(), "the page".to_owned());
        for path in [
            "/",
            "/callback/",
            "/messages",
            "/messages/",
            "/messages/4b1f7246-1b2e-59b0-a27f-6165b5e2b4c5",
            "/messages/4b1f7246-1b2e-59b0-a27f-6165b5e2b4c5/",
            "/messages/new/lore",
            "/messages/new/lore/",
        ] {
            assert_eq!(get(folder.path(), path).await, page, "{path}");
        }
        assert_eq!(get(folder.path(), "/callback?code=1&state=2").await, page);
        assert_eq!(get(folder.path(), "/config.json").await.2, "{}");
        let worker = (StatusCode::OK, "no-cache".to_owned(), "the worker".to_owned());
        assert_eq!(get(folder.path(), "/service-worker.js").await, worker);
        assert_eq!(get(folder.path(), "/elsewhere").await.0, StatusCode::NOT_FOUND);
    }

    #[tokio::test]
    async fn assets_are_immutable_and_nothing_outside_is_served() {
        let folder = client();
        let asset = get(folder.path(), "/assets/main-1a2b.js").await;
        assert_eq!(
            asset,
            (StatusCode::OK, "public, max-age=31536000, immutable".to_owned(), "the script".to_owned())
        );
        for path in ["/assets/other.js", "/assets/../index.html", "/assets/%2e%2e/index.html", "/assets/"] {
            assert_eq!(get(folder.path(), path).await.0, StatusCode::NOT_FOUND, "{path}");
        }
    }

    #[tokio::test]
    async fn browsers_get_the_compressed_asset() {
        let folder = client();
        fs::write(folder.path().join("dist/assets/main-1a2b.js.br"), "compressed").unwrap();
        let request = Request::get("/assets/main-1a2b.js").header("accept-encoding", "gzip, br");
        let request = request.body(Body::empty()).unwrap();
        let response = WebClient::new(folder.path(), None).router().oneshot(request).await.unwrap();
        let headers = response.headers();
        assert_eq!(headers["content-encoding"], "br");
        assert_eq!(headers["content-type"], "text/javascript");
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "compressed");
        assert_eq!(get(folder.path(), "/assets/main-1a2b.js").await.2, "the script");
    }

    #[tokio::test]
    async fn the_configuration_names_the_websocket_api_at_the_host_of_the_page() {
        let folder = client();
        let hosts = AllowedHosts::new(&["messages.example".parse().unwrap()]);
        let config = async |headers: &[(&str, &str)]| {
            let mut request = Request::get("/config.json");
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let request = request.body(Body::empty()).unwrap();
            let router = WebClient::new(folder.path(), Some(hosts.clone())).router();
            let body = router.oneshot(request).await.unwrap().into_body().collect().await.unwrap().to_bytes();
            String::from_utf8(body.to_vec()).unwrap()
        };
        let here = [("host", "localhost:4567")];
        let tunnel = [("host", "messages.example"), ("x-forwarded-proto", "https")];
        assert_eq!(config(&here).await, r#"{"websocket_url":"ws://localhost:4567/ws"}"#);
        assert_eq!(config(&tunnel).await, r#"{"websocket_url":"wss://messages.example/ws"}"#);
        fs::write(folder.path().join("dist/config.json"), "{malformed").unwrap();
        assert_eq!(config(&here).await, "{malformed");
    }

    #[test]
    fn a_changed_source_makes_the_build_out_of_date() {
        let folder = client();
        assert!(is_up_to_date(folder.path()));
        fs::create_dir_all(folder.path().join("app/src/messages")).unwrap();
        let source = folder.path().join("app/src/messages/list.ts");
        fs::write(&source, "").unwrap();
        let later = SystemTime::UNIX_EPOCH + Duration::from_secs(4_000_000_000);
        fs::File::options().write(true).open(&source).unwrap().set_modified(later).unwrap();
        assert!(!is_up_to_date(folder.path()));
    }

    #[tokio::test]
    async fn without_a_built_client_the_page_shows_the_progress_and_the_reason_of_a_failure() {
        let folder = client();
        fs::remove_file(folder.path().join("dist/index.html")).unwrap();
        // A package without a lock file: with npm the build fails; without npm, npm must be installed first.
        let client = WebClient::new(folder.path(), None);
        let show = async || {
            let request = Request::get("/messages").body(Body::empty()).unwrap();
            let response = client.router().oneshot(request).await.unwrap();
            let body = response.into_body().collect().await.unwrap().to_bytes();
            String::from_utf8(body.to_vec()).unwrap()
        };
        let page = show().await;
        assert!(page.contains("is being built") && page.contains("http-equiv=\"refresh\""), "{page}");

        let lines = Mutex::new(Vec::new());
        client.build(|line| lines.lock().unwrap().push(line.to_owned())).await;
        let lines = lines.into_inner().unwrap();
        assert_eq!(lines.len(), 2, "{lines:?}");
        let reason = lines[1].strip_prefix("the web client is not built: ").unwrap();
        assert!(reason.contains("package-lock.json") || reason.contains("install Node.js"), "{reason}");
        let page = show().await;
        assert!(page.contains("is not built") && page.contains("http-equiv=\"refresh\""), "{page}");
    }
}
