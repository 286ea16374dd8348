//! Logged errors that reveal a fault of the functions.

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

/// Records every error that a function logs on a thread of this process.
pub fn init() {
    // Fails if called again, which is harmless.
    let _ = tracing::subscriber::set_global_default(Errors);
}

/// Clears the errors of this thread.
pub fn clear() {
    ERRORS.take();
}

/// Errors logged on this thread that no injected fault explains.
#[must_use]
pub fn errors_of_ours() -> Vec<String> {
    // A member always has a row, and a delivered message always has a membership. A function that does not
    // find them has searched wrongly.
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
        // Writing to a string cannot fail.
        let _ = write!(self.0, "{}={value:?} ", field.name());
    }
}
