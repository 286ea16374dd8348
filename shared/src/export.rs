//! Exports: everything that the API shows a user, in lines and pages (design, section 3).

use std::{fmt, str::FromStr};

use serde::Serialize;
use uuid::Uuid;

use crate::{
    block::{BlockedUser, Blocks},
    clock::Clock,
    config::{ConfigError, Lookup},
    connection::{Connections, Device},
    dynamodb::CallLimits,
    error::Error,
    member_state::MemberStates,
    message::{Message, Messages},
    message_group::{Inbox, ShownGroup},
    page::{Cursor, Limit, Page, PageRequest},
    random::Random,
    sort_key::SortKey,
    table::{Partition, Table},
    user::{Users, settings::Me},
    warm_up::Failure,
};

/// The maximum number of groups on a page.
const MAX_GROUPS: usize = 10;

/// A page ends with the first group after which it has as many lines. It has at most twice as many.
const FULL: usize = 100;

/// Reads users' exports.
#[derive(Debug)]
pub struct Export {
    clock: Clock,
    connections: Connections,
    blocks: Blocks,
    inbox: Inbox,
    states: MemberStates,
    messages: Messages,
}

/// A line of an export.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Line {
    /// The user.
    Me {
        /// As `show-me` answers.
        me: Me,
    },
    /// A device.
    Device {
        /// As in `list-devices`.
        device: Device,
    },
    /// A blocked user.
    Block {
        /// As in `list-blocks`.
        block: BlockedUser,
    },
    /// A group. Its messages follow.
    MessageGroup {
        /// As `show-message-group` answers.
        message_group: Box<ShownGroup>,
    },
    /// A message.
    Message {
        /// The message's group.
        message_group_uuid: Uuid,
        /// As in `list-messages`.
        message: Box<Message>,
    },
}

/// The place after which a page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// After a block.
    Block(Uuid),
    /// After the group at this place of the requests, or before the first one.
    Request(Option<SortKey>),
    /// After the group at this place of the inbox, or before the first one.
    Group(Option<SortKey>),
    /// After a message of the group at this place of the inbox.
    Message {
        /// The group's place when its row was read.
        position: SortKey,
        /// The group.
        group_uuid: Uuid,
        /// The message.
        message: SortKey,
    },
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Block(user_uuid) => write!(f, "block/{user_uuid}"),
            Self::Request(None) => f.write_str("request"),
            Self::Request(Some(position)) => write!(f, "request/{position}"),
            Self::Group(None) => f.write_str("group"),
            Self::Group(Some(position)) => write!(f, "group/{position}"),
            Self::Message { position, group_uuid, message } => {
                write!(f, "message/{position}/{group_uuid}/{message}")
            }
        }
    }
}

/// The text is not a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a place of an export")]
pub struct InvalidPlace;

impl FromStr for Place {
    type Err = InvalidPlace;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        fn parsed<T: FromStr>(text: &str) -> Result<T, InvalidPlace> {
            text.parse().map_err(|_| InvalidPlace)
        }
        match *text.split('/').collect::<Vec<_>>() {
            ["block", user_uuid] => Ok(Self::Block(parsed(user_uuid)?)),
            ["request"] => Ok(Self::Request(None)),
            ["request", position] => Ok(Self::Request(Some(parsed(position)?))),
            ["group"] => Ok(Self::Group(None)),
            ["group", position] => Ok(Self::Group(Some(parsed(position)?))),
            ["message", position, group_uuid, message] => Ok(Self::Message {
                position: parsed(position)?,
                group_uuid: parsed(group_uuid)?,
                message: parsed(message)?,
            }),
            _ => Err(InvalidPlace),
        }
    }
}

impl Export {
    /// Creates exports over `table`.
    #[must_use]
    pub fn new(table: &Table, clock: &Clock, random: &Random) -> Self {
        Self {
            clock: clock.clone(),
            connections: Connections::new(table.clone()),
            blocks: Blocks::new(table.clone(), clock.clone(), random.clone()),
            inbox: Inbox::new(table.clone(), random.clone()),
            states: MemberStates::new(table.clone(), clock.clone(), random.clone()),
            messages: Messages::new(table.clone(), clock.clone(), random.clone(), None),
        }
    }

    /// Creates exports over the configured table.
    pub fn from_lookup(lookup: impl Lookup) -> Result<Self, ConfigError> {
        let table = Table::from_lookup(lookup, CallLimits::READ)?;
        Ok(Self::new(&table, &Clock::system(), &Random::system()))
    }

    /// Opens the connection to DynamoDB: issues the first page's read for the nil UUID.
    pub async fn warm_up(&self) -> Result<(), Failure> {
        self.blocks.warm_up_list().await
    }

    /// Reads a page of the export of `me`: the first one, or the one after a place.
    ///
    /// The first page has the user, devices and blocked users. The requests follow, and then the groups of the inbox, from
    /// the one that has been silent for longest, declined and hidden ones and those of blocked users included, each with
    /// its messages from the newest on. A group that moves during the export only moves upwards, and from the requests to
    /// the inbox. So none is missed, but one may appear again; the later lines are newer.
    pub async fn page(
        &self,
        users: &Users,
        me: &Me,
        place: Option<Place>,
    ) -> Result<Page<Line, Place>, Error> {
        let caller = me.user.uuid;
        let mut lines = Vec::new();
        let next = match place {
            None => {
                lines.push(Line::Me { me: me.clone() });
                let devices = self.connections.devices(caller, self.clock.now()).await?;
                lines.extend(devices.into_iter().map(|device| Line::Device { device }));
                Some(self.blocks(users, caller, None, &mut lines).await?)
            }
            Some(Place::Block(after)) => {
                Some(self.blocks(users, caller, Some(Cursor(after)), &mut lines).await?)
            }
            Some(Place::Request(position)) => {
                match self.groups(users, caller, Partition::Requests(caller), position, &mut lines).await? {
                    Some(more) => Some(more),
                    None => self.groups(users, caller, Partition::Inbox(caller), None, &mut lines).await?,
                }
            }
            Some(Place::Group(position)) => {
                self.groups(users, caller, Partition::Inbox(caller), position, &mut lines).await?
            }
            Some(Place::Message { position, group_uuid, message }) => {
                let more =
                    self.messages(users, caller, group_uuid, Some(Cursor(message)), &mut lines).await?;
                Some(match more {
                    Some(message) => Place::Message { position, group_uuid, message },
                    None => Place::Group(Some(position)),
                })
            }
        };
        Ok(Page { items: lines, next: next.map(Cursor) })
    }

    async fn blocks(
        &self,
        users: &Users,
        caller: Uuid,
        cursor: Option<Cursor<Uuid>>,
        lines: &mut Vec<Line>,
    ) -> Result<Place, Error> {
        let page = self.blocks.list(caller, PageRequest { limit: Limit::MAX, cursor }).await?;
        let blocked = BlockedUser::list(&page.items, users).await?;
        lines.extend(blocked.into_iter().map(|block| Line::Block { block }));
        Ok(page.next.map_or(Place::Request(None), |Cursor(last)| Place::Block(last)))
    }

    async fn groups(
        &self,
        users: &Users,
        caller: Uuid,
        partition: Partition,
        after: Option<SortKey>,
        lines: &mut Vec<Line>,
    ) -> Result<Option<Place>, Error> {
        let mut groups = self.inbox.oldest(caller, partition, after, MAX_GROUPS + 1).await?;
        let mut more = groups.len() > MAX_GROUPS;
        groups.truncate(MAX_GROUPS);
        let mut last = None;
        for group in groups {
            if lines.len() >= FULL {
                more = true;
                break;
            }
            let (position, group_uuid) = (group.sk, group.uuid);
            last = Some(position);
            let membership = match self.states.membership(caller, group_uuid).await {
                Err(Error::MessageGroupNotFound) => {
                    tracing::error!(user_uuid = %caller, %group_uuid, "left out an inbox row without a membership; `cruddur ddb doctor` explains it");
                    continue;
                }
                membership => membership?,
            };
            let other = membership.other_than(caller);
            self.messages.remember_members(caller, group_uuid, other);
            let (states, have_receipts) =
                tokio::try_join!(self.states.of_group(group_uuid), users.have_read_receipts(caller, other),)?;
            let mut shown = ShownGroup::new(group, &membership, &states, caller, have_receipts);
            shown.refresh_names(users).await;
            lines.push(Line::MessageGroup { message_group: Box::new(shown) });
            let mut cursor = None;
            while let Some(message) = self.messages(users, caller, group_uuid, cursor, lines).await? {
                // A request has one message. If it has more, it was accepted a moment ago.
                if matches!(partition, Partition::Inbox(_)) {
                    return Ok(Some(Place::Message { position, group_uuid, message }));
                }
                cursor = Some(Cursor(message));
            }
        }
        let place = match partition {
            Partition::Requests(_) => Place::Request(last),
            _ => Place::Group(last),
        };
        Ok(more.then_some(place))
    }

    /// Adds a page of messages. Returns the last one's key if there are more.
    async fn messages(
        &self,
        users: &Users,
        caller: Uuid,
        group_uuid: Uuid,
        cursor: Option<Cursor>,
        lines: &mut Vec<Line>,
    ) -> Result<Option<SortKey>, Error> {
        let request = PageRequest { limit: Limit::MAX, cursor };
        let mut page = self.messages.list(caller, group_uuid, request).await?;
        users.refresh_names(&mut page.items).await;
        // The list is from old to new.
        let messages = page.items.into_iter().rev();
        lines.extend(
            messages
                .map(|message| Line::Message { message_group_uuid: group_uuid, message: Box::new(message) }),
        );
        Ok(page.next.map(|Cursor(last)| last))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_prints_as_it_is_parsed() {
        let sk = "2026-11-22T09:30:00.123456Z#0195b5a0-0000-7000-8000-000000000001";
        let uuid = "0195b5a0-0000-7000-8000-00000000000a";
        for text in [
            format!("block/{uuid}"),
            "request".to_owned(),
            format!("request/{sk}"),
            "group".to_owned(),
            format!("group/{sk}"),
            format!("message/{sk}/{uuid}/{sk}"),
        ] {
            let place = text.parse::<Place>().unwrap();
            assert_eq!(place.to_string(), text);
            let cursor = Cursor(place);
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
        for text in
            ["", "group/", "block", "block/x", &format!("message/{sk}/{uuid}"), &format!("group/{sk}/")]
        {
            assert_eq!(text.parse::<Place>(), Err(InvalidPlace), "{text}");
        }
    }
}
