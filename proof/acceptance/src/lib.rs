//! The conversation suite: users write to each other over HTTP, and every response is checked against the
//! contract. It runs against any stack: `cargo run`, cargo-lambda, or other engines.
//!
//! It needs the local stack's users and tokens, and an API that accepts them. It can be repeated on the same
//! stack: it expects nothing of existing data and recognizes its own texts and keys. Two simultaneous runs
//! would find each other's messages in the inboxes.

#![expect(clippy::indexing_slicing, reason = "a missing field of a JSON value is null")]

use std::time::Duration;

use anyhow::Result;
use futures_util::{FutureExt as _, future::BoxFuture};

pub use self::{
    client::Client,
    stage::{Person, Socket, Stage, Target, eventually, unique},
};

mod bad_input;
mod bursts;
mod client;
mod expect;
mod lists;
mod pages;
mod sends;
mod stage;
mod state;
mod strangers;
mod tokens;
mod users;

/// Time limit for an event that is sure to happen. Exceeding it means a fault, not slowness.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A check and its name, a sentence that is true of a correct stack.
type Check = (&'static str, for<'a> fn(&'a Stage) -> BoxFuture<'a, Result<()>>);

/// Checks in the order in which they run.
const CHECKS: &[Check] = &[
    ("a user is found by handle in any spelling", |stage| users::found(stage).boxed()),
    ("an unknown handle is not found", |stage| users::not_found(stage).boxed()),
    ("the caller is shown", |stage| users::me(stage).boxed()),
    ("a request without a valid token is rejected", |stage| tokens::refused(stage).boxed()),
    ("a message to a handle is answered with the message", |stage| sends::to_a_handle(stage).boxed()),
    ("a message to a uuid goes to the same group", |stage| sends::to_a_uuid(stage).boxed()),
    ("a message to a group comes after the earlier ones", |stage| sends::to_the_group(stage).boxed()),
    ("a pair has one group for all spellings of the handle", |stage| {
        sends::one_group_per_pair(stage).boxed()
    }),
    ("a text is stored and returned verbatim", |stage| sends::verbatim(stage).boxed()),
    ("a key sends a message once", |stage| sends::idempotent(stage).boxed()),
    ("each inbox shows the newest text once", |stage| lists::newest_text(stage).boxed()),
    ("an inbox shows the beginning of a long text", |stage| lists::long_text(stage).boxed()),
    ("an inbox is sorted by its newest messages", |stage| lists::newest_first(stage).boxed()),
    ("messages are listed oldest to newest, page by page", |stage| pages::of_messages(stage).boxed()),
    ("an inbox is listed newest first, page by page", |stage| pages::of_groups(stage).boxed()),
    ("a stranger finds no group", |stage| strangers::find_nothing(stage).boxed()),
    ("a stranger with a cursor sees nothing of a group", |stage| strangers::see_nothing(stage).boxed()),
    ("an invalid message is rejected with all its codes", |stage| bad_input::messages(stage).boxed()),
    ("an invalid page is rejected with all its codes", |stage| bad_input::pages(stage).boxed()),
    ("a message has 1024 characters at most", |stage| bad_input::lengths(stage).boxed()),
    ("simultaneous messages are stored once each", |stage| bursts::of_messages(stage).boxed()),
    ("simultaneous requests with one key send one message", |stage| bursts::of_one_key(stage).boxed()),
    ("messages after the marker are unread", |stage| state::read_markers(stage).boxed()),
    ("receipts tell what is read, and nothing if they are off", |stage| state::receipts(stage).boxed()),
    ("an edit is shown everywhere", |stage| state::edits(stage).boxed()),
    ("a deleted message leaves its place", |stage| state::deletions(stage).boxed()),
    ("a reaction is added and removed once", |stage| state::reactions(stage).boxed()),
    ("a reply shows what it answers", |stage| state::replies(stage).boxed()),
];

/// Runs the checks against `target` and passes each result to `report`. Fails if the stack is unreachable.
pub async fn run(target: &Target, mut report: impl FnMut(&str, Result<()>)) -> Result<()> {
    let stage = Stage::new(target).await?;
    for (name, check) in CHECKS {
        report(name, check(&stage).await);
    }
    Ok(())
}
