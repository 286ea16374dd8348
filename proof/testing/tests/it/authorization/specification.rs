//! The contract's response to a request (design, section 5), computed from the past messages. It is written
//! from the contract, and uses none of the functions' code except the uuid of a pair.

use std::collections::BTreeSet;

use cruddur::{message_group::uuid_of_pair, table::Key, user::User};
use serde_json::{Value, json};
use uuid::Uuid;

use super::scene::{Identity, LogCursor, Scene, SentMessage};

/// The meaning of a request, independent of its caller.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    /// An invalid request, which is rejected before any look-up.
    Broken(u16, Vec<&'static str>),
    /// The caller's groups whose newest message sorts before `before`.
    Inbox { limit: usize, before: Option<String> },
    /// Messages of a group that sort before `before`.
    Messages { group: Uuid, limit: usize, before: Option<String> },
    /// Sends a text to a group.
    ToGroup { group: Uuid, text: String, key: Option<&'static str> },
    /// Sends a text to a user, by handle or uuid. `None` if no user has it.
    ToUser { receiver: Option<User>, text: String },
    /// Shows a user. `None` if no user has the handle.
    User(Option<User>),
    /// Shows the caller, or changes nothing of the caller.
    Me,
    /// Finds a user by the beginning of the handle.
    Search(User),
    /// Counts the caller's conversations with unread messages.
    Unread,
    /// Shows a group with its members.
    Group(Uuid),
    /// Marks messages of a group as read or unread, or changes the caller's settings of the group.
    Marked(Uuid),
    /// The requests to the caller, of which there are none.
    Requests,
    /// Accepts a group that has no request, or declines it.
    Answered { group: Uuid, accepts: bool },
    /// Changes the text of a message, or deletes it.
    Edited { message: MessageOf, text: Option<String> },
    /// Adds a reaction to a message, or removes it.
    Reacted(MessageOf),
    /// Reports a message to the operator.
    Reported(MessageOf),
    /// Begins or ends a block of a user. `None` if no user has the uuid.
    Blocked(Option<User>),
    /// The users whom the caller blocks.
    Blocks,
    /// The caller's devices with an open socket.
    Devices,
    /// Ends all sign-ins of the caller.
    SignedOut,
    /// Erases the caller.
    Erased,
    /// The caller, the caller's devices, and the users whom the caller blocks.
    ExportedUsers,
    /// The caller's groups with their messages.
    ExportedGroups,
    /// The messages of a group before one.
    ExportedMessages { group: Uuid, position: String, before: String },
    /// The caller's events after a cursor, of at most `limit` rows. `None` asks for the end of the log.
    Events { after: Option<LogCursor>, limit: usize },
}

/// Expected response.
#[derive(Clone, Debug)]
pub(super) enum Expected {
    /// 401.
    Unauthenticated,
    /// A status with codes.
    Refused(u16, Vec<&'static str>),
    /// 200 with these items and a link to the next page.
    List { items: Vec<Value>, next: Option<String> },
    /// 200 with these lines and a link to the next page.
    Lines { lines: Vec<Value>, next: Option<String> },
    /// 200 with a message of `sender` in the group of `pair`.
    Sent {
        group: Uuid,
        pair: Box<[User; 2]>,
        sender: User,
        text: String,
        opens: bool,
        key: Option<&'static str>,
    },
    /// 200 with exactly this value.
    Shown(Value),
    /// 201 with a uuid.
    Reported,
    /// 202 without a body.
    Accepted,
    /// 200 with an object that contains this value, or 204 without a body. No other rows have changed than those with these
    /// keys.
    Changed { body: Option<Value>, keys: Vec<Key> },
}

/// A message of a group. `None` if the group has no such message.
#[derive(Clone, Debug)]
pub(super) struct MessageOf {
    pub(super) group: Uuid,
    pub(super) message: Option<SentMessage>,
}

/// The response by the contract.
pub(super) fn specified(scene: &Scene, identity: Identity, wanted: &Wanted) -> Expected {
    // The only public route: the response does not depend on the caller.
    if let Wanted::User(user) = wanted {
        return match user {
            Some(user) => Expected::Shown(shown(user)),
            None => Expected::Refused(404, vec!["user_not_found"]),
        };
    }
    // Order of checks: 401; 400 and 422 for malformed requests; 403; then look-ups.
    match identity {
        Identity::WithoutToken | Identity::Expired | Identity::OtherPool | Identity::IdToken => {
            return Expected::Unauthenticated;
        }
        Identity::Member | Identity::OtherMember | Identity::Stranger | Identity::WithoutRow => {}
    }
    if let Wanted::Broken(status, codes) = wanted {
        return Expected::Refused(*status, codes.clone());
    }
    let Some(caller) = scene.caller(identity) else {
        return Expected::Refused(403, vec!["user_not_provisioned"]);
    };
    match wanted {
        Wanted::Me => Expected::Shown(me(caller)),
        Wanted::ExportedUsers | Wanted::ExportedGroups | Wanted::ExportedMessages { .. } => {
            export(scene, caller, wanted)
        }
        // A search leaves out the caller.
        Wanted::Search(user) if user.uuid == caller.uuid => Expected::Shown(json!([])),
        Wanted::Search(user) => Expected::Shown(json!([shown(user)])),
        Wanted::Unread => {
            let groups =
                scene.messages.iter().filter(|message| message.is_of(caller)).map(|message| message.group);
            let unread = groups.filter(|group| unread(scene, caller, *group) > 0).collect::<BTreeSet<_>>();
            Expected::Shown(json!({"conversations": unread.len(), "more": false}))
        }
        Wanted::Group(group) => shown_group(scene, caller, *group),
        Wanted::Marked(group) if is_member(scene, caller, *group) => {
            let key = Key::MemberState { group_uuid: *group, user_uuid: caller.uuid };
            Expected::Changed { body: None, keys: vec![key] }
        }
        Wanted::Answered { group, accepts: true } if is_member(scene, caller, *group) => {
            Expected::Changed { body: None, keys: vec![] }
        }
        Wanted::Answered { group, .. } if is_member(scene, caller, *group) => {
            Expected::Refused(409, vec!["request_accepted"])
        }
        Wanted::Edited { message: MessageOf { group, message }, .. }
        | Wanted::Reacted(MessageOf { group, message })
            if is_member(scene, caller, *group) =>
        {
            changed(caller, *group, message.as_ref(), wanted)
        }
        Wanted::Reported(MessageOf { group, message }) if is_member(scene, caller, *group) => {
            if message.is_some() {
                Expected::Reported
            } else {
                Expected::Refused(404, vec!["message_not_found"])
            }
        }
        Wanted::Marked(_)
        | Wanted::Answered { .. }
        | Wanted::Edited { .. }
        | Wanted::Reacted(_)
        | Wanted::Reported(_) => Expected::Refused(404, vec!["message_group_not_found"]),
        Wanted::Blocked(None) => Expected::Refused(404, vec!["user_not_found"]),
        Wanted::Blocked(Some(user)) if user == caller => Expected::Refused(422, vec!["user_is_caller"]),
        Wanted::Blocked(Some(user)) => {
            let group_uuid = uuid_of_pair(caller.uuid, user.uuid);
            let keys = vec![
                Key::Block { user_uuid: caller.uuid, blocked_uuid: user.uuid },
                Key::Membership(group_uuid),
                Key::MemberState { group_uuid, user_uuid: caller.uuid },
            ];
            Expected::Changed { body: None, keys }
        }
        Wanted::Requests | Wanted::Blocks => Expected::List { items: vec![], next: None },
        Wanted::Devices => Expected::List { items: vec![device(scene, caller)], next: None },
        Wanted::SignedOut => Expected::Changed { body: None, keys: vec![connection(scene, caller)] },
        Wanted::Erased => Expected::Accepted,
        Wanted::Events { after, limit } => events(scene, caller, *after, *limit),
        Wanted::Inbox { limit, before } => inbox(scene, caller, *limit, before.as_deref()),
        Wanted::Messages { group, limit, before } => {
            messages(scene, caller, *group, *limit, before.as_deref())
        }
        Wanted::ToGroup { group, text, key } => to_group(scene, caller, *group, text, *key),
        Wanted::ToUser { receiver: None, .. } => Expected::Refused(422, vec!["user_reciever_not_found"]),
        Wanted::ToUser { receiver: Some(receiver), .. } if receiver == caller => {
            Expected::Refused(422, vec!["user_reciever_is_sender"])
        }
        Wanted::ToUser { receiver: Some(receiver), text } => {
            let group = uuid_of_pair(caller.uuid, receiver.uuid);
            Expected::Sent {
                group,
                pair: Box::new([caller.clone(), receiver.clone()]),
                sender: caller.clone(),
                text: text.clone(),
                opens: members(scene, group).is_none(),
                key: None,
            }
        }
        Wanted::Broken(..) | Wanted::User(_) => unreachable!("answered above"),
    }
}

/// The edit, deletion or reaction of a member.
fn changed(caller: &User, group: Uuid, message: Option<&SentMessage>, wanted: &Wanted) -> Expected {
    let Some(message) = message else { return Expected::Refused(404, vec!["message_not_found"]) };
    let is_own = message.sender == *caller;
    if !is_own && matches!(wanted, Wanted::Edited { .. }) {
        return Expected::Refused(403, vec!["message_not_yours"]);
    }
    let body = match wanted {
        Wanted::Edited { text: Some(text), .. } => {
            Some(json!({"uuid": message.uuid, "message": text, "version": 2}))
        }
        _ => None,
    };
    let key = Key::Message { group_uuid: group, sk: message.sort_key().parse().unwrap() };
    Expected::Changed { body, keys: vec![key] }
}

fn export(scene: &Scene, caller: &User, wanted: &Wanted) -> Expected {
    match wanted {
        Wanted::ExportedUsers => {
            let lines = vec![json!({"me": me(caller)}), json!({"device": device(scene, caller)})];
            Expected::Lines { lines, next: Some("request".to_owned()) }
        }
        Wanted::ExportedGroups => {
            let Expected::List { mut items, .. } = inbox(scene, caller, 100, None) else { unreachable!() };
            items.reverse();
            let groups = items.iter().map(|item| item["uuid"].as_str().unwrap().parse().unwrap());
            let lines = groups.flat_map(|group| {
                let Expected::Shown(shown) = shown_group(scene, caller, group) else { unreachable!() };
                [json!({"message_group": shown})].into_iter().chain(exported(scene, caller, group, None))
            });
            Expected::Lines { lines: lines.collect(), next: None }
        }
        Wanted::ExportedMessages { group, .. } if !is_member(scene, caller, *group) => {
            Expected::Refused(404, vec!["message_group_not_found"])
        }
        Wanted::ExportedMessages { group, position, before } => Expected::Lines {
            lines: exported(scene, caller, *group, Some(before)),
            next: Some(format!("group/{position}")),
        },
        _ => unreachable!("not an export"),
    }
}

fn me(caller: &User) -> Value {
    let mut me = shown(caller);
    me["read_receipts"] = json!(true);
    me["messages_from"] = json!("everyone");
    me
}

/// The lines of a group's messages, newest first.
fn exported(scene: &Scene, caller: &User, group: Uuid, before: Option<&str>) -> Vec<Value> {
    let Expected::List { items, .. } = messages(scene, caller, group, 100, before) else { unreachable!() };
    let lines = items.into_iter().rev();
    lines.map(|message| json!({"message_group_uuid": group, "message": message})).collect()
}

fn shown(user: &User) -> Value {
    json!({"uuid": user.uuid, "handle": user.handle, "display_name": user.display_name})
}

fn members(scene: &Scene, group: Uuid) -> Option<&[User; 2]> {
    scene.messages.iter().find(|message| message.group == group).map(|message| &message.pair)
}

fn is_member(scene: &Scene, user: &User, group: Uuid) -> bool {
    members(scene, group).is_some_and(|members| members.contains(user))
}

/// Messages of the other member after the caller's last one.
fn unread(scene: &Scene, caller: &User, group: Uuid) -> usize {
    let of_group = scene.messages.iter().rev().filter(|message| message.group == group);
    of_group.take_while(|message| message.sender != *caller).count()
}

/// A group in the caller's inbox, whose newest message is this one.
fn listed(scene: &Scene, caller: &User, message: &SentMessage) -> Value {
    let other = message.pair.iter().find(|member| *member != caller).unwrap();
    json!({
        "uuid": message.group,
        "user_uuid": other.uuid,
        "display_name": other.display_name,
        "handle": other.handle,
        "message": message.text,
        "created_at": message.created_at,
        "version": 1,
        "from_me": message.sender == *caller,
        "unread_count": unread(scene, caller, message.group),
    })
}

fn shown_group(scene: &Scene, caller: &User, group: Uuid) -> Expected {
    if !is_member(scene, caller, group) {
        return Expected::Refused(404, vec!["message_group_not_found"]);
    }
    let newest = scene.messages.iter().rfind(|message| message.group == group).unwrap();
    let mut members = newest.pair.clone();
    members.sort_by_key(|member| member.uuid);
    let mut group = listed(scene, caller, newest);
    group["blocked"] = json!(false);
    group["hidden"] = json!(false);
    group["members"] = members.iter().map(shown).collect();
    Expected::Shown(group)
}

fn inbox(scene: &Scene, caller: &User, limit: usize, before: Option<&str>) -> Expected {
    let own = scene.messages.iter().filter(|message| message.is_of(caller));
    let mut newest: Vec<&SentMessage> = vec![];
    for message in own {
        newest.retain(|other| other.group != message.group);
        newest.push(message);
    }
    let page = page(newest, limit, before);
    Expected::List {
        items: page.shown.iter().map(|message| listed(scene, caller, message)).collect(),
        next: page.next("/api/message_groups", limit),
    }
}

fn messages(scene: &Scene, caller: &User, group: Uuid, limit: usize, before: Option<&str>) -> Expected {
    if !members(scene, group).is_some_and(|members| members.contains(caller)) {
        return Expected::Refused(404, vec!["message_group_not_found"]);
    }
    let page = page(scene.messages.iter().filter(|message| message.group == group).collect(), limit, before);
    let item = |message: &&SentMessage| {
        json!({
            "uuid": message.uuid,
            "user_uuid": message.sender.uuid,
            "display_name": message.sender.display_name,
            "handle": message.sender.handle,
            "message": message.text,
            "created_at": message.created_at,
            "version": 1,
        })
    };
    Expected::List {
        // The newest page, oldest first.
        items: page.shown.iter().rev().map(item).collect(),
        next: page.next(&format!("/api/messages/{group}"), limit),
    }
}

fn events(scene: &Scene, caller: &User, after: Option<LogCursor>, limit: usize) -> Expected {
    let log = scene.log(caller);
    let end = log[log.len() - 1].0;
    let after = after.unwrap_or(end);
    let Some(place) = log.iter().position(|(cursor, _)| *cursor == after) else {
        return Expected::Refused(410, vec!["cursor_expired"]);
    };
    let page = log[place + 1..].iter().take(limit);
    let next = page.clone().next_back().map_or(after, |(cursor, _)| *cursor);
    let item = |(cursor, message): &(LogCursor, Option<&SentMessage>)| {
        let message = message.unwrap();
        json!({
            "number": cursor.number,
            "cursor": cursor.to_string(),
            "type": "message",
            "message_group_uuid": message.group,
            "at": message.created_at,
            "message_uuids": [message.uuid],
        })
    };
    Expected::List {
        items: page.map(item).collect(),
        next: Some(format!("</api/events?after={next}&limit={limit}>; rel=\"next\"")),
    }
}

fn to_group(scene: &Scene, caller: &User, group: Uuid, text: &str, key: Option<&'static str>) -> Expected {
    match members(scene, group) {
        Some(members) if members.contains(caller) => {
            // A key belongs to its user: another user's equal key does not count.
            if key.is_some_and(|key| scene.keys.contains(&(caller.clone(), key))) {
                return Expected::Refused(422, vec!["idempotency_key_reused"]);
            }
            Expected::Sent {
                group,
                pair: Box::new(members.clone()),
                sender: caller.clone(),
                text: text.to_owned(),
                opens: false,
                key,
            }
        }
        _ => Expected::Refused(404, vec!["message_group_not_found"]),
    }
}

/// A page, newest first.
struct Page<'a> {
    shown: Vec<&'a SentMessage>,
    more: bool,
}

fn page<'a>(mut all: Vec<&'a SentMessage>, limit: usize, before: Option<&str>) -> Page<'a> {
    all.retain(|message| before.is_none_or(|before| *message.sort_key() < *before));
    all.sort_by_key(|message| std::cmp::Reverse(message.sort_key()));
    let more = all.len() > limit;
    all.truncate(limit);
    Page { shown: all, more }
}

impl Page<'_> {
    fn next(&self, path: &str, limit: usize) -> Option<String> {
        let last = self.shown.last().filter(|_| self.more)?;
        Some(format!("<{path}?limit={limit}&cursor={}>; rel=\"next\"", last.cursor()))
    }
}

/// The device of a user, by their place in the scene.
fn device_uuid(scene: &Scene, user: &User) -> Uuid {
    let users = [&scene.alice.user, &scene.bob.user, &scene.mallory.user];
    let (device, _) = (1..).zip(users).find(|(_, other)| *other == user).unwrap();
    Uuid::from_u128(device)
}

fn connection(scene: &Scene, user: &User) -> Key {
    Key::Connection { user_uuid: user.uuid, device_uuid: device_uuid(scene, user) }
}

fn device(scene: &Scene, user: &User) -> Value {
    json!({"device_uuid": device_uuid(scene, user), "connected_at": "2026-11-22T09:30:00.000000Z"})
}
