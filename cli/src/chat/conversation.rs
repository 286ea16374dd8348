//! Conversations of the caller.

use anyhow::Result;
use cruddur::{message_group::uuid_of_pair, user::Handle};
use http::StatusCode;
use uuid::Uuid;

use super::api::{Api, ApiError};
use crate::{advice::advised, arguments::Conversation};

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
            Err(advised(
                format!("no conversation with @{handle} yet"),
                format!("start one with `cruddur send @{handle} …`"),
            ))
        }
        Err(error) => Err(error.into()),
    }
}
