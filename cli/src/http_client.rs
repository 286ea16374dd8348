//! HTTP clients that ignore proxy variables for this machine.
//!
//! Both libraries send requests to a loopback address through `HTTP_PROXY` unless `NO_PROXY` names it.

use aws_smithy_http_client::{
    Builder, ConnectorBuilder,
    proxy::ProxyConfig,
    tls::{Provider, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
        SharedHttpConnector,
    },
    orchestrator::HttpRequest,
    runtime_components::RuntimeComponents,
};
use cruddur::https::is_loopback;

/// Creates a client for requests to `url`.
pub(crate) fn for_url(url: &str) -> reqwest::ClientBuilder {
    let client = reqwest::Client::builder().user_agent(concat!("cruddur/", env!("CARGO_PKG_VERSION")));
    if is_loopback(url) { client.no_proxy() } else { client }
}

/// Creates the SDK's HTTP client.
pub(crate) fn for_sdk() -> SharedHttpClient {
    let build = |proxy: ProxyConfig| {
        Builder::new().build_with_connector_fn(move |settings, components| {
            let mut builder = ConnectorBuilder::default().tls_provider(Provider::Rustls(CryptoMode::AwsLc));
            builder.set_proxy_config(Some(proxy.clone()));
            builder.set_connector_settings(settings.cloned());
            builder.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
            builder.build()
        })
    };
    SharedHttpClient::new(Clients {
        direct: build(ProxyConfig::disabled()),
        proxied: build(ProxyConfig::from_env()),
    })
}

#[derive(Debug)]
struct Clients {
    direct: SharedHttpClient,
    proxied: SharedHttpClient,
}

impl HttpClient for Clients {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Connectors {
            direct: self.direct.http_connector(settings, components),
            proxied: self.proxied.http_connector(settings, components),
        })
    }
}

#[derive(Debug)]
struct Connectors {
    direct: SharedHttpConnector,
    proxied: SharedHttpConnector,
}

impl HttpConnector for Connectors {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let connector = if is_loopback(request.uri()) { &self.direct } else { &self.proxied };
        connector.call(request)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_localhost_and_loopback_addresses_are_this_machine() {
        for url in [
            "http://127.0.0.1:8000",
            "http://LOCALHOST:4567/",
            "http://[::1]:8000",
            "http://127.8.9.1",
            "http://[::ffff:127.0.0.1]:8000",
            "http://0.0.0.0:8000",
        ] {
            assert!(is_loopback(url), "{url}");
        }
        for url in [
            "https://dynamodb.eu-central-1.amazonaws.com",
            "https://dynamodb.eu-central-1.api.aws",
            "https://vpce-0a.dynamodb.eu-central-1.vpce.amazonaws.com",
            "https://tables.example",
            "http://10.0.0.7:8000",
            "http://localhost.example:8000",
            "http://127.0.0.1.example",
            "http://localhost@db.example",
            "http://[2001:db8::1]:8000",
            "",
        ] {
            assert!(!is_loopback(url), "{url}");
        }
    }
}
