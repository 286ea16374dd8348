//! The web client: serves its built files and builds them if npm is available.

use std::{
    io,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::SystemTime,
};

use anyhow::{Result, bail};
use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::get,
};
use http::{HeaderValue, StatusCode, header};
use tokio::process::Command;
use tower::ServiceBuilder;
use tower_http::{services::ServeDir, set_header::SetResponseHeaderLayer};

/// The client's sources. A change to any of them triggers a build.
const SOURCES: [&str; 6] =
    ["index.html", "package-lock.json", "package.json", "public", "src", "vite.config.ts"];

/// The client's own routes. All serve the same file, whose script reads the path.
const PAGES: [&str; 6] = ["/", "/callback", "/callback/", "/messages", "/messages/", "/messages/{*rest}"];

/// The router of the client in `folder`: its pages and files, or instructions for building them.
pub(crate) fn router(folder: &Path) -> Router {
    let built = folder.join("dist");
    // File names contain a content hash.
    let immutable = HeaderValue::from_static("public, max-age=31536000, immutable");
    let assets = ServiceBuilder::new()
        .layer(SetResponseHeaderLayer::if_not_present(header::CACHE_CONTROL, immutable))
        .service(ServeDir::new(built.join("assets")));
    let pages = PAGES.into_iter().fold(Router::new(), |router, path| router.route(path, get(page)));
    pages
        .route("/config.json", get(|built| file(built, "config.json", "application/json")))
        .route("/favicon.svg", get(|built| file(built, "favicon.svg", "image/svg+xml")))
        .nest_service("/assets", assets)
        .with_state(built)
}

async fn page(State(built): State<PathBuf>) -> Response {
    match tokio::fs::read(built.join("index.html")).await {
        Ok(page) => of_type("text/html; charset=utf-8", page),
        Err(_) => of_type("text/plain; charset=utf-8", INDEX.into()),
    }
}

async fn file(State(built): State<PathBuf>, name: &str, content_type: &'static str) -> Response {
    match tokio::fs::read(built.join(name)).await {
        Ok(bytes) => of_type(content_type, bytes),
        Err(_) => (StatusCode::NOT_FOUND, "the web client is not built").into_response(),
    }
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

/// The page shown until the client is built.
const INDEX: &str = "Cruddur Messages\n\n\
    The web client is not built yet. If npm is installed, `cargo run` builds it; see its output.\n\
    To build it by hand, run npm ci && npm run build in the folder frontend. Then reload this page.\n\n\
    The API is below /api:\n\
    \x20 GET  /api/message_groups\n\
    \x20 GET  /api/messages/{message_group_uuid}\n\
    \x20 POST /api/messages\n\
    \x20 GET  /api/users/@{handle}/short\n\n\
    Only in the local stack:\n\
    \x20 GET  /local/users    the users\n\
    \x20 POST /local/token    an access token, for {\"handle\": \"sunyoung\"}\n\
    \x20 GET  /local/health   200 once everything is up\n";

/// Builds the client in `folder` if it is missing or out of date. Reports each step to `progress`, and what
/// to do if it can't build.
pub async fn build(folder: &Path, progress: impl Fn(&str)) {
    if !folder.join("package.json").exists() || is_up_to_date(folder) {
        return;
    }
    progress("building the web client; the first time this takes a minute");
    match npm(folder, &["ci", "--no-audit", "--no-fund"]).await {
        Ok(()) => {}
        Err(error) if is_not_found(&error) => {
            progress("the web client is not built: install Node.js 20.19 or newer with npm, and start again");
            return;
        }
        Err(error) => return progress(&format!("the web client is not built: {error:#}")),
    }
    match npm(folder, &["run", "build"]).await {
        Ok(()) => progress("the web client is built: reload the page"),
        Err(error) => progress(&format!("the web client is not built: {error:#}")),
    }
}

fn is_not_found(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::NotFound)
}

async fn npm(folder: &Path, arguments: &[&str]) -> Result<()> {
    let mut npm = Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" });
    npm.args(arguments).current_dir(folder).stdin(Stdio::null()).kill_on_drop(true);
    let Output { status, stdout, stderr } = npm.output().await?;
    if status.success() {
        return Ok(());
    }
    let output = [stdout, stderr].concat();
    let output = String::from_utf8_lossy(&output);
    let last = output.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no output");
    bail!("npm {} failed in {} ({})", arguments.join(" "), folder.display(), last.trim())
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
        let response = router(folder).oneshot(request).await.unwrap();
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
    async fn without_a_built_client_the_page_has_build_instructions() {
        let folder = tempfile::tempdir().unwrap();
        let (status, _, body) = get(folder.path(), "/messages").await;
        assert_eq!(status, StatusCode::OK);
        assert!(body.contains("npm ci && npm run build"), "{body}");
    }

    #[test]
    fn a_changed_source_makes_the_build_out_of_date() {
        let folder = client();
        assert!(is_up_to_date(folder.path()));
        fs::create_dir_all(folder.path().join("src/messages")).unwrap();
        let source = folder.path().join("src/messages/list.ts");
        fs::write(&source, "").unwrap();
        let later = SystemTime::UNIX_EPOCH + Duration::from_secs(4_000_000_000);
        fs::File::options().write(true).open(&source).unwrap().set_modified(later).unwrap();
        assert!(!is_up_to_date(folder.path()));
    }

    #[tokio::test]
    async fn a_failed_build_is_reported_with_the_last_line_of_npm() {
        let folder = client();
        fs::remove_file(folder.path().join("dist/index.html")).unwrap();
        let lines = std::sync::Mutex::new(Vec::new());
        build(folder.path(), |line| lines.lock().unwrap().push(line.to_owned())).await;
        let lines = lines.into_inner().unwrap();
        // A package without a lock file: with npm the build fails; without npm, npm must be installed first.
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert!(lines[1].starts_with("the web client is not built: "), "{lines:?}");
    }
}
