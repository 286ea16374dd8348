//! HTML pages of the stack itself: without scripts, and not embeddable by other pages.

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// A page with the content `main`. It reloads itself after `reload` seconds. A reload after a form is a GET.
pub(crate) fn page(status: StatusCode, title: &str, reload: Option<u8>, main: &Markup) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        ),
    ];
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                @if let Some(seconds) = reload { meta http-equiv="refresh" content=(seconds); }
                title { (title) " · Cruddur on this machine" }
                style { (PreEscaped(include_str!("page.css"))) }
            }
            body { main { (main) } }
        }
    };
    (status, headers, page.into_string()).into_response()
}
