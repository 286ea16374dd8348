//! Conversations as people name them.

use std::str::FromStr;

use anyhow::{Result, bail};
use cruddur::{request::message_group_uuid, user::Handle};
use uuid::Uuid;

use super::api::Api;

/// A conversation as people name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Conversation {
    Group(Uuid),
    User(Handle),
}

impl FromStr for Conversation {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // No handle is as long as a uuid.
        match (message_group_uuid(text), text.parse()) {
            (Ok(group_uuid), _) => Ok(Self::Group(group_uuid)),
            (_, Ok(handle)) => Ok(Self::User(handle)),
            _ => Err("neither a uuid of 36 characters nor a handle"),
        }
    }
}

/// The conversation with the user who has `handle` now, however far down in the inbox it is. The inbox is searched for
/// the user's uuid: a handle in it may be that of its former owner.
pub(super) async fn group_with(api: &mut Api, handle: &Handle) -> Result<Uuid> {
    let user_uuid = api.user_uuid(handle).await?;
    let mut next = Some("/api/message_groups?limit=100".to_owned());
    while let Some(path) = next {
        let page = api.page(&path).await?;
        if let Some(group) = page.rows.iter().find(|group| group.user_uuid == user_uuid) {
            return Ok(group.uuid);
        }
        next = page.next;
    }
    let handle = handle.canonical();
    bail!("there is no conversation with @{handle} yet: `cruddur send @{handle} …` begins one")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_is_named_by_its_uuid_or_by_whom_it_is_with() {
        let uuid = "4B1F7246-1B2E-59B0-A27F-6165B5E2B4C5";
        assert_eq!(uuid.parse(), Ok(Conversation::Group(uuid.parse().unwrap())));
        for text in ["@SunYoung", "sunyoung"] {
            assert_eq!(text.parse(), Ok(Conversation::User("sunyoung".parse().unwrap())), "{text}");
        }
        for text in ["", "@", "sun young", "4b1f7246-1b2e-59b0-a27f-6165b5e2b4cx"] {
            assert!(text.parse::<Conversation>().is_err(), "{text}");
        }
    }
}
