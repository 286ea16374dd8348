//! Trust anchors for TLS to PostgreSQL.

use std::fs;

use percent_encoding::percent_decode_str;
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};
use tokio_postgres::config::Host;

use super::InvalidDatabaseUrl;

/// Amazon's authorities for RDS and RDS Proxy, in PEM. The file names its source. Empty lines separate its sections,
/// and each section starts with the name of its authority.
pub const AMAZON_RDS: &str = include_str!("../../certificates/amazon-rds.pem");

/// The `sslrootcert` value for [`AMAZON_RDS`].
pub(super) const RDS: &str = "rds";

/// Reads the authorities named by `sslrootcert`, for the server at `hosts`.
pub(super) fn trusted(
    sslrootcert: Option<&str>,
    hosts: &[Host],
) -> Result<RootCertStore, InvalidDatabaseUrl> {
    match sslrootcert {
        None | Some("system") => {
            let mut roots = RootCertStore::empty();
            // Skips unreadable certificates.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            Ok(roots)
        }
        Some(RDS) => amazon_rds(hosts),
        Some(file) => {
            let file = percent_decode_str(file).decode_utf8_lossy();
            parse(&fs::read(&*file).map_err(InvalidDatabaseUrl::RootFile)?)
        }
    }
}

/// Amazon's authorities for the server at `hosts`. If the host name contains a region, returns only the authorities of
/// that region and of RDS Proxy. The others need not be trusted, and would slow cold starts.
fn amazon_rds(hosts: &[Host]) -> Result<RootCertStore, InvalidDatabaseUrl> {
    let region = match hosts {
        [Host::Tcp(host)] => rds_region(host),
        _ => None,
    };
    let Some(region) = region else { return parse(AMAZON_RDS.as_bytes()) };
    let mut pem = String::new();
    let mut has_region = region.proxy;
    for (name, section) in sections() {
        match name.strip_prefix("Amazon RDS ").and_then(|rest| rest.split(' ').next()) {
            Some(other) if other != region.name => {}
            of_rds => {
                has_region |= of_rds.is_some();
                pem.push_str(section);
                pem.push('\n');
            }
        }
    }
    if has_region { parse(pem.as_bytes()) } else { Err(InvalidDatabaseUrl::RdsRegion) }
}

/// The sections of [`AMAZON_RDS`] with their names.
fn sections() -> impl Iterator<Item = (&'static str, &'static str)> {
    AMAZON_RDS.split("\n\n").skip(1).filter_map(|section| {
        let (name, _) = section.strip_prefix("# ")?.split_once('\n')?;
        Some((name, section))
    })
}

struct RdsRegion<'a> {
    name: &'a str,
    /// The host is an RDS Proxy. Its certificates come from Amazon's public authorities, which are the same in all
    /// regions.
    proxy: bool,
}

/// Parses the region in a host name, such as `users.cluster-abc.eu-central-1.rds.amazonaws.com`. Returns `None` for
/// other host names.
fn rds_region(host: &str) -> Option<RdsRegion<'_>> {
    let (server, name) = host.strip_suffix(".rds.amazonaws.com")?.rsplit_once('.')?;
    Some(RdsRegion { name, proxy: server.split('.').any(|label| label.starts_with("proxy-")) })
}

fn parse(pem: &[u8]) -> Result<RootCertStore, InvalidDatabaseUrl> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|_| InvalidDatabaseUrl::RootCertificates)?;
        roots.add(certificate).map_err(|_| InvalidDatabaseUrl::RootCertificates)?;
    }
    if roots.is_empty() { Err(InvalidDatabaseUrl::RootCertificates) } else { Ok(roots) }
}

#[cfg(test)]
mod tests {
    use std::{
        collections::BTreeSet,
        time::{Duration, SystemTime},
    };

    use x509_cert::{
        Certificate,
        der::{Decode as _, Encode as _},
        ext::pkix::BasicConstraints,
    };

    use super::*;

    /// The hours from 1970 to 2036, nine years after the file was made.
    const LAST_NEEDED_DAY: Duration = Duration::from_hours(578_544);

    fn count(hosts: &[&str]) -> Result<usize, String> {
        let hosts = hosts.iter().map(|host| Host::Tcp((*host).to_owned())).collect::<Vec<_>>();
        trusted(Some(RDS), &hosts).map(|roots| roots.len()).map_err(|error| error.to_string())
    }

    #[test]
    fn each_authority_is_an_unexpired_root_with_its_section_name() {
        let mut subjects = BTreeSet::new();
        for (name, section) in sections() {
            let der = CertificateDer::from_pem_slice(section.as_bytes()).unwrap();
            let certificate = Certificate::from_der(&der).unwrap();
            let certificate = certificate.tbs_certificate();
            let subject = certificate.subject().to_string();
            assert!(subject.split(',').any(|part| part == format!("CN={name}")), "{name}: {subject}");
            assert_eq!(certificate.subject().to_der(), certificate.issuer().to_der(), "{name} is a root");
            let (_, constraints) = certificate.get_extension::<BasicConstraints>().unwrap().unwrap();
            assert!(constraints.ca, "{name}");
            let last = certificate.validity().not_after.to_system_time();
            assert!(last > SystemTime::UNIX_EPOCH + LAST_NEEDED_DAY, "{name} ends {last:?}");
            assert!(subjects.insert(subject), "{name} is repeated");
        }
        // Three for each of 27 regions, and five of RDS Proxy.
        assert_eq!(subjects.len(), 27 * 3 + 5);
        assert_eq!(AMAZON_RDS.matches("BEGIN CERTIFICATE").count(), subjects.len());
    }

    #[test]
    fn an_rds_host_trusts_only_its_region_and_rds_proxy() {
        for host in [
            "users.abc123.eu-central-1.rds.amazonaws.com",
            "users.cluster-abc123.eu-west-1.rds.amazonaws.com",
            "users.proxy-abc123.us-east-1.rds.amazonaws.com",
        ] {
            assert_eq!(count(&[host]), Ok(3 + 5), "{host}");
        }
    }

    #[test]
    fn a_host_without_a_region_in_its_name_trusts_all_regions() {
        for hosts in [
            &["users.example.com"] as &[_],
            &["users.abc.eu-central-1.rds.amazonaws.com", "users.abc.eu-west-1.rds.amazonaws.com"],
            &[],
        ] {
            assert_eq!(count(hosts), Ok(27 * 3 + 5), "{hosts:?}");
        }
    }

    #[test]
    fn an_unknown_region_is_an_error_except_for_rds_proxy() {
        for host in
            ["users.abc123.eu-central.rds.amazonaws.com", "users.abc123.mx-central-1.rds.amazonaws.com"]
        {
            let error = count(&[host]).unwrap_err();
            assert!(error.starts_with("sslrootcert=rds has no authorities of the region"), "{error}");
            assert!(!error.contains("central"), "{error}");
        }
        assert_eq!(count(&["users.proxy-abc123.mx-central-1.rds.amazonaws.com"]), Ok(5));
    }
}
