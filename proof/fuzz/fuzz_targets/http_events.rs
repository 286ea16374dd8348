//! API Gateway events for every function behind the APIs, with `ACCESS_TOKEN` in place of a valid token. Every
//! JSON object gets a response of the wire format (design, section 5): never a 500, and a 503 only because
//! users cannot be looked up.
#![no_main]

use std::sync::LazyLock;

use aws_config::{BehaviorVersion, SdkConfig};
use cruddur::{
    block::Blocks,
    config::EditWindow,
    connection::Connections,
    dynamodb::{CallLimits, client},
    event::{ConnectEvent, Event},
    event_log::EventLog,
    export::Export,
    member_state::MemberStates,
    message::Messages,
    message_group::Inbox,
    message_request::MessageRequests,
    random::Random,
    table::Table,
};
use fuzz::{GOOD_TOKEN, block_on, clock, users, verifier};
use lambda_http::{Body, Request, Response};
use lambda_runtime::{Context, LambdaEvent};
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

/// A table that is never called: users are looked up first.
fn table() -> Table {
    let sdk = SdkConfig::builder().behavior_version(BehaviorVersion::latest()).build();
    Table::new(client(&sdk, CallLimits::READ), "cruddur-messages")
}

fn random() -> Random {
    Random::from_fn(|bytes| bytes.fill(0))
}

/// The functions behind the API.
struct Functions {
    list_message_groups: list_message_groups::App,
    list_messages: list_messages::App,
    create_message: create_message::App,
    show_user: show_user::App,
    search_users: search_users::App,
    block_user: block_user::App,
    list_blocks: list_blocks::App,
    list_message_requests: list_message_requests::App,
    answer_message_request: answer_message_request::App,
    export_me: export_me::App,
    update_message_group: update_message_group::App,
    create_report: create_report::App,
    show_me: show_me::App,
    update_me: update_me::App,
    erase_me: erase_me::App,
    list_devices: list_devices::App,
    sign_out: sign_out::App,
    show_message_group: show_message_group::App,
    count_unread: count_unread::App,
    mark_read: mark_read::App,
    change_message: change_message::App,
    react_to_message: react_to_message::App,
    list_events: list_events::App,
    open_connection: open_connection::App,
}

static FUNCTIONS: LazyLock<Functions> = LazyLock::new(|| Functions {
    list_message_groups: list_message_groups::App {
        verifier: verifier(),
        users: users(),
        inbox: Inbox::new(table(), random()),
    },
    list_messages: list_messages::App {
        verifier: verifier(),
        users: users(),
        messages: Messages::new(table(), clock(), random(), None),
    },
    create_message: create_message::App {
        verifier: verifier(),
        users: users(),
        messages: Messages::new(table(), clock(), random(), None),
    },
    show_user: show_user::App { users: users() },
    search_users: search_users::App { verifier: verifier(), users: users() },
    block_user: block_user::App {
        verifier: verifier(),
        users: users(),
        blocks: Blocks::new(table(), clock(), random()),
    },
    list_blocks: list_blocks::App {
        verifier: verifier(),
        users: users(),
        blocks: Blocks::new(table(), clock(), random()),
    },
    list_message_requests: list_message_requests::App {
        verifier: verifier(),
        users: users(),
        inbox: Inbox::new(table(), random()),
    },
    answer_message_request: answer_message_request::App {
        verifier: verifier(),
        users: users(),
        requests: MessageRequests::new(table(), clock(), random()),
    },
    export_me: export_me::App {
        verifier: verifier(),
        users: users(),
        export: Export::new(&table(), &clock(), &random()),
    },
    update_message_group: update_message_group::App {
        verifier: verifier(),
        users: users(),
        states: MemberStates::new(table(), clock(), random()),
    },
    create_report: create_report::App {
        verifier: verifier(),
        users: users(),
        messages: Messages::new(table(), clock(), random(), None),
    },
    show_me: show_me::App { verifier: verifier(), users: users() },
    update_me: update_me::App { verifier: verifier(), users: users() },
    erase_me: erase_me::App { verifier: verifier(), users: users() },
    list_devices: list_devices::App {
        verifier: verifier(),
        users: users(),
        connections: Connections::new(table()),
        clock: clock(),
    },
    sign_out: sign_out::App { verifier: verifier(), users: users(), connections: Connections::new(table()) },
    show_message_group: show_message_group::App {
        verifier: verifier(),
        users: users(),
        inbox: Inbox::new(table(), random()),
        states: MemberStates::new(table(), clock(), random()),
    },
    count_unread: count_unread::App {
        verifier: verifier(),
        users: users(),
        inbox: Inbox::new(table(), random()),
    },
    mark_read: mark_read::App {
        verifier: verifier(),
        users: users(),
        states: MemberStates::new(table(), clock(), random()),
    },
    change_message: change_message::App {
        verifier: verifier(),
        users: users(),
        messages: Messages::new(table(), clock(), random(), None),
        edit_window: EditWindow::DEFAULT,
    },
    react_to_message: react_to_message::App {
        verifier: verifier(),
        users: users(),
        messages: Messages::new(table(), clock(), random(), None),
    },
    list_events: list_events::App {
        verifier: verifier(),
        users: users(),
        log: EventLog::new(table(), clock(), random()),
    },
    open_connection: open_connection::App {
        verifier: verifier(),
        users: users(),
        connections: Connections::new(table()),
        clock: clock(),
    },
});

/// Codes with their statuses, in the order of the table in the design (section 5).
const CODES: [(u16, &str); 24] = [
    (400, "body_invalid"),
    (404, "user_not_found"),
    (413, "body_too_large"),
    (422, "message_group_uuid_blank"),
    (422, "message_group_uuid_invalid"),
    (422, "user_uuid_invalid"),
    (422, "user_reciever_handle_blank"),
    (422, "message_blank"),
    (422, "message_exceed_max_chars"),
    (422, "limit_invalid"),
    (422, "cursor_invalid"),
    (422, "device_invalid"),
    (422, "idempotency_key_invalid"),
    (422, "message_uuid_invalid"),
    (422, "created_at_invalid"),
    (422, "reaction_invalid"),
    (422, "reply_to_invalid"),
    (422, "display_name_invalid"),
    (422, "messages_from_invalid"),
    (422, "prefix_invalid"),
    (422, "muted_until_invalid"),
    (422, "cleared_invalid"),
    (422, "reason_invalid"),
    (503, "unavailable"),
];

/// Checks the wire format of a response given before any look-up.
fn check_answer(answer: &Response<Body>) {
    let status = answer.status().as_u16();
    let header = |name| answer.headers().get(name).and_then(|value| value.to_str().ok());
    let Body::Text(body) = answer.body() else { panic!("no text: {answer:?}") };
    assert_eq!(header("content-type"), Some("application/json"), "{answer:?}");
    if status == 401 {
        assert_eq!(body, "{}");
        assert_eq!(header("www-authenticate"), Some("Bearer error=\"invalid_token\""));
        return;
    }
    let codes: Vec<String> = serde_json::from_str(body).expect("an array of codes");
    let places = codes.iter().map(|code| CODES.iter().position(|known| *known == (status, code)));
    let places: Option<Vec<usize>> = places.collect();
    // Each code appears once, in the table's order.
    assert!(
        places.is_some_and(|places| !places.is_empty() && places.is_sorted_by(|a, b| a < b)),
        "{answer:?}"
    );
    assert_eq!(header("retry-after"), (status == 503).then_some("1"), "{answer:?}");
}

/// The answer to the event as that of a handshake.
async fn connect(mut event: Value) -> Response<Body> {
    // API Gateway always names the connection.
    event["requestContext"] = json!({"connectionId": "ABC=", "connectedAt": 1_795_339_800_000_i64});
    let event: ConnectEvent = serde_json::from_value(event).expect("an event");
    let event = LambdaEvent::new(event, Context::default());
    let answer = open_connection::handler(&FUNCTIONS.open_connection, event).await;
    let mut response = Response::new(answer.body.unwrap_or(Body::Empty));
    *response.status_mut() =
        u16::try_from(answer.status_code).ok().and_then(|status| status.try_into().ok()).expect("a status");
    *response.headers_mut() = answer.headers;
    response
}

fuzz_target!(|event: &str| {
    let event = event.replace("ACCESS_TOKEN", &GOOD_TOKEN);
    let Ok(event @ Value::Object(_)) = serde_json::from_str(&event) else { return };
    let request = || Request::from(serde_json::from_value::<Event>(event.clone()).expect("an event"));
    let answers = block_on(async {
        [
            list_message_groups::handler(&FUNCTIONS.list_message_groups, request()).await,
            list_messages::handler(&FUNCTIONS.list_messages, request()).await,
            create_message::handler(&FUNCTIONS.create_message, request()).await,
            show_user::handler(&FUNCTIONS.show_user, request()).await,
            search_users::handler(&FUNCTIONS.search_users, request()).await,
            block_user::handler(&FUNCTIONS.block_user, request()).await,
            list_blocks::handler(&FUNCTIONS.list_blocks, request()).await,
            list_message_requests::handler(&FUNCTIONS.list_message_requests, request()).await,
            answer_message_request::handler(&FUNCTIONS.answer_message_request, request()).await,
            export_me::handler(&FUNCTIONS.export_me, request()).await,
            update_message_group::handler(&FUNCTIONS.update_message_group, request()).await,
            create_report::handler(&FUNCTIONS.create_report, request()).await,
            show_me::handler(&FUNCTIONS.show_me, request()).await,
            update_me::handler(&FUNCTIONS.update_me, request()).await,
            erase_me::handler(&FUNCTIONS.erase_me, request()).await,
            list_devices::handler(&FUNCTIONS.list_devices, request()).await,
            sign_out::handler(&FUNCTIONS.sign_out, request()).await,
            show_message_group::handler(&FUNCTIONS.show_message_group, request()).await,
            count_unread::handler(&FUNCTIONS.count_unread, request()).await,
            mark_read::handler(&FUNCTIONS.mark_read, request()).await,
            change_message::handler(&FUNCTIONS.change_message, request()).await,
            react_to_message::handler(&FUNCTIONS.react_to_message, request()).await,
            list_events::handler(&FUNCTIONS.list_events, request()).await,
            connect(event.clone()).await,
        ]
    });
    answers.iter().for_each(check_answer);
});
