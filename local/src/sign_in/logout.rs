//! The logout endpoint, with Cognito's parameters. There is no sign-in cookie, so it only redirects back.

use std::sync::Arc;

use axum::{
    extract::{Query, State},
    response::Response,
};
use serde::Deserialize;

use super::{SignIn, page, redirect};
use crate::issuer::CLIENT_ID;

/// The redirect target: Cognito's `logout_uri`, or OpenID Connect's `post_logout_redirect_uri`.
#[derive(Debug, Deserialize)]
pub(super) struct Request {
    client_id: Option<String>,
    logout_uri: Option<String>,
    post_logout_redirect_uri: Option<String>,
}

/// `GET …/logout`
pub(super) async fn logout(State(sign_in): State<Arc<SignIn>>, Query(request): Query<Request>) -> Response {
    let uri = request.logout_uri.or(request.post_logout_redirect_uri).unwrap_or_default();
    if request.client_id.as_deref() == Some(CLIENT_ID) && sign_in.allowed_hosts.includes_url(&uri) {
        redirect(&uri)
    } else {
        page::rejected("client_id must be cruddur-local-client, and logout_uri a page on this machine")
    }
}
