//! Handshakes of the WebSocket API.

use std::time::Duration;

use http::{HeaderValue, StatusCode, header};
use reqwest::{Response, Upgraded, redirect};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        handshake::{client::generate_key, derive_accept_key},
        protocol::Role,
    },
};

use crate::http_client;

/// The subprotocol.
pub(crate) const PROTOCOL: &str = "cruddur.v1";

const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// API Gateway's time limit for a function.
const RESPONSE_LIMIT: Duration = Duration::from_secs(30);

/// An open connection.
pub(crate) type Connection = WebSocketStream<Upgraded>;

/// The response to a handshake.
#[derive(Debug)]
pub(crate) struct Handshake {
    pub(crate) response: Response,
    key: String,
}

/// Why a response of status 101 opens no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UpgradeError {
    #[error("101 without the right Sec-WebSocket-Accept")]
    Accept,
    #[error("101 without the subprotocol {PROTOCOL}, so browsers close the connection")]
    Protocol,
    #[error("{0}")]
    Connection(reqwest::Error),
}

impl Handshake {
    /// Sends a handshake with this offer of subprotocols. The errors contain no URL.
    pub(crate) async fn send(
        url: &str,
        mut offer: HeaderValue,
        authorization: Option<HeaderValue>,
    ) -> Result<Self, reqwest::Error> {
        // Browsers offer the token, too.
        offer.set_sensitive(true);
        let key = generate_key();
        // `ws` stands for `http`, and `wss` for `https`.
        let url = url.strip_prefix("ws").map_or_else(|| url.to_owned(), |rest| format!("http{rest}"));
        let client = http_client::for_url(&url)
            .http1_only()
            .redirect(redirect::Policy::none())
            .connect_timeout(CONNECT_LIMIT)
            .timeout(RESPONSE_LIMIT)
            .build()?;
        let mut request = client
            .get(url)
            .header(header::CONNECTION, "Upgrade")
            .header(header::UPGRADE, "websocket")
            .header(header::SEC_WEBSOCKET_VERSION, "13")
            .header(header::SEC_WEBSOCKET_KEY, &key)
            .header(header::SEC_WEBSOCKET_PROTOCOL, offer);
        if let Some(authorization) = authorization {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        let response = request.send().await.map_err(reqwest::Error::without_url)?;
        Ok(Self { response, key })
    }

    /// Returns `true` if the connection is open.
    pub(crate) fn is_accepted(&self) -> bool {
        self.response.status() == StatusCode::SWITCHING_PROTOCOLS
    }

    /// Turns an accepted handshake into the connection.
    pub(crate) async fn upgrade(self) -> Result<Connection, UpgradeError> {
        let header = |name| self.response.headers().get(name).and_then(|value| value.to_str().ok());
        if header(header::SEC_WEBSOCKET_ACCEPT) != Some(&derive_accept_key(self.key.as_bytes())) {
            return Err(UpgradeError::Accept);
        }
        if header(header::SEC_WEBSOCKET_PROTOCOL) != Some(PROTOCOL) {
            return Err(UpgradeError::Protocol);
        }
        let upgraded = self.response.upgrade().await;
        let upgraded = upgraded.map_err(|error| UpgradeError::Connection(error.without_url()))?;
        Ok(WebSocketStream::from_raw_socket(upgraded, Role::Client, None).await)
    }
}
