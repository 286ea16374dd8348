//! JSON logs, one line for each invocation and one for whatever goes wrong in it, with the request's id. Ids only:
//! no message text, no tokens, no names.

use std::{
    fmt, io,
    panic::PanicHookInfo,
    sync::atomic::{AtomicBool, Ordering},
};

use chrono::{DateTime, Utc};
use serde::{Serialize, Serializer};
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    fmt::{
        FmtContext, FormatEvent, FormatFields, FormattedFields, MakeWriter,
        format::{JsonFields, Writer},
    },
    layer::SubscriberExt as _,
    registry::LookupSpan,
    util::SubscriberInitExt as _,
};

use crate::{
    clock::Clock,
    config::{LogConfig, Lookup},
    invocation,
    metrics::{Measured, Metric},
    timestamp::Timestamp,
};

/// Starts logging to standard output, where Lambda takes it from. Panics are logged, too.
pub fn init(lookup: impl Lookup) {
    subscriber(&LogConfig::from_lookup(lookup), Clock::system(), io::stdout).init();
    std::panic::set_hook(Box::new(log_panic));
}

/// What [`init`] starts, with its lines going to `writer`.
///
/// Each line has `timestamp` (RFC 3339), `level` and `message`, which Lambda's JSON log format asks for, and
/// `requestId` of the invocation. The line that tells of an invocation carries its metrics, too.
pub fn subscriber<W>(config: &LogConfig, clock: Clock, writer: W) -> impl Subscriber + Send + Sync + use<W>
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    // What can't be understood of the filter is left out: a function without the log that was meant is better than none.
    let directives = config.filter.split(',').map(str::trim).filter(|directive| !directive.is_empty());
    let told = directives.filter_map(|directive| directive.parse::<Targets>().ok());
    // Whatever the filter says: the metrics, and the span that has the request's id.
    let always = [invocation::TARGET, "lambda_runtime::layers::trace"];
    let filter = told
        .fold(Targets::new().with_default(LevelFilter::INFO), |filter, told| match told.default_level() {
            Some(level) => filter.with_default(level),
            None => filter.with_targets(told),
        })
        .with_targets(always.map(|target| (target, LevelFilter::INFO)));
    let lines = JsonLines { function: config.function.clone(), clock, is_cold: AtomicBool::new(true) };
    let layer = tracing_subscriber::fmt::layer()
        .fmt_fields(JsonFields::new())
        .event_format(lines)
        .with_writer(writer);
    tracing_subscriber::registry().with(layer).with(filter)
}

/// Says where, and not what: the text of a panic may quote data.
pub fn log_panic(panic: &PanicHookInfo<'_>) {
    tracing::error!(location = panic.location().map(tracing::field::display), "panicked");
}

/// Writes an event as one line of JSON.
struct JsonLines {
    /// The function whose metrics these are; without one they are members of the line and no more.
    function: Option<String>,
    clock: Clock,
    /// Whether no invocation was told of yet.
    is_cold: AtomicBool,
}

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let now = self.clock.now();
        let mut line = Line::new(now, event.metadata());
        // The outermost span is the runtime's: it has the request's id.
        if let Some(root) = context.event_scope().and_then(|scope| scope.from_root().next())
            && let Some(fields) = root.extensions().get::<FormattedFields<N>>()
        {
            put_members(&mut line.text, fields.as_bytes());
        }
        event.record(&mut line);
        let Line { mut text, mut metrics } = line;
        if event.metadata().target() == invocation::TARGET && self.is_cold.swap(false, Ordering::Relaxed) {
            metrics.add(Metric::ColdStarts, 1.0);
        }
        if !metrics.is_empty() {
            let mut object = Vec::new();
            match &self.function {
                Some(function) => write_json(&mut object, &metrics.embedded(function, now)),
                None => write_json(&mut object, &metrics),
            }
            put_members(&mut text, &object);
        }
        text.push(b'}');
        writeln!(writer, "{}", str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

/// A line that is being written: a JSON object whose end is missing.
struct Line {
    text: Vec<u8>,
    metrics: Measured,
}

impl Line {
    fn new(now: DateTime<Utc>, metadata: &Metadata<'_>) -> Self {
        let mut line = Self { text: Vec::with_capacity(1_024), metrics: Measured::default() };
        line.text.extend_from_slice(br#"{"timestamp":"#);
        write_json(&mut line.text, &Timestamp::new(now));
        line.put("level", metadata.level().as_str());
        if metadata.target() != invocation::TARGET {
            line.put("target", metadata.target());
        }
        line
    }

    fn put(&mut self, name: &str, value: &(impl Serialize + ?Sized)) {
        self.text.push(b',');
        write_json(&mut self.text, name);
        self.text.push(b':');
        write_json(&mut self.text, value);
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
        // No field of an event is an object: the metrics come as their text.
        if field.name() == "metrics"
            && let Ok(metrics) = format!("{value:?}").parse()
        {
            self.metrics = metrics;
        } else {
            self.put(field.name(), &Text(value));
        }
    }
}

/// A value as the text that it prints.
struct Text<'a>(&'a dyn fmt::Debug);

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:?}", self.0))
    }
}

/// Adds the members of `object`, the text of a JSON object, to the object whose text begins with `text`.
fn put_members(text: &mut Vec<u8>, object: &[u8]) {
    let members = object.strip_prefix(b"{").and_then(|object| object.strip_suffix(b"}"));
    if let Some(members) = members.filter(|members| !members.is_empty()) {
        text.push(b',');
        text.extend_from_slice(members);
    }
}

/// Nothing that is logged can fail to be written: there are no maps with odd keys among it. (What did would be `null`.)
fn write_json(text: &mut Vec<u8>, value: &(impl Serialize + ?Sized)) {
    let length = text.len();
    if serde_json::to_writer(&mut *text, value).is_err() {
        text.truncate(length);
        text.extend_from_slice(b"null");
    }
}
