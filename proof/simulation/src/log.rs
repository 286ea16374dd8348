//! Log lines that reveal a fault of the functions.

use std::{
    cell::RefCell,
    io::{self, Write},
};

use tracing_subscriber::filter::LevelFilter;

thread_local! {
    static ERRORS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Starts to record the errors and the texts of messages that functions log on this thread.
pub(crate) fn start() {
    let subscriber = tracing_subscriber::fmt().without_time().with_max_level(LevelFilter::INFO);
    // Fails if called again, which is harmless.
    let _ = subscriber.with_writer(|| Writer).try_init();
    ERRORS.take();
}

/// Errors logged on this thread that no injected fault explains.
pub(crate) fn unexplained_errors() -> Vec<String> {
    // A member always has a row, and a delivered message always has a membership. A function that does not
    // find them has searched wrongly. The scripted PostgreSQL must know every statement.
    // No line has a text.
    let unexplained =
        ["text ", "has no inbox row", "no membership row", "unknown statement", "malformed", "write a frame"];
    // A malformed record is poison. Skipping another one would show in the rows.
    let is_poison = |error: &str| error.contains("skipped a record");
    let is_unexplained =
        |error: &&String| unexplained.iter().any(|text| error.contains(text)) && !is_poison(error);
    ERRORS.with_borrow(|errors| errors.iter().filter(is_unexplained).cloned().collect())
}

struct Writer;

impl Write for Writer {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let line_text = String::from_utf8_lossy(line);
        if line_text.contains("ERROR") || line_text.contains("text ") {
            ERRORS.with_borrow_mut(|errors| errors.push(line_text.into_owned()));
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
