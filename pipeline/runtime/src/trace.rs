//! A few posts followed through all roles, for operators (OpenTelemetry; off unless [`follow_with`] was called). The collecting
//! role begins a trace and puts its context into the record's header `traceparent` (W3C Trace Context, version 00); every
//! later role adds a span. Spans say when and where in the log, never what, whose or which post.

use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use opentelemetry::global::{BoxedSpan, BoxedTracer};
use opentelemetry::trace::{
    Span, SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState, Tracer,
};
use opentelemetry::{Context, KeyValue};
use streife_domain::Timestamp;
use streife_log::{Message, Record};

use crate::decode::headers;

static TRACER: OnceLock<BoxedTracer> = OnceLock::new();

/// Follows posts from now on; `tracer`'s own sampler chooses which. The first call in a process counts.
pub fn follow_with(tracer: BoxedTracer) {
    let _ = TRACER.set(tracer);
}

/// Begins a trace for each record that the sampler chooses and puts its context into the record. The spans end when they are
/// dropped: once the log has the records.
pub(crate) fn begin(records: &mut [Record]) -> Vec<BoxedSpan> {
    let Some(tracer) = TRACER.get() else { return Vec::new() };
    let mut spans = Vec::new();
    for record in records {
        let span = tracer.start_with_context("collect", &Context::new());
        if span.span_context().is_sampled() {
            record.headers.push((headers::TRACE.to_owned(), written(span.span_context()).into()));
            spans.push(span);
        }
    }
    spans
}

/// The header that a role hands on with what it makes of a record.
pub(crate) fn handed_on(message: &Message) -> Option<(String, Bytes)> {
    message.header(headers::TRACE).map(|value| (headers::TRACE.to_owned(), value.clone()))
}

/// Followed records that a role has read and is not done with.
#[derive(Debug, Default)]
pub(crate) struct Followed(Vec<FollowedRecord>);

#[derive(Debug)]
struct FollowedRecord {
    context: SpanContext,
    topic: String,
    partition: i32,
    offset: i64,
    since: SystemTime,
}

impl Followed {
    /// Notes the followed ones among `messages`.
    pub(crate) fn read(&mut self, messages: &[Message], now: Timestamp) {
        if TRACER.get().is_none() {
            return;
        }
        let since =
            SystemTime::UNIX_EPOCH + Duration::from_micros(u64::try_from(now.as_micros()).unwrap_or(0));
        self.0.extend(messages.iter().filter_map(|message| {
            let context = context(message.header(headers::TRACE)?)?;
            let topic = message.topic.clone();
            Some(FollowedRecord {
                context,
                topic,
                partition: message.partition,
                offset: message.offset,
                since,
            })
        }));
    }

    /// The role is done with the records before `next` of a partition: their spans are told.
    pub(crate) fn done_before(&mut self, role: &'static str, topic: &str, partition: i32, next: i64) {
        let Some(tracer) = TRACER.get() else { return };
        let of_these = |record: &mut FollowedRecord| {
            record.topic == topic && record.partition == partition && record.offset < next
        };
        for record in self.0.extract_if(.., of_these) {
            let place = [
                KeyValue::new("messaging.destination.name", record.topic),
                KeyValue::new("messaging.destination.partition.id", record.partition.to_string()),
                KeyValue::new("messaging.kafka.offset", record.offset),
            ];
            let parent = Context::new().with_remote_span_context(record.context);
            tracer
                .span_builder(role)
                .with_start_time(record.since)
                .with_attributes(place)
                .start_with_context(tracer, &parent)
                .end();
        }
    }
}

/// `00-<trace>-<span>-<flags>`.
fn written(context: &SpanContext) -> String {
    format!("00-{}-{}-{:02x}", context.trace_id(), context.span_id(), context.trace_flags().to_u8())
}

/// Reads a header; `None` for anything but a sampled context of version 00.
fn context(header: &[u8]) -> Option<SpanContext> {
    let text = std::str::from_utf8(header).ok()?;
    let mut parts = text.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || version != "00" || trace.len() != 32 || span.len() != 16 || flags.len() != 2
    {
        return None;
    }
    let context = SpanContext::new(
        TraceId::from_hex(trace).ok()?,
        SpanId::from_hex(span).ok()?,
        TraceFlags::new(u8::from_str_radix(flags, 16).ok()?),
        true,
        TraceState::NONE,
    );
    (context.is_valid() && context.is_sampled()).then_some(context)
}

#[cfg(test)]
mod tests {
    use opentelemetry::trace::TracerProvider;
    use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};

    use super::*;

    fn message(topic: &str, offset: i64, record: &Record) -> Message {
        Message { topic: topic.to_owned(), partition: 3, offset, timestamp_ms: 0, record: record.clone() }
    }

    #[test]
    fn each_role_adds_a_span_to_the_trace_that_collecting_began() {
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
        follow_with(BoxedTracer::new(Box::new(provider.tracer("streife"))));

        let mut records = vec![Record { value: "the text of a post".into(), ..Record::default() }];
        drop(begin(&mut records));
        let raw = message("posts.raw", 7, &records[0]);
        let mut scoring = Followed::default();
        let now = Timestamp::from_secs(1_800_000_000);
        scoring.read(std::slice::from_ref(&raw), now);
        scoring.done_before("score", "posts.raw", 3, 7);
        assert_eq!(exporter.get_finished_spans().unwrap().len(), 1, "offset 7 is not before 7");
        scoring.done_before("score", "posts.raw", 3, 8);

        let scored = Record { headers: handed_on(&raw).into_iter().collect(), ..Record::default() };
        let mut storing = Followed::default();
        storing.read(
            &[message("posts.scored", 9, &scored), message("posts.scored", 10, &Record::default())],
            now,
        );
        storing.done_before("store", "posts.scored", 3, 11);

        let spans = exporter.get_finished_spans().unwrap();
        let names: Vec<&str> = spans.iter().map(|span| &*span.name).collect();
        assert_eq!(names, ["collect", "score", "store"]);
        let trace = spans[0].span_context.trace_id();
        assert!(spans.iter().all(|span| span.span_context.trace_id() == trace));
        assert!(spans[1..].iter().all(|span| span.parent_span_id == spans[0].span_context.span_id()));
        assert!(!format!("{spans:?}").contains("the text"), "no content in spans");
    }

    #[test]
    fn a_header_reads_back_and_another_is_no_header() {
        let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(written(&context(text.as_bytes()).unwrap()), text);
        for other in [
            "",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
            "00-\u{e4}af7651916cd43dd8448eb211c8031c-b7ad6b7169203331-01",
        ] {
            assert!(context(other.as_bytes()).is_none(), "{other}");
        }
    }
}
