//! What can be watched of a process from outside: its numbers, its health and
//! the traces of its runs.
//!
//! Nothing here knows what is watched. The parts of the host count into
//! [`metrics`], open spans under [`SPANS`], and say by [`Health`] how they are.

mod health;
mod joined_metrics;
mod metrics;
mod monitoring;
mod propagation;
mod tracing;

pub use health::{Health, HealthCheck};
pub(crate) use joined_metrics::Became;
pub(crate) use metrics::{Answer, Broken, Counted, Ended, Fate};
pub use metrics::{Metrics, metrics};
pub use monitoring::{Monitoring, MonitoringError};
pub(crate) use propagation::{go_on, trace_parent};
pub use tracing::{ExportError, SPANS, TraceExport};
