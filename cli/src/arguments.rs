//! Users and conversations on the command line.

use std::str::FromStr;

use anyhow::{Result, bail};
use cruddur::{
    error::Error,
    request::{message_group_uuid, user_uuid},
    user::Handle,
};
use uuid::Uuid;

use crate::context::Database;

/// A conversation, or its other member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Conversation {
    Group(Uuid),
    User(Handle),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum UserArgument {
    Handle(Handle),
    Uuid(Uuid),
}

const NEITHER: &str = "neither a UUID of 36 characters nor a handle";

impl FromStr for Conversation {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // No handle is as long as a UUID.
        match (message_group_uuid(text), text.parse()) {
            (Ok(group_uuid), _) => Ok(Self::Group(group_uuid)),
            (_, Ok(handle)) => Ok(Self::User(handle)),
            _ => Err(NEITHER),
        }
    }
}

impl FromStr for UserArgument {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match (user_uuid(text), text.parse()) {
            (Ok(uuid), _) => Ok(Self::Uuid(uuid)),
            (_, Ok(handle)) => Ok(Self::Handle(handle)),
            _ => Err(NEITHER),
        }
    }
}

impl UserArgument {
    /// The user's UUID, which need not exist.
    pub(crate) async fn uuid(&self, database: &Database) -> Result<Uuid> {
        match self {
            Self::Uuid(uuid) => Ok(*uuid),
            Self::Handle(handle) => with_handle(database, handle).await,
        }
    }

    /// The user's handle in lower case, which need not exist.
    pub(crate) async fn handle(&self, database: &Database) -> Result<String> {
        let uuid = match self {
            Self::Handle(handle) => return Ok(handle.canonical().to_owned()),
            Self::Uuid(uuid) => *uuid,
        };
        let users = database.users().with_uuids(&[uuid]).await;
        match users.map_err(|error| database.query_error(&error))?.remove(&uuid) {
            Some(user) => Ok(user.handle.to_lowercase()),
            None => bail!("no user in {} has the UUID {uuid}", database.place),
        }
    }
}

/// The UUID of the current owner of a handle.
pub(crate) async fn with_handle(database: &Database, handle: &Handle) -> Result<Uuid> {
    match database.users().with_handle(handle).await {
        Ok(user) => Ok(user.uuid),
        Err(Error::UserNotFound) => {
            bail!("no user in {} has the handle @{}", database.place, handle.canonical())
        }
        Err(error) => Err(database.query_error(&error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_or_a_conversation_is_a_uuid_or_a_handle() {
        let uuid = "4B1F7246-1B2E-59B0-A27F-6165B5E2B4C5";
        assert_eq!(uuid.parse(), Ok(Conversation::Group(uuid.parse().unwrap())));
        assert_eq!(uuid.parse(), Ok(UserArgument::Uuid(uuid.parse().unwrap())));
        for text in ["@SunYoung", "sunyoung"] {
            assert_eq!(text.parse(), Ok(Conversation::User("sunyoung".parse().unwrap())), "{text}");
            assert_eq!(text.parse(), Ok(UserArgument::Handle("sunyoung".parse().unwrap())), "{text}");
        }
        for text in ["", "@", "sun young", "4b1f7246-1b2e-59b0-a27f-6165b5e2b4cx"] {
            assert!(text.parse::<Conversation>().is_err(), "{text}");
            assert!(text.parse::<UserArgument>().is_err(), "{text}");
        }
    }
}
