//! A trace that goes on in another process, in the form of the W3C's Trace Context.

use opentelemetry::propagation::TextMapPropagator;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use std::collections::HashMap;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// The field that names the trace and the span to go on from.
const TRACEPARENT: &str = "traceparent";

/// The `traceparent` of a span; none where no traces are sent.
pub(crate) fn trace_parent(span: &Span) -> Option<String> {
    let mut fields = HashMap::new();
    TraceContextPropagator::new().inject_context(&span.context(), &mut fields);
    fields.remove(TRACEPARENT)
}

/// Makes a span, which nobody has entered yet, the child of one in another process.
/// What is no `traceparent`, or a program that sends no traces, leaves it as it is.
pub(crate) fn go_on(span: &Span, trace_parent: &str) {
    let fields = HashMap::from([(TRACEPARENT.to_owned(), trace_parent.to_owned())]);
    let parent = TraceContextPropagator::new().extract(&fields);
    let _ = span.set_parent(parent);
}
