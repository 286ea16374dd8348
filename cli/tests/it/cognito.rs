use std::sync::atomic::Ordering;

use insta::assert_snapshot;
use serde_json::{Value, json};
use uuid::Uuid;

use self::pool::{Cognito, POOL, sub, user};
use crate::{
    db::{failed, query},
    machine::{Machine, Run},
};

mod pool;

/// Makes rows without a sub, with the addresses of the pool's users.
async fn insert(machine: &Machine, handles: &[&str]) {
    // Listed after the demo users, which are ordered by uuid.
    let row = |(number, handle): (usize, &&str)| {
        let uuid = Uuid::from_u128(u128::MAX - 1_000 + u128::try_from(number).unwrap());
        format!("('{uuid}', '{handle}', 'x', lower('{handle}@example.com'))")
    };
    let rows = handles.iter().enumerate().map(row).collect::<Vec<_>>().join(", ");
    query(machine, &format!("INSERT INTO public.users (uuid, handle, display_name, email) VALUES {rows}"))
        .await;
}

/// Each handle with its sub.
async fn subs(machine: &Machine) -> Vec<String> {
    let statement =
        "SELECT handle || ' ' || coalesce(cognito_user_id, '-') FROM public.users ORDER BY lower(handle)";
    query(machine, statement).await
}

async fn sync(machine: &Machine, cognito: &Cognito, arguments: &[&str]) -> Run {
    let command = ["--url", machine.stack().url(), "cognito", "sync-user-ids"];
    cognito.cruddur(&[&command, arguments].concat()).await
}

#[tokio::test]
async fn users_are_listed_to_the_last_page() {
    let cognito =
        Cognito::start((0..130).map(|number| user(&format!("user{number}"), number)).collect()).await;
    let run = cognito.cruddur(&["cognito", "list-users", "--output", "json"]).await;
    let handles = run.ok().lines().map(|line| {
        let user: Value = serde_json::from_str(line).unwrap();
        user["handle"].as_str().unwrap().to_owned()
    });
    assert_eq!(
        handles.collect::<Vec<_>>(),
        (0..130).map(|number| format!("user{number}")).collect::<Vec<_>>()
    );
    assert_eq!(cognito.pool.calls.load(Ordering::Relaxed), 44);
}

#[tokio::test]
async fn missing_attributes_of_a_user_are_listed_as_absent() {
    let mut disabled = user("lore", 3);
    disabled["Enabled"] = false.into();
    let cognito = Cognito::start(vec![user("sunyoung", 1), user("", 2), disabled]).await;
    assert_snapshot!(cognito.cruddur(&["cognito", "list-users"]).await.ok(), @"
    sunyoung                              Name of sunyoung          CONFIRMED                        sunyoung@example.com
    00000002-0000-4000-8000-00000000000a  -                         CONFIRMED                        2@example.com
    lore                                  Name of lore              CONFIRMED, disabled              lore@example.com
    ");
    let run = cognito.cruddur(&["cognito", "list-users", "--output", "json"]).await;
    assert_snapshot!(run.ok(), @r#"
    {"handle":"sunyoung","sub":"00000001-0000-4000-8000-00000000000a","status":"CONFIRMED","enabled":true,"name":"Name of sunyoung","email":"sunyoung@example.com","email_verified":true}
    {"handle":null,"sub":"00000002-0000-4000-8000-00000000000a","status":"CONFIRMED","enabled":true,"name":null,"email":"2@example.com","email_verified":true}
    {"handle":"lore","sub":"00000003-0000-4000-8000-00000000000a","status":"CONFIRMED","enabled":false,"name":"Name of lore","email":"lore@example.com","email_verified":true}
    "#);
}

#[tokio::test]
async fn throttled_calls_are_retried() {
    let cognito = Cognito::start(vec![user("sunyoung", 1)]).await;
    cognito.fail(4, 400, "TooManyRequestsException");
    cognito.cruddur(&["cognito", "list-users"]).await.ok();
    assert_eq!(cognito.pool.calls.load(Ordering::Relaxed), 5);
}

#[tokio::test]
async fn without_a_pool_the_error_says_how_to_name_one() {
    let cognito = Cognito::start(vec![]).await;
    for name in ["list-users", "sync-user-ids", "jwks"] {
        let run = cognito.cruddur_with(&["cognito", name], true).await;
        assert_eq!(failed(&run), "error: set --user-pool or AWS_COGNITO_USER_POOL_ID\n", "{name}");
    }
}

#[tokio::test]
async fn a_pool_that_does_not_exist_is_described() {
    let cognito = Cognito::start(vec![]).await;
    let url = ["--cognito-url", &cognito.url, "--user-pool", "eu-central-1_Other"];
    let run = cognito.cruddur_with(&[&["cognito", "list-users"], url.as_slice()].concat(), true).await;
    assert_snapshot!(failed(&run), @"
    error: Cognito at [cognito] has no user pool eu-central-1_Other

      tip: check its id and account
    ");
}

#[tokio::test]
async fn refused_credentials_are_described() {
    let cognito = Cognito::start(vec![]).await;
    cognito.fail(1, 400, "AccessDeniedException");
    assert_snapshot!(failed(&cognito.cruddur(&["cognito", "list-users"]).await), @"
    error: Cognito at [cognito] denied access (in words)

      tip: grant the permission, or use other credentials (AWS_PROFILE)
    ");
    cognito.fail(1, 400, "InvalidSignatureException");
    assert_snapshot!(failed(&cognito.cruddur(&["cognito", "list-users"]).await), @"
    error: Cognito at [cognito] rejected the credentials (in words)

      tip: check AWS_PROFILE, or sign in again
    ");
}

#[tokio::test]
async fn an_answer_that_is_not_cognitos_is_described() {
    let cognito = Cognito::start(vec![]).await;
    let proxy = format!("{}/proxy", cognito.url);
    let pool = ["cognito", "list-users", "--cognito-url", &proxy, "--user-pool", POOL];
    assert_snapshot!(failed(&cognito.cruddur_with(&pool, true).await), @"
    error: unexpected 502 response from Cognito at [cognito]/proxy (not an AWS error document)

      tip: is a proxy intercepting the request?
    ");
}

#[tokio::test]
async fn missing_credentials_are_described() {
    let cognito = Cognito::start(vec![]).await;
    let pool = ["cognito", "list-users", "--cognito-url", &cognito.url, "--user-pool", POOL];
    assert_snapshot!(failed(&cognito.cruddur_with(&pool, false).await), @"
    error: no AWS credentials

      tip: set AWS_PROFILE, or run `aws configure`
    ");
}

#[tokio::test]
async fn a_cognito_that_can_not_be_reached_is_described() {
    let cognito = Cognito::start(vec![]).await;
    let pool = ["cognito", "list-users", "--cognito-url", "http://127.0.0.1:9", "--user-pool", POOL];
    assert_snapshot!(failed(&cognito.cruddur_with(&pool, true).await), @"
    error: Cognito at http://127.0.0.1:9 can't be reached (dispatch failure: io error: client error (Connect): tcp connect error: Connection refused (os error 111))

      tip: is it running, and is the URL right?
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn subs_are_written_by_handle_and_a_second_run_changes_nothing() {
    let machine = Machine::start().await;
    insert(&machine, &["Ann", "ben"]).await;
    let cognito = Cognito::start(vec![user("ANN", 1), user("ben", 2), user("cid", 3)]).await;
    let run = sync(&machine, &cognito, &[]).await;
    assert_snapshot!(run.ok(), @"
    ANN                             00000001-0000-4000-8000-00000000000a  set
    ben                             00000002-0000-4000-8000-00000000000a  set
    cid                             00000003-0000-4000-8000-00000000000a  no row; use --create
    sunyoung                        -                                     no pool user for this row
    scarlett                        -                                     no pool user for this row
    andrew                          -                                     no pool user for this row
    bayko                           -                                     no pool user for this row
    lore                            -                                     no pool user for this row
    mock                            -                                     no pool user for this row
    pool users 3: set 2, overwritten 0, created 0, unchanged 0, conflicts 0, without a row 1, skipped 0; rows without a pool user: 6
    ");
    let after = subs(&machine).await;
    assert_eq!(after[1], format!("Ann {}", sub(1)));
    assert_eq!(after[3], format!("ben {}", sub(2)));
    let run = sync(&machine, &cognito, &[]).await;
    assert_snapshot!(run.ok().lines().last().unwrap(), @"pool users 3: set 0, overwritten 0, created 0, unchanged 2, conflicts 0, without a row 1, skipped 0; rows without a pool user: 6");
    assert_eq!(subs(&machine).await, after);
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_sub_is_replaced_only_if_overwrite_names_its_handle() {
    let machine = Machine::start().await;
    let before = subs(&machine).await;
    let cognito = Cognito::start(vec![user("sunyoung", 1), user("lore", 2)]).await;
    let run = sync(&machine, &cognito, &["--overwrite", "bayko"]).await;
    assert_eq!(run.code, 3);
    assert_snapshot!(run.stdout, @"
    sunyoung                        00000001-0000-4000-8000-00000000000a  conflict: the row has 5a1e0000-0000-4000-8000-000000000001; use --overwrite sunyoung to replace it
    lore                            00000002-0000-4000-8000-00000000000a  conflict: the row has 5a1e0000-0000-4000-8000-000000000005; use --overwrite lore to replace it
    scarlett                        -                                     no pool user for this row
    andrew                          -                                     no pool user for this row
    bayko                           -                                     no pool user for this row
    mock                            -                                     no pool user for this row
    pool users 2: set 0, overwritten 0, created 0, unchanged 0, conflicts 2, without a row 0, skipped 0; rows without a pool user: 4
    ");
    assert_snapshot!(run.stderr, @"--overwrite bayko has no effect: there is no conflict");
    assert_eq!(subs(&machine).await, before);

    let run = sync(&machine, &cognito, &["--overwrite", "@Lore"]).await;
    assert_eq!(run.code, 3);
    let after = subs(&machine).await;
    let changed = before.iter().zip(&after).filter(|(old, new)| old != new).map(|(_, new)| new);
    assert_eq!(changed.collect::<Vec<_>>(), [&format!("lore {}", sub(2))]);
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_with_another_address_is_written_only_if_its_handle_is_trusted() {
    let machine = Machine::start().await;
    query(
        &machine,
        "INSERT INTO public.users (handle, display_name, email, cognito_user_id) VALUES
         ('ann', 'x', 'somebody.else@mail.example', NULL), ('ben', 'x', NULL, NULL), ('cid', 'x', 'cid@example.com', NULL),
         ('gone', 'deleted user', NULL, 'deleted:0195b5a0-0000-7000-8000-0000000000aa')",
    )
    .await;
    let before = subs(&machine).await;
    let mut unverified = user("cid", 3);
    unverified["Attributes"][2]["Value"] = "false".into();
    let cognito = Cognito::start(vec![user("ann", 1), user("ben", 2), unverified, user("gone", 4)]).await;
    let run = sync(&machine, &cognito, &["--trust", "gone", "--overwrite", "gone"]).await;
    assert_eq!(run.code, 3);
    assert_snapshot!(run.stdout.lines().take(4).collect::<Vec<_>>().join("\n"), @"
    ann                             00000001-0000-4000-8000-00000000000a  conflict: the row has s***@m***.example, the pool user a***@e***.com, verified; use --trust ann to accept it
    ben                             00000002-0000-4000-8000-00000000000a  conflict: the row has no address, the pool user b***@e***.com, verified; use --trust ben to accept it
    cid                             00000003-0000-4000-8000-00000000000a  conflict: the row has c***@e***.com, the pool user c***@e***.com, not verified; use --trust cid to accept it
    gone                            00000004-0000-4000-8000-00000000000a  no row; use --create
    ");
    assert_snapshot!(run.stderr, @"
    --overwrite gone has no effect: there is no conflict
    --trust gone has no effect: there is no conflict
    ");
    assert_eq!(subs(&machine).await, before);

    let run = sync(&machine, &cognito, &["--trust", "@Ann", "--create"]).await;
    assert_eq!(run.code, 3);
    let after = subs(&machine).await;
    let changed = after.iter().filter(|row| !before.contains(row)).collect::<Vec<_>>();
    assert_eq!(changed, [&format!("ann {}", sub(1)), &format!("user-00000004 {}", sub(4))]);
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_users_with_one_handle_neither_gets_the_row() {
    let machine = Machine::start().await;
    insert(&machine, &["ann"]).await;
    let before = subs(&machine).await;
    let cognito = Cognito::start(vec![user("ann", 1), user("Ann", 2)]).await;
    let run = sync(&machine, &cognito, &["--create", "--overwrite", "ann"]).await;
    assert_eq!(run.code, 3);
    assert_eq!(subs(&machine).await, before);
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_users_are_created_only_with_create() {
    let machine = Machine::start().await;
    insert(&machine, &["taken"]).await;
    let mut unconfirmed = user("dora", 4);
    unconfirmed["UserStatus"] = "UNCONFIRMED".into();
    let cognito =
        Cognito::start(vec![user("cid", 1), user("", 2), user("not a handle", 3), unconfirmed]).await;
    let before = subs(&machine).await;
    assert_snapshot!(sync(&machine, &cognito, &["--create", "--dry-run"]).await.ok(), @"
    cid                             00000001-0000-4000-8000-00000000000a  would be created
    -                               00000002-0000-4000-8000-00000000000a  would be created
    not a handle                    00000003-0000-4000-8000-00000000000a  would be created
    dora                            00000004-0000-4000-8000-00000000000a  skipped: not confirmed
    sunyoung                        -                                     no pool user for this row
    scarlett                        -                                     no pool user for this row
    andrew                          -                                     no pool user for this row
    bayko                           -                                     no pool user for this row
    lore                            -                                     no pool user for this row
    mock                            -                                     no pool user for this row
    taken                           -                                     no pool user for this row
    nothing was written: pool users 4: set 0, overwritten 0, created 3, unchanged 0, conflicts 0, without a row 0, skipped 1; rows without a pool user: 7
    ");
    assert_eq!(subs(&machine).await, before);
    assert_snapshot!(sync(&machine, &cognito, &["--create"]).await.ok(), @"
    cid                             00000001-0000-4000-8000-00000000000a  created as cid
    -                               00000002-0000-4000-8000-00000000000a  created as user-00000002
    not a handle                    00000003-0000-4000-8000-00000000000a  created as user-00000003
    dora                            00000004-0000-4000-8000-00000000000a  skipped: not confirmed
    sunyoung                        -                                     no pool user for this row
    scarlett                        -                                     no pool user for this row
    andrew                          -                                     no pool user for this row
    bayko                           -                                     no pool user for this row
    lore                            -                                     no pool user for this row
    mock                            -                                     no pool user for this row
    taken                           -                                     no pool user for this row
    pool users 4: set 0, overwritten 0, created 3, unchanged 0, conflicts 0, without a row 0, skipped 1; rows without a pool user: 7
    ");
    let after = subs(&machine).await;
    assert_eq!(after.len(), before.len() + 3);
    let run = sync(&machine, &cognito, &["--create"]).await;
    assert_snapshot!(run.ok().lines().last().unwrap(), @"pool users 4: set 0, overwritten 0, created 0, unchanged 3, conflicts 0, without a row 0, skipped 1; rows without a pool user: 7");
    assert_eq!(subs(&machine).await, after);
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_whose_sub_is_in_another_row_keeps_that_row() {
    let machine = Machine::start().await;
    let cognito = Cognito::start(vec![user("first", 1)]).await;
    sync(&machine, &cognito, &["--create"]).await.ok();
    cognito.set_users(vec![user("Renamed", 1)]);
    let run = sync(&machine, &cognito, &["--create", "--output", "json"]).await;
    assert_snapshot!(run.ok().lines().next().unwrap(), @r#"{"handle":"Renamed","sub":"00000001-0000-4000-8000-00000000000a","result":"other_handle","detail":"unchanged: the row has another handle, first","dry_run":false}"#);
    assert_snapshot!(run.ok().lines().last().unwrap(), @r#"{"result":"summary","dry_run":false,"pool_users":1,"set":0,"overwritten":0,"created":0,"unchanged":1,"conflicts":0,"without_row":0,"left_out":0,"rows_without_pool_user":6}"#);
    machine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn setup_with_a_pool_ends_with_its_users() {
    let machine = Machine::start().await;
    let cognito = Cognito::start(vec![user("sunyoung", 1)]).await;
    let run = cognito.cruddur(&["--url", machine.stack().url(), "db", "setup"]).await;
    assert_eq!(run.code, 3);
    assert_eq!(
        run.stdout.lines().nth(3).unwrap().split_whitespace().take(3).collect::<Vec<_>>(),
        ["sunyoung", &sub(1), "conflict:"]
    );
    machine.stop().await;
}

#[tokio::test]
async fn the_key_set_is_printed_on_one_line() {
    let cognito = Cognito::start(vec![]).await;
    let modulus = format!("{}w", "_".repeat(341));
    let key_set = json!({"keys": [
        {"kty": "RSA", "kid": "one", "use": "sig", "alg": "RS256", "n": modulus, "e": "AQAB"}
    ]});
    *cognito.pool.key_set.lock().unwrap() = Some(serde_json::to_string_pretty(&key_set).unwrap());
    // No credentials are needed for what is public.
    let arguments = ["cognito", "jwks", "--cognito-url", &cognito.url, "--user-pool", POOL];
    let run = cognito.cruddur_with(&arguments, false).await;
    assert_eq!(run.ok(), format!("{key_set}\n"));
}

#[tokio::test]
async fn an_answer_without_a_key_set_is_described() {
    let cognito = Cognito::start(vec![]).await;
    assert_snapshot!(failed(&cognito.cruddur(&["cognito", "jwks"]).await), @"
    error: [cognito]/eu-central-1_AbCdEfGhI/.well-known/jwks.json returned 404 Not Found

      tip: check the pool's id
    ");
    *cognito.pool.key_set.lock().unwrap() = Some("<html>Please sign in</html>".to_owned());
    assert_snapshot!(failed(&cognito.cruddur(&["cognito", "jwks"]).await), @"
    error: the response of [cognito]/eu-central-1_AbCdEfGhI/.well-known/jwks.json is not a key set (not a JSON Web Key Set)

      tip: is a proxy intercepting the request?
    ");
    *cognito.pool.key_set.lock().unwrap() = Some(json!({"keys": []}).to_string());
    assert_snapshot!(failed(&cognito.cruddur(&["cognito", "jwks"]).await), @"
    error: the response of [cognito]/eu-central-1_AbCdEfGhI/.well-known/jwks.json is not a key set (no key of the set is an RSA key of at least 2048 bits for signatures)

      tip: is a proxy intercepting the request?
    ");
    let url = ["cognito", "jwks", "--cognito-url", "http://127.0.0.1:9", "--user-pool", POOL];
    assert_snapshot!(failed(&cognito.cruddur_with(&url, true).await), @"
    error: http://127.0.0.1:9/eu-central-1_AbCdEfGhI/.well-known/jwks.json can't be reached (error sending request: client error (Connect): tcp connect error: Connection refused (os error 111))

      tip: check the region
    ");
}
