//! `GET /api/users/{handle}/short`

use testing::World;

#[tokio::test]
async fn anybody_may_see_a_users_names() {
    let world = World::new().await;
    let answer = world.get_anonymously("/api/users/@sunyoung/short").await;
    insta::assert_debug_snapshot!(answer, @r#"
    200
    content-type: application/json
    {"uuid":"0195b5a0-0000-7000-8000-000000000001","handle":"sunyoung","display_name":"Sunyoung Lee"}
    "#);
}

#[tokio::test]
async fn a_bad_token_makes_no_difference() {
    let world = World::new().await;
    let mut sunyoung = world.demo_user("sunyoung");
    let path = "/api/users/@sunyoung/short";
    let answer = world.get(&sunyoung, path).await;
    sunyoung.token = "nonsense".to_owned();
    assert_eq!(world.get(&sunyoung, path).await.brief(), answer.brief());
    assert_eq!(world.get_anonymously(path).await.brief(), answer.brief());
}

#[tokio::test]
async fn a_handle_is_found_with_or_without_its_at_sign_in_any_case_and_encoded() {
    let world = World::new().await;
    let answer = world.get_anonymously("/api/users/bayko/short").await;
    assert_eq!(answer.ok()["handle"], "bayko");
    for handle in [
        "@bayko",
        "BAYKO",
        "@Bayko",
        "%40bayko",
        "%62ayko",
        // A local emulator passes this on undecoded.
        "%2540bayko",
    ] {
        let found = world.get_anonymously(&format!("/api/users/{handle}/short")).await;
        assert_eq!(found.brief(), answer.brief(), "{handle}");
    }
}

#[tokio::test]
async fn a_malformed_handle_is_an_unknown_one() {
    let world = World::new().await;
    let unknown = world.get_anonymously("/api/users/@nobody/short").await;
    assert_eq!(unknown.brief(), (404, "[\"user_not_found\"]"));
    for handle in [
        "@",
        "@@bayko",
        "%40%40bayko",
        "bay%20ko",
        "bayko%20",
        "bayko%00",
        "bayko%0A",
        "bayko'--",
        "%25",
        "%FF",
        "b%C3%A4yko",
        // KELVIN SIGN, whose lower case is `k`.
        "bay%E2%84%AAo",
        "0123456789012345678901234567890",
    ] {
        let answer = world.get_anonymously(&format!("/api/users/{handle}/short")).await;
        assert_eq!(format!("{answer:?}"), format!("{unknown:?}"), "{handle}");
    }
}

#[tokio::test]
async fn a_handle_has_up_to_30_characters() {
    let world = World::new().await;
    let handle = "a.b_c-D9-012345678901234567890";
    let insert = format!(
        "INSERT INTO users (handle, display_name) VALUES ('{handle}', 'Long') ON CONFLICT DO NOTHING"
    );
    world.parts.postgres.query(&insert, &[]).await.unwrap();
    for (path, status) in [
        (format!("/api/users/{handle}/short"), 200),
        (format!("/api/users/@{handle}/short"), 200),
        (format!("/api/users/@{handle}1/short"), 404),
    ] {
        assert_eq!(world.get_anonymously(&path).await.brief().0, status, "{path}");
    }
}
