//! The issuer's RSA key.

use std::{fs, io, sync::Arc};

use anyhow::{Context as _, Result};
use aws_lc_rs::{
    encoding::AsDer as _,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::jwk::{
    AlgorithmParameters, CommonParameters, Jwk, KeyAlgorithm, PublicKeyUse, RSAKeyParameters, RSAKeyType,
    ThumbprintHash,
};

use crate::data_dir::{DataDir, replace_file};

/// The key file in the data directory: PKCS#8, DER.
const FILE: &str = "issuer.key.der";

/// A 2048-bit RSA key that signs with RS256. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SigningKey {
    pair: Arc<RsaKeyPair>,
    public: Jwk,
    id: String,
}

impl SigningKey {
    /// Generates a key in memory.
    pub fn generate() -> Result<Self> {
        Self::new(RsaKeyPair::generate(KeySize::Rsa2048)?)
    }

    /// Reads the key in `data`, or creates one at the first start.
    ///
    /// Deleting a damaged file creates a new key, which invalidates all existing tokens.
    pub fn open(data: &DataDir) -> Result<Self> {
        let path = data.join(FILE);
        match fs::read(&path) {
            Ok(der) => {
                let pair = RsaKeyPair::from_pkcs8(&der);
                Self::new(pair.with_context(|| {
                    format!("{} is not an RSA key in PKCS#8; delete it to get a new one", path.display())
                })?)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = Self::generate()?;
                let written = replace_file(&path, key.pair.as_der()?.as_ref());
                written.with_context(|| format!("the issuer's key {} can't be written", path.display()))?;
                Ok(key)
            }
            Err(error) => {
                Err(error).with_context(|| format!("the issuer's key {} can't be read", path.display()))
            }
        }
    }

    fn new(pair: RsaKeyPair) -> Result<Self> {
        let public_key = pair.public_key();
        let base64url = |number: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(number);
        let mut public = Jwk {
            common: CommonParameters {
                public_key_use: Some(PublicKeyUse::Signature),
                key_algorithm: Some(KeyAlgorithm::RS256),
                ..CommonParameters::default()
            },
            algorithm: AlgorithmParameters::RSA(RSAKeyParameters {
                key_type: RSAKeyType::RSA,
                n: base64url(public_key.modulus().big_endian_without_leading_zero()),
                e: base64url(public_key.exponent().big_endian_without_leading_zero()),
            }),
        };
        let id = public.thumbprint(ThumbprintHash::SHA256)?;
        public.common.key_id = Some(id.clone());
        Ok(Self { pair: Arc::new(pair), public, id })
    }

    /// The key identifier `kid`: the thumbprint of RFC 7638.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The public key.
    #[must_use]
    pub fn public(&self) -> &Jwk {
        &self.public
    }

    /// Signs the bytes with RS256, regardless of the header. Returns a JWS in compact form.
    pub fn sign(&self, header: &[u8], payload: &[u8]) -> Result<String> {
        let mut token = BASE64_URL_SAFE_NO_PAD.encode(header);
        token.push('.');
        BASE64_URL_SAFE_NO_PAD.encode_string(payload, &mut token);
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), token.as_bytes(), &mut signature)?;
        token.push('.');
        BASE64_URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data_dir(parent: &tempfile::TempDir) -> DataDir {
        DataDir::open(parent.path().join("data")).unwrap()
    }

    #[test]
    fn a_key_is_the_same_after_a_restart() {
        let parent = tempfile::tempdir().unwrap();
        let data = data_dir(&parent);
        let first = SigningKey::open(&data).unwrap();
        let second = SigningKey::open(&data).unwrap();
        assert_eq!(first.public(), second.public());
        assert_eq!(first.sign(b"{}", b"{}").unwrap(), second.sign(b"{}", b"{}").unwrap());
    }

    #[cfg(unix)]
    #[test]
    fn only_its_owner_can_read_the_key() {
        use std::os::unix::fs::PermissionsExt as _;
        let parent = tempfile::tempdir().unwrap();
        let data = data_dir(&parent);
        SigningKey::open(&data).unwrap();
        let mode = fs::metadata(data.join(FILE)).unwrap().permissions().mode();
        assert_eq!(format!("{:o}", mode & 0o777), "600");
    }

    #[test]
    fn the_error_for_a_damaged_key_names_the_file_which_stays() {
        let parent = tempfile::tempdir().unwrap();
        let data = data_dir(&parent);
        fs::write(data.join(FILE), "damaged").unwrap();
        let error = SigningKey::open(&data).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("{} is not an RSA key in PKCS#8; delete it to get a new one", data.join(FILE).display())
        );
        assert_eq!(fs::read(data.join(FILE)).unwrap(), b"damaged");
    }

    /// The key and thumbprint of RFC 7638, section 3.1.
    #[test]
    fn an_identifier_is_the_thumbprint_of_rfc_7638() {
        let rfc = Jwk {
            common: CommonParameters::default(),
            algorithm: AlgorithmParameters::RSA(RSAKeyParameters {
                key_type: RSAKeyType::RSA,
                n: concat!(
                    "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWK",
                    "RXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMic",
                    "AtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3",
                    "XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
                )
                .to_owned(),
                e: "AQAB".to_owned(),
            }),
        };
        assert_eq!(
            rfc.thumbprint(ThumbprintHash::SHA256).unwrap(),
            "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
        );
        let key = SigningKey::generate().unwrap();
        assert_eq!(key.id(), key.public().thumbprint(ThumbprintHash::SHA256).unwrap());
    }
}
