//! HTTPS as AWS's services are called: the HTTP stack that the SDK brings along, and whom it trusts.
//!
//! The system trusts some 140 authorities. To read them all takes a function about as long as all else that it does before
//! its first event; AWS's own endpoints have certificates of five of them.

use aws_smithy_http_client::{
    Builder, Connector, ConnectorBuilder,
    proxy::ProxyConfig,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::{
    http::{HttpConnectorSettings, SharedHttpClient},
    runtime_components::RuntimeComponents,
};

use crate::config::Lookup;

/// The root authorities of Amazon Trust Services, in PEM. The file says where it comes from.
const AMAZON_TRUST_SERVICES: &str = include_str!("../certificates/amazon-trust-services.pem");

/// Where a process is told whom to trust (as OpenSSL and rustls-native-certs read them): an operator's word, such as
/// in front of a gateway that looks into connections, is heard.
const TOLD: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// Who is trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Authorities {
    /// Amazon Trust Services alone.
    Amazon,
    /// All whom the system trusts.
    System,
}

impl Authorities {
    /// Of DynamoDB in `region`, or `elsewhere`. (Those in China are run by others.)
    pub(crate) fn of_dynamodb(region: &str, elsewhere: bool, lookup: impl Lookup) -> Self {
        if elsewhere || region.starts_with("cn-") { Self::System } else { Self::unless_told(lookup) }
    }

    /// Of what answers at `url`.
    pub(crate) fn of_url(url: &str, lookup: impl Lookup) -> Self {
        let host = url.strip_prefix("https://").and_then(|rest| rest.split(['/', ':', '?', '#']).next());
        if host.is_some_and(|host| host.ends_with(".amazonaws.com")) {
            Self::unless_told(lookup)
        } else {
            Self::System
        }
    }

    fn unless_told(lookup: impl Lookup) -> Self {
        if TOLD.iter().any(|name| lookup(name).is_some_and(|told| !told.is_empty())) {
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
        // (It does not fail, in this version; and who is trusted by default is no worse than that.)
        TlsContext::builder().with_trust_store(store).build().unwrap_or_default()
    }
}

/// What the SDK calls with: its default client, but for whom it trusts.
pub(crate) fn client(authorities: Authorities) -> SharedHttpClient {
    Builder::new().build_with_connector_fn(
        move |settings: Option<&HttpConnectorSettings>, components: Option<&RuntimeComponents>| {
            let mut builder = ConnectorBuilder::default()
                .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
                .tls_context(authorities.tls_context());
            builder.set_proxy_config(Some(ProxyConfig::from_env()));
            builder.set_connector_settings(settings.cloned());
            builder.set_sleep_impl(components.and_then(RuntimeComponents::sleep_impl));
            builder.build()
        },
    )
}

/// What calls without the SDK.
pub(crate) fn connector(authorities: Authorities) -> Connector {
    ConnectorBuilder::default()
        .tls_provider(Provider::Rustls(CryptoMode::AwsLc))
        .tls_context(authorities.tls_context())
        .build()
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::{CertificateDer, pem::PemObject as _};
    use sha2::{Digest as _, Sha256};

    use super::*;

    #[test]
    fn amazons_authorities_are_those_that_it_publishes() {
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
    fn amazons_authorities_are_for_its_own_endpoints() {
        for (region, elsewhere, expected) in [
            ("eu-central-1", false, Authorities::Amazon),
            ("us-gov-west-1", false, Authorities::Amazon),
            ("cn-north-1", false, Authorities::System),
            ("eu-central-1", true, Authorities::System),
        ] {
            assert_eq!(
                Authorities::of_dynamodb(region, elsewhere, |_| None),
                expected,
                "{region} {elsewhere}"
            );
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
    fn an_operators_word_is_heard() {
        let url = "https://cognito-idp.eu-central-1.amazonaws.com/";
        for name in TOLD {
            let lookup = |asked: &str| (asked == name).then(|| "/etc/authorities.pem".to_owned());
            assert_eq!(Authorities::of_url(url, lookup), Authorities::System, "{name}");
            assert_eq!(
                Authorities::of_dynamodb("eu-central-1", false, lookup),
                Authorities::System,
                "{name}"
            );
        }
    }
}
