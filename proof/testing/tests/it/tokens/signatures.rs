//! The signature: by the key that the token names, with RS256, over these very bytes.

use aws_lc_rs::{
    encoding::{AsDer as _, PublicKeyX509Der},
    hmac,
    signature::{KeyPair as _, RSA_PKCS1_SHA256},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use cruddur::auth::TokenRefusal;
use serde_json::json;

use super::{Case, KID, OWN_KEY, Pool, encoded, own_signature, parts, unsigned, with_signature};

pub(super) async fn cases(pool: &Pool) -> Vec<Case> {
    [public_key_as_secret(pool), changed(pool).await, odd_signatures(pool), odd_encodings(pool)]
        .into_iter()
        .flatten()
        .collect()
}

/// CVE-2016-5431, CVE-2016-10555, CVE-2022-29217, CVE-2024-54150 and others: the public key is not a secret.
fn public_key_as_secret(pool: &Pool) -> Vec<Case> {
    let public = OWN_KEY.public_key();
    let pkcs1 = public.as_ref();
    let spki: PublicKeyX509Der<'_> = public.as_der().unwrap();
    let pem = |name: &str, der: &[u8], end: &str| {
        let lines = BASE64_STANDARD.encode(der);
        let lines = lines.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap());
        let lines = lines.collect::<Vec<_>>().join("\n");
        format!("-----BEGIN {name}-----\n{lines}\n-----END {name}-----{end}").into_bytes()
    };
    let modulus = public.modulus().big_endian_without_leading_zero();
    let jwk = json!({"e": "AQAB", "kid": KID, "kty": "RSA", "n": encoded(modulus), "use": "sig"});
    let key_set = pool.world.parts.tokens.key_set.clone().unwrap();
    let secrets: [(&str, Vec<u8>); 16] = [
        ("PKCS #1, DER", pkcs1.to_vec()),
        ("PKCS #1, PEM", pem("RSA PUBLIC KEY", pkcs1, "\n")),
        ("PKCS #1, PEM without its last line feed", pem("RSA PUBLIC KEY", pkcs1, "")),
        ("SPKI, DER", spki.as_ref().to_vec()),
        ("SPKI, PEM", pem("PUBLIC KEY", spki.as_ref(), "\n")),
        ("SPKI, PEM without its last line feed", pem("PUBLIC KEY", spki.as_ref(), "")),
        ("SPKI, base64", BASE64_STANDARD.encode(spki.as_ref()).into()),
        ("modulus", modulus.to_vec()),
        ("modulus after a zero", [&[0], modulus].concat()),
        ("modulus, base64url", encoded(modulus).into()),
        ("JWK", jwk.to_string().into()),
        ("key set", key_set.into()),
        ("kid", KID.into()),
        ("empty text", vec![]),
        ("word secret", b"secret".to_vec()),
        ("issuer", pool.world.issuer.url().into()),
    ];
    let mut cases = vec![];
    for (name, secret) in secrets {
        for (alg, reason) in
            [("HS256", TokenRefusal::AlgorithmRefused), ("RS256", TokenRefusal::SignatureWrong)]
        {
            let signed = unsigned(&json!({"alg": alg, "kid": KID}), &pool.claims());
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), signed.as_bytes());
            let token = with_signature(&signed, tag.as_ref());
            cases.push(Case::refused(format!("HMAC with the {name}, called {alg}"), reason, &token));
        }
    }
    let signed = unsigned(&json!({"alg": "HS512", "kid": KID}), &pool.claims());
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA512, pkcs1), signed.as_bytes());
    let token = with_signature(&signed, tag.as_ref());
    cases.push(Case::refused("HMAC with SHA-512 and the key", TokenRefusal::AlgorithmRefused, &token));
    cases
}

/// A valid signature over other content.
async fn changed(pool: &Pool) -> Vec<Case> {
    let token = &pool.alice.token;
    let [header, claims, signature] = parts(token);
    let bob = pool.world.user("bob").await;
    let [_, bobs_claims, bobs_signature] = parts(&bob.token);
    let with = |claim: &str, value| encoded(super::but(pool.claims(), claim, Some(value)).to_string());
    let spaced_header = encoded(pool.header().to_string() + " ");
    let typed_header = encoded(super::but(pool.header(), "typ", Some(json!("JWT"))).to_string());
    let (first, rest) = claims.split_at(4);
    let sign = |message: &str| encoded(own_signature(&RSA_PKCS1_SHA256, message.as_bytes()));
    let own = pool.own(&RSA_PKCS1_SHA256, "RS256");
    let [own_header, own_claims, own_sig] = parts(&own);
    let plain_claims = pool.claims().to_string();
    [
        ("another's claims", format!("{header}.{bobs_claims}.{signature}")),
        ("another's signature", format!("{header}.{claims}.{bobs_signature}")),
        ("a later end", format!("{header}.{}.{signature}", with("exp", json!(9_999_999_999_i64)))),
        ("another subject", format!("{header}.{}.{signature}", with("sub", json!(bob.subject)))),
        ("another use", format!("{header}.{}.{signature}", with("token_use", json!("id")))),
        ("a space more in the header", format!("{spaced_header}.{claims}.{signature}")),
        ("a typ more in the header", format!("{typed_header}.{claims}.{signature}")),
        ("empty claims", format!("{header}..{signature}")),
        ("claims cut short", format!("{header}.{rest}.{signature}")),
        ("claims twice", format!("{header}.{claims}{claims}.{signature}")),
        ("the claims' beginning twice", format!("{header}.{first}{claims}.{signature}")),
        ("header and claims swapped for another token's", format!("{own_header}.{own_claims}.{signature}")),
        ("a signature of another key of the pool", format!("{header}.{claims}.{own_sig}")),
        ("a signature over the header alone", format!("{own_header}.{own_claims}.{}", sign(own_header))),
        ("a signature over the claims alone", format!("{own_header}.{own_claims}.{}", sign(own_claims))),
        (
            "a signature over header and claims without the dot",
            format!("{own_header}.{own_claims}.{}", sign(&format!("{own_header}{own_claims}"))),
        ),
        (
            "a signature over a dot more",
            format!("{own_header}.{own_claims}.{}", sign(&format!("{own_header}.{own_claims}."))),
        ),
        ("a signature over the claims as JSON", format!("{own_header}.{own_claims}.{}", sign(&plain_claims))),
        ("a signature over nothing", format!("{own_header}.{own_claims}.{}", sign(""))),
        // A detached payload (RFC 7515, appendix F): signed, but omitted.
        ("a detached payload", format!("{own_header}..{own_sig}")),
    ]
    .map(|(name, token)| Case::refused(name, TokenRefusal::SignatureWrong, &token))
    .into()
}

/// Bytes that are not a signature.
fn odd_signatures(pool: &Pool) -> Vec<Case> {
    let token = pool.own(&RSA_PKCS1_SHA256, "RS256");
    let (signed, _) = token.rsplit_once('.').unwrap();
    let good = own_signature(&RSA_PKCS1_SHA256, signed.as_bytes());
    let modulus = OWN_KEY.public_key().modulus().big_endian_without_leading_zero().to_vec();
    let mut cases = vec![Case::accepted("a signature put together again", &with_signature(signed, &good))];
    for byte in [0, 1, 64, 127, 128, 200, 254, 255] {
        for bit in [0x01, 0x80] {
            let mut flipped = good.clone();
            flipped[byte] ^= bit;
            let name = format!("bit {bit:#04x} of byte {byte} of the signature flipped");
            cases.push(Case::refused(name, TokenRefusal::SignatureWrong, &with_signature(signed, &flipped)));
        }
    }
    let one = [&[0; 255][..], &[1]].concat();
    // s + n equals s modulo n. It may need one more byte.
    let mut sum = vec![0; 257];
    let mut carry = 0;
    for place in (0..256).rev() {
        let digit = u16::from(good[place]) + u16::from(modulus[place]) + carry;
        sum[place + 1] = digit.to_le_bytes()[0];
        carry = digit >> 8;
    }
    sum[0] = carry.to_le_bytes()[0];
    let sum = if sum[0] == 0 { sum[1..].to_vec() } else { sum };
    let mut below_modulus = modulus.clone();
    below_modulus[255] -= 1;
    // PKCS #1 without any key: the signature with an exponent of 1.
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, signed.as_bytes());
    let digest_info = b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20";
    let padded = [&[0, 1][..], &[0xff; 202], &[0], digest_info, digest.as_ref()].concat();
    assert_eq!(padded.len(), 256);
    for (name, signature) in [
        ("empty", vec![]),
        ("one byte", vec![0]),
        ("a byte short, in front", good[1..].to_vec()),
        ("a byte short, behind", good[..255].to_vec()),
        ("half of it", good[..128].to_vec()),
        ("a zero more in front", [&[0][..], &good].concat()),
        ("a zero more behind", [&good[..], &[0]].concat()),
        ("a byte more behind", [&good[..], &[0xff]].concat()),
        ("it twice", [&good[..], &good].concat()),
        ("backwards", good.iter().rev().copied().collect()),
        ("zeros", vec![0; 256]),
        ("ones", vec![0xff; 256]),
        ("the number 1", one),
        ("the modulus", modulus),
        ("the modulus less 1", below_modulus),
        ("it and the modulus", sum),
        ("the padded digest", padded),
        ("the digest", digest.as_ref().to_vec()),
        ("as hexadecimal digits", good.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect()),
        ("as a DER octet string", [&[0x04, 0x82, 0x01, 0x00][..], &good].concat()),
    ] {
        let token = with_signature(signed, &signature);
        cases.push(Case::refused(format!("signature: {name}"), TokenRefusal::SignatureWrong, &token));
    }
    cases
}

/// Other encodings of the same bytes: each part has exactly one valid encoding (RFC 7515, section 2; RFC 4648, 3.5).
fn odd_encodings(pool: &Pool) -> Vec<Case> {
    // 342 letters for 256 bytes: four bits of the last letter are unused.
    let [header, claims, signature] = parts(&pool.alice.token);
    let mut cases = vec![Case::refused(
        "spare bits in the signature",
        TokenRefusal::SignatureWrong,
        &format!("{header}.{claims}.{}", with_spare_bit(signature)),
    )];
    let long = (0..3).map(|spaces| pool.claims().to_string() + &" ".repeat(spaces));
    let long = long.map(encoded).find(|part| !part.len().is_multiple_of(4)).unwrap();
    let spare_header =
        (0..3).map(|spaces| json!({"alg": "RS256", "kid": KID}).to_string() + &" ".repeat(spaces));
    let spare_header = spare_header.map(encoded).find(|part| !part.len().is_multiple_of(4)).unwrap();
    let signed = |header: &str, claims: &str| {
        let signed = format!("{header}.{claims}");
        with_signature(&signed, &own_signature(&RSA_PKCS1_SHA256, signed.as_bytes()))
    };
    let own_header = encoded(json!({"alg": "RS256", "kid": KID}).to_string());
    cases.push(Case::accepted("no spare bits in the header", &signed(&spare_header, &long)));
    cases.push(Case::refused(
        "spare bits in the header",
        TokenRefusal::HeaderMalformed,
        &signed(&with_spare_bit(&spare_header), &long),
    ));
    cases.push(Case::refused(
        "spare bits in the claims",
        TokenRefusal::ClaimsMalformed,
        &signed(&own_header, &with_spare_bit(&long)),
    ));
    cases.push(Case::refused(
        "a header of a length that no bytes have",
        TokenRefusal::HeaderMalformed,
        &signed("A", &long),
    ));
    cases.push(Case::refused(
        "claims of a length that no bytes have",
        TokenRefusal::ClaimsMalformed,
        &signed(&own_header, "AAAAA"),
    ));
    cases.push(Case::refused(
        "a signature of a length that no bytes have",
        TokenRefusal::SignatureWrong,
        &format!("{header}.{claims}.{}", &signature[..341]),
    ));
    for (name, token) in [
        ("padding behind the signature", format!("{header}.{claims}.{signature}==")),
        ("padding behind the claims", signed(&own_header, &format!("{long}="))),
        ("padding behind the header", signed(&format!("{spare_header}="), &long)),
        ("percent-encoded padding", format!("{header}.{claims}.{signature}%3D%3D")),
        ("the other alphabet in the signature", format!("{header}.{claims}.+/{}", &signature[2..])),
        ("the other alphabet in the claims", signed(&own_header, &format!("{}+/", &long[..long.len() - 2]))),
        ("a space in the claims", signed(&own_header, &format!("{} {}", &long[..4], &long[4..]))),
        ("a letter beyond base64", format!("{header}.{claims}.{}~", &signature[1..])),
        ("a colon", format!("{header}:{claims}.{signature}")),
    ] {
        cases.push(Case::refused(name, TokenRefusal::Malformed, &token));
    }
    cases
}

/// Decodes to the same bytes if the unused bits of the last letter are ignored.
fn with_spare_bit(part: &str) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (rest, last) = part.split_at(part.len() - 1);
    let value = ALPHABET.iter().position(|letter| [*letter] == last.as_bytes()).unwrap();
    assert_eq!(value % 2, 0, "a letter without spare bits");
    format!("{rest}{}", char::from(ALPHABET[value + 1]))
}

#[tokio::test]
async fn only_the_pools_signature_over_the_same_bytes_is_accepted() {
    let pool = Pool::new().await;
    pool.judge(cases(&pool).await).await;
}
