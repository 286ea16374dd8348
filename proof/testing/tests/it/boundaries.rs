//! The exact limits of texts, previews, bodies and headers.

use axum::body::Body;
use chrono::TimeDelta;
use http::{HeaderValue, Method};
use serde_json::{Value, json};
use testing::{TestUser, World, request};

const TOO_LONG: (u16, &str) = (422, "[\"message_exceed_max_chars\"]");
const BLANK: (u16, &str) = (422, "[\"message_blank\"]");

/// Two users and their group.
async fn conversation(world: &World) -> (TestUser, TestUser, String) {
    let (alice, bob, group_uuid) = world.pair().await;
    world.send(&alice, &bob, "hello").await;
    (alice, bob, group_uuid.to_string())
}

#[tokio::test]
async fn a_message_has_up_to_1024_scalar_values_and_is_returned_verbatim() {
    let world = World::new().await;
    let (alice, bob, group) = conversation(&world).await;
    let mut texts = vec!["hello".to_owned()];
    for unit in [
        "a",
        "é",
        "e\u{301}",
        "\u{301}",
        "😀",
        "👨\u{200d}👩\u{200d}👧\u{200d}👦",
        "🇩🇪",
        "\0",
        "\u{200b}",
        "\u{feff}",
        "\u{202e}x",
        "\u{10ffff}",
        "x\r\n\t\u{2028}",
        "\"\\/<>&'",
    ] {
        let text = unit.chars().cycle().take(1024).collect::<String>();
        let body = json!({"message_group_uuid": group, "message": text});
        assert_eq!(world.post(&alice, &body).await.ok()["message"], json!(text), "{unit:?}");
        texts.push(text);
        let text = unit.chars().cycle().take(1025).collect::<String>();
        let body = json!({"message_group_uuid": group, "message": text});
        assert_eq!(world.post(&alice, &body).await.brief(), TOO_LONG, "{unit:?}");
    }
    let messages = world.get(&bob, &format!("/api/messages/{group}")).await.ok();
    let read = messages.as_array().unwrap().iter().map(|message| message["message"].as_str().unwrap());
    assert!(read.eq(&texts));
}

#[tokio::test]
async fn an_escaped_surrogate_pair_is_one_scalar_value() {
    let world = World::new().await;
    let (alice, _, group) = conversation(&world).await;
    let body = |count| {
        format!("{{\"message_group_uuid\":\"{group}\",\"message\":\"{}\"}}", "\\ud83d\\ude00".repeat(count))
    };
    assert_eq!(world.post_with(&alice, &[], body(1024)).await.ok()["message"], json!("😀".repeat(1024)));
    assert_eq!(world.post_with(&alice, &[], body(1025)).await.brief(), TOO_LONG);
}

#[tokio::test]
async fn a_text_of_white_space_is_blank() {
    let world = World::new().await;
    let (alice, _, group) = conversation(&world).await;
    let rows = world.rows();
    let mut blanks: Vec<String> =
        ('\0'..=char::MAX).filter(|char| char.is_whitespace()).map(String::from).collect();
    assert_eq!(blanks.len(), 25);
    blanks.push(blanks.concat());
    blanks.push(" ".repeat(1024));
    for text in blanks {
        let body = json!({"message_group_uuid": group, "message": text});
        assert_eq!(world.post(&alice, &body).await.brief(), BLANK, "{text:?}");
    }
    let body = json!({"message_group_uuid": group, "message": " ".repeat(1025)});
    let both = (422, "[\"message_blank\",\"message_exceed_max_chars\"]");
    assert_eq!(world.post(&alice, &body).await.brief(), both);
    assert_eq!(world.rows(), rows);
}

#[tokio::test]
async fn white_space_around_a_text_counts_and_stays() {
    let world = World::new().await;
    let (alice, _, group) = conversation(&world).await;
    for text in [" x", "x ", "\n\nx\n", "\u{3000}x\u{a0}", &format!("x{}", " ".repeat(1023))] {
        let body = json!({"message_group_uuid": group, "message": text});
        assert_eq!(world.post(&alice, &body).await.ok()["message"], json!(text), "{text:?}");
    }
    let body = json!({"message_group_uuid": group, "message": format!("x{}", " ".repeat(1024))});
    assert_eq!(world.post(&alice, &body).await.brief(), TOO_LONG);
}

#[tokio::test]
async fn an_inbox_shows_480_bytes_and_an_ellipsis_for_the_rest() {
    let world = World::new().await;
    let alice = world.user("alice").await;
    let cases = [
        ("a".repeat(480), "a".repeat(480)),
        ("a".repeat(481), "a".repeat(477) + "…"),
        ("é".repeat(240), "é".repeat(240)),
        ("é".repeat(241), "é".repeat(238) + "…"),
        ("😀".repeat(120), "😀".repeat(120)),
        ("😀".repeat(1024), "😀".repeat(119) + "…"),
        ("…".repeat(160), "…".repeat(160)),
        ("…".repeat(161), "…".repeat(160)),
    ];
    for (index, (text, shown)) in cases.into_iter().enumerate() {
        let bob = world.user("bob").await;
        world.clock.advance(TimeDelta::seconds(1));
        // Once as the message that opens the group, and once as a message to which the stream handler moves it.
        world.send(&alice, &bob, &text).await;
        assert_eq!(newest_text(&world, &alice).await, shown, "case {index}");
        assert_eq!(newest_text(&world, &bob).await, shown, "case {index}");
        world.clock.advance(TimeDelta::seconds(1));
        world.send(&bob, &alice, "in between").await;
        world.deliver_all().await;
        assert_eq!(newest_text(&world, &alice).await, "in between", "case {index}");
        world.clock.advance(TimeDelta::seconds(1));
        world.send(&bob, &alice, &text).await;
        world.deliver_all().await;
        assert_eq!(newest_text(&world, &alice).await, shown, "case {index}, moved");
        assert_eq!(newest_text(&world, &bob).await, shown, "case {index}, moved");
    }
}

/// Text that the first group in a user's inbox shows.
async fn newest_text(world: &World, user: &TestUser) -> String {
    let groups = world.get(user, "/api/message_groups?limit=1").await.ok();
    groups[0]["message"].as_str().unwrap().to_owned()
}

/// A body of exactly this many bytes.
fn body_of(bytes: usize, group: &str) -> String {
    let empty = json!({"message_group_uuid": group, "message": "x", "padding": ""}).to_string();
    json!({"message_group_uuid": group, "message": "x", "padding": "p".repeat(bytes - empty.len())})
        .to_string()
}

#[tokio::test]
async fn a_body_has_up_to_16_kib_in_either_encoding() {
    const LIMIT: usize = 16 * 1024;
    let world = World::new().await;
    let (alice, _, group) = conversation(&world).await;
    for headers in [
        // Text.
        &[("content-type", "application/json")][..],
        // Base64, which is a third longer.
        &[],
        &[("content-type", "application/octet-stream")],
        &[("content-type", "application/json; charset=utf-16")],
    ] {
        let body = body_of(LIMIT, &group);
        assert_eq!(body.len(), LIMIT);
        assert_eq!(world.post_with(&alice, headers, body).await.ok()["message"], "x");
        let answer = world.post_with(&alice, headers, body_of(LIMIT + 1, &group)).await;
        assert_eq!(answer.brief(), (413, "[\"body_too_large\"]"), "{headers:?}");
    }
    // The limit counts bytes, not characters.
    let wide = json!({"message_group_uuid": group, "message": "x", "padding": "é".repeat(LIMIT / 2)});
    assert_eq!(world.post(&alice, &wide).await.brief(), (413, "[\"body_too_large\"]"));
}

/// A valid token of `user` that makes an `Authorization` header of exactly this many bytes.
fn header_of(bytes: usize, world: &World, user: &TestUser) -> String {
    // Three parts with dots between, the last a signature of 256 bytes. No base64 text has a length of 4n +
    // 1, so padding only the claims does not reach every length.
    let base64 = |text: &Value| (text.to_string().len() * 4).div_ceil(3);
    for header_padding in 0..3 {
        let mut header = world.issuer.header();
        header["cty"] = json!("J".repeat(header_padding));
        for claims_padding in 0..bytes {
            let mut claims = world.issuer.claims(&user.subject, &user.user.handle);
            claims["padding"] = json!("p".repeat(claims_padding));
            if "Bearer ".len() + base64(&header) + 1 + base64(&claims) + 1 + 342 == bytes {
                return format!("Bearer {}", world.issuer.sign(&header, &claims).unwrap());
            }
        }
    }
    panic!("no padding makes {bytes} bytes")
}

#[tokio::test]
async fn an_authorization_header_has_up_to_8_kib() {
    const LIMIT: usize = 8 * 1024;
    let world = World::new().await;
    let alice = world.user("alice").await;
    for (bytes, status) in [(LIMIT - 1, 200), (LIMIT, 200), (LIMIT + 1, 401)] {
        let header = header_of(bytes, &world, &alice);
        assert_eq!(header.len(), bytes);
        let mut request = request(Method::GET, "/api/message_groups", &alice, &[], Body::empty());
        request.headers_mut().insert("authorization", header.parse().unwrap());
        assert_eq!(world.request(request).await.brief().0, status, "{bytes} bytes");
    }
}

#[tokio::test]
async fn an_idempotency_key_is_1_to_64_visible_ascii_characters() {
    let world = World::new().await;
    let (alice, _, group) = conversation(&world).await;
    let body = json!({"message_group_uuid": group, "message": "x"}).to_string();
    for good in ["k", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", &"k".repeat(64)] {
        world.post_with(&alice, &[("idempotency-key", good)], body.clone()).await.ok();
    }
    let rows = world.rows();
    let long = "k".repeat(65);
    for bad in [&b""[..], b" ", b"a b", b"a\tb", "é".as_bytes(), b"\xff", long.as_bytes()] {
        let mut request = request(Method::POST, "/api/messages", &alice, &[], Body::from(body.clone()));
        request.headers_mut().insert("idempotency-key", HeaderValue::from_bytes(bad).unwrap());
        let answer = world.request(request).await;
        assert_eq!(answer.brief(), (422, "[\"idempotency_key_invalid\"]"), "{bad:?}");
    }
    assert_eq!(world.rows(), rows);
}
