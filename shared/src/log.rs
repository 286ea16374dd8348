//! JSON logs, a line an event, with the request's id. Ids only: no message text, no tokens, no names.

use tracing_subscriber::{EnvFilter, fmt::format::FmtSpan};

/// Starts logging to standard output, where Lambda takes it from.
///
/// Each line has `timestamp` (RFC 3339), `level` and `message`, which Lambda's JSON log format asks for, and
/// `span.requestId` of the invocation. `level` is `info` unless `RUST_LOG` says otherwise.
pub fn init(filter: Option<String>) {
    let filter = EnvFilter::builder()
        .with_default_directive(tracing::Level::INFO.into())
        .parse_lossy(filter.unwrap_or_default());
    tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_span_events(FmtSpan::NONE)
        .with_env_filter(filter)
        .init();
}
