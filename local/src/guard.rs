//! The guard of the stack's HTTP ports.
//!
//! Any page in the developer's browser can send requests to this machine: with its own `Origin`, or through a name
//! that its owner resolves to 127.0.0.1 (DNS rebinding). The ports have no password, so the guard rejects both.

use std::{fmt, str::FromStr, sync::Arc};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http::{
    HeaderMap, StatusCode, Uri,
    header::{HOST, ORIGIN},
    uri::Authority,
};

use crate::gateway::websocket;

/// A host name or IP address without a port, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostName(String);

impl FromStr for HostName {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name.parse::<Authority>() {
            Ok(authority) if authority.host() == name => Ok(Self(name.to_lowercase())),
            _ => Err(format!("{name} is not a host name without scheme and port")),
        }
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The hosts that requests may name: this machine's loopback names, and those of `--allow-host`.
#[derive(Clone, Debug)]
pub struct AllowedHosts(Arc<[HostName]>);

impl AllowedHosts {
    #[must_use]
    pub fn new(additional: &[HostName]) -> Self {
        Self(additional.into())
    }

    /// Only the loopback names.
    #[must_use]
    pub fn loopback() -> Self {
        Self::new(&[])
    }

    /// Returns `true` for an allowed host with or without a port, and without user information.
    fn includes(&self, authority: &Authority) -> bool {
        let host = authority.host();
        let plain = match authority.as_str().strip_prefix(host) {
            Some("") => true,
            Some(_) => authority.port_u16().is_some(),
            None => false,
        };
        plain && (is_loopback(host) || self.0.iter().any(|allowed| allowed.0.eq_ignore_ascii_case(host)))
    }

    /// Returns `true` if `url` is a page or an origin of an allowed host. `https` is for allowed hosts behind a proxy.
    pub(crate) fn includes_url(&self, url: &str) -> bool {
        let Ok(uri) = url.parse::<Uri>() else { return false };
        let Some(authority) = uri.authority() else { return false };
        match uri.scheme_str() {
            Some("http") => self.includes(authority),
            Some("https") => self.includes(authority) && !is_loopback(authority.host()),
            _ => false,
        }
    }

    /// Returns `true` if a value of the header `Origin` is an allowed origin.
    pub(crate) fn includes_origin(&self, origin: &str) -> bool {
        // An origin has no path, not even a slash.
        origin.matches('/').count() == 2 && self.includes_url(origin)
    }

    /// Returns `true` for a page over plain HTTP from another machine. There, browsers offer no SHA-256 for PKCE.
    pub(crate) fn is_insecure_page(&self, url: &str) -> bool {
        let host = url.parse::<Uri>().ok().and_then(|uri| Some(uri.host()?.to_owned()));
        url.starts_with("http://") && self.includes_url(url) && host.is_some_and(|host| !is_loopback(&host))
    }

    /// The base URL under which the client reached the stack. A proxy names it in `X-Forwarded-Host`.
    pub(crate) fn base_url(&self, headers: &HeaderMap) -> Option<String> {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let scheme = header("x-forwarded-proto").filter(|scheme| *scheme == "https").unwrap_or("http");
        let bases = [header("x-forwarded-host"), header("host")];
        let mut bases = bases.into_iter().flatten().map(|host| (host, format!("{scheme}://{host}")));
        let is_allowed = |host: &str| host.parse().is_ok_and(|authority| self.includes(&authority));
        bases.find(|(host, _)| is_allowed(host)).map(|(_, base)| base)
    }

    /// The URL of the WebSocket API under the address by which the client reached the stack.
    pub(crate) fn websocket_url(&self, headers: &HeaderMap) -> Option<String> {
        self.base_url(headers).map(|base_url| websocket::url(&base_url))
    }

    /// The reason to reject a request, or `None`.
    fn reject(&self, uri: &Uri, headers: &HeaderMap) -> Option<String> {
        // HTTP/1.0 has no `Host`. Browsers always send one.
        let hosts = headers.get_all(HOST).iter().map(|host| String::from_utf8_lossy(host.as_bytes()));
        let hosts = hosts.chain(uri.authority().map(|authority| authority.as_str().into()));
        for host in hosts {
            if !host.parse().is_ok_and(|authority| self.includes(&authority)) {
                return Some(format!(
                    "the host {host:?} is not allowed; cargo run -- --allow-host NAME allows it"
                ));
            }
        }
        let mut origins =
            headers.get_all(ORIGIN).iter().map(|origin| String::from_utf8_lossy(origin.as_bytes()));
        let origin = origins.find(|origin| !self.includes_origin(origin))?;
        Some(format!(
            "pages of {origin:?} may not use this machine; cargo run -- --allow-host NAME allows them"
        ))
    }
}

/// Returns `true` for the names that browsers resolve to this machine without asking a server.
pub(crate) fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || matches!(host, "127.0.0.1" | "[::1]")
}

/// Middleware that answers 403 to requests with another `Host` or a foreign `Origin`.
pub(crate) async fn guard(State(allowed): State<AllowedHosts>, request: Request, next: Next) -> Response {
    match allowed.reject(request.uri(), request.headers()) {
        Some(reason) => (StatusCode::FORBIDDEN, reason + "\n").into_response(),
        None => next.run(request).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed() -> AllowedHosts {
        AllowedHosts::new(&["messages.example".parse().unwrap(), "192.168.1.5".parse().unwrap()])
    }

    fn is_rejected(headers: &[(&str, &str)]) -> bool {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        allowed().reject(&Uri::from_static("/"), &headers.collect()).is_some()
    }

    #[test]
    fn requests_to_this_machine_and_allowed_hosts_pass() {
        for host in [
            "localhost",
            "LocalHost:4567",
            "127.0.0.1:1",
            "[::1]",
            "[::1]:4567",
            "messages.example",
            "Messages.Example:443",
            "192.168.1.5:4567",
        ] {
            assert!(!is_rejected(&[("host", host)]), "{host}");
        }
        assert!(!is_rejected(&[]));
    }

    #[test]
    fn requests_to_other_hosts_are_rejected() {
        for host in [
            "",
            "evil.example",
            "localhost.evil.example:4567",
            "localhost@evil.example",
            "evil@localhost",
            "localhost:",
            "localhost:65536",
            "127.0.0.2",
            "127.0.0.10",
            "[::2]",
            "a b",
            "sub.messages.example",
            "messages.example.",
        ] {
            assert!(is_rejected(&[("host", host)]), "{host}");
        }
        assert!(is_rejected(&[("host", "localhost"), ("host", "evil.example")]));
        let absolute = Uri::from_static("http://evil.example/local/users");
        assert!(allowed().reject(&absolute, &HeaderMap::new()).is_some());
    }

    #[test]
    fn pages_of_this_machine_and_allowed_hosts_pass() {
        for origin in [
            "http://localhost",
            "http://localhost:5173",
            "http://127.0.0.1:65535",
            "http://[::1]:4567",
            "https://messages.example",
            "http://192.168.1.5:4567",
        ] {
            assert!(!is_rejected(&[("host", "localhost"), ("origin", origin)]), "{origin}");
        }
    }

    #[test]
    fn pages_of_other_origins_are_rejected() {
        for origin in [
            "null",
            "",
            "*",
            "https://localhost:5173",
            "http://localhost:",
            "http://localhost:65536",
            "http://localhost:80.example.com",
            "http://localhost.example.com",
            "http://localhost@example.com",
            "http://localhost:5173/",
            "http://127.0.0.10",
            "http://127.0.0.1.example.com:80",
            "http://example.com",
            "ftp://localhost",
            "ftp://messages.example",
        ] {
            assert!(is_rejected(&[("host", "localhost"), ("origin", origin)]), "{origin}");
        }
    }

    #[test]
    fn the_base_url_is_the_allowed_host_of_the_request() {
        for (headers, base_url, websocket_url) in [
            (
                &[("host", "localhost:4567")][..],
                Some("http://localhost:4567"),
                Some("ws://localhost:4567/ws"),
            ),
            (
                &[
                    ("host", "localhost:4567"),
                    ("x-forwarded-host", "messages.example"),
                    ("x-forwarded-proto", "https"),
                ],
                Some("https://messages.example"),
                Some("wss://messages.example/ws"),
            ),
            (
                &[("host", "localhost:4567"), ("x-forwarded-host", "evil.example")],
                Some("http://localhost:4567"),
                Some("ws://localhost:4567/ws"),
            ),
            (&[("host", "evil.example")], None, None),
        ] {
            let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
            let headers = headers.collect();
            assert_eq!(allowed().base_url(&headers).as_deref(), base_url);
            assert_eq!(allowed().websocket_url(&headers).as_deref(), websocket_url);
        }
    }

    #[test]
    fn an_allowed_host_is_a_name_without_a_port() {
        for name in ["messages.example", "192.168.1.5", "[fd00::1]"] {
            assert!(name.parse::<HostName>().is_ok(), "{name}");
        }
        for name in
            ["", "https://messages.example", "messages.example:443", "a b", "me@messages.example", "x/y"]
        {
            assert!(name.parse::<HostName>().is_err(), "{name}");
        }
    }
}
