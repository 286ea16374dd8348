//! Checks the clients' requests and responses against the final contents of the table.
//!
//! The anomalies are named as in Jepsen's checkers. Messages are identified by text. So every request in a
//! history needs a unique text, shared only by requests with the same idempotency key.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::Bound,
};

use cruddur::{sort_key::SortKey, table::MessageRow, timestamp::Timestamp};
use uuid::Uuid;

/// A point in the order of events. Consecutive events have different moments.
pub type Moment = u64;

/// All requests and responses of the clients.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Requests to send a message.
    pub sends: Vec<Send>,
    /// Responses to requests for a page of messages.
    pub messages: Vec<Messages>,
    /// Responses to requests for a page of groups.
    pub groups: Vec<Groups>,
}

/// A request to send a message. A repeated request is a separate one.
#[derive(Clone, Debug)]
pub struct Send {
    pub sender: Uuid,
    pub group: Uuid,
    /// The text, which identifies the message.
    pub text: String,
    /// The idempotency key.
    pub key: Option<String>,
    /// The time of the request.
    pub begun: Moment,
    /// The time and outcome of the response. `None` if there was no response.
    pub ended: Option<(Moment, Outcome)>,
}

/// The outcome of a request to send a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The message is stored, with this group and key.
    Acknowledged(Uuid, SortKey),
    /// The message is not stored and never will be.
    Refused,
    /// The outcome is unknown: a 503, another 5xx of the gateway, or a broken connection.
    Unknown,
}

/// The first page of a group's messages: the newest ones.
#[derive(Clone, Debug)]
pub struct Messages {
    pub reader: Uuid,
    pub group: Uuid,
    /// The time of the request.
    pub begun: Moment,
    /// The time of the response.
    pub ended: Moment,
    /// The messages, oldest first.
    pub rows: Vec<(SortKey, String)>,
    /// The requested number of messages.
    pub limit: usize,
}

/// The first page of a user's groups: the newest ones.
#[derive(Clone, Debug)]
pub struct Groups {
    pub reader: Uuid,
    /// The time of the request.
    pub begun: Moment,
    /// The time of the response.
    pub ended: Moment,
    /// The groups and their positions in the inbox, newest first.
    pub rows: Vec<(Uuid, Timestamp)>,
}

/// A violation of the guarantees.
#[derive(Clone, Copy, Debug)]
enum Anomaly {
    /// An acknowledged message is missing or differs (I5).
    Lost,
    /// A message is stored more often than requests allow (I6).
    Duplicated,
    /// A message is stored that was rejected or never requested (I5).
    Unexpected,
    /// Two responses to one idempotency key differ (I6).
    Contradicted,
    /// A message sorts before one that was acknowledged before its request (I8).
    Reordered,
    /// A page omits a row that it must show.
    Missing,
    /// A page shows a row that doesn't exist, or shows a row twice (I2).
    Phantom,
    /// A later page shows fewer or older rows than an earlier one (I4).
    NonMonotonic,
}

/// Describes every anomaly in `history`. `stored` holds the final messages by group, in order.
#[must_use]
pub fn check(history: &History, stored: &BTreeMap<Uuid, Vec<MessageRow>>) -> Vec<String> {
    let mut by_text = HashMap::<_, Vec<_>>::new();
    for (group, rows) in stored {
        for row in rows {
            by_text.entry(row.message.as_str()).or_default().push((*group, row));
        }
    }
    let mut check = Check { history, by_text, by_group: stored, findings: Vec::new() };
    check.requests();
    check.sends();
    check.order();
    check.pages_of_messages();
    check.pages_of_groups();
    check.findings
}

/// Requests that together may store one message: all with the same idempotency key, or a single one without.
type Intent<'a> = Vec<&'a Send>;

struct Check<'a> {
    history: &'a History,
    /// Stored messages, with their groups.
    by_text: HashMap<&'a str, Vec<(Uuid, &'a MessageRow)>>,
    by_group: &'a BTreeMap<Uuid, Vec<MessageRow>>,
    findings: Vec<String>,
}

impl<'a> Check<'a> {
    fn found(&mut self, anomaly: Anomaly, what: impl Into<String>) {
        self.findings.push(format!("{anomaly:?}: {}", what.into()));
    }

    /// The stored messages with a text, and their groups.
    fn with_text(&self, text: &str) -> &[(Uuid, &'a MessageRow)] {
        self.by_text.get(text).map_or(&[], Vec::as_slice)
    }

    /// The stored messages of a group, in order.
    fn of_group(&self, group: Uuid) -> &'a [MessageRow] {
        self.by_group.get(&group).map_or(&[], Vec::as_slice)
    }

    /// Groups the requests by idempotency key.
    fn intents(&self) -> Vec<Intent<'a>> {
        let mut keyed = BTreeMap::<(Uuid, &str), Intent<'_>>::new();
        let mut intents = Vec::new();
        for send in &self.history.sends {
            match &send.key {
                Some(key) => keyed.entry((send.sender, key)).or_default().push(send),
                None => intents.push(vec![send]),
            }
        }
        intents.extend(keyed.into_values());
        intents
    }

    /// Checks that every stored message was requested.
    fn requests(&mut self) {
        let asked = self.history.sends.iter().map(|send| send.text.as_str()).collect::<BTreeSet<_>>();
        let unasked =
            self.by_text.keys().filter(|text| !asked.contains(*text)).map(|text| (*text).to_owned());
        for text in unasked.collect::<BTreeSet<_>>() {
            self.found(Anomaly::Unexpected, format!("{text:?} was never sent"));
        }
    }

    /// Checks that the stored messages match the responses.
    fn sends(&mut self) {
        for sends in self.intents() {
            let texts = sends.iter().map(|send| send.text.as_str()).collect::<BTreeSet<_>>();
            let stored = texts.iter().map(|text| self.with_text(text).len()).sum::<usize>();
            if stored > 1 {
                self.found(Anomaly::Duplicated, format!("{stored} messages of {texts:?}"));
            }
            let mut acknowledged = BTreeSet::new();
            for send in &sends {
                let stored = self.with_text(&send.text).first().copied();
                if stored.is_some_and(|(group, row)| group != send.group || row.sender_uuid != send.sender) {
                    self.found(
                        Anomaly::Unexpected,
                        format!("{:?} is another group's or sender's", send.text),
                    );
                }
                match (&send.ended, stored) {
                    (Some((_, Outcome::Acknowledged(group, sk))), stored) => {
                        acknowledged.insert((*group, *sk));
                        if stored.is_none_or(|stored| (stored.0, stored.1.sk) != (*group, *sk)) {
                            self.found(Anomaly::Lost, format!("{:?}, acknowledged at {sk}", send.text));
                        }
                    }
                    // Another request with the same key and text may have stored it.
                    (Some((_, Outcome::Refused)), Some(_)) if sends.len() == 1 => {
                        self.found(
                            Anomaly::Unexpected,
                            format!("{:?} was rejected but is stored", send.text),
                        );
                    }
                    _ => {}
                }
            }
            if acknowledged.len() > 1 {
                self.found(Anomaly::Contradicted, format!("{} answers to {texts:?}", acknowledged.len()));
            }
        }
    }

    /// Checks that a message acknowledged before a request sorts before the message of that request.
    fn order(&mut self) {
        // By group: when each message was first acknowledged, and its sort key.
        let mut acknowledged = HashMap::<Uuid, Vec<(Moment, SortKey)>>::new();
        for send in &self.history.sends {
            if let Some((moment, Outcome::Acknowledged(group, sk))) = &send.ended {
                acknowledged.entry(*group).or_default().push((*moment, *sk));
            }
        }
        for sends in acknowledged.values_mut() {
            sends.sort_unstable();
            let mut greatest = sends[0].1;
            for (_, sk) in sends.iter_mut() {
                greatest = greatest.max(*sk);
                *sk = greatest;
            }
        }
        let mut findings = Vec::new();
        for sends in self.intents() {
            let Some(begun) = sends.iter().map(|send| send.begun).min() else { continue };
            let stored = sends.iter().find_map(|send| self.with_text(&send.text).first());
            let Some((group, row)) = stored else { continue };
            let before = acknowledged.get(group).map_or(&[][..], Vec::as_slice);
            let known = before.partition_point(|(moment, _)| *moment < begun);
            if let Some((_, greatest)) = known.checked_sub(1).map(|last| before[last])
                && greatest >= row.sk
            {
                findings.push(format!("{:?} sorts before {greatest}", row.message));
            }
        }
        for what in findings {
            self.found(Anomaly::Reordered, what);
        }
    }

    fn pages_of_messages(&mut self) {
        // By group and message: the first moment after which a page must show the message.
        type Known = HashMap<Uuid, BTreeMap<SortKey, Moment>>;
        fn learn(known: &mut Known, group: Uuid, sk: SortKey, moment: Moment) {
            let since = known.entry(group).or_default().entry(sk).or_insert(moment);
            *since = moment.min(*since);
        }
        let mut acknowledged = Known::new();
        for send in &self.history.sends {
            if let Some((moment, Outcome::Acknowledged(group, sk))) = &send.ended {
                learn(&mut acknowledged, *group, *sk, *moment);
            }
        }
        let mut shown_before = Known::new();
        for page in &self.history.messages {
            for (sk, _) in &page.rows {
                learn(&mut shown_before, page.group, *sk, page.ended);
            }
        }
        for page in &self.history.messages {
            let shown = page.rows.iter().map(|(sk, _)| *sk).collect::<BTreeSet<_>>();
            let title = format!("a page of {} as of {}", page.group, page.begun);
            if shown.len() != page.rows.len() || page.rows.len() > page.limit {
                self.found(Anomaly::Phantom, format!("{title}: a message twice, or too many"));
            }
            if !page.rows.is_sorted() {
                self.found(Anomaly::Phantom, format!("{title}: not from the oldest to the newest"));
            }
            let of_group = self.of_group(page.group);
            for (sk, text) in &page.rows {
                let place = of_group.binary_search_by_key(sk, |row| row.sk);
                if !place.is_ok_and(|place| of_group[place].message == *text) {
                    self.found(Anomaly::Phantom, format!("{title}: {sk} {text:?} is not stored"));
                }
            }
            // A full page shows only the newest messages.
            let from = (page.rows.len() >= page.limit).then(|| shown.first().copied()).flatten();
            let missing = |known: &Known| {
                let mut expected = known
                    .get(&page.group)?
                    .range((from.map_or(Bound::Unbounded, Bound::Included), Bound::Unbounded));
                let missing = expected.find(|(sk, since)| **since < page.begun && !shown.contains(sk));
                missing.map(|(sk, _)| *sk)
            };
            if let Some(sk) = missing(&acknowledged) {
                self.found(Anomaly::Missing, format!("{title}: {sk} was acknowledged before"));
            } else if let Some(sk) = missing(&shown_before) {
                self.found(Anomaly::NonMonotonic, format!("{title}: {sk} was shown before"));
            }
        }
    }

    fn pages_of_groups(&mut self) {
        let mut by_reader = BTreeMap::<Uuid, Vec<&Groups>>::new();
        for page in &self.history.groups {
            by_reader.entry(page.reader).or_default().push(page);
            let title = format!("the groups of {} as of {}", page.reader, page.begun);
            let groups = page.rows.iter().map(|(group, _)| group).collect::<BTreeSet<_>>();
            if groups.len() != page.rows.len() {
                self.found(Anomaly::Phantom, format!("{title}: a group twice"));
            }
            if !page.rows.is_sorted_by(|a, b| a.1 >= b.1) {
                self.found(Anomaly::Phantom, format!("{title}: not from the newest to the oldest"));
            }
            for (group, created_at) in &page.rows {
                let of_group = self.of_group(*group);
                let place = of_group.partition_point(|row| row.sk.created_at < *created_at);
                if of_group.get(place).is_none_or(|row| row.sk.created_at != *created_at) {
                    self.found(Anomaly::Phantom, format!("{title}: {group} is at no message"));
                }
            }
        }
        for (reader, pages) in by_reader {
            let mut by_end = pages.clone();
            by_end.sort_by_key(|page| page.ended);
            let mut by_end = by_end.into_iter().peekable();
            let mut by_begin = pages;
            by_begin.sort_by_key(|page| page.begun);
            // The latest position of each group in pages that ended earlier.
            let mut shown_before = HashMap::<Uuid, Timestamp>::new();
            for page in by_begin {
                while let Some(earlier) = by_end.next_if(|earlier| earlier.ended < page.begun) {
                    for (group, created_at) in &earlier.rows {
                        let latest = shown_before.entry(*group).or_insert(*created_at);
                        *latest = (*created_at).max(*latest);
                    }
                }
                let back = page.rows.iter().find_map(|(group, created_at)| {
                    shown_before.get(group).filter(|before| created_at < before).map(|before| (group, before))
                });
                if let Some((group, before)) = back {
                    self.found(
                        Anomaly::NonMonotonic,
                        format!("{group} was at {before} in the inbox of {reader}, and then before"),
                    );
                }
            }
        }
    }
}
