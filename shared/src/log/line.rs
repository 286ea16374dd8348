//! A line of the log: a JSON object, built member by member.

use std::fmt;

use serde::Serialize;
use tracing::field::{Field, Visit};

/// The members of a JSON object as text, each preceded by a comma.
#[derive(Default)]
pub(crate) struct Line(String);

impl Line {
    pub(crate) fn put(&mut self, name: &(impl Serialize + ?Sized), value: &(impl Serialize + ?Sized)) {
        self.0.extend([",", &json(name), ":", &json(value)]);
    }

    /// Adds the member if there is a value.
    pub(crate) fn put_some(&mut self, name: &str, value: Option<impl Serialize>) {
        if let Some(value) = value {
            self.put(name, &value);
        }
    }

    pub(crate) fn append(&mut self, members: &Self) {
        self.0.push_str(&members.0);
    }
}

/// Serializes a value. Logged values always serialize; the fallback is `null`.
fn json(value: &(impl Serialize + ?Sized)) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "null".to_owned())
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{}}}", self.0.strip_prefix(',').unwrap_or_default())
    }
}

impl Visit for Line {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field.name(), &value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field.name(), &value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field.name(), &value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field.name(), &value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field.name(), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field.name(), &format!("{value:?}"));
    }
}
