//! Claims: issuer, client, use and times.

use cruddur::auth::TokenRefusal;
use local::issuer::{CLIENT_ID, PoolUser, RefreshToken};
use serde_json::{Value, json};

use super::{Case, Pool, but};

pub(super) async fn cases(pool: &Pool) -> Vec<Case> {
    [issuers(pool), uses(pool), clients(pool), subjects(pool), times(pool), leeway(pool), ignored(pool)]
        .into_iter()
        .chain([twice(pool).await, not_json(pool)])
        .flatten()
        .collect()
}

/// Tokens with these values of a claim, each refused for `reason`.
fn values<const N: usize>(
    pool: &Pool,
    claim: &str,
    reason: fn() -> TokenRefusal,
    values: [Value; N],
) -> impl Iterator<Item = Case> {
    values
        .map(|value| {
            let token = pool.claims_but(claim, Some(value.clone()));
            Case::refused(format!("{claim}: {value}"), reason(), &token)
        })
        .into_iter()
}

/// Tokens whose claim is missing or not a text, however it would read as one.
fn no_text(pool: &Pool, claim: &str) -> Vec<Case> {
    let good = pool.claims()[claim].clone();
    let token = pool.claims_but(claim, None);
    let missing = Case::refused(format!("{claim}: missing"), TokenRefusal::ClaimsMalformed, &token);
    let of_other_types = [
        json!(null),
        json!(true),
        json!(0),
        json!(1.5),
        json!([good]),
        json!([]),
        json!({"value": good}),
        json!({"$ne": null}),
    ];
    let of_other_types = values(pool, claim, || TokenRefusal::ClaimsMalformed, of_other_types);
    [missing].into_iter().chain(of_other_types).collect()
}

fn issuers(pool: &Pool) -> Vec<Case> {
    // Other issuers of Cognito, too: the pool's issuer is configured.
    let others = [
        json!(""),
        json!("http://issuer.test/"),
        json!("http://issuer.test "),
        json!("http://issuer.test\0"),
        json!("http://issuer.test."),
        json!("http://issuer.test:80"),
        json!("http://issuer.test#"),
        json!("http://issuer.test?"),
        json!("http://issuer.test/../issuer.test"),
        json!("http://issuer.tes"),
        json!("http://issuer.test.attacker.example"),
        json!("http://attacker.example/http://issuer.test"),
        json!("http://attacker@issuer.test"),
        json!("https://issuer.test"),
        json!("//issuer.test"),
        json!("issuer.test"),
        json!("HTTP://ISSUER.TEST"),
        json!("http://Issuer.test"),
        json!("http://issuer.test,http://attacker.example"),
        json!("https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Another"),
        json!("https://cognito-idp.us-east-1.amazonaws.com/eu-central-1_AbCdEfGhI"),
    ];
    let mut cases = no_text(pool, "iss");
    cases.extend(values(pool, "iss", || TokenRefusal::IssuerRefused, others));
    // RFC 8725, section 3.8: key and issuer belong together.
    let foreign = pool.foreign_issuer("http://another-issuer.test");
    let token = foreign.access_token(&pool.alice.subject, "alice").unwrap();
    cases.push(Case::refused("another pool's token", TokenRefusal::KeyUnknown, &token));
    let claims = foreign.claims(&pool.alice.subject, "alice");
    let token = pool.issued(&pool.header(), &claims);
    cases.push(Case::refused("another pool's claims", TokenRefusal::IssuerRefused, &token));
    cases
}

fn uses(pool: &Pool) -> Vec<Case> {
    let others = [
        json!(""),
        json!("id"),
        json!("refresh"),
        json!("Access"),
        json!("ACCESS"),
        json!("access "),
        json!(" access"),
        json!("access\0"),
        json!("access,id"),
        json!("acces"),
        json!("access_token"),
    ];
    let mut cases = no_text(pool, "token_use");
    cases.extend(values(pool, "token_use", || TokenRefusal::UseRefused, others));
    let issuer = &pool.world.issuer;
    let alice = PoolUser {
        sub: pool.alice.subject.clone(),
        preferred_username: Some(pool.alice.user.handle.clone()),
        name: pool.alice.user.display_name.clone(),
    };
    let session = issuer.begin_session(&alice.sub);
    // Neither has the client among its claims.
    let id_token = issuer.id_token(&alice, &session, None).unwrap();
    cases.push(Case::refused("the pool's id token", TokenRefusal::ClaimsMalformed, &id_token));
    let refresh_token = issuer.refresh_token(&RefreshToken { session, generation: 0 }).unwrap();
    cases.push(Case::refused("the local refresh token", TokenRefusal::ClaimsMalformed, &refresh_token));
    // Cognito's is a JWE of five parts, which only Cognito can read.
    let header = json!({"cty": "JWT", "enc": "A256GCM", "alg": "RSA-OAEP"});
    let refresh_token = format!("{}.a2V5.aXY.dGV4dA.dGFn", super::encoded(header.to_string()));
    cases.push(Case::refused("a refresh token as Cognito's", TokenRefusal::Malformed, &refresh_token));
    let claims = but(but(pool.claims(), "token_use", Some(json!("id"))), "aud", Some(json!(CLIENT_ID)));
    let token = pool.issued(&pool.header(), &claims);
    cases.push(Case::refused("an id token with a client_id", TokenRefusal::UseRefused, &token));
    cases
}

fn clients(pool: &Pool) -> Vec<Case> {
    let others = [
        json!(""),
        json!("another-client"),
        json!(CLIENT_ID.to_uppercase()),
        json!(&CLIENT_ID[..CLIENT_ID.len() - 1]),
        json!(&CLIENT_ID[1..]),
        json!(format!("{CLIENT_ID}2")),
        json!(format!("{CLIENT_ID} ")),
        json!(format!("{CLIENT_ID}\0")),
        json!(format!("{CLIENT_ID},another-client")),
        json!(format!("another-client {CLIENT_ID}")),
        json!(","),
        json!("*"),
    ];
    let mut cases = no_text(pool, "client_id");
    cases.extend(values(pool, "client_id", || TokenRefusal::ClientRefused, others));
    for name in ["aud", "azp", "cid", "Client_id"] {
        let claims = but(but(pool.claims(), "client_id", None), name, Some(json!(CLIENT_ID)));
        let token = pool.issued(&pool.header(), &claims);
        cases.push(Case::refused(
            format!("{name} in place of client_id"),
            TokenRefusal::ClaimsMalformed,
            &token,
        ));
    }
    let claims = but(pool.claims(), "client_id", Some(json!("another")));
    let token = pool.issued(&pool.header(), &but(claims, "aud", Some(json!(CLIENT_ID))));
    cases.push(Case::refused("aud beside another client_id", TokenRefusal::ClientRefused, &token));
    cases
}

fn subjects(pool: &Pool) -> Vec<Case> {
    let mut cases = no_text(pool, "sub");
    cases.extend(values(
        pool,
        "sub",
        || TokenRefusal::SubjectMissing,
        [json!(""), json!("\0"), json!("a\0b")],
    ));
    for name in ["username", "cognito:username", "uid", "user_uuid", "Sub"] {
        let claims = but(but(pool.claims(), "sub", None), name, Some(json!(pool.alice.subject)));
        let token = pool.issued(&pool.header(), &claims);
        cases.push(Case::refused(format!("{name} in place of sub"), TokenRefusal::ClaimsMalformed, &token));
    }
    cases
}

fn times(pool: &Pool) -> Vec<Case> {
    let now = pool.now();
    let mut cases = vec![];
    let token = pool.claims_but("exp", None);
    cases.push(Case::refused("exp: missing", TokenRefusal::ClaimsMalformed, &token));
    for (claim, good) in [("exp", now + 600), ("nbf", now), ("iat", now), ("auth_time", now)] {
        let of_other_types = [
            json!(null),
            json!(false),
            json!(true),
            json!(""),
            json!(good.to_string()),
            json!("2026-11-22T10:30:00Z"),
            json!("never"),
            json!([good]),
            json!([]),
            json!({"value": good}),
            json!({}),
            json!(0.5),
            // DynamoDB and JavaScript may write it like this; Cognito never does.
            serde_json::from_str(&format!("{good}.0")).unwrap(),
            json!(1e300),
            json!(-1e300),
            json!(u64::MAX),
        ];
        cases.extend(values(pool, claim, || TokenRefusal::ClaimsMalformed, of_other_types));
        // Exceeds every number type of serde_json.
        for number in
            ["18446744073709551616", "1e0", "1e999", "-9223372036854775809", "01", "+1", "0x7fffffff", "NaN"]
        {
            let claims = but(pool.claims(), claim, Some(json!("here"))).to_string();
            let token = pool.of_bytes(pool.header().to_string(), claims.replace("\"here\"", number));
            cases.push(Case::refused(format!("{claim}: {number}"), TokenRefusal::ClaimsMalformed, &token));
        }
    }
    // In milliseconds, both end and start are in the far future.
    cases.extend(values(pool, "exp", || TokenRefusal::Expired, [json!(0), json!(-1), json!(i64::MIN)]));
    let future = [json!(now * 1_000), json!(i64::MAX)];
    for claim in ["nbf", "iat", "auth_time"] {
        cases.extend(values(pool, claim, || TokenRefusal::NotYetValid, future.clone()));
    }
    for (claim, value) in [
        ("exp", json!(i64::MAX)),
        ("nbf", json!(0)),
        ("nbf", json!(-1)),
        ("nbf", json!(i64::MIN)),
        ("iat", json!(0)),
        ("iat", json!(-1)),
        ("iat", json!(i64::MIN)),
    ] {
        let token = pool.claims_but(claim, Some(value.clone()));
        cases.push(Case::accepted(format!("{claim}: {value}"), &token));
    }
    let token = pool.claims_but("iat", None);
    cases.push(Case::accepted("iat: missing", &token));
    cases
}

fn leeway(pool: &Pool) -> Vec<Case> {
    let now = pool.now();
    // A token is valid before `exp` and not at `exp` (RFC 7519), hence not in the last second either.
    let expired = |seconds: i64| (format!("expired for {seconds} s"), "exp", now - seconds);
    let early = |claim, seconds: i64| (format!("{claim} in {seconds} s"), claim, now + seconds);
    let good = [
        expired(-1),
        expired(0),
        expired(59),
        early("nbf", 59),
        early("nbf", 60),
        early("iat", 59),
        early("iat", 60),
    ];
    let good = good.map(|(name, claim, at)| Case::accepted(name, &pool.claims_but(claim, Some(json!(at)))));
    let bad = [
        (expired(60), TokenRefusal::Expired),
        (expired(61), TokenRefusal::Expired),
        (early("nbf", 61), TokenRefusal::NotYetValid),
        (early("iat", 61), TokenRefusal::NotYetValid),
    ];
    let bad = bad.map(|((name, claim, at), reason)| {
        Case::refused(name, reason, &pool.claims_but(claim, Some(json!(at))))
    });
    good.into_iter().chain(bad).collect()
}

/// Claims that are ignored with any value.
fn ignored(pool: &Pool) -> Vec<Case> {
    let mut cases = vec![];
    for (claim, value) in [
        ("aud", Some(json!("another"))),
        ("aud", Some(json!(["another", null]))),
        ("scope", None),
        ("scope", Some(json!("admin"))),
        ("username", None),
        ("username", Some(json!("bob"))),
        ("cognito:groups", Some(json!(["admins"]))),
        ("user_uuid", Some(json!("0195b5a0-0000-7000-8000-000000000001"))),
        ("auth_time", None),
        ("auth_time", Some(json!(0))),
        ("jti", Some(json!(null))),
        ("version", Some(json!(1))),
        ("SUB", Some(json!("another"))),
        ("EXP", Some(json!(0))),
        ("__proto__", Some(json!({"sub": "another"}))),
        ("nested", Some(json!({"sub": "another", "exp": 0, "iss": null}))),
        ("padding", Some(json!("x".repeat(4_096)))),
    ] {
        let mut name = format!("{claim}: {}", value.as_ref().unwrap_or(&json!("missing")));
        name.truncate(60);
        cases.push(Case::accepted(name, &pool.claims_but(claim, value)));
    }
    let with = |member: &str| {
        let claims = pool.claims().to_string().replacen('{', &format!("{{{member},"), 1);
        pool.of_bytes(pool.header().to_string(), claims)
    };
    let deep = format!("\"x\":{}{}", "[".repeat(2_000), "]".repeat(2_000));
    cases.push(Case::accepted("an unheard-of claim 2,000 arrays deep", &with(&deep)));
    let deep = format!("\"x\":{}1{}", "{\"x\":".repeat(500), "}".repeat(500));
    cases.push(Case::accepted("an unheard-of claim 500 objects deep", &with(&deep)));
    let digits = format!("\"x\":{}", "9".repeat(4_000));
    cases.push(Case::accepted("an unheard-of claim of 4,000 digits", &with(&digits)));
    cases.push(Case::accepted("an unheard-of claim that is no finite number", &with("\"x\":-1e999999")));
    cases.push(Case::accepted("an unheard-of claim that is a letter beyond ASCII", &with("\"é\":\"é\"")));
    let deep = format!("\"nbf\":{}{}", "[".repeat(2_000), "]".repeat(2_000));
    cases.push(Case::refused("nbf 2,000 arrays deep", TokenRefusal::ClaimsMalformed, &with(&deep)));
    cases
}

/// Duplicate claims: which of the two would count? (RFC 7519, section 4)
async fn twice(pool: &Pool) -> Vec<Case> {
    let bob = pool.world.user("bob").await.subject;
    let good = pool.claims();
    let mut cases = vec![];
    for (claim, other) in [
        ("iss", json!("http://another-issuer.test")),
        ("sub", json!(bob)),
        ("token_use", json!("id")),
        ("client_id", json!("another-client")),
        ("exp", json!(0)),
        ("iat", json!(i64::MAX)),
        ("nbf", json!(i64::MAX)),
    ] {
        // The token is valid whichever of the two is read.
        let once = but(good.clone(), claim, Some(good.get(claim).cloned().unwrap_or(json!(0)))).to_string();
        let inner = &once[1..once.len() - 1];
        let own = &but(json!({}), claim, Some(good.get(claim).cloned().unwrap_or(json!(0)))).to_string();
        let own = &own[1..own.len() - 1];
        let escaped = format!("\"\\u{:04x}{}\"", u32::from(claim.as_bytes()[0]), &claim[1..]);
        for (name, claims) in [
            ("another first", format!("{{\"{claim}\":{other},{inner}}}")),
            ("another last", format!("{{{inner},\"{claim}\":{other}}}")),
            ("the same", format!("{{{inner},{own}}}")),
            ("null first", format!("{{\"{claim}\":null,{inner}}}")),
            ("another one, escaped", format!("{{{inner},{escaped}:{other}}}")),
        ] {
            let token = pool.of_bytes(pool.header().to_string(), claims);
            cases.push(Case::refused(
                format!("two of {claim}, {name}"),
                TokenRefusal::ClaimsMalformed,
                &token,
            ));
        }
    }
    cases
}

fn not_json(pool: &Pool) -> Vec<Case> {
    let claims = pool.claims();
    let good = claims.to_string();
    let now = pool.now();
    let decisive = ["iss", "sub", "token_use", "client_id", "exp"].map(|claim| claims[claim].clone());
    let positional = [&decisive[..], &[json!(now), json!(now)]].concat();
    let with_bytes = |bytes: &[u8]| [b"{\"x\":\"", bytes, b"\",", &good.as_bytes()[1..]].concat();
    let nested = pool.alice.token.clone();
    let mut cases: Vec<(&str, Vec<u8>)> = vec![
        ("empty", vec![]),
        ("an empty object", b"{}".into()),
        ("null", b"null".into()),
        ("a number", b"1".into()),
        ("a token again", nested.into()),
        ("a string of JSON", json!(good).to_string().into()),
        ("an empty array", b"[]".into()),
        ("the claims in an array", format!("[{good}]").into()),
        ("the values alone, in an array", json!(positional).to_string().into()),
        ("something behind", format!("{good}x").into()),
        ("another object behind", format!("{good}{{\"sub\":\"another\"}}").into()),
        ("a NUL behind", format!("{good}\0").into()),
        ("cut short", good[..good.len() - 1].into()),
        ("a comma too many", good.replace('}', ",}").into()),
        ("a comment", good.replace('{', "{//\n").into()),
        ("single quotes", good.replace('"', "'").into()),
        ("a form", b"sub=alice&exp=9999999999".into()),
        ("a byte order mark", format!("\u{feff}{good}").into()),
        ("a form feed before", format!("\u{c}{good}").into()),
        ("UTF-16", good.encode_utf16().flat_map(u16::to_be_bytes).collect()),
        ("compressed", [b"\x1f\x8b", good.as_bytes()].concat()),
        ("bytes that are no UTF-8", b"\xff\xfe{}".into()),
    ];
    for (name, bytes) in [
        ("a byte that is not UTF-8, in an ignored part", &b"\xff"[..]),
        ("a letter cut in half, in an ignored part", b"\xc3"),
        ("an overlong quote, in an ignored part", b"\xc0\xa2"),
        ("a surrogate, in an ignored part", b"\xed\xa0\x80"),
        ("a line feed in a string", b"\n"),
    ] {
        cases.push((name, with_bytes(bytes)));
    }
    let header = pool.header().to_string();
    let mut cases = cases
        .into_iter()
        .map(|(name, claims)| {
            let name = format!("claims that are {name}");
            Case::refused(name, TokenRefusal::ClaimsMalformed, &pool.of_bytes(&header, claims))
        })
        .collect::<Vec<_>>();
    let half = but(claims, "sub", Some(json!("here"))).to_string().replace("here", "\\udc00");
    let token = pool.of_bytes(&header, half);
    cases.push(Case::refused("sub with half a pair of surrogates", TokenRefusal::ClaimsMalformed, &token));
    cases.push(Case::accepted("claims in the bytes they had", &pool.of_bytes(&header, &good)));
    let spaced = pool.of_bytes(&header, format!("\r\n\t {good} \n"));
    cases.push(Case::accepted("claims with white space around", &spaced));
    cases
}

#[tokio::test]
async fn every_claim_has_to_be_right_and_of_the_right_type() {
    let pool = Pool::new().await;
    pool.judge(cases(&pool).await).await;
}
