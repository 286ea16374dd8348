//! The join of changes into an inbox row (design, section 3): after any order, number and concurrency of deliveries, the
//! row is the same.

use uuid::Uuid;

use crate::{
    message::text::preview,
    message_group::marker,
    table::{InboxRow, MemberStateRow, MessageRow, ReadPosition, RequestState},
};

impl InboxRow {
    /// Joins a message of the group, as it was at some version.
    pub fn join_message(&mut self, owner: Uuid, message: &MessageRow) {
        self.spell_out();
        let is_own = message.sender_uuid == owner;
        if (message.sk, message.version) > (self.sk, self.version) {
            self.sk = message.sk;
            self.version = message.version;
            self.message = preview(&message.message);
            self.edited_at = message.edited_at;
            self.deleted_at = message.deleted_at;
            self.mine = is_own;
        }
        let is_reading = self.floor_sk.is_none_or(|floor| message.sk > floor);
        if is_own && is_reading {
            self.own_sk = self.own_sk.max(Some(message.sk));
        }
        self.shorten();
    }

    /// Joins the state of the row's owner in the group, as it was at some version.
    pub fn join_state(&mut self, state: &MemberStateRow) {
        if state.version <= self.state_version {
            return;
        }
        self.spell_out();
        self.state_version = state.version;
        self.read_sk = Some(state.read_sk.unwrap_or_default());
        self.floor_sk = state.floor_sk;
        self.blocked = state.blocked;
        self.muted_until = state.muted_until;
        self.hidden_sk = state.hidden_sk;
        self.cleared_sk = state.cleared_sk;
        self.request = state.request;
        self.pk = Self::partition(state.sk, self.request).to_string();
        self.own_sk = self.own_sk.filter(|own| state.floor_sk.is_none_or(|floor| *own > floor));
        self.shorten();
    }

    /// Removes the state of an erased owner. `request` tells instead whether the owner has accepted the group.
    pub fn forget_state(&mut self, owner: Uuid, request: Option<RequestState>) {
        self.request = request;
        self.pk = Self::partition(owner, self.request).to_string();
        self.state_version = 0;
        self.read_sk = None;
        self.own_sk = None;
        self.floor_sk = None;
        self.blocked = false;
        self.muted_until = None;
        self.hidden_sk = None;
        self.cleared_sk = None;
    }

    /// The greatest position that the owner has read up to.
    #[must_use]
    pub fn marker(&self) -> ReadPosition {
        marker(self.sk, self.read_sk, self.own_sk)
    }

    /// Stores the marker of a row that is read up to its position.
    fn spell_out(&mut self) {
        if self.read_sk.is_none() && self.own_sk.is_none() {
            self.read_sk = Some(ReadPosition::Nothing);
            self.own_sk = Some(self.sk);
        }
    }

    /// Leaves out what the other attributes tell.
    fn shorten(&mut self) {
        let read = self.read_sk.unwrap_or_default();
        self.own_sk = self.own_sk.filter(|own| ReadPosition::UpTo(*own) > read);
        if self.marker() == ReadPosition::UpTo(self.sk) {
            self.read_sk = None;
            self.own_sk = None;
        }
        let is_stored = self.read_sk.is_some() || self.own_sk.is_some();
        self.floor_sk = self.floor_sk.filter(|floor| is_stored || *floor > self.sk);
    }
}

#[cfg(test)]
mod tests {
    use proptest::{prelude::*, sample::Index};

    use super::*;
    use crate::{sort_key::SortKey, user::User};

    const OWNER: Uuid = Uuid::from_u128(1);
    const OTHER: Uuid = Uuid::from_u128(2);
    const GROUP: Uuid = Uuid::from_u128(4);

    fn user(uuid: Uuid) -> User {
        User { uuid, handle: format!("user-{uuid}"), display_name: "A user".to_owned() }
    }

    fn sk(number: u128) -> SortKey {
        let seconds = i64::try_from(number).unwrap();
        SortKey {
            created_at: crate::timestamp::Timestamp::new(
                chrono::DateTime::from_timestamp(seconds, 0).unwrap(),
            ),
            message_uuid: Uuid::from_u128(number),
        }
    }

    /// What happens in a group, in this order.
    #[derive(Clone, Copy, Debug)]
    enum Step {
        Send { is_own: bool },
        Change { message: Index, deletes: bool },
        MarkRead { message: Index },
        MarkUnread { message: Index },
    }

    fn any_step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => any::<bool>().prop_map(|is_own| Step::Send { is_own }),
            1 => any::<(Index, bool)>().prop_map(|(message, deletes)| Step::Change { message, deletes }),
            2 => any::<Index>().prop_map(|message| Step::MarkRead { message }),
            1 => any::<Index>().prop_map(|message| Step::MarkUnread { message }),
        ]
    }

    #[derive(Clone, Debug)]
    enum Record {
        Message(MessageRow),
        State(MemberStateRow),
    }

    /// The table as the functions leave it.
    struct History {
        messages: Vec<MessageRow>,
        state: MemberStateRow,
        records: Vec<Record>,
    }

    impl History {
        fn new(steps: &[Step]) -> Self {
            let state = MemberStateRow::new(GROUP, OWNER);
            let mut history = Self { messages: Vec::new(), state, records: Vec::new() };
            for step in steps {
                history.take(*step);
            }
            history
        }

        fn take(&mut self, step: Step) {
            match step {
                Step::Send { is_own } => {
                    let number = u128::try_from(self.messages.len()).unwrap() + 1;
                    let sender = user(if is_own { OWNER } else { OTHER });
                    let text = format!("message {number}").parse().unwrap();
                    let row = MessageRow::new(GROUP, sk(number), &text, &sender);
                    self.records.push(Record::Message(row.clone()));
                    self.messages.push(row);
                }
                Step::Change { message, deletes } => {
                    let message = message.get_mut(&mut self.messages);
                    message.version += 1;
                    if deletes {
                        message.deleted_at = Some(message.sk.created_at);
                        message.message.clear();
                    } else if message.deleted_at.is_none() {
                        message.edited_at = Some(message.sk.created_at);
                        message.message.push('!');
                    }
                    self.records.push(Record::Message(message.clone()));
                }
                Step::MarkRead { message } => {
                    let read = ReadPosition::UpTo(message.get(&self.messages).sk);
                    if self.state.read_sk.unwrap_or_default() < read {
                        self.state.read_sk = Some(read);
                        self.store_state();
                    }
                }
                Step::MarkUnread { message } => {
                    let place = message.index(self.messages.len());
                    let before = place.checked_sub(1).and_then(|place| self.messages.get(place));
                    let newest = self.messages.last().map(|newest| newest.sk);
                    let old_read = self.state.read_sk.and_then(ReadPosition::sort_key);
                    self.state.floor_sk = newest.max(old_read).max(self.state.floor_sk);
                    let read = before.map_or(ReadPosition::Nothing, |before| ReadPosition::UpTo(before.sk));
                    self.state.read_sk = Some(read);
                    self.store_state();
                }
            }
        }

        fn store_state(&mut self) {
            self.state.version += 1;
            self.records.push(Record::State(self.state.clone()));
        }

        /// The marker by its definition.
        fn marker(&self) -> ReadPosition {
            let own = self.messages.iter().filter(|message| message.sender_uuid == OWNER).map(|own| own.sk);
            let own = own.filter(|own| self.state.floor_sk.is_none_or(|floor| *own > floor));
            own.map(ReadPosition::UpTo).max().unwrap_or_default().max(self.state.read_sk.unwrap_or_default())
        }
    }

    proptest! {
        #[test]
        fn the_row_is_the_join_of_all_records_in_any_order(
            is_own: bool,
            steps in prop::collection::vec(any_step(), 0..12),
            order in prop::collection::vec(any::<Index>(), 0..30),
        ) {
            let mut all = vec![Step::Send { is_own }];
            all.extend(steps);
            let history = History::new(&all);
            let Record::Message(opening) = &history.records[0] else { panic!("no message") };
            let mut row = InboxRow::new(OWNER, GROUP, opening, &user(OTHER));
            let mut records = history.records.clone();
            // Duplicates, and another order.
            records.extend(order.iter().map(|index| index.get(&history.records).clone()));
            for (place, index) in order.iter().enumerate().take(records.len()) {
                let other = index.index(records.len());
                records.swap(place, other);
            }
            for record in records {
                let before = row.clone();
                match &record {
                    Record::Message(message) => row.join_message(OWNER, message),
                    Record::State(state) => row.join_state(state),
                }
                prop_assert!(before.sk <= row.sk);
                // A repetition changes nothing, which the stream handler relies on.
                let joined = row.clone();
                match &record {
                    Record::Message(message) => row.join_message(OWNER, message),
                    Record::State(state) => row.join_state(state),
                }
                prop_assert_eq!(&joined, &row);
            }
            let newest = history.messages.last().unwrap();
            prop_assert_eq!(row.marker(), history.marker());
            prop_assert_eq!(
                (row.sk, row.version, &row.message, row.edited_at, row.deleted_at, row.mine),
                (newest.sk, newest.version, &newest.message, newest.edited_at, newest.deleted_at, newest.sender_uuid == OWNER)
            );
            prop_assert_eq!(row.state_version, history.state.version);
        }
    }
}
