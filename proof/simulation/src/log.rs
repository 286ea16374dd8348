//! What the functions log, as far as it tells of a fault of theirs.

use std::{
    cell::RefCell,
    fmt::{self, Write as _},
};

use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

thread_local! {
    static ERRORS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Notes every error that a function logs on a thread of this process.
pub fn init() {
    // A second time is not needed.
    let _ = tracing::subscriber::set_global_default(Errors);
}

/// Forgets what was logged on this thread.
pub fn clear() {
    ERRORS.take();
}

/// Errors, of those that were logged on this thread, that no fault around the functions explains.
#[must_use]
pub fn errors_of_ours() -> Vec<String> {
    // A member always has a row, and a message that was delivered always a membership: who does not find them has
    // looked in the wrong way.
    let ours = |error: &String| error.contains("has no inbox row") || error.contains("no membership row");
    ERRORS.with_borrow(|errors| errors.iter().filter(|error| ours(error)).cloned().collect())
}

struct Errors;

impl Subscriber for Errors {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::ERROR && metadata.is_event()
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        ERRORS.with_borrow_mut(|errors| errors.push(line.0));
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string does not fail.
        let _ = write!(self.0, "{}={value:?} ", field.name());
    }
}
