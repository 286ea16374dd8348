//! Sends without tokens, HTTP and PostgreSQL, for tests with paused time or thousands of messages.

use cruddur::{
    error::Error,
    message::{
        Messages,
        send::{NewMessage, Sent, Target},
    },
    random::Random,
    table::Table,
    user::{Receiver, User},
};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    Emulator,
    policy::Enforced,
    world::{TABLE, TestClock, empty_table, table_of},
};

/// A message table and everything needed to send.
#[derive(Debug)]
pub struct Sends {
    /// The DynamoDB that holds the table.
    pub emulator: Emulator,
    /// The table with the rights of `create-message`.
    pub table: Table,
    /// The functions' clock.
    pub clock: TestClock,
    /// The functions' randomness.
    pub random: Random,
    _policies: Enforced,
}

impl Sends {
    /// Creates an empty table.
    pub async fn new() -> Self {
        let emulator = Emulator::new();
        empty_table(&emulator).await;
        let policies = Enforced::on(&emulator);
        let table = table_of(&emulator, "create-message");
        Self { emulator, table, clock: TestClock::new(), random: Random::system(), _policies: policies }
    }

    /// Sends `text` to `receiver`.
    pub async fn to_user(
        &self,
        sender: &User,
        receiver: &User,
        text: &str,
        key: Option<&str>,
    ) -> Result<Sent, Error> {
        let target = Target::User {
            handle: Some(receiver.handle.parse().unwrap()),
            receiver: Receiver::of_everyone(receiver.clone()),
        };
        self.send(sender, target, text, key).await
    }

    /// Sends `text` to a group.
    pub async fn to_group(
        &self,
        sender: &User,
        group_uuid: Uuid,
        text: &str,
        key: Option<&str>,
    ) -> Result<Sent, Error> {
        self.send(sender, Target::Group(group_uuid), text, key).await
    }

    /// All rows of the table.
    #[must_use]
    pub fn rows(&self) -> Vec<Value> {
        self.emulator.rows(TABLE).into_values().collect()
    }

    async fn send(
        &self,
        sender: &User,
        target: Target,
        text: &str,
        key: Option<&str>,
    ) -> Result<Sent, Error> {
        let new = NewMessage {
            sender: sender.clone(),
            target,
            text: text.parse().unwrap(),
            reply_to: None,
            idempotency_key: key.map(|key| key.parse().unwrap()),
        };
        Messages::new(self.table.clone(), self.clock.clock(), self.random.clone(), None)
            .send(new)
            .await
            .map(|stored| stored.sent)
    }
}

/// A user who is in no database.
#[must_use]
pub fn user(number: u8) -> User {
    let uuid = Uuid::from_u128(0x0195_b5a0_0000_7000_8000_0000_0000_0000 + u128::from(number));
    User { uuid, handle: format!("user-{number}"), display_name: format!("User No. {number}") }
}
