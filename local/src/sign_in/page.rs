//! The page with the users to pick from.

use axum::response::{IntoResponse, Response};
use cruddur::user::User;
use http::header;
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::authorize::Request;

/// Users that are shown at most; others are reached by their handles.
pub(super) const SHOWN: i64 = 24;

/// The page: scripts, and other pages around it, have no business here.
pub(super) fn page(users: &[User], total: i64, request: &Request, unknown: Option<&str>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        ),
    ];
    (headers, markup(users, total, request, unknown).into_string()).into_response()
}

fn markup(users: &[User], total: i64, request: &Request, unknown: Option<&str>) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { "Sign in · Cruddur on this machine" }
                style { (PreEscaped(include_str!("page.css"))) }
            }
            body {
                main {
                    h1 { "Sign in to Cruddur" }
                    p { "This is the local stack on your machine: pick who you want to be. There is no password." }
                    @if let Some(handle) = unknown {
                        p.error role="alert" { "No user here has the handle “" (handle) "”." }
                    }
                    form method="post" {
                        (hidden(request))
                        ul {
                            @for user in users {
                                li {
                                    button name="handle" value=(user.handle) {
                                        span.name { (user.display_name) }
                                        span.handle { "@" (user.handle) }
                                    }
                                }
                            }
                        }
                    }
                    form.other method="post" {
                        (hidden(request))
                        label for="handle" {
                            @if total > SHOWN { "Or one of " (total - SHOWN) " others, by handle" }
                            @else { "Or by handle" }
                        }
                        div {
                            input #handle name="handle" required maxlength="31" autocapitalize="none"
                                autocomplete="username" spellcheck="false";
                            button { "Sign in" }
                        }
                    }
                }
            }
        }
    }
}

/// What the client asks for, to come back with the answer.
fn hidden(request: &Request) -> Markup {
    let fields = [
        ("response_type", Some(&request.response_type)),
        ("client_id", Some(&request.client_id)),
        ("redirect_uri", Some(&request.redirect_uri)),
        ("scope", Some(&request.scope)),
        ("state", request.state.as_ref()),
        ("nonce", request.nonce.as_ref()),
        ("code_challenge", Some(&request.code_challenge)),
        ("code_challenge_method", Some(&request.code_challenge_method)),
    ];
    html! {
        @for (name, value) in fields {
            @if let Some(value) = value {
                input type="hidden" name=(name) value=(value);
            }
        }
    }
}
