//! What the program says of itself: logs on standard error, traces to a collector.

use clap::{Args, ValueEnum};
use host_harness::observability::{ExportError, SPANS, TraceExport};
use tokio::runtime::Handle;
use tracing::Metadata;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, fmt};

/// How lines of the log look.
#[derive(Clone, Copy, ValueEnum)]
enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, with the time and what it belongs to.
    Json,
}

#[derive(Args)]
pub struct Logging {
    /// How lines of the log look.
    #[arg(
        long,
        global = true,
        env = "HARNESS_LOG_FORMAT",
        default_value = "text"
    )]
    log_format: LogFormat,

    /// What is logged, in the form of tracing's filters, such as
    /// `host_harness=debug`; in place of --verbose.
    #[arg(long, global = true, env = "HARNESS_LOG", value_name = "FILTER")]
    log: Option<String>,

    /// Send a trace of each run to the OpenTelemetry collector at this URL, by
    /// OTLP over HTTP.
    #[arg(
        long,
        global = true,
        env = "OTEL_EXPORTER_OTLP_ENDPOINT",
        value_name = "URL"
    )]
    otlp: Option<String>,
}

impl Logging {
    /// Starts logging, and tracing where it is asked for.
    ///
    /// # Errors
    /// If there is no such collector to send to.
    pub fn start(&self, verbose: u8, runtime: &Handle) -> Result<Option<TraceExport>, ExportError> {
        let filter = match (&self.log, verbose) {
            (Some(filter), _) => filter,
            // That a limited address space makes connectors slower is worth a line.
            (None, 0) => "error,host_harness::runtime::engine=warn",
            (None, 1) => "host_harness=info",
            (None, _) => "host_harness=debug",
        };
        // Spans are no lines: they say what a line belongs to, whatever its level.
        let filter = EnvFilter::new(format!("{filter},{SPANS}=info"));
        let lines = fmt::layer().with_writer(std::io::stderr);
        let lines = match self.log_format {
            LogFormat::Text => lines.without_time().with_filter(filter).boxed(),
            LogFormat::Json => lines.json().flatten_event(true).with_filter(filter).boxed(),
        };
        let export = match &self.otlp {
            Some(endpoint) => Some(TraceExport::start(endpoint, runtime.clone())?),
            None => None,
        };
        let traces = export.as_ref().map(|export| {
            tracing_opentelemetry::layer()
                .with_tracer(export.tracer())
                .with_location(false)
                .with_threads(false)
                .with_tracked_inactivity(false)
                .with_filter(filter_fn(of_a_trace))
                .with_filter(LevelFilter::INFO)
        });
        tracing_subscriber::registry()
            .with(lines)
            .with(traces)
            .init();
        Ok(export)
    }
}

fn of_a_trace(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && metadata.target() == SPANS
}
