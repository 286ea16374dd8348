//! Expectations whose errors show the actual value.

use std::fmt::Debug;

use anyhow::{Context as _, Result, bail};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use testing::Answer;
use uuid::Uuid;

use crate::Person;

/// Fails unless `actual` equals `expected`.
pub(super) fn equal<T: PartialEq<U> + Debug, U: Debug + ?Sized>(
    what: &str,
    actual: &T,
    expected: &U,
) -> Result<()> {
    if actual == expected {
        return Ok(());
    }
    bail!("{what}:\n  expected {expected:?}\n  but got  {actual:?}")
}

/// Returns the JSON of a 200; fails for any other status.
pub(super) fn ok(what: &str, answer: &Answer) -> Result<Value> {
    if answer.status != 200 {
        bail!("{what}:\n  expected 200\n  but got  {answer:?}");
    }
    equal(&format!("{what}: content-type"), &answer.header("content-type"), &Some("application/json"))?;
    serde_json::from_str(&answer.body).with_context(|| format!("{what}: not JSON: {answer:?}"))
}

/// Fails unless `answer` has `status` and exactly these codes.
pub(super) fn refused(what: &str, answer: &Answer, status: u16, codes: &[&str]) -> Result<()> {
    let expected = (status, json!(codes).to_string());
    equal(what, &(answer.status.as_u16(), answer.body.clone()), &expected)
}

/// Fails unless `answer` rejects the token.
pub(super) fn unauthenticated(what: &str, answer: &Answer) -> Result<()> {
    let expected = (401, "{}", Some("Bearer error=\"invalid_token\""));
    equal(what, &(answer.status.as_u16(), &*answer.body, answer.header("www-authenticate")), &expected)
}

/// Returns a field that must be a string.
pub(super) fn string<'a>(what: &str, value: &'a Value, name: &str) -> Result<&'a str> {
    value.get(name).and_then(Value::as_str).with_context(|| format!("{what}: no string {name} in {value}"))
}

/// Returns the elements of an array; fails for any other type.
pub(super) fn array<'a>(what: &str, value: &'a Value) -> Result<&'a [Value]> {
    Ok(value.as_array().with_context(|| format!("{what}: not an array: {value}"))?)
}

/// Returns a time; fails unless it has 27 bytes.
pub(super) fn time(what: &str, value: &Value) -> Result<DateTime<Utc>> {
    let text = string(what, value, "created_at")?;
    let time: DateTime<Utc> =
        text.parse().with_context(|| format!("{what}: created_at is not a time: {text}"))?;
    let written = time.to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
    equal(&format!("{what}: created_at"), &text, &&*written)?;
    Ok(time)
}

/// Fails unless `value` has the members of `expected`. Later versions add members, which clients ignore.
pub(super) fn has(what: &str, value: &Value, expected: &Value) -> Result<()> {
    for (name, expected) in expected.as_object().into_iter().flatten() {
        equal(&format!("{what}: {name} of {value}"), &value[name], expected)?;
    }
    Ok(())
}

/// Fails unless `value` is the message `text` of `sender`: without its group as in lists, or with it as in the response
/// to a send.
pub(super) fn message(
    what: &str,
    value: &Value,
    sender: &Person,
    text: &str,
    group_uuid: Option<&str>,
) -> Result<()> {
    let uuid = string(what, value, "uuid")?;
    let parsed = uuid.parse::<Uuid>().with_context(|| format!("{what}: not a uuid: {uuid}"))?;
    equal(&format!("{what}: uuid"), &(uuid, parsed.get_version_num()), &(&*parsed.to_string(), 7))?;
    time(what, value)?;
    let mut expected = json!({
        "uuid": uuid,
        "user_uuid": sender.uuid,
        "display_name": sender.display_name,
        "handle": sender.handle,
        "message": text,
        "created_at": value.get("created_at"),
    });
    if let (Some(group_uuid), Some(fields)) = (group_uuid, expected.as_object_mut()) {
        fields.insert("message_group_uuid".to_owned(), json!(group_uuid));
    }
    has(what, value, &expected)
}
