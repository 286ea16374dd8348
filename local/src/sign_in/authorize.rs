//! The authorization endpoint: shows the users and redirects the browser with a code.

use std::sync::Arc;

use axum::{
    Form,
    extract::{Query, State},
    response::Response,
};
use cruddur::{
    error::{Chain, Error},
    user::{Handle, User},
};
use serde::Deserialize;
use tokio_postgres::types::Type;

use super::{SignIn, codes::Grant, page, redirect, user_of_handle, with_parameters};
use crate::{guard::AllowedHosts, issuer::CLIENT_ID};

/// An authorization request. Every field is optional here, because the error response names the missing ones.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Request {
    pub(super) response_type: String,
    pub(super) client_id: String,
    pub(super) redirect_uri: String,
    pub(super) scope: String,
    pub(super) state: Option<String>,
    pub(super) nonce: Option<String>,
    pub(super) code_challenge: String,
    pub(super) code_challenge_method: String,
    pub(super) prompt: Option<String>,
}

/// The form: the picked user and the request.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Picked {
    handle: String,
    #[serde(flatten)]
    request: Request,
}

/// A rejected request.
enum Rejection {
    /// Shown to the user, because there is no valid redirect URI.
    Page(&'static str),
    /// Sent to the client as `error` and `error_description`.
    Redirect(&'static str, &'static str),
}

/// `GET …/authorize`
pub(super) async fn show(State(sign_in): State<Arc<SignIn>>, Query(request): Query<Request>) -> Response {
    match request.check(&sign_in.allowed_hosts) {
        Ok(()) if request.prompt.as_deref() == Some("none") => {
            reject(&request, &Rejection::Redirect("login_required", "the local stack keeps no sign-ins"))
        }
        Ok(()) => page_of(&sign_in, &request, None).await,
        Err(rejection) => reject(&request, &rejection),
    }
}

/// `POST …/authorize`
pub(super) async fn pick(State(sign_in): State<Arc<SignIn>>, Form(picked): Form<Picked>) -> Response {
    let Picked { handle, request } = picked;
    if let Err(rejection) = request.check(&sign_in.allowed_hosts) {
        return reject(&request, &rejection);
    }
    let Ok(requested) = handle.trim().parse::<Handle>() else {
        return page_of(&sign_in, &request, Some(&handle)).await;
    };
    match user_of_handle(&sign_in.postgres, &requested).await {
        Ok(Some(user)) => {
            let code = sign_in.issuer.secret();
            let grant = Grant {
                user,
                redirect_uri: request.redirect_uri.clone(),
                code_challenge: request.code_challenge,
                nonce: request.nonce,
            };
            sign_in.codes.insert(&code, sign_in.issuer.now(), grant);
            let parameters = [("code", Some(&*code)), ("state", request.state.as_deref())];
            redirect(&with_parameters(&request.redirect_uri, &parameters))
        }
        Ok(None) => page_of(&sign_in, &request, Some(&handle)).await,
        Err(error) => failed(&error, Some((&request, requested.canonical()))),
    }
}

impl Request {
    fn check(&self, allowed_hosts: &AllowedHosts) -> Result<(), Rejection> {
        if self.client_id != CLIENT_ID {
            return Err(Rejection::Page("client_id must be cruddur-local-client"));
        }
        // Codes are sent nowhere else.
        if !allowed_hosts.includes_url(&self.redirect_uri) {
            return Err(Rejection::Page("redirect_uri is not a page on this machine"));
        }
        if self.response_type != "code" {
            return Err(Rejection::Redirect("unsupported_response_type", "response_type must be code"));
        }
        if !self.scope.split(' ').any(|scope| scope == "openid") {
            return Err(Rejection::Redirect("invalid_scope", "scope must contain openid"));
        }
        let without_pkce =
            self.code_challenge.is_empty() && allowed_hosts.is_insecure_page(&self.redirect_uri);
        // 43 characters: 32 bytes in base64url.
        let with_pkce = self.code_challenge_method == "S256" && self.code_challenge.len() == 43;
        if !with_pkce && !without_pkce {
            return Err(Rejection::Redirect("invalid_request", "PKCE with S256 is required"));
        }
        Ok(())
    }
}

async fn page_of(sign_in: &SignIn, request: &Request, unknown: Option<&str>) -> Response {
    let users = async {
        let statement = include_str!("../../../sql/users/to_pick.sql");
        let rows = sign_in.postgres.query(statement, &[(&page::SHOWN, Type::INT8)]).await?;
        let total = rows.first().map(|row| row.try_get("total")).transpose().map_err(Error::internal)?;
        let users = rows.iter().map(User::from_row).collect::<Result<Vec<_>, _>>()?;
        Ok((users, total.unwrap_or(0_i64)))
    };
    match users.await {
        Ok((users, total)) => page::users(&users, total, request, unknown),
        Err(error) => failed(&error, None),
    }
}

fn reject(request: &Request, rejection: &Rejection) -> Response {
    match rejection {
        Rejection::Page(reason) => page::rejected(reason),
        Rejection::Redirect(error, description) => {
            let parameters = [
                ("error", Some(*error)),
                ("error_description", Some(*description)),
                ("state", request.state.as_deref()),
            ];
            redirect(&with_parameters(&request.redirect_uri, &parameters))
        }
    }
}

/// The page for a failed lookup. `picked` is the user who was signing in.
fn failed(error: &Error, picked: Option<(&Request, &str)>) -> Response {
    let cause = Chain(error).to_string();
    tracing::error!(%cause, "a sign-in failed");
    match error {
        Error::Unavailable { .. } => page::unavailable(&cause, picked),
        _ => page::failed(&cause),
    }
}
