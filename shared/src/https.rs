//! HTTPS clients: the SDK's HTTP stack with a small trust store.
//!
//! Parsing the system's 140 or so authorities would double a function's start-up time. AWS's endpoints use five of
//! them.

use std::net::IpAddr;

use aws_smithy_http_client::{
    Builder, ConnectorBuilder,
    proxy::ProxyConfig,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::{
    http::{HttpConnectorSettings, SharedHttpClient, SharedHttpConnector},
    runtime_components::RuntimeComponents,
};

use http::Uri;

use crate::environment::Lookup;

/// The root certificates of Amazon Trust Services, in PEM. The file names its source.
const AMAZON_TRUST_SERVICES: &str = include_str!("../certificates/amazon-trust-services.pem");

/// Variables that replace the trusted authorities, for example behind a proxy that inspects TLS. OpenSSL and
/// rustls-native-certs read the same variables.
const CA_OVERRIDES: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// The trusted certificate authorities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Authorities {
    /// Amazon Trust Services only.
    Amazon,
    /// The system's trust store.
    System,
}

impl Authorities {
    /// Returns the authorities for DynamoDB in `region`, or at the endpoint `url`. Amazon does not operate the regions
    /// in China, so these use the system's.
    fn of_dynamodb(region: &str, url: Option<&str>, lookup: impl Lookup) -> Self {
        if url.is_some() || region.starts_with("cn-") {
            Self::System
        } else {
            Self::amazon_unless_overridden(lookup)
        }
    }

    /// Returns the authorities for the server at `url`.
    fn of_url(url: &str, lookup: impl Lookup) -> Self {
        let host = url.strip_prefix("https://").and_then(|rest| rest.split(['/', ':', '?', '#']).next());
        if host.is_some_and(|host| host.ends_with(".amazonaws.com")) {
            Self::amazon_unless_overridden(lookup)
        } else {
            Self::System
        }
    }

    fn amazon_unless_overridden(lookup: impl Lookup) -> Self {
        if CA_OVERRIDES.iter().any(|name| lookup(name).is_some_and(|value| !value.is_empty())) {
            Self::System
        } else {
            Self::Amazon
        }
    }

    fn tls_context(self) -> TlsContext {
        let store = match self {
            Self::Amazon => TrustStore::empty().with_pem_certificate(AMAZON_TRUST_SERVICES),
            Self::System => TrustStore::default(),
        };
        // `build` does not fail in this version; the default is the system's trust store.
        TlsContext::builder().with_trust_store(store).build().unwrap_or_default()
    }
}

/// Creates the SDK's default HTTP client with the trust store and the proxy for DynamoDB in `region`, or at the
/// endpoint `url`. An endpoint on this machine is reached directly.
pub fn dynamodb_client(region: &str, url: Option<&str>, lookup: impl Lookup) -> SharedHttpClient {
    let authorities = Authorities::of_dynamodb(region, url, lookup);
    let is_plain = url.is_some_and(|url| url.starts_with("http://"));
    let proxy = match url {
        Some(url) if is_loopback(url) => ProxyConfig::disabled(),
        _ => proxy(if is_plain { "HTTP_PROXY" } else { "HTTPS_PROXY" }, lookup),
    };
    Builder::new().build_with_connector_fn(
        move |settings: Option<&HttpConnectorSettings>, components: Option<&RuntimeComponents>| {
            let mut builder = ConnectorBuilder::default()
                .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
                .tls_context(authorities.tls_context());
            builder.set_proxy_config(Some(proxy.clone()));
            builder.set_connector_settings(settings.cloned());
            builder.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
            builder.build()
        },
    )
}

/// Returns `true` if the URL's host is `localhost`, a loopback address or the unspecified address.
#[must_use]
pub fn is_loopback(url: &str) -> bool {
    let uri = url.parse::<Uri>().ok();
    let host = uri.as_ref().and_then(Uri::host).unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost")
        || address.is_ok_and(|address| address.to_canonical().is_loopback() || address.is_unspecified())
}

/// The proxy configured by the variable `name`, `ALL_PROXY` and `NO_PROXY`, in upper or lower case. Proxies with
/// another protocol than HTTP are ignored.
fn proxy(name: &str, lookup: impl Lookup) -> ProxyConfig {
    let variable = |name: &str| lookup(name).or_else(|| lookup(&name.to_lowercase()));
    let url = variable(name).or_else(|| variable("ALL_PROXY"));
    let url = url.map(|url| if url.contains("://") { url } else { format!("http://{url}") });
    match url.and_then(|url| ProxyConfig::all(url).ok()) {
        Some(proxy) => proxy.no_proxy(variable("NO_PROXY").unwrap_or_default()),
        None => ProxyConfig::disabled(),
    }
}

/// Creates a connector for calls to `url` without the SDK. `lookup` may replace the trusted certificate authorities.
pub fn connector(url: &str, lookup: impl Lookup) -> SharedHttpConnector {
    let authorities = Authorities::of_url(url, lookup);
    let connector = ConnectorBuilder::default()
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .tls_context(authorities.tls_context())
        .build();
    SharedHttpConnector::new(connector)
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::{CertificateDer, pem::PemObject as _};
    use sha2::{Digest as _, Sha256};

    use super::*;

    #[test]
    fn the_amazon_authorities_are_the_published_ones() {
        let published = [
            "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
            "1ba5b2aa8c65401a82960118f80bec4f62304d83cec4713a19c39c011ea46db4",
            "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",
            "e35d28419ed02025cfa69038cd623962458da5c695fbdea3c22b0bfb25897092",
            "568d6905a2c88708a4b3025190edcfedb1974a606a13c6e5290fcb2ae63edab5",
        ];
        let held = CertificateDer::pem_slice_iter(AMAZON_TRUST_SERVICES.as_bytes()).map(|certificate| {
            Sha256::digest(certificate.unwrap())
                .iter()
                .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
        });
        assert_eq!(held.collect::<Vec<_>>(), published);
    }

    #[test]
    fn only_amazon_is_trusted_at_endpoints_of_aws() {
        for (region, url, expected) in [
            ("eu-central-1", None, Authorities::Amazon),
            ("us-gov-west-1", None, Authorities::Amazon),
            ("cn-north-1", None, Authorities::System),
            ("eu-central-1", Some("https://db.example"), Authorities::System),
        ] {
            assert_eq!(Authorities::of_dynamodb(region, url, |_| None), expected, "{region} {url:?}");
        }
        for (url, expected) in [
            (
                "https://cognito-idp.eu-central-1.amazonaws.com/pool/.well-known/jwks.json",
                Authorities::Amazon,
            ),
            ("https://cognito-idp.eu-central-1.amazonaws.com:443/", Authorities::Amazon),
            ("https://cognito-idp.cn-north-1.amazonaws.com.cn/", Authorities::System),
            ("https://keys.example/.amazonaws.com", Authorities::System),
            ("https://keys.example?x=.amazonaws.com", Authorities::System),
            ("https://amazonaws.com.example/", Authorities::System),
            ("https://notamazonaws.com/", Authorities::System),
            ("http://127.0.0.1:4567/", Authorities::System),
        ] {
            assert_eq!(Authorities::of_url(url, |_| None), expected, "{url}");
        }
    }

    #[test]
    fn operators_can_replace_the_authorities() {
        let url = "https://cognito-idp.eu-central-1.amazonaws.com/";
        for name in CA_OVERRIDES {
            let lookup = |asked: &str| (asked == name).then(|| "/etc/authorities.pem".to_owned());
            assert_eq!(Authorities::of_url(url, lookup), Authorities::System, "{name}");
            assert_eq!(Authorities::of_dynamodb("eu-central-1", None, lookup), Authorities::System, "{name}");
        }
    }

    #[test]
    fn the_proxy_is_the_one_of_the_scheme_or_of_all() {
        let expected =
            |url: &str, exceptions: &str| Some(ProxyConfig::all(url).unwrap().no_proxy(exceptions));
        for (variables, expected) in [
            (&[][..], None),
            (&[("HTTP_PROXY", "http://a.test:3128")], None),
            (&[("HTTPS_PROXY", "socks5://a.test")], None),
            (&[("HTTPS_PROXY", "a.test:3128")], expected("http://a.test:3128", "")),
            (
                &[
                    ("https_proxy", "http://me:secret@a.test"),
                    ("ALL_PROXY", "b.test"),
                    ("no_proxy", "c.test"),
                ],
                expected("http://me:secret@a.test", "c.test"),
            ),
            (&[("ALL_PROXY", "https://b.test"), ("NO_PROXY", "*")], expected("https://b.test", "*")),
        ] {
            let lookup = |asked: &str| {
                variables.iter().find(|(name, _)| *name == asked).map(|(_, value)| (*value).to_owned())
            };
            let expected = expected.unwrap_or_else(ProxyConfig::disabled);
            assert_eq!(format!("{:?}", proxy("HTTPS_PROXY", lookup)), format!("{expected:?}"));
        }
    }
}
