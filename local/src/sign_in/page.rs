//! The HTML pages: the list of users, and errors.

use axum::response::Response;
use cruddur::user::User;
use http::{StatusCode, header};
use maud::{Markup, html};
use seed::demo::LOCAL_USERS;

use super::authorize::Request;
use crate::page::page;

const TITLE: &str = "Sign in";

/// Maximum number of users on the page. Others are reached by handle.
pub(super) const SHOWN: i64 = 24;

/// Seconds until a page reloads while PostgreSQL is unavailable.
const RETRY_AFTER: u8 = 2;

/// The list of users. `unknown` is a requested handle that no user has.
pub(super) fn users(users: &[User], total: i64, request: &Request, unknown: Option<&str>) -> Response {
    let main = html! {
        h1 { "Sign in to Cruddur" }
        p { "This is the local stack on your machine: pick who you want to be. There is no password." }
        @if let Some(handle) = unknown {
            p.error role="alert" { "No user here has the handle “" bdi { (handle) } "”." }
        }
        form method="post" {
            (hidden(request))
            ul {
                @for user in users {
                    li {
                        button name="handle" value=(user.handle) {
                            bdi.name { (user.display_name) }
                            span.handle { "@" (user.handle) }
                            @if let Some(note) = sign_up_note(user) { span.note { (note) } }
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
    };
    page(StatusCode::OK, TITLE, None, &main)
}

/// The page shown while PostgreSQL is unavailable. It reloads to the list of users. `picked` offers to retry
/// the sign-in at once.
pub(super) fn unavailable(cause: &str, picked: Option<(&Request, &str)>) -> Response {
    let main = html! {
        h1 { "One moment …" }
        p role="status" { "The users can't be read right now. This page tries again by itself." }
        p.cause { (cause) }
        @if let Some((request, handle)) = picked {
            form method="post" {
                (hidden(request))
                button name="handle" value=(handle) { "Sign in as @" (handle) " now" }
            }
        }
    };
    let mut response = page(StatusCode::SERVICE_UNAVAILABLE, TITLE, Some(RETRY_AFTER), &main);
    response.headers_mut().insert(header::RETRY_AFTER, u16::from(RETRY_AFTER).into());
    response
}

/// The page for an error that a retry doesn't fix.
pub(super) fn failed(cause: &str) -> Response {
    error(StatusCode::INTERNAL_SERVER_ERROR, "Sign-in failed", cause)
}

/// The page for a client's error that can't be reported to a redirect URI.
pub(super) fn rejected(reason: &str) -> Response {
    error(StatusCode::BAD_REQUEST, "This link doesn't work", reason)
}

fn error(status: StatusCode, title: &str, text: &str) -> Response {
    let main = html! {
        h1 { (title) }
        p.error role="alert" { (text) }
    };
    page(status, TITLE, None, &main)
}

/// The handle requested at sign-up, if it differs from the row's.
fn sign_up_note(user: &User) -> Option<String> {
    let demo = LOCAL_USERS.iter().find(|demo| demo.uuid == user.uuid)?;
    match demo.preferred_username {
        Some(requested) if requested == user.handle => None,
        Some(requested) => Some(format!("signed up as “{requested}”")),
        None => Some("signed up without a handle".to_owned()),
    }
}

/// The parameters of the authorization request, as hidden form fields.
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
