//! JSON logs: one line per invocation and one per event, each with the request id. Lines contain ids, but no message
//! texts, tokens or names.

use std::{
    io::{self, Write as _},
    panic::PanicHookInfo,
    sync::atomic::{AtomicBool, Ordering},
};

use chrono::{DateTime, Utc};
use tracing::{
    Event, Level, Subscriber, dispatcher,
    span::{Attributes, Id},
};
use tracing_subscriber::{
    Layer, Registry,
    filter::{LevelFilter, Targets},
    layer::{Context, SubscriberExt as _},
    registry::{LookupSpan, Scope},
    util::SubscriberInitExt as _,
};

pub(crate) use self::line::Line;
use crate::{
    clock::Clock,
    config::{LogConfig, Lookup},
    metrics::{Measurements, Metric},
    timestamp::Timestamp,
};

pub(crate) mod line;

/// Installs the log, which writes to standard output, and a panic hook that logs.
pub fn init(lookup: impl Lookup) {
    let write = |line: &[u8]| {
        // Logging has nowhere to report its own failure.
        let _ = io::stdout().write_all(line);
    };
    subscriber(&LogConfig::from_lookup(lookup), Clock::system(), write).init();
    std::panic::set_hook(Box::new(log_panic));
}

/// Creates the subscriber that [`init`] installs. `write` receives each line.
///
/// Each line has `timestamp` (RFC 3339), `level` and `message`, which Lambda's JSON log format requires, and the
/// `requestId` of the invocation. An invocation's line also contains its metrics.
pub fn subscriber<W>(config: &LogConfig, clock: Clock, write: W) -> impl Subscriber + Send + Sync + use<W>
where
    W: Fn(&[u8]) + Send + Sync + 'static,
{
    // Skip malformed directives: a function with the wrong log is better than no function.
    let directives = config.filter.split(',').map(str::trim).filter(|directive| !directive.is_empty());
    let filter = directives
        .filter_map(|directive| directive.parse::<Targets>().ok())
        .fold(Targets::new().with_default(LevelFilter::INFO), |filter, directive| {
            match directive.default_level() {
                Some(level) => filter.with_default(level),
                None => filter.with_targets(directive),
            }
        })
        // The runtime's span has the request id.
        .with_target("lambda_runtime::layers::trace", LevelFilter::INFO);
    let log = JsonLog {
        function: config.function.clone(),
        clock,
        write: Box::new(write),
        is_cold: AtomicBool::new(true),
    };
    tracing_subscriber::registry().with(log).with(filter)
}

/// Logs the location of a panic. Omits its message, which may quote data.
pub fn log_panic(panic: &PanicHookInfo<'_>) {
    tracing::error!(location = panic.location().map(tracing::field::display), "panicked");
}

/// Writes an invocation's line with its metrics. Ignores the filter, since alarms depend on the metrics. Subscribers of
/// other types receive the line as the message of an event.
pub(crate) fn write(mut fields: Line, mut metrics: Measurements) {
    let is_written = dispatcher::get_default(|dispatch| {
        let Some(log) = dispatch.downcast_ref::<JsonLog>() else { return false };
        let registry = dispatch.downcast_ref::<Registry>();
        let span = registry.and_then(|registry| registry.span(registry.current_span().id()?));
        log.write_invocation(span.map(|span| span.scope()), &fields, &mut metrics);
        true
    });
    if !is_written {
        metrics.put_values(&mut fields);
        tracing::info!(target: "cruddur::invocation", "{fields}");
    }
}

type Write = dyn Fn(&[u8]) + Send + Sync;

/// The layer that writes JSON lines.
struct JsonLog {
    /// The metrics' dimension. If it is `None`, metrics are plain members of the line.
    function: Option<String>,
    clock: Clock,
    write: Box<Write>,
    /// `true` until the first invocation is logged.
    is_cold: AtomicBool,
}

impl JsonLog {
    /// Starts a line with the time, the level, and the fields of the scope's root span. The root is the runtime's span,
    /// which has the request id.
    fn line<'a, S: LookupSpan<'a>>(
        now: DateTime<Utc>,
        level: Level,
        target: Option<&str>,
        scope: Option<Scope<'a, S>>,
    ) -> Line {
        let mut line = Line::default();
        line.put("timestamp", &Timestamp::new(now));
        line.put("level", level.as_str());
        line.put_some("target", target);
        if let Some(root) = scope.and_then(|scope| scope.from_root().next())
            && let Some(fields) = root.extensions().get()
        {
            line.append(fields);
        }
        line
    }

    fn write_invocation(
        &self,
        scope: Option<Scope<'_, Registry>>,
        fields: &Line,
        metrics: &mut Measurements,
    ) {
        let now = self.clock.now();
        let mut line = Self::line(now, Level::INFO, None, scope);
        line.append(fields);
        if self.is_cold.swap(false, Ordering::Relaxed) {
            metrics.record(Metric::ColdStarts, 1.0);
        }
        metrics.put_values(&mut line);
        if let Some(function) = &self.function {
            metrics.put_metadata(&mut line, function, now);
        }
        self.write(&line);
    }

    fn write(&self, line: &Line) {
        (self.write)(format!("{line}\n").as_bytes());
    }
}

impl<S> Layer<S> for JsonLog
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Line::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let metadata = event.metadata();
        let scope = context.event_scope(event);
        let mut line = Self::line(self.clock.now(), *metadata.level(), Some(metadata.target()), scope);
        event.record(&mut line);
        self.write(&line);
    }
}
