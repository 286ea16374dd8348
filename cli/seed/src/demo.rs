//! Demo users and conversations.

use chrono::{DateTime, TimeDelta, Utc};
use cruddur::{
    clock::Clock,
    error::Error,
    message::{
        Message, Messages,
        send::{NewMessage, Target},
    },
    message_group::uuid_of_pair,
    page::{Limit, PageRequest},
    postgres::Postgres,
    random::Random,
    table::Table,
    user::{Handle, User},
};
use tokio_postgres::types::Type;
use uuid::{Uuid, uuid};

use crate::{SeedError, inbox::move_inbox_rows};

/// A user of the local stack, with a fixed UUID and sub for examples, events and tests.
#[derive(Clone, Copy, Debug)]
pub struct DemoUser {
    pub uuid: Uuid,
    pub handle: &'static str,
    pub display_name: &'static str,
    pub email: &'static str,
    /// The `sub` of the user's tokens.
    pub cognito_user_id: &'static str,
    /// The handle requested at sign-up, which is in id tokens: the pool does not know the row's handle.
    pub preferred_username: Option<&'static str>,
    /// The name given at sign-up, which is in id tokens.
    pub name: &'static str,
}

impl DemoUser {
    /// A user whose row has the names given at sign-up.
    const fn new(
        uuid: Uuid,
        handle: &'static str,
        display_name: &'static str,
        email: &'static str,
        cognito_user_id: &'static str,
    ) -> Self {
        let preferred_username = Some(handle);
        Self { uuid, handle, display_name, email, cognito_user_id, preferred_username, name: display_name }
    }
}

const SUNYOUNG: DemoUser = DemoUser::new(
    uuid!("0195b5a0-0000-7000-8000-000000000001"),
    "sunyoung",
    "Sunyoung Lee",
    "sunyoung@example.com",
    "5a1e0000-0000-4000-8000-000000000001",
);
const SCARLETT: DemoUser = DemoUser::new(
    uuid!("0195b5a0-0000-7000-8000-000000000002"),
    "scarlett",
    "Scarlett Ho",
    "scarlett@example.com",
    "5a1e0000-0000-4000-8000-000000000002",
);
const ANDREW: DemoUser = DemoUser::new(
    uuid!("0195b5a0-0000-7000-8000-000000000003"),
    "andrew",
    "Andrew Brown",
    "andrew@example.com",
    "5a1e0000-0000-4000-8000-000000000003",
);
const BAYKO: DemoUser = DemoUser::new(
    uuid!("0195b5a0-0000-7000-8000-000000000004"),
    "bayko",
    "Andrew Bayko",
    "bayko@example.com",
    "5a1e0000-0000-4000-8000-000000000004",
);
const LORE: DemoUser = DemoUser::new(
    uuid!("0195b5a0-0000-7000-8000-000000000005"),
    "lore",
    "Lore Winters",
    "lore@example.com",
    "5a1e0000-0000-4000-8000-000000000005",
);
const MOCK: DemoUser = DemoUser::new(
    uuid!("0195b5a0-0000-7000-8000-000000000006"),
    "mock",
    "Mock User",
    "mock@example.com",
    "5a1e0000-0000-4000-8000-000000000006",
);

/// Requested a taken handle.
const REQUEST_TAKEN: DemoUser = DemoUser {
    preferred_username: Some("andrew"),
    ..DemoUser::new(
        uuid!("0195b5a0-0000-7000-8000-000000000007"),
        "user-5a1e0007",
        "Andrew Stone",
        "andrew.stone@example.com",
        "5a1e0007-0000-4000-8000-000000000007",
    )
};

/// Requested an invalid handle.
const REQUEST_MALFORMED: DemoUser = DemoUser {
    preferred_username: Some("Sam Lee"),
    ..DemoUser::new(
        uuid!("0195b5a0-0000-7000-8000-000000000008"),
        "user-5a1e0008",
        "Sam Lee",
        "sam.lee@example.com",
        "5a1e0008-0000-4000-8000-000000000008",
    )
};

/// Requested no handle.
const REQUEST_MISSING: DemoUser = DemoUser {
    preferred_username: None,
    ..DemoUser::new(
        uuid!("0195b5a0-0000-7000-8000-000000000009"),
        "user-5a1e0009",
        "Robin Park",
        "robin.park@example.com",
        "5a1e0009-0000-4000-8000-000000000009",
    )
};

/// Renamed since sign-up.
const RENAMED: DemoUser = DemoUser {
    preferred_username: Some("jo.keller"),
    name: "Jo Keller",
    ..DemoUser::new(
        uuid!("0195b5a0-0000-7000-8000-000000000010"),
        "jo.rivera",
        "Jo Rivera",
        "jo.keller@example.com",
        "5a1e0010-0000-4000-8000-000000000010",
    )
};

pub const DEMO_USERS: [DemoUser; 6] = [SUNYOUNG, SCARLETT, ANDREW, BAYKO, LORE, MOCK];

/// The users of the local stack: the demo users, and four whose handle is not the requested one, for which they need the
/// local token issuer.
pub const LOCAL_USERS: [DemoUser; 10] = [
    SUNYOUNG,
    SCARLETT,
    ANDREW,
    BAYKO,
    LORE,
    MOCK,
    REQUEST_TAKEN,
    REQUEST_MALFORMED,
    REQUEST_MISSING,
    RENAMED,
];

/// A conversation of two demo users, with a message each minute.
struct Conversation {
    pair: [DemoUser; 2],
    lines: &'static [(Speaker, &'static str)],
}

#[derive(Clone, Copy)]
enum Speaker {
    First,
    Second,
}

use Speaker::{First, Second};

const CONVERSATIONS: [Conversation; 2] = [
    Conversation {
        pair: [SUNYOUNG, ANDREW],
        lines: &[
            (Second, "Welcome to Cruddur, Sunyoung! Tell me when something breaks."),
            (First, "Thanks, Andrew. So far it only breaks when I look at it."),
        ],
    },
    Conversation {
        pair: [SUNYOUNG, SCARLETT],
        lines: &[
            (Second, "Have you seen that the inbox no longer empties itself on New Year's Eve?"),
            (First, "I have! And my message from last night came once, although I pressed send three times."),
            (Second, "What did they do?"),
            (First, "The sort key carries the message's uuid now, and a retry brings its own key along."),
            (Second, "And when we both write at the same moment?"),
            (First, "Then both messages stay, and each of us still sees the conversation once 🎉"),
            (Second, "Good. I'll write to you from the train, then, where the network comes and goes."),
        ],
    },
];

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Made {
    /// Created by this call.
    pub made: usize,
    /// Existed before.
    pub were_there: usize,
}

/// Creates missing demo users.
pub async fn ensure_users(postgres: &Postgres) -> Result<Made, Error> {
    ensure(postgres, &DEMO_USERS).await
}

/// Creates missing users of the local stack.
pub async fn ensure_local_users(postgres: &Postgres) -> Result<Made, Error> {
    ensure(postgres, &LOCAL_USERS).await
}

/// Uses one statement, since the embedded PostgreSQL takes a connection for each. A user whose handle or sub is in
/// another row counts as existing.
async fn ensure(postgres: &Postgres, users: &[DemoUser]) -> Result<Made, Error> {
    let statement = include_str!("../../../sql/users/create_many.sql");
    let column = |of: fn(&DemoUser) -> &'static str| users.iter().map(of).collect::<Vec<_>>();
    let parameters = [
        (&users.iter().map(|user| user.uuid).collect::<Vec<_>>() as _, Type::UUID_ARRAY),
        (&column(|user| user.handle) as _, Type::TEXT_ARRAY),
        (&column(|user| user.display_name) as _, Type::TEXT_ARRAY),
        (&column(|user| user.email) as _, Type::TEXT_ARRAY),
        (&column(|user| user.cognito_user_id) as _, Type::TEXT_ARRAY),
    ];
    let rows = postgres.query(statement, &parameters).await?;
    let made = rows.first().map(|row| row.try_get::<_, i64>("made")).transpose().map_err(Error::internal)?;
    let made = made.and_then(|made| usize::try_from(made).ok()).unwrap_or(0);
    Ok(Made { made, were_there: users.len().saturating_sub(made) })
}

/// Sends missing messages of the demo conversations, dated to the minutes before `clock`, and moves inbox rows. Continues
/// an interrupted conversation, and skips one with other messages. Returns counts of messages.
pub async fn ensure_conversations(table: &Table, clock: &Clock, random: &Random) -> Result<Made, SeedError> {
    let total = CONVERSATIONS.iter().map(|conversation| conversation.lines.len()).sum::<usize>();
    let mut minutes_ago = i64::try_from(total).unwrap_or(0);
    let mut messages = Made::default();
    for conversation in &CONVERSATIONS {
        let Conversation { pair: [first, second], lines } = conversation;
        let group_uuid = uuid_of_pair(first.uuid, second.uuid);
        let said = conversation.said(table, random, group_uuid).await?;
        messages.were_there += said.unwrap_or(lines.len());
        for (index, (speaker, line)) in lines.iter().copied().enumerate() {
            let said_at: DateTime<Utc> = clock.now() - TimeDelta::minutes(minutes_ago);
            minutes_ago -= 1;
            if said.is_none_or(|said| index < said) {
                continue;
            }
            let (sender, receiver) = match speaker {
                First => (first, second),
                Second => (second, first),
            };
            let handle: Handle = receiver.handle.parse().map_err(Error::internal)?;
            let new = NewMessage {
                sender: sender.to_user(),
                target: Target::User { handle: Some(handle), receiver: receiver.to_user() },
                text: line.parse().map_err(Error::internal)?,
                idempotency_key: None,
            };
            let clock = Clock::from_fn(move || said_at);
            Messages::new(table.clone(), clock, random.clone(), None).send(new).await?;
            messages.made += 1;
        }
        if said.is_some() {
            move_inbox_rows(table, random, first.uuid, group_uuid).await?;
        }
    }
    Ok(messages)
}

impl Conversation {
    /// The number of stored lines, or `None` if the conversation has other messages.
    async fn said(&self, table: &Table, random: &Random, group_uuid: Uuid) -> Result<Option<usize>, Error> {
        let [first, second] = self.pair;
        // The default limit exceeds any demo conversation.
        let newest = PageRequest { limit: Limit::default(), cursor: None };
        let messages = Messages::new(table.clone(), Clock::system(), random.clone(), None);
        let page = match messages.list(first.uuid, group_uuid, newest).await {
            Ok(page) => page,
            Err(Error::MessageGroupNotFound) => return Ok(Some(0)),
            Err(error) => return Err(error),
        };
        let is_line = |(message, (speaker, line)): (&Message, &(Speaker, &str))| {
            let speaker = match speaker {
                First => first,
                Second => second,
            };
            message.message == *line && message.handle == speaker.handle
        };
        let said = page.items.len();
        let is_beginning =
            page.next.is_none() && said <= self.lines.len() && page.items.iter().zip(self.lines).all(is_line);
        Ok(is_beginning.then_some(said))
    }
}

impl DemoUser {
    fn to_user(self) -> User {
        User { uuid: self.uuid, handle: self.handle.to_owned(), display_name: self.display_name.to_owned() }
    }
}
