//! Transport of a token: in one `Authorization` header, after `Bearer` and a space, in three parts.

use axum::body::Body;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use cruddur::auth::{MAX_AUTHORIZATION_BYTES, TokenRefusal};
use http::Request;
use serde_json::json;

use super::{Case, Expected, Pool, but, encoded, parts, unsigned, with_headers};

pub(super) fn cases(pool: &Pool) -> Vec<Case> {
    [schemes(pool), shapes(pool), headers(pool), elsewhere(pool), sizes(pool)].into_iter().flatten().collect()
}

fn value(name: &str, value: impl AsRef<[u8]>, expected: Expected) -> Case {
    Case::of(name, with_headers(&[value.as_ref()]), expected)
}

fn malformed(name: &str, header: impl AsRef<[u8]>) -> Case {
    value(name, header, Expected::Refused(TokenRefusal::Malformed))
}

fn schemes(pool: &Pool) -> Vec<Case> {
    let token = &pool.alice.token;
    let good = ["Bearer", "bearer", "BEARER", "bEaReR"].map(|scheme| {
        value(&format!("the scheme {scheme}"), format!("{scheme} {token}"), Expected::Accepted)
    });
    let basic = BASE64_STANDARD.encode(format!("alice:{token}"));
    let bad = [
        malformed("an empty header", ""),
        malformed("the scheme alone", "Bearer"),
        malformed("the scheme and a space", "Bearer "),
        malformed("the token alone", token),
        malformed("a space and the token", format!(" {token}")),
        malformed("a space before the scheme", format!(" Bearer {token}")),
        malformed("a scheme that begins with Bearer", format!("Bearers {token}")),
        malformed("a scheme that Bearer begins with", format!("Bear {token}")),
        malformed("the scheme with a colon", format!("Bearer: {token}")),
        malformed("the scheme with a comma", format!("Bearer, {token}")),
        malformed("the scheme twice", format!("Bearer Bearer {token}")),
        malformed("no space", format!("Bearer{token}")),
        malformed("an equals sign for the space", format!("Bearer={token}")),
        malformed("a plus for the space", format!("Bearer+{token}")),
        malformed("two spaces", format!("Bearer  {token}")),
        malformed("a tab for the space", format!("Bearer\t{token}")),
        malformed("a tab behind the space", format!("Bearer \t{token}")),
        malformed("a no-break space, in UTF-8", format!("Bearer\u{a0}{token}")),
        malformed("a no-break space, in Latin-1", [b"Bearer\xa0", token.as_bytes()].concat()),
        malformed("a zero-width space", format!("Bearer \u{200b}{token}")),
        malformed("letters that look like the scheme's", format!("Веаrеr {token}")),
        malformed("Basic", format!("Basic {token}")),
        malformed("Basic with the token as the password", format!("Basic {basic}")),
        malformed("Token", format!("Token {token}")),
        malformed("JWT", format!("JWT {token}")),
        malformed("DPoP", format!("DPoP {token}")),
        malformed("Digest", format!("Digest {token}")),
        malformed("AWS4-HMAC-SHA256", format!("AWS4-HMAC-SHA256 Credential={token}")),
    ];
    good.into_iter().chain(bad).collect()
}

fn shapes(pool: &Pool) -> Vec<Case> {
    let token = &pool.alice.token;
    let [header, claims, signature] = parts(token);
    let flattened = json!({"protected": header, "payload": claims, "signature": signature});
    let general = json!({
        "payload": claims,
        "signatures": [{"protected": header, "signature": signature}],
    });
    vec![
        malformed("one part", format!("Bearer {signature}")),
        malformed("two parts", format!("Bearer {header}.{claims}")),
        malformed("four parts", format!("Bearer {token}.{signature}")),
        malformed("five parts, as an encrypted token has", format!("Bearer {token}.{signature}.{signature}")),
        malformed("a thousand dots", format!("Bearer {}", ".".repeat(1_000))),
        malformed("a dot before", format!("Bearer .{token}")),
        malformed("a dot behind", format!("Bearer {token}.")),
        malformed("an empty part between", format!("Bearer {header}..{claims}.{signature}")),
        value("three empty parts", "Bearer ..", Expected::Refused(TokenRefusal::HeaderMalformed)),
        value(
            "an empty first part",
            format!("Bearer .{claims}.{signature}"),
            Expected::Refused(TokenRefusal::HeaderMalformed),
        ),
        malformed("a space in the token", format!("Bearer {header}. {claims}.{signature}")),
        malformed("a space behind", format!("Bearer {token} ")),
        malformed("a tab behind", format!("Bearer {token}\t")),
        malformed("a word behind", format!("Bearer {token} more")),
        malformed("a parameter behind", format!("Bearer {token}, realm=\"x\"")),
        malformed("a semicolon behind", format!("Bearer {token};")),
        malformed("quotes", format!("Bearer \"{token}\"")),
        malformed("single quotes", format!("Bearer '{token}'")),
        malformed("angle brackets", format!("Bearer <{token}>")),
        malformed("a parameter's name", format!("Bearer token={token}")),
        malformed("percent-encoded dots", format!("Bearer {}", token.replace('.', "%2E"))),
        malformed("commas for dots", format!("Bearer {}", token.replace('.', ","))),
        malformed("JSON, flattened", format!("Bearer {flattened}")),
        malformed("JSON, general", format!("Bearer {general}")),
        malformed("JSON in base64", format!("Bearer {}", encoded(flattened.to_string()))),
        malformed("a word that stands for a token", "Bearer undefined"),
        malformed("a letter beyond ASCII behind", [b"Bearer ", token.as_bytes(), b"\xc3\xa9"].concat()),
        malformed("a byte that is no UTF-8 behind", [b"Bearer ", token.as_bytes(), b"\xff"].concat()),
    ]
}

fn headers(pool: &Pool) -> Vec<Case> {
    let bearer = format!("Bearer {}", pool.alice.token);
    let good = bearer.as_bytes();
    let repeated = |name: &str, values: &[&[u8]]| {
        Case::of(name, with_headers(values), Expected::Refused(TokenRefusal::Repeated))
    };
    let joined = |name: &str, separator: &str| malformed(name, [&*bearer, &*bearer].join(separator));
    vec![
        Case::of("no header", with_headers(&[]), Expected::Refused(TokenRefusal::Missing)),
        // API Gateway joins them; other gateways may not.
        repeated("the header twice", &[good, good]),
        repeated("the header three times", &[good, good, good]),
        repeated("a good header after a bad one", &[b"Basic YTpi", good]),
        repeated("a bad header after a good one", &[good, b"Basic YTpi"]),
        repeated("an empty header after a good one", &[good, b""]),
        repeated("an empty header before a good one", &[b"", good]),
        joined("two tokens, as API Gateway joins them", ","),
        joined("two tokens, joined by comma and space", ", "),
        joined("two tokens, joined by a semicolon", "; "),
        malformed("two tokens under one scheme", format!("{bearer},{}", pool.alice.token)),
        malformed("a scheme before the good one", format!("Basic YTpi, {bearer}")),
        malformed("a scheme behind the good one", format!("{bearer}, Basic YTpi")),
    ]
}

/// Places where no token is read. RFC 6750 defines some of them.
fn elsewhere(pool: &Pool) -> Vec<Case> {
    let token = &pool.alice.token;
    let refused = || Expected::Refused(TokenRefusal::Missing);
    let mut cases = vec![];
    for query in ["access_token", "token", "authorization", "Authorization", "jwt"] {
        let uri = format!("/api/message_groups?{query}={token}");
        let request = Request::builder().uri(uri).body(Body::empty()).unwrap();
        cases.push(Case::of(format!("the query's {query}"), request, refused()));
    }
    for (header, value) in [
        ("cookie", format!("access_token={token}")),
        ("cookie", format!("Authorization=Bearer {token}")),
        ("proxy-authorization", format!("Bearer {token}")),
        ("x-authorization", format!("Bearer {token}")),
        ("x-forwarded-authorization", format!("Bearer {token}")),
        ("x-original-authorization", format!("Bearer {token}")),
        ("x-amzn-remapped-authorization", format!("Bearer {token}")),
        ("x-amzn-oidc-accesstoken", token.clone()),
        ("x-amzn-oidc-data", token.clone()),
        ("x-access-token", token.clone()),
        ("x-api-key", token.clone()),
        ("www-authenticate", format!("Bearer {token}")),
        ("authentication", format!("Bearer {token}")),
        ("token", token.clone()),
        ("sec-websocket-protocol", format!("bearer, {token}")),
    ] {
        let name = format!("the header {header}: {}", &value[..value.len().min(20)]);
        let request = Request::builder().uri("/api/message_groups").header(header, value);
        cases.push(Case::of(name, request.body(Body::empty()).unwrap(), refused()));
    }
    for (content_type, body) in [
        ("application/x-www-form-urlencoded", format!("access_token={token}")),
        ("application/json", json!({"access_token": token}).to_string()),
        ("application/json", json!({"headers": {"authorization": format!("Bearer {token}")}}).to_string()),
    ] {
        let name = format!("the body, {content_type}: {}", &body[..14]);
        let request = Request::builder().uri("/api/message_groups").header("content-type", content_type);
        cases.push(Case::of(name, request.body(Body::from(body)).unwrap(), refused()));
    }
    // A header that counts is not replaced by one that doesn't.
    let mut request = with_headers(&[b"Bearer a.b.c"]);
    let good = format!("Bearer {token}").parse().unwrap();
    request.headers_mut().insert("x-forwarded-authorization", good);
    let reason = Expected::Refused(TokenRefusal::HeaderMalformed);
    cases.push(Case::of("a good header of another name beside a bad one", request, reason));
    let mut request = with_headers(&[format!("Bearer {token}").as_bytes()]);
    request.headers_mut().insert("x-forwarded-authorization", "Bearer a.b.c".parse().unwrap());
    cases.push(Case::of("a bad header of another name beside a good one", request, Expected::Accepted));
    cases
}

fn sizes(pool: &Pool) -> Vec<Case> {
    // A letter of padding is 4/3 letters of base64: two parts together reach any length.
    let of_length = |length: usize| {
        let (header, claims) = (5_000..5_700)
            .flat_map(|long| (0..4).map(move |short| (long, short)))
            .map(|(long, short)| {
                let header = but(pool.header(), "cty", Some(json!("J".repeat(short))));
                (header, but(pool.claims(), "scope", Some(json!("s".repeat(long)))))
            })
            .find(|(header, claims)| "Bearer .".len() + unsigned(header, claims).len() + 342 == length)
            .unwrap();
        let header = format!("Bearer {}", pool.issued(&header, &claims));
        assert_eq!(header.len(), length);
        header
    };
    assert_eq!(MAX_AUTHORIZATION_BYTES, 8_192);
    let junk = |length: usize| format!("Bearer {}", "A".repeat(length - 7));
    vec![
        value("8,191 bytes", of_length(8_191), Expected::Accepted),
        value("8,192 bytes", of_length(8_192), Expected::Accepted),
        malformed("8,193 bytes", of_length(8_193)),
        malformed("8,194 bytes", of_length(8_194)),
        malformed("8,192 bytes of nothing", junk(8_192)),
        malformed("9,000 bytes of nothing", junk(9_000)),
        malformed("9,000 bytes with three parts", format!("Bearer a.{}.c", "b".repeat(9_000))),
    ]
}

#[tokio::test]
async fn a_token_follows_bearer_and_a_space_in_one_header() {
    let pool = Pool::new().await;
    pool.judge(cases(&pool)).await;
}
