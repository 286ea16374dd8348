//! Conversations on the command line.

use std::str::FromStr;

use anyhow::{Result, bail};
use cruddur::{message_group::uuid_of_pair, request::message_group_uuid, user::Handle};
use http::StatusCode;
use uuid::Uuid;

use super::api::{Api, ApiError};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Conversation {
    Group(Uuid),
    User(Handle),
}

impl FromStr for Conversation {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // No handle is as long as a UUID.
        match (message_group_uuid(text), text.parse()) {
            (Ok(group_uuid), _) => Ok(Self::Group(group_uuid)),
            (_, Ok(handle)) => Ok(Self::User(handle)),
            _ => Err("neither a UUID of 36 characters nor a handle"),
        }
    }
}

impl Conversation {
    /// The group's UUID.
    pub(super) async fn find(&self, api: &mut Api) -> Result<Uuid> {
        match self {
            Self::Group(group_uuid) => Ok(*group_uuid),
            Self::User(handle) => group_with(api, handle).await,
        }
    }
}

/// Finds the conversation with the current owner of `handle`, also one that the inbox leaves out.
async fn group_with(api: &mut Api, handle: &Handle) -> Result<Uuid> {
    let (user_uuid, caller) = (api.user_uuid(handle).await?, api.caller().await?);
    let group_uuid = uuid_of_pair(caller, user_uuid);
    match api.group(group_uuid).await {
        Ok(_) => Ok(group_uuid),
        Err(ApiError::Refused(refusal)) if refusal.status == StatusCode::NOT_FOUND => {
            let handle = handle.canonical();
            bail!("no conversation with @{handle} yet; start one with `cruddur send @{handle} …`")
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_conversation_is_a_uuid_or_a_handle() {
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
