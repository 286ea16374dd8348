//! The logout endpoint, with Cognito's parameters. There is no sign-in cookie, so it only redirects back.

use axum::{extract::Query, response::Response};
use serde::Deserialize;

use super::{is_of_this_machine, page, redirect};
use crate::issuer::CLIENT_ID;

/// The redirect target: Cognito's `logout_uri`, or OpenID Connect's `post_logout_redirect_uri`.
#[derive(Debug, Deserialize)]
pub(super) struct Request {
    client_id: Option<String>,
    logout_uri: Option<String>,
    post_logout_redirect_uri: Option<String>,
}

/// `GET …/logout`
pub(super) async fn logout(Query(request): Query<Request>) -> Response {
    let uri = request.logout_uri.or(request.post_logout_redirect_uri).unwrap_or_default();
    if request.client_id.as_deref() == Some(CLIENT_ID) && is_of_this_machine(&uri) {
        redirect(&uri)
    } else {
        page::rejected("client_id must be cruddur-local-client, and logout_uri a page on this machine")
    }
}
