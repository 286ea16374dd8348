//! Demo users and conversations.

use chrono::{DateTime, TimeDelta, Utc};
use cruddur::{
    clock::Clock,
    config::EditWindow,
    error::Error,
    message::{
        Message, Messages,
        change::MessageChange,
        reaction::ReactionChange,
        send::{NewMessage, Target},
    },
    message_group::uuid_of_pair,
    page::{Limit, PageRequest},
    postgres::Postgres,
    random::Random,
    sort_key::SortKey,
    table::Table,
    user::{Handle, Receiver, User},
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
    pub cognito_user_id: Uuid,
    /// The handle requested at sign-up, which is in id tokens: the pool does not know the row's handle.
    pub preferred_username: Option<&'static str>,
    /// The name given at sign-up, which is in id tokens.
    pub name: &'static str,
}

impl DemoUser {
    /// User number `number`, whose row has the names given at sign-up.
    const fn new(
        number: u128,
        handle: &'static str,
        display_name: &'static str,
        email: &'static str,
    ) -> Self {
        Self {
            uuid: Uuid::from_u128(uuid!("0195b5a0-0000-7000-8000-000000000000").as_u128() + number),
            handle,
            display_name,
            email,
            cognito_user_id: Uuid::from_u128(
                uuid!("5a1e0000-0000-4000-8000-000000000000").as_u128() + number,
            ),
            preferred_username: Some(handle),
            name: display_name,
        }
    }
}

const SUNYOUNG: DemoUser = DemoUser::new(0x1, "sunyoung", "Sunyoung Lee", "sunyoung@example.com");
const SCARLETT: DemoUser = DemoUser::new(0x2, "scarlett", "Scarlett Ho", "scarlett@example.com");
const ANDREW: DemoUser = DemoUser::new(0x3, "andrew", "Andrew Brown", "andrew@example.com");
const BAYKO: DemoUser = DemoUser::new(0x4, "bayko", "Andrew Bayko", "bayko@example.com");
const LORE: DemoUser = DemoUser::new(0x5, "lore", "Lore Winters", "lore@example.com");
const MOCK: DemoUser = DemoUser::new(0x6, "mock", "Mock User", "mock@example.com");

/// Requested a taken handle.
const REQUEST_TAKEN: DemoUser = DemoUser {
    cognito_user_id: uuid!("5a1e0007-0000-4000-8000-000000000007"),
    preferred_username: Some("andrew"),
    ..DemoUser::new(0x7, "user-5a1e0007", "Andrew Stone", "andrew.stone@example.com")
};

/// Requested an invalid handle.
const REQUEST_MALFORMED: DemoUser = DemoUser {
    cognito_user_id: uuid!("5a1e0008-0000-4000-8000-000000000008"),
    preferred_username: Some("Sam Lee"),
    ..DemoUser::new(0x8, "user-5a1e0008", "Sam Lee", "sam.lee@example.com")
};

/// Requested no handle.
const REQUEST_MISSING: DemoUser = DemoUser {
    cognito_user_id: uuid!("5a1e0009-0000-4000-8000-000000000009"),
    preferred_username: None,
    ..DemoUser::new(0x9, "user-5a1e0009", "Robin Park", "robin.park@example.com")
};

/// Renamed since sign-up.
const RENAMED: DemoUser = DemoUser {
    cognito_user_id: uuid!("5a1e0010-0000-4000-8000-000000000010"),
    preferred_username: Some("jo.keller"),
    name: "Jo Keller",
    ..DemoUser::new(0x10, "jo.rivera", "Jo Rivera", "jo.keller@example.com")
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

/// A conversation of two demo users, with a message each minute. They take turns, and the second one begins.
struct Conversation {
    pair: [DemoUser; 2],
    lines: &'static [Line],
}

/// A message, and what happens to it.
#[derive(Clone, Copy)]
struct Line {
    text: &'static str,
    /// The text before an edit.
    draft: Option<&'static str>,
    /// The place of the line that it answers.
    answers: Option<usize>,
    /// Reactions of the other member.
    reactions: &'static [&'static str],
}

const fn line(text: &'static str) -> Line {
    Line { text, draft: None, answers: None, reactions: &[] }
}

/// A deleted message.
const fn deleted(text: &'static str) -> Line {
    Line { draft: Some(text), ..line("") }
}

const CONVERSATIONS: [Conversation; 2] = [
    Conversation {
        pair: [SUNYOUNG, ANDREW],
        lines: &[
            Line {
                reactions: &["👋"],
                ..line("Welcome to Cruddur, Sunyoung! Tell me when something breaks.")
            },
            line("Thanks, Andrew. So far it only breaks when I look at it."),
        ],
    },
    Conversation {
        pair: [SUNYOUNG, SCARLETT],
        lines: &[
            line("Have you seen that the inbox no longer empties itself on New Year's Eve?"),
            line("I have! And my message from last night came once, although I pressed send three times."),
            deleted("And what did they do about it? Did they rewrite it?"),
            line("You deleted that faster than I can read."),
            line("What did they do?"),
            Line {
                draft: Some("The sort key carries the uuid now, and a retry brings its own."),
                ..line("The sort key carries the message's uuid now, and a retry brings its own key along.")
            },
            Line { answers: Some(1), ..line("And when we both write at the same moment?") },
            Line {
                reactions: &["👍", "🎉"],
                ..line("Then both messages stay, and each of us still sees the conversation once 🎉")
            },
            // Unread: its receiver has written nothing since.
            line("Good. I'll write to you from the train, then, where the network comes and goes."),
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

async fn ensure(postgres: &Postgres, users: &[DemoUser]) -> Result<Made, Error> {
    let new = users.iter().map(|user| NewUser {
        user: user.to_user(),
        email: user.email.to_owned(),
        subject: user.cognito_user_id.to_string(),
    });
    let Made { made, .. } = create_many(postgres, &new.collect::<Vec<_>>()).await?;
    // A user whose handle or sub is in another row counts as existing.
    Ok(Made { made, were_there: users.len().saturating_sub(made) })
}

pub(crate) struct NewUser {
    pub(crate) user: User,
    pub(crate) email: String,
    pub(crate) subject: String,
}

/// Creates missing users in one statement, since the embedded PostgreSQL takes a connection for each. Users with a handle
/// or sub of another row are not counted.
pub(crate) async fn create_many(postgres: &Postgres, users: &[NewUser]) -> Result<Made, Error> {
    let statement = include_str!("../../../sql/users/create_many.sql");
    let column = |of: fn(&NewUser) -> &str| users.iter().map(of).collect::<Vec<_>>();
    let parameters = [
        (&users.iter().map(|new| new.user.uuid).collect::<Vec<_>>() as _, Type::UUID_ARRAY),
        (&column(|new| &new.user.handle) as _, Type::TEXT_ARRAY),
        (&column(|new| &new.user.display_name) as _, Type::TEXT_ARRAY),
        (&column(|new| &new.email) as _, Type::TEXT_ARRAY),
        (&column(|new| &new.subject) as _, Type::TEXT_ARRAY),
    ];
    let rows = postgres.query(statement, &parameters).await?;
    let Some(row) = rows.first() else { return Ok(Made::default()) };
    let count = |name: &str| -> Result<usize, Error> {
        usize::try_from(row.try_get::<_, i64>(name).map_err(Error::internal)?).map_err(Error::internal)
    };
    Ok(Made { made: count("made")?, were_there: count("were_there")? })
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
        messages.were_there += said.as_ref().map_or(lines.len(), Vec::len);
        let mut sent = said.clone().unwrap_or_default();
        for (index, line) in lines.iter().enumerate() {
            let said_at: DateTime<Utc> = clock.now() - TimeDelta::minutes(minutes_ago);
            minutes_ago -= 1;
            let Some(said) = &said else { continue };
            // The changes of the last stored line may be missing.
            if index + 1 < said.len() || said.len() == lines.len() {
                continue;
            }
            let (sender, receiver) = if index % 2 == 0 { (second, first) } else { (first, second) };
            let store = |time: DateTime<Utc>| {
                Messages::new(table.clone(), Clock::from_fn(move || time), random.clone(), None)
            };
            let sk = if let Some(stored) = said.get(index) {
                *stored
            } else {
                let answered = line.answers.and_then(|place| sent.get(place).copied());
                let sk = line.send(&store(said_at), sender.to_user(), receiver.to_user(), answered).await?;
                sent.push(sk);
                messages.made += 1;
                sk
            };
            let later = sk.created_at.to_utc() + TimeDelta::seconds(20);
            line.change(&store(later), group_uuid, sk, [sender.uuid, receiver.uuid]).await?;
        }
        if said.is_some() {
            move_inbox_rows(table, random, group_uuid).await?;
        }
    }
    Ok(messages)
}

impl Line {
    async fn send(
        &self,
        messages: &Messages,
        sender: User,
        receiver: User,
        reply_to: Option<SortKey>,
    ) -> Result<SortKey, Error> {
        let handle: Handle = receiver.handle.parse().map_err(Error::internal)?;
        let text = self.draft.unwrap_or(self.text).parse().map_err(Error::internal)?;
        let target = Target::User { handle: Some(handle), receiver: Receiver::of_everyone(receiver) };
        let new = NewMessage { sender, target, text, reply_to, idempotency_key: None };
        let sent = messages.send(new).await?.sent;
        Ok(SortKey { created_at: sent.created_at, message_uuid: sent.uuid })
    }

    /// Edits or deletes the message, and adds the reactions.
    async fn change(
        &self,
        messages: &Messages,
        group_uuid: Uuid,
        sk: SortKey,
        [sender, receiver]: [Uuid; 2],
    ) -> Result<(), Error> {
        if self.draft.is_some() {
            let change = match self.text {
                "" => MessageChange::Delete,
                text => MessageChange::Edit {
                    text: text.parse().map_err(Error::internal)?,
                    window: EditWindow::DEFAULT.0,
                },
            };
            messages.change(sender, group_uuid, sk, &change).await?;
        }
        for emoji in self.reactions {
            let add = ReactionChange::Add(emoji.parse().map_err(Error::internal)?);
            messages.react(receiver, group_uuid, sk, add).await?;
        }
        Ok(())
    }
}

impl Conversation {
    /// The keys of the stored lines, or `None` if the conversation has other messages.
    async fn said(
        &self,
        table: &Table,
        random: &Random,
        group_uuid: Uuid,
    ) -> Result<Option<Vec<SortKey>>, Error> {
        let [first, second] = self.pair;
        // The default limit exceeds any demo conversation.
        let newest = PageRequest { limit: Limit::default(), cursor: None };
        let messages = Messages::new(table.clone(), Clock::system(), random.clone(), None);
        let page = match messages.list(first.uuid, group_uuid, newest).await {
            Ok(page) => page,
            Err(Error::MessageGroupNotFound) => return Ok(Some(Vec::new())),
            Err(error) => return Err(error),
        };
        let is_line = |(index, (message, line)): (usize, (&Message, &Line))| {
            let speaker = if index % 2 == 0 { second } else { first };
            let is_text = message.message == line.text || Some(&*message.message) == line.draft;
            is_text && message.handle == speaker.handle
        };
        let said = page.items.len();
        let mut lines = page.items.iter().zip(self.lines).enumerate();
        let is_beginning = page.next.is_none() && said <= self.lines.len() && lines.all(is_line);
        let keys = page
            .items
            .iter()
            .map(|message| SortKey { created_at: message.created_at, message_uuid: message.uuid });
        Ok(is_beginning.then(|| keys.collect()))
    }
}

impl DemoUser {
    fn to_user(self) -> User {
        User { uuid: self.uuid, handle: self.handle.to_owned(), display_name: self.display_name.to_owned() }
    }
}
