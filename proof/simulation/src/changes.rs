//! People who mark, edit, delete, react and change their settings, and what these requests lead to (I18 to I20).

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use checker::history::Moment;
use chrono::TimeDelta;
use cruddur::{
    message_group::uuid_of_pair,
    sort_key::SortKey,
    table::{ReadPosition, RequestState},
    timestamp::Timestamp,
    user::settings::MessagesFrom,
};
use dynamodb_fake::FaultKind;
use http::Request;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::people::{Answer, NOT_ACCEPTED, People, REQUEST_ACCEPTED, REQUEST_PENDING, To, USER_BLOCKED};

/// A request that changes a message or a marker. Repeated requests count as one.
#[derive(Clone, Debug)]
pub(crate) struct Requested {
    me: usize,
    group: Uuid,
    change: Change,
    /// The time of the first request.
    begun: Moment,
    /// The number of requests.
    attempts: usize,
    /// The time and the outcome of the last answer.
    ended: Option<(Moment, Outcome)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Edit {
        message: SortKey,
        text: String,
    },
    Delete {
        message: SortKey,
    },
    React {
        message: SortKey,
        emoji: &'static str,
        adds: bool,
    },
    /// Up to a message, or to the newest one.
    Read {
        message: Option<SortKey>,
    },
    /// From a message on.
    Unread {
        message: SortKey,
    },
    Block {
        other: Uuid,
    },
    Unblock {
        other: Uuid,
    },
    /// Accepts or declines a request.
    Answer {
        accepts: bool,
    },
    Set(Setting),
}

/// A member's setting of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setting {
    Mute(Option<Timestamp>),
    Hide(bool),
    Clear,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    Refused,
    Unknown,
}

/// More than a user's reactions to a message may be. The second one is stored with a variation selector.
const EMOJI: [&str; 6] = ["👍", "❤\u{fe0f}", "😂", "🎉", "😮", "🙏"];

/// Clocks are wrong by up to this time. One more second is for requests.
const CLOCK_ERROR: TimeDelta = TimeDelta::seconds(301);

impl Requested {
    /// Returns `true` if `me` asked to clear the group.
    pub(crate) fn clears(&self, me: usize, group: Uuid) -> bool {
        (self.me, self.group, &self.change) == (me, group, &Change::Set(Setting::Clear))
    }
}

impl Change {
    fn message(&self) -> Option<SortKey> {
        match self {
            Self::Edit { message, .. }
            | Self::Delete { message }
            | Self::React { message, .. }
            | Self::Unread { message } => Some(*message),
            Self::Read { message } => *message,
            Self::Block { .. } | Self::Unblock { .. } | Self::Answer { .. } | Self::Set(_) => None,
        }
    }

    fn path(&self, group: Uuid) -> String {
        let message = self.message();
        let uuid = message.map_or_else(String::new, |message| message.message_uuid.to_string());
        let time = message.map_or_else(String::new, |message| message.created_at.to_string());
        match self {
            Self::Edit { .. } => format!("/api/messages/{group}/{uuid}"),
            Self::Delete { .. } => format!("/api/messages/{group}/{uuid}?created_at={time}"),
            Self::React { emoji, .. } => {
                let emoji = utf8_percent_encode(emoji, NON_ALPHANUMERIC);
                format!("/api/messages/{group}/{uuid}/reactions/{emoji}?created_at={time}")
            }
            Self::Read { .. } => format!("/api/message_groups/{group}/read"),
            Self::Block { other } | Self::Unblock { other } => format!("/api/blocks/{other}"),
            Self::Answer { .. } => format!("/api/message_requests/{group}"),
            Self::Set(_) => format!("/api/message_groups/{group}"),
            Self::Unread { .. } => {
                format!("/api/message_groups/{group}/read?message_uuid={uuid}&created_at={time}")
            }
        }
    }

    fn method(&self) -> &'static str {
        match self {
            Self::Edit { .. }
            | Self::React { adds: true, .. }
            | Self::Read { .. }
            | Self::Block { .. }
            | Self::Answer { accepts: true } => "PUT",
            Self::Delete { .. }
            | Self::React { adds: false, .. }
            | Self::Unread { .. }
            | Self::Unblock { .. }
            | Self::Answer { accepts: false } => "DELETE",
            Self::Set(_) => "PATCH",
        }
    }

    fn body(&self) -> String {
        match self {
            Self::Edit { message, text } => {
                json!({"message": text, "created_at": message.created_at}).to_string()
            }
            Self::Read { message: Some(message) } => {
                json!({"message_uuid": message.message_uuid, "created_at": message.created_at}).to_string()
            }
            Self::Read { message: None } => "{}".to_owned(),
            Self::Set(Setting::Mute(end)) => json!({"muted_until": end}).to_string(),
            Self::Set(Setting::Hide(hidden)) => json!({"hidden": hidden}).to_string(),
            Self::Set(Setting::Clear) => json!({"cleared": true}).to_string(),
            _ => String::new(),
        }
    }
}

impl People {
    /// Does one thing with the messages or the marker of one of the user's groups.
    pub(crate) async fn change_something(&self, me: usize) {
        // Also before the first message.
        if self.dice.chance(0.04) {
            return self.block_for_a_while(me, self.other_than(me)).await;
        }
        if self.dice.chance(0.1)
            && let Some(group) = self.a_request_to(me)
        {
            let accepts = self.dice.chance(0.5);
            return self.change(me, group, Change::Answer { accepts }).await;
        }
        let Some((group, [a, b])) = self.a_group_of(me) else { return };
        let Some(message) = self.a_message_of(group) else { return };
        match self.dice.below(20) {
            _ if self.dice.chance(0.06) => self.change(me, group, Change::Set(self.a_setting())).await,
            0..=3 => self.change(me, group, Change::Read { message: Some(message) }).await,
            4..=5 => {
                self.change(me, group, Change::Read { message: None }).await;
                if self.dice.chance(0.4) {
                    self.change(me, group, Change::Unread { message }).await;
                }
            }
            6 => self.change(me, group, Change::Read { message: Some(self.a_later_message()) }).await,
            7..=8 => self.change(me, group, Change::Unread { message }).await,
            9..=11 => {
                let message = self.an_own_message_of(me, group).unwrap_or(message);
                self.change(me, group, Change::Edit { message, text: self.new_text() }).await;
                if self.dice.chance(0.4) {
                    self.change(me, group, Change::Edit { message, text: self.new_text() }).await;
                }
            }
            12 => {
                let message = self.an_own_message_of(me, group).unwrap_or(message);
                self.change(me, group, Change::Delete { message }).await;
            }
            13..=14 => {
                let emoji = *self.dice.pick(&EMOJI);
                self.change(me, group, Change::React { message, emoji, adds: true }).await;
                if self.dice.chance(0.2) {
                    self.change(me, group, Change::React { message, emoji, adds: false }).await;
                }
            }
            15 => {
                let emoji = *self.dice.pick(&EMOJI[..2]);
                self.change(me, group, Change::React { message, emoji, adds: false }).await;
            }
            16 => self.toggle_receipts(me).await,
            17 => {
                let _ = self.count_unread(me).await;
            }
            _ => {
                let other = if a == me { b } else { a };
                let _ = self.show_group(me, group, other).await;
            }
        }
    }

    fn a_setting(&self) -> Setting {
        match self.dice.below(6) {
            0 => Setting::Mute(None),
            1 => Setting::Mute(Some(Timestamp::new(self.api.now()))),
            2 => Setting::Clear,
            3 => Setting::Hide(false),
            _ => Setting::Hide(true),
        }
    }

    /// Hides and clears a group without faults. The other member's answers stay the same. The next message brings the
    /// group back. `rest` waits until the stream is delivered.
    pub(crate) async fn check_settings(&self, me: usize, group: Uuid, other: usize, step: usize) {
        let find = |rows: Option<Vec<Value>>| {
            rows.unwrap_or_default().into_iter().find(|row| row["uuid"] == json!(group))
        };
        let listed = find(self.list_groups(me, 100).await);
        let messages = self.list_all_messages(me, group).await.unwrap_or_default();
        let number = messages.len();
        // The next message may be over the send limit.
        let (is_hidden, expected) = {
            let commits = self.commits.lock().unwrap();
            let my_uuid = self.user(me).user.uuid;
            (commits.versions.is_hidden(group, my_uuid), commits.versions.current(group, my_uuid).len())
        };
        let is_empty = |row: &Value| row["message"] == "" && row["unread_count"] == 0;
        let is_shown = match step {
            1 => listed.as_ref().is_none_or(|row| row["unread_count"] == json!(expected)),
            _ => listed.as_ref().is_none_or(is_empty),
        };
        let is_right = is_shown && listed.is_none() == is_hidden && number == expected;
        if !is_right {
            self.violation(format!("I25: user {me} is shown {number} messages in {group} in step {step}"));
        }
        if step == 0 {
            // Cleared before it was hidden.
            self.write(other, To::Group(group)).await;
        }
    }

    /// Blocks another user, and usually ends the block again.
    async fn block_for_a_while(&self, me: usize, other: usize) {
        let [mine, other] = [me, other].map(|user| self.user(user).user.uuid);
        let group = uuid_of_pair(mine, other);
        self.change(me, group, Change::Block { other }).await;
        let pause = self.dice.duration(Duration::ZERO, Duration::from_secs(2));
        tokio::time::sleep(pause).await;
        if self.dice.chance(0.9) {
            self.change(me, group, Change::Unblock { other }).await;
        }
    }

    /// Returns `true` if `answer` is that to a refused message, and a member has asked for the block that it tells, or
    /// takes no messages of strangers.
    pub(crate) fn may_be_refused(&self, me: usize, other: usize, answer: &str) -> bool {
        let [my_uuid, uuid] = [me, other].map(|user| self.user(user).user.uuid);
        let group = uuid_of_pair(my_uuid, uuid);
        let has_declined = |request: &Requested| {
            (request.me, request.group, &request.change) == (other, group, &Change::Answer { accepts: false })
        };
        match (answer, self.user(other).messages_from) {
            (NOT_ACCEPTED, MessagesFrom::Nobody) | (REQUEST_PENDING, MessagesFrom::Requests) => return true,
            (NOT_ACCEPTED, MessagesFrom::Requests)
                if self.notes.lock().unwrap().changes.iter().any(has_declined) =>
            {
                return true;
            }
            _ => {}
        }
        let by = match answer {
            USER_BLOCKED => me,
            NOT_ACCEPTED => other,
            _ => return false,
        };
        let [mine, theirs] = [me, other].map(|user| self.user(user).user.uuid);
        let blocked = if by == me { theirs } else { mine };
        let changes = &self.notes.lock().unwrap().changes;
        changes.iter().any(|request| request.me == by && request.change == Change::Block { other: blocked })
    }

    /// A group among the requests to a user, usually, or any of the user's groups.
    fn a_request_to(&self, me: usize) -> Option<Uuid> {
        let requests = self.commits.lock().unwrap().requests_to(self.user(me).user.uuid);
        let requests = requests.into_iter().map(|(group, _)| group).collect::<Vec<_>>();
        if requests.is_empty() || self.dice.chance(0.1) {
            return self.a_group_of(me).map(|(group, _)| group);
        }
        Some(*self.dice.pick(&requests))
    }

    /// Checks that pending requests are listed, and declined ones are not, and then accepts all. There must be no faults.
    pub(crate) async fn accept_all_requests(&self) {
        for me in 0..self.count() {
            let my_uuid = self.user(me).user.uuid;
            let (requests, hidden) = {
                let commits = self.commits.lock().unwrap();
                let requests = commits.requests_to(my_uuid);
                let is_hidden = |group: &Uuid| commits.versions.is_hidden(*group, my_uuid);
                let groups = requests.iter().map(|(group, _)| *group);
                let hidden = groups.filter(is_hidden).collect::<BTreeSet<_>>();
                (requests, hidden)
            };
            let listed = self.list_requests(me).await.into_iter().collect::<BTreeSet<_>>();
            let pending = requests
                .iter()
                .filter(|(group, state)| *state == RequestState::Pending && !hidden.contains(group));
            let pending = pending.map(|(group, _)| *group).collect::<BTreeSet<_>>();
            if listed != pending {
                self.violation(format!("I22: user {me} is shown {listed:?} instead of {pending:?}"));
            }
            for (group, _) in requests {
                self.change(me, group, Change::Answer { accepts: true }).await;
            }
        }
    }

    /// Checks that hidden groups are not listed, and then shows them again. There must be no faults.
    pub(crate) async fn show_all_hidden(&self) {
        for me in 0..self.count() {
            let my_uuid = self.user(me).user.uuid;
            let hidden = {
                let commits = self.commits.lock().unwrap();
                let groups = commits.groups_of(my_uuid).into_iter();
                groups.filter(|group| commits.versions.is_hidden(*group, my_uuid)).collect::<Vec<_>>()
            };
            let shown = self.list_groups(me, 100).await.unwrap_or_default();
            for group in hidden {
                if shown.iter().any(|row| row["uuid"] == json!(group)) {
                    self.violation(format!("I25: the hidden {group} is listed for user {me}"));
                }
                self.change(me, group, Change::Set(Setting::Hide(false))).await;
            }
        }
    }

    /// Checks that nothing is sent while a block stands, and then ends all blocks. There must be no faults.
    pub(crate) async fn end_all_blocks(&self) {
        let blocks = self.commits.lock().unwrap().blocks();
        for (user, blocked) in blocks {
            let number = |uuid| (0..self.count()).find(|number| self.user(*number).user.uuid == uuid);
            let (Some(me), Some(other)) = (number(user), number(blocked)) else { continue };
            let group = uuid_of_pair(user, blocked);
            for (sender, receiver, expected) in [(me, other, USER_BLOCKED), (other, me, NOT_ACCEPTED)] {
                let body =
                    json!({"message": "not accepted", "handle": self.user(receiver).user.handle}).to_string();
                let request = self.sign(sender, Request::post("/api/messages"));
                let answer = self.request(request.body(body).unwrap()).await;
                let is_expected = answer.body == expected || answer.body == USER_BLOCKED;
                if !(answer.status == 429 || answer.status == 403 && is_expected) {
                    self.violation(format!("I21: user {sender} wrote during a block: {answer:?}"));
                }
            }
            let shown = self.list_groups(me, 100).await.unwrap_or_default();
            if shown.iter().any(|row| row["uuid"] == json!(group)) {
                self.violation(format!("I21: the blocked {group} is listed for user {me}"));
            }
            self.change(me, group, Change::Unblock { other: blocked }).await;
        }
    }

    /// The newest message of a group, or any.
    pub(crate) fn a_message_of(&self, group: Uuid) -> Option<SortKey> {
        let messages = self.commits.lock().unwrap().versions.numbers(group);
        let messages = messages.into_keys().collect::<Vec<_>>();
        let newest = messages.last().copied()?;
        Some(if self.dice.chance(0.5) { newest } else { *self.dice.pick(&messages) })
    }

    /// Usually one of the user's own messages.
    fn an_own_message_of(&self, me: usize, group: Uuid) -> Option<SortKey> {
        let my_uuid = self.user(me).user.uuid;
        let own = {
            let commits = self.commits.lock().unwrap();
            let keys = commits.versions.numbers(group).into_keys();
            let is_own = |sk: &SortKey| commits.versions.of_message(group, *sk)[0].sender_uuid == my_uuid;
            keys.filter(is_own).collect::<Vec<_>>()
        };
        let newest = own.last().copied().filter(|_| self.dice.chance(0.85))?;
        Some(if self.dice.chance(0.6) { newest } else { *self.dice.pick(&own) })
    }

    /// A key after all messages.
    fn a_later_message(&self) -> SortKey {
        let time = self.api.now() + TimeDelta::days(1);
        SortKey { created_at: Timestamp::new(time), message_uuid: Uuid::from_u128(7) }
    }

    /// Requests a change, and repeats it while the outcome is unknown. Only the sender may edit or delete (I19).
    pub(crate) async fn change(&self, me: usize, group: Uuid, change: Change) {
        let request =
            Requested { me, group, change: change.clone(), begun: self.moment(), attempts: 0, ended: None };
        let index = {
            let mut notes = self.notes.lock().unwrap();
            notes.changes.push(request);
            notes.changes.len() - 1
        };
        let mut tries = 1 + self.dice.below(4);
        let mut was_unknown = false;
        loop {
            let request = Request::builder().method(change.method()).uri(change.path(group));
            let request = self.sign(me, request).body(change.body()).unwrap();
            let begun = self.api.now();
            self.notes.lock().unwrap().changes[index].attempts += 1;
            let answer = self.request(request).await;
            let outcome = self.judge_change(me, group, &change, begun, &answer);
            was_unknown |= outcome == Outcome::Unknown;
            // An earlier attempt may have been made before what refused this one.
            let sum = if outcome == Outcome::Refused && was_unknown { Outcome::Unknown } else { outcome };
            let ended = Some((self.moment(), sum));
            self.notes.lock().unwrap().changes[index].ended = ended;
            tries -= 1;
            if tries == 0 || outcome != Outcome::Unknown {
                return;
            }
            let pause = self.dice.duration(Duration::ZERO, Duration::from_millis(1_500));
            tokio::time::sleep(pause).await;
            self.faults.count(FaultKind::RetryWithKey);
        }
    }

    fn judge_change(
        &self,
        me: usize,
        group: Uuid,
        change: &Change,
        begun: chrono::DateTime<chrono::Utc>,
        answer: &Answer,
    ) -> Outcome {
        let commits = self.commits.lock().unwrap();
        let versions = change.message().map(|sk| commits.versions.of_message(group, sk)).unwrap_or_default();
        let my_uuid = self.user(me).user.uuid;
        let is_own = versions.first().is_some_and(|sent| sent.sender_uuid == my_uuid);
        let is_deleted = versions.last().is_some_and(|row| row.deleted_at.is_some());
        let window = self.api.edit_window.0;
        let end = change.message().map(|sk| sk.created_at.to_utc() + window);
        let is_change_by_sender = matches!(change, Change::Edit { .. } | Change::Delete { .. });
        let is_edit = matches!(change, Change::Edit { .. });
        let adds = matches!(change, Change::React { adds: true, .. });
        let is_allowed = match (answer.status, &*answer.body) {
            (0 | 503, _) => return Outcome::Unknown,
            (200, _) if is_edit => {
                let json = answer.json();
                let shown = commits.versions.shown_version(group, &json);
                is_own
                    && matches!(change, Change::Edit { text, .. } if shown.is_some_and(|row| row.message == *text))
                    && end.is_some_and(|end| end >= begun - CLOCK_ERROR)
            }
            (204, "") if !is_edit => is_own || !is_change_by_sender,
            (403, r#"["message_not_yours"]"#) => is_change_by_sender && !is_own,
            (409, REQUEST_ACCEPTED) => matches!(change, Change::Answer { accepts: false }),
            (403, body @ (USER_BLOCKED | NOT_ACCEPTED)) => {
                let other = commits.versions.other_member(group, my_uuid);
                let other = (0..self.count()).find(|number| Some(self.user(*number).user.uuid) == other);
                (is_edit || adds) && other.is_some_and(|other| self.may_be_refused(me, other, body))
            }
            (403, r#"["edit_window_over"]"#) => {
                is_edit && is_own && end.is_some_and(|end| end <= self.api.now() + CLOCK_ERROR)
            }
            (409, r#"["message_deleted"]"#) => is_deleted && (is_edit && is_own || adds),
            (409, r#"["reaction_limit"]"#) => {
                let own = versions.iter().filter_map(|row| row.reactions.0.get(&my_uuid));
                adds && own.map(BTreeSet::len).max() == Some(5)
            }
            _ => false,
        };
        drop(commits);
        if !is_allowed {
            self.violation(format!("I19: user {me} was answered {answer:?} to {change:?}"));
        }
        if answer.status < 300 { Outcome::Done } else { Outcome::Refused }
    }

    /// Turns the user's read receipts on or off.
    pub(crate) async fn toggle_receipts(&self, me: usize) {
        // Some users never have receipts on (I20).
        if self.user(me).is_private {
            return;
        }
        let body = json!({"read_receipts": self.dice.chance(0.5)});
        let request = self.sign(me, Request::patch("/api/me")).body(body.to_string()).unwrap();
        let answer = self.request(request).await;
        match answer.status {
            200 if answer.json()["uuid"] == json!(self.user(me).user.uuid) => {}
            0 | 503 => {}
            _ => self.violation(format!("a change of settings was answered with {answer:?}")),
        }
    }

    /// The number of conversations with unread messages. `None` without an answer.
    pub(crate) async fn count_unread(&self, me: usize) -> Option<usize> {
        let answer = self.get(me, "/api/unread").await;
        match answer.status {
            200 => {
                let json = answer.json();
                let number = json["conversations"].as_u64().and_then(|number| usize::try_from(number).ok());
                let groups = self.commits.lock().unwrap().groups_of(self.user(me).user.uuid).len();
                if json["more"] != false || number.is_none_or(|number| number > groups) {
                    self.violation(format!("I18: user {me} with {groups} groups has {json}"));
                }
                number
            }
            0 | 503 => None,
            _ => {
                self.violation(format!("unread conversations were answered with {answer:?}"));
                None
            }
        }
    }

    /// Reads one of the user's groups with `other`. `None` without an answer.
    pub(crate) async fn show_group(&self, me: usize, group: Uuid, other: usize) -> Option<Value> {
        let [my_uuid, other] = [me, other].map(|user| self.user(user).user.uuid);
        let since = tokio::time::Instant::now();
        let before =
            self.commits.lock().unwrap().versions.state(group, my_uuid).map_or(0, |state| state.version);
        let answer = self.get(me, &format!("/api/message_groups/{group}")).await;
        match answer.status {
            200 => {}
            0 | 503 => return None,
            _ => {
                self.violation(format!("the group {group} was answered with {answer:?}"));
                return None;
            }
        }
        let json = answer.json();
        let commits = self.commits.lock().unwrap();
        let mut findings = Vec::new();
        if !commits.versions.is_shown_group(my_uuid, &json) {
            findings.push(format!("Phantom: user {me} was shown {json}"));
        }
        let read = |member: Uuid| {
            let members = json["members"].as_array().map_or(&[][..], Vec::as_slice);
            let shown = members.iter().find(|shown| shown["uuid"] == json!(member))?;
            Some((shown["last_read_message_uuid"].clone(), shown["last_read_at"].clone()))
        };
        let uuid = |sk: Option<SortKey>| json!(sk.map(|sk| sk.message_uuid));
        let own = commits.versions.states(group, my_uuid).iter().filter(|state| state.version >= before);
        let mut own =
            own.map(|state| (uuid(state.read_sk.and_then(ReadPosition::sort_key)), json!(state.read_at)));
        let nothing = || (Value::Null, Value::Null);
        let own_is_known = own.any(|own| Some(own) == read(my_uuid));
        if !own_is_known && (before > 0 || read(my_uuid) != Some(nothing())) {
            findings.push(format!("I18: user {me} has not read what is shown: {json}"));
        }
        let told = commits.versions.states(group, other).iter();
        let mut told = told.map(|state| (uuid(state.seen_sk), json!(state.seen_at))).chain([nothing()]);
        if !told.any(|told| Some(told) == read(other)) {
            findings.push(format!("I20: user {me} is shown a marker that was not told: {json}"));
        }
        if read(other) != Some(nothing()) && !self.api.users.had_receipts(my_uuid, other, since) {
            findings.push(format!("I20: user {me} is shown a marker without receipts: {json}"));
        }
        drop(commits);
        self.add_violations(findings);
        Some(json)
    }

    /// Everything that is answered to `me` about a group: what a marker of the other member must not change if it is
    /// withheld (I20).
    pub(crate) async fn answers_about(&self, me: usize, group: Uuid) -> Vec<String> {
        let mut answers = Vec::new();
        for path in [
            "/api/message_groups?limit=100".to_owned(),
            format!("/api/message_groups/{group}"),
            format!("/api/messages/{group}?limit=100"),
            "/api/unread".to_owned(),
            "/api/events".to_owned(),
        ] {
            let answer = self.get(me, &path).await;
            answers.push(format!("{} {:?} {}", answer.status, answer.next, answer.body));
        }
        answers
    }

    /// Changes messages without faults.
    pub(crate) async fn change_some(&self, number: usize) {
        for _ in 0..number {
            let me = self.dice.below(self.count());
            let Some((group, _)) = self.a_group_of(me) else { continue };
            let Some(message) = self.a_message_of(group) else { continue };
            match self.dice.below(3) {
                0 => self.change(me, group, Change::Edit { message, text: self.new_text() }).await,
                1 => self.change(me, group, Change::Delete { message }).await,
                _ => self.change(me, group, Change::React { message, emoji: EMOJI[0], adds: true }).await,
            }
        }
    }

    /// Checks the number of unread messages in each list that shows it.
    pub(crate) async fn check_unread(&self, me: usize, group: Uuid, expected: usize) {
        let shown = self.list_groups(me, 100).await.unwrap_or_default();
        let listed =
            shown.iter().find(|row| row["uuid"] == json!(group)).map(|row| row["unread_count"].clone());
        let answer = self.get(me, &format!("/api/message_groups/{group}")).await;
        let single = (answer.status == 200).then(|| answer.json()["unread_count"].clone());
        if (&listed, &single) != (&Some(json!(expected)), &Some(json!(expected))) {
            self.violation(format!(
                "I18: user {me} has {expected} unread messages in {group}, but the lists show {listed:?} and {single:?}"
            ));
        }
    }

    /// The number of messages of others in a group from `from` on that are not deleted, and not cleared by the user.
    pub(crate) fn others_from(&self, me: usize, group: Uuid, from: SortKey) -> usize {
        let commits = self.commits.lock().unwrap();
        let my_uuid = self.user(me).user.uuid;
        let cleared_sk = commits.versions.state(group, my_uuid).and_then(|state| state.cleared_sk);
        let keys =
            commits.versions.numbers(group).into_keys().filter(|sk| *sk >= from && Some(*sk) > cleared_sk);
        let newest = keys.filter_map(|sk| commits.versions.of_message(group, sk).last());
        newest.filter(|row| row.sender_uuid != my_uuid && row.deleted_at.is_none()).count().min(100)
    }

    /// Marks a group as read, as unread from a message on, and as read up to a later message than there is. `rest` waits
    /// until the stream is delivered.
    pub(crate) async fn mark_without_faults(&self, me: usize, group: Uuid, step: usize) -> Option<usize> {
        let message = self.a_message_of(group)?;
        match step {
            0 => self.change(me, group, Change::Read { message: None }).await,
            1 => self.change(me, group, Change::Unread { message }).await,
            _ => self.change(me, group, Change::Read { message: Some(self.a_later_message()) }).await,
        }
        Some(if step == 1 { self.others_from(me, group, message) } else { 0 })
    }

    /// Compares the requests with what was committed.
    pub(crate) fn check_changes(&self) -> Vec<String> {
        let changes = self.notes.lock().unwrap().changes.clone();
        let mut findings = self.check_texts(&changes);
        findings.extend(self.check_reactions(&changes));
        findings.extend(self.check_markers(&changes));
        findings.extend(self.check_blocks(&changes));
        findings
    }

    fn check_texts(&self, changes: &[Requested]) -> Vec<String> {
        let mut findings = Vec::new();
        let commits = self.commits.lock().unwrap();
        // By message: edits by its sender with their places among the versions, and whether it was deleted.
        let mut edits = BTreeMap::<SortKey, Vec<(&Requested, &str, Option<usize>)>>::new();
        let mut deletions = BTreeMap::<SortKey, Vec<&Requested>>::new();
        for request in changes {
            let Some(message) = request.change.message() else { continue };
            let versions = commits.versions.of_message(request.group, message);
            if versions.first().is_none_or(|sent| sent.sender_uuid != self.user(request.me).user.uuid) {
                continue;
            }
            match &request.change {
                Change::Edit { text, .. } => {
                    let place = versions.iter().position(|row| row.message == *text);
                    match request.ended {
                        Some((_, Outcome::Done)) if place.is_none() => {
                            findings.push(format!("Lost: {request:?} was acknowledged"));
                        }
                        Some((_, Outcome::Refused)) if place.is_some() => {
                            findings.push(format!("Unexpected: {request:?} was refused"));
                        }
                        _ => {}
                    }
                    // The first version has no version before it.
                    let texts = versions.iter().map(|row| &row.message).collect::<Vec<_>>();
                    let times = texts.windows(2).filter(|pair| pair[0] != pair[1] && pair[1] == text).count();
                    if times > request.attempts {
                        findings.push(format!("I19: {request:?} was made {times} times"));
                    }
                    edits.entry(message).or_default().push((request, text, place));
                }
                Change::Delete { .. } => {
                    let is_deleted = versions.last().is_some_and(|row| row.deleted_at.is_some());
                    if matches!(request.ended, Some((_, Outcome::Done))) && !is_deleted {
                        findings.push(format!("Lost: {request:?} was acknowledged"));
                    }
                    deletions.entry(message).or_default().push(request);
                }
                _ => {}
            }
        }
        for edits in edits.values() {
            for (earlier, _, before) in edits {
                for (later, _, after) in edits {
                    let is_before = earlier
                        .ended
                        .is_some_and(|(moment, outcome)| outcome == Outcome::Done && moment < later.begun);
                    if is_before && before.is_some() && after.is_some() && before >= after {
                        findings.push(format!("Reordered: {later:?} is before {earlier:?}"));
                    }
                }
            }
        }
        for (group, messages) in commits.versions.sent() {
            for sent in messages {
                let edits = edits.get(&sent.sk).map_or(&[][..], Vec::as_slice);
                for row in commits.versions.of_message(group, sent.sk) {
                    let is_asked = match row.deleted_at {
                        Some(_) => deletions.contains_key(&sent.sk),
                        None => {
                            row.message == sent.message
                                || edits.iter().any(|(_, text, _)| *text == row.message)
                        }
                    };
                    if !is_asked {
                        findings.push(format!("I19: the sender did not ask for {row:?}"));
                    }
                }
            }
        }
        findings
    }

    /// Looks for messages, edits and reactions that began after a block was answered, and before an end of the block
    /// can have been made (I21).
    fn check_blocks(&self, changes: &[Requested]) -> Vec<String> {
        use checker::history::Outcome as Sent;

        let mut findings = Vec::new();
        let sends = self.notes.lock().unwrap().history.sends.clone();
        let stored = self.commits.lock().unwrap().versions.sent();
        for block in changes {
            let (Change::Block { other }, Some((blocked, Outcome::Done))) = (&block.change, block.ended)
            else {
                continue;
            };
            let unblocks = changes.iter().filter(|request| {
                let is_over = matches!(request.ended, Some((moment, Outcome::Done)) if moment < block.begun)
                    && request.attempts == 1;
                request.me == block.me && request.change == Change::Unblock { other: *other } && !is_over
            });
            let unblocked = unblocks.map(|request| request.begun).min().unwrap_or(Moment::MAX);
            let is_during = |begun: Moment, ended: Moment| begun > blocked && ended < unblocked;
            for send in sends.iter().filter(|send| send.group == block.group) {
                // An earlier request with the same key may have been made before the block.
                let is_same = |earlier: &&checker::history::Send| {
                    send.key.is_some() && (&earlier.key, earlier.sender) == (&send.key, send.sender)
                };
                let begun = sends.iter().filter(is_same).map(|earlier| earlier.begun).min();
                // Without an answer, it may have been stored much later.
                let acknowledged = match send.ended {
                    Some((moment, Sent::Acknowledged(..))) => Some(moment),
                    _ => None,
                };
                let messages = stored.get(&send.group).into_iter().flatten();
                let is_stored = acknowledged.is_some()
                    || messages.into_iter().any(|message| message.message == send.text);
                let ended = acknowledged.unwrap_or(Moment::MAX - 1);
                if is_stored && is_during(begun.unwrap_or(send.begun), ended) {
                    findings.push(format!("I21: {send:?} was stored after {block:?}"));
                }
            }
            for request in changes.iter().filter(|request| request.group == block.group) {
                let adds = matches!(request.change, Change::Edit { .. } | Change::React { adds: true, .. });
                if let (true, Some((ended, Outcome::Done))) = (adds, request.ended)
                    && is_during(request.begun, ended)
                {
                    findings.push(format!("I21: {request:?} was made after {block:?}"));
                }
            }
        }
        findings
    }

    fn check_reactions(&self, changes: &[Requested]) -> Vec<String> {
        let mut findings = Vec::new();
        let commits = self.commits.lock().unwrap();
        let mut by_emoji = BTreeMap::<_, Vec<(&Requested, bool)>>::new();
        for request in changes {
            if let Change::React { message, emoji, adds } = &request.change {
                let key = (request.group, *message, self.user(request.me).user.uuid, *emoji);
                by_emoji.entry(key).or_default().push((request, *adds));
            }
        }
        for (group, messages) in commits.versions.sent() {
            for sent in messages {
                let Some(row) = commits.versions.of_message(group, sent.sk).last() else { continue };
                for (user, emoji) in
                    row.reactions.0.iter().flat_map(|(user, all)| all.iter().map(move |one| (user, one)))
                {
                    let asked = by_emoji.get(&(group, sent.sk, *user, &**emoji));
                    if !asked.is_some_and(|asked| asked.iter().any(|(_, adds)| *adds)) {
                        findings.push(format!("I19: nobody asked for {emoji} in {row:?}"));
                    }
                }
            }
        }
        // Nothing fences reactions: a late write of an earlier attempt is made after a later request.
        let counts = self.faults.counts();
        let is_late = |kind| counts.contains_key(kind);
        if [FaultKind::LateAfterReset, FaultKind::LateAfterSilence].iter().any(is_late) {
            return findings;
        }
        for ((group, message, user, emoji), requests) in by_emoji {
            let Some(row) = commits.versions.of_message(group, message).last() else { continue };
            let requested = requests.iter().map(|(request, _)| *request);
            let Some(last) = last_of(requested).filter(|_| row.deleted_at.is_none()) else { continue };
            let is_there = row.reactions.0.get(&user).is_some_and(|all| all.contains(emoji));
            if is_there != matches!(last.change, Change::React { adds: true, .. }) {
                findings.push(format!("Lost: {last:?} was acknowledged last"));
            }
        }
        findings
    }

    fn check_markers(&self, changes: &[Requested]) -> Vec<String> {
        let mut findings = Vec::new();
        let commits = self.commits.lock().unwrap();
        let sends = self.notes.lock().unwrap().history.sends.clone();
        let mut by_member = BTreeMap::<(Uuid, usize), Vec<&Requested>>::new();
        for request in changes {
            if matches!(request.change, Change::Read { .. } | Change::Unread { .. }) {
                by_member.entry((request.group, request.me)).or_default().push(request);
            }
        }
        for ((group, me), requests) in by_member {
            let state = commits.versions.state(group, self.user(me).user.uuid);
            let read = state.and_then(|state| state.read_sk).and_then(ReadPosition::sort_key);
            // The newest message that was acknowledged before the request.
            let newest_before = |request: &Requested| {
                let acknowledged = sends.iter().filter_map(|send| match &send.ended {
                    Some((moment, checker::history::Outcome::Acknowledged(of, sk))) => {
                        (*of == group && *moment < request.begun).then_some(*sk)
                    }
                    _ => None,
                });
                acknowledged.max()
            };
            let target = |request: &Requested| match &request.change {
                // A message that the member has seen, or one from the future.
                Change::Read { message: Some(message) }
                    if !commits.versions.of_message(group, *message).is_empty() =>
                {
                    Some(*message)
                }
                _ => newest_before(request),
            };
            let is_unread = |request: &&&Requested| matches!(request.change, Change::Unread { .. });
            if requests.iter().filter(is_unread).count() == 0 {
                let mut done =
                    requests.iter().filter(|request| matches!(request.ended, Some((_, Outcome::Done))));
                if let Some(request) = done.find(|request| target(request) > read) {
                    findings.push(format!("Lost: {request:?} was acknowledged, but {read:?} is stored"));
                }
            } else if let Some(last) = last_of(requests.iter().copied()) {
                let is_kept = match &last.change {
                    Change::Unread { message } => {
                        read < Some(*message) && state.and_then(|state| state.floor_sk) >= newest_before(last)
                    }
                    _ => read >= target(last),
                };
                if !is_kept {
                    findings.push(format!("Lost: {last:?} was acknowledged last, but {state:?} is stored"));
                }
            }
        }
        findings
    }
}

/// The last request, if it was made and began after all others had ended with a known outcome, each at the first attempt:
/// an attempt that a client gave up may still be made later.
fn last_of<'a>(requests: impl Iterator<Item = &'a Requested> + Clone) -> Option<&'a Requested> {
    let last = requests.clone().max_by_key(|request| request.begun)?;
    let others = requests.filter(|request| request.begun < last.begun);
    let is_over = |request: &Requested| {
        request.attempts == 1
            && request
                .ended
                .is_some_and(|(moment, outcome)| outcome != Outcome::Unknown && moment < last.begun)
    };
    let mut others = others;
    (matches!(last.ended, Some((_, Outcome::Done))) && others.all(is_over)).then_some(last)
}
