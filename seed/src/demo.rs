//! The users and conversations that a fresh stack begins with.

use chrono::{DateTime, TimeDelta, Utc};
use cruddur::{
    clock::Clock,
    dynamodb::Table,
    error::Error,
    message::{
        self, Message,
        create::{NewMessage, Target, create},
    },
    message_group::{KnownMembers, uuid_of_pair},
    page::{Limit, PageRequest},
    postgres::Postgres,
    random::Random,
    user::{Handle, User},
};
use tokio_postgres::types::Type;
use uuid::{Uuid, uuid};

use crate::{SeedError, inbox::move_inbox_rows};

/// A user of the local stack. Uuids and subs are fixed, so that examples, events and tests can name them.
#[derive(Clone, Copy, Debug)]
pub struct DemoUser {
    /// The user's uuid.
    pub uuid: Uuid,
    /// The handle.
    pub handle: &'static str,
    /// The name to show.
    pub display_name: &'static str,
    /// The email address.
    pub email: &'static str,
    /// The `sub` of the user's tokens.
    pub cognito_user_id: &'static str,
}

const SUNYOUNG: DemoUser = DemoUser {
    uuid: uuid!("0195b5a0-0000-7000-8000-000000000001"),
    handle: "sunyoung",
    display_name: "Sunyoung Lee",
    email: "sunyoung@example.com",
    cognito_user_id: "5a1e0000-0000-4000-8000-000000000001",
};
const SCARLETT: DemoUser = DemoUser {
    uuid: uuid!("0195b5a0-0000-7000-8000-000000000002"),
    handle: "scarlett",
    display_name: "Scarlett Ho",
    email: "scarlett@example.com",
    cognito_user_id: "5a1e0000-0000-4000-8000-000000000002",
};
const ANDREW: DemoUser = DemoUser {
    uuid: uuid!("0195b5a0-0000-7000-8000-000000000003"),
    handle: "andrew",
    display_name: "Andrew Brown",
    email: "andrew@example.com",
    cognito_user_id: "5a1e0000-0000-4000-8000-000000000003",
};
const BAYKO: DemoUser = DemoUser {
    uuid: uuid!("0195b5a0-0000-7000-8000-000000000004"),
    handle: "bayko",
    display_name: "Andrew Bayko",
    email: "bayko@example.com",
    cognito_user_id: "5a1e0000-0000-4000-8000-000000000004",
};
const LORE: DemoUser = DemoUser {
    uuid: uuid!("0195b5a0-0000-7000-8000-000000000005"),
    handle: "lore",
    display_name: "Lore Winters",
    email: "lore@example.com",
    cognito_user_id: "5a1e0000-0000-4000-8000-000000000005",
};
const MOCK: DemoUser = DemoUser {
    uuid: uuid!("0195b5a0-0000-7000-8000-000000000006"),
    handle: "mock",
    display_name: "Mock User",
    email: "mock@example.com",
    cognito_user_id: "5a1e0000-0000-4000-8000-000000000006",
};

/// The users that every stack has.
pub const DEMO_USERS: [DemoUser; 6] = [SUNYOUNG, SCARLETT, ANDREW, BAYKO, LORE, MOCK];

/// A conversation of two demo users: who says what, a minute apart.
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

/// What there is of something, and how much of it this call has made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Made {
    /// Made by this call.
    pub made: usize,
    /// Made before.
    pub were_there: usize,
}

/// Makes the demo users where they are missing.
pub async fn ensure_users(postgres: &Postgres) -> Result<Made, Error> {
    let statement = include_str!("../../sql/users/create_demo.sql");
    let mut users = Made::default();
    for user in &DEMO_USERS {
        let parameters = [
            (&user.uuid as _, Type::UUID),
            (&user.handle as _, Type::TEXT),
            (&user.display_name as _, Type::TEXT),
            (&user.email as _, Type::TEXT),
            (&user.cognito_user_id as _, Type::TEXT),
        ];
        if postgres.query(statement, &parameters).await?.is_empty() {
            users.were_there += 1;
        } else {
            users.made += 1;
        }
    }
    Ok(users)
}

/// Lets the demo users have their conversations, unless they have had them: through the library's own
/// operation, in the last minutes before `clock`. One that was cut off is gone on with, and the inbox rows are moved
/// to its end; one that has become another is left alone. Counts messages.
pub async fn ensure_conversations(table: &Table, clock: &Clock, random: &Random) -> Result<Made, SeedError> {
    let total = CONVERSATIONS.iter().map(|conversation| conversation.lines.len()).sum::<usize>();
    let mut minutes_ago = i64::try_from(total).unwrap_or(0);
    let mut messages = Made::default();
    for conversation in &CONVERSATIONS {
        let Conversation { pair: [first, second], lines } = conversation;
        let group_uuid = uuid_of_pair(first.uuid, second.uuid);
        let said = conversation.said(table, group_uuid).await?;
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
                target: Target::User { handle, receiver: receiver.to_user() },
                text: line.parse().map_err(Error::internal)?,
                idempotency_key: None,
            };
            create(table, &Clock::from_fn(move || said_at), random, new).await?;
            messages.made += 1;
        }
        if said.is_some() {
            move_inbox_rows(table, random, first.uuid, group_uuid).await?;
        }
    }
    Ok(messages)
}

impl Conversation {
    /// How many of its lines are there; none: something else was said.
    async fn said(&self, table: &Table, group_uuid: Uuid) -> Result<Option<usize>, Error> {
        let [first, second] = self.pair;
        // More than a conversation has here.
        let newest = PageRequest { limit: Limit::default(), cursor: None };
        let page = match message::list(table, &KnownMembers::default(), first.uuid, group_uuid, newest).await
        {
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
