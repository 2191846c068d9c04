//! The work as the host library does it: the real component in its sandbox.

use super::child::end_with_parent;
use super::fronts::Tls;
use super::measured::{Loaded, Measured, Meter, Sandbox};
use super::writing::{FILE, record};
use super::{Result, built, bytes_of, statistics};
use futures::StreamExt;
use futures::future::BoxFuture;
use host_harness::connection::Environment;
use host_harness::egress::Certificates;
use host_harness::registry::Digest;
use host_harness::runtime::types::{Call, Event, Item};
use host_harness::runtime::{
    CompiledCode, Connection, Connector, Execution, Limits, RunFiles, Runtime, SecretError,
    SecretSource,
};
use secrecy::SecretString;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Loads from the cache that are made to take the median.
const LOADS: usize = 20;
/// Sessions that are opened to take the median.
const SESSIONS: usize = 200;
/// So many that none ever waits.
const REQUESTS_PER_SECOND: u32 = 1_000_000;

/// Reads all suppliers by a source activity and counts them.
pub fn read(url: &str, compiled: &Path, activity: &str, tls: Option<Tls>) -> Result<Measured> {
    end_with_parent();
    tokio::runtime::Runtime::new()?.block_on(async {
        let (connector, _, runtime, load) = connector_from(compiled).await?;
        let mut meter = Meter::start()?;
        let mut connection = connection(url);
        if let Some(tls) = tls {
            connection.certificates = Certificates::from_pem(&tls.authority)?;
            connection.protocol = tls.protocol;
        }
        let session = connector.session(connection).await?;
        let call = call(activity, "suppliers");
        let mut execution = session.execute(call, futures::stream::empty().boxed());
        while let Some(events) = execution.next().await {
            for event in events {
                if let Event::Item(item) = event {
                    meter.count(&item.data);
                }
            }
        }
        finished(execution, meter, runtime, load).await
    })
}

/// What a call was measured to cost, once it has ended.
async fn finished(
    execution: Execution,
    meter: Meter,
    runtime: Duration,
    load: Duration,
) -> Result<Measured> {
    let usage = execution.usage().clone();
    execution.finish().await?;
    meter.stop(Some(Sandbox {
        linear_memory: usage.peak_memory() as u64,
        runtime,
        load,
    }))
}

/// Creates so many suppliers, or uploads a file so often.
pub fn write(
    url: &str,
    compiled: &Path,
    activity: &str,
    count: u64,
    folder: &Path,
) -> Result<Measured> {
    end_with_parent();
    tokio::runtime::Runtime::new()?.block_on(async {
        let (connector, _, runtime, load) = connector_from(compiled).await?;
        let mut meter = Meter::start()?;
        let mut connection = connection(url);
        connection.files = Some(RunFiles::in_folder(folder));
        let session = connector.session(connection).await?;
        let is_upload = activity == "upload";
        let object = match is_upload {
            true => "purchase_orders/{purchase_order_id}/attachments",
            false => "suppliers",
        };
        let records = (1..=count).map(move |number| Item {
            key: number.to_string(),
            data: match is_upload {
                true => format!(r#"{{"purchase-order-id":1,"file":"{FILE}"}}"#),
                false => record(number),
            },
        });
        let mut execution = session.execute(
            call(activity, object),
            futures::stream::iter(records).boxed(),
        );
        while let Some(events) = execution.next().await {
            for event in events {
                match event {
                    Event::Answered(answer) => meter.count(&answer.data),
                    Event::Rejected(rejection) => {
                        return Err(format!("not taken: {:?}", rejection.error).into());
                    }
                    _ => {}
                }
            }
        }
        finished(execution, meter, runtime, load).await
    })
}

pub fn call(activity: &str, object: &str) -> Call {
    Call {
        activity: activity.to_owned(),
        object: object.to_owned(),
        options: Vec::new(),
        resume: None,
        dry_run: false,
    }
}

/// Loads the component into an empty folder of compiled code, then from it, and
/// opens sessions.
pub fn load(compiled: &Path) -> Result<Loaded> {
    end_with_parent();
    tokio::runtime::Runtime::new()?.block_on(async {
        let (connector, _, _, compile) = connector_from(compiled).await?;
        let mut loads = Vec::with_capacity(LOADS);
        for _ in 0..LOADS {
            // Another runtime, as another agent would have it.
            let (_, _, _, load) = connector_from(compiled).await?;
            loads.push(load);
        }
        let mut sessions = Vec::with_capacity(SESSIONS);
        for _ in 0..SESSIONS {
            let connection = connection("http://127.0.0.1:1");
            let started = Instant::now();
            let session = connector.session(connection).await?;
            sessions.push(started.elapsed());
            drop(session);
        }
        Ok(Loaded {
            compile,
            load: statistics::median(loads),
            session: statistics::median(sessions),
        })
    })
}

/// The connector and its runtime, and how long making that and loading took.
pub async fn connector_from(compiled: &Path) -> Result<(Connector, Runtime, Duration, Duration)> {
    let bytes = bytes_of(&built())?;
    let started = Instant::now();
    let runtime = Runtime::new(CompiledCode::open(compiled)?)?;
    let made = started.elapsed();
    let started = Instant::now();
    // The digest is compared on every load.
    let connector = runtime.load(Digest::of(&bytes), bytes).await?;
    Ok((connector, runtime, made, started.elapsed()))
}

pub fn connection(url: &str) -> Connection {
    let mut connection = Connection::new("bench")
        .setting("host", url)
        .setting("authentication", "oauth")
        .setting("client-id", "bench");
    connection.environment = Environment::Development;
    connection.secrets = Arc::new(AnySecret);
    connection.limits = Limits {
        requests_per_second: Some(REQUESTS_PER_SECOND),
        ..Limits::default()
    };
    connection
}

/// The page server takes any secret.
struct AnySecret;

impl SecretSource for AnySecret {
    fn reveal<'a>(
        &'a self,
        _: &'a str,
    ) -> BoxFuture<'a, std::result::Result<SecretString, SecretError>> {
        Box::pin(async { Ok(SecretString::from("bench")) })
    }
}
