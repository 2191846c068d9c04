//! A running sandbox, and what tests can see and change of it.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, RwLockReadGuard, RwLockWriteGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use tokio::sync::oneshot;

use crate::configuration::Configuration;
use crate::drift::{self, Drift, DriftError, DriftRound};
use crate::fault::{Fault, FaultRule};
use crate::files::{FileRecord, Folder};
use crate::model::model;
use crate::observed::{Counters, RequestRecord};
use crate::seed::{self, SeedError};
use crate::server::{
    ConnectionHandle, CountingListener, PlacedFile, SeededFile, Shared, add_file, find_file, router,
};
use crate::store::{Store, StoreError};
use crate::switches::Switches;

/// How long the end waits for what is still running.
const GRACE: Duration = Duration::from_millis(200);

/// Why a sandbox could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The port or the thread is not to be had.
    #[error("cannot start the server: {0}")]
    Server(#[from] std::io::Error),
    /// The database cannot be opened.
    #[error("cannot open the store: {0}")]
    Store(#[from] StoreError),
    /// The records cannot be made.
    #[error("cannot fill the store: {0}")]
    Seed(#[from] SeedError),
}

/// A running sandbox. It serves on a runtime of its own, so it can be started
/// from anywhere, and it ends when it is dropped.
pub struct Sandbox {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Sandbox {
    /// Fills the store and starts to serve on 127.0.0.1.
    pub fn start(configuration: Configuration) -> Result<Self, StartError> {
        let store = Store::open(configuration.database.as_deref())?;
        seed::fill(&store, &configuration)?;
        let files = Folder::open(configuration.database.as_deref())?;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, configuration.port))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new(configuration, store, files));
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("coupa-sandbox")
            .enable_all()
            .build()?;
        let (stop, stopped) = oneshot::channel();
        let serving = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("coupa-sandbox".to_owned())
            .spawn(move || {
                runtime.block_on(serve(listener, serving, stopped));
                runtime.shutdown_timeout(GRACE);
            })?;
        Ok(Self {
            address,
            shared,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Where it listens: `http://127.0.0.1:40123`, without a slash at the end.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The switches, to read.
    pub fn switches(&self) -> RwLockReadGuard<'_, Switches> {
        self.shared.switches()
    }

    /// The switches, to change; requests wait while the guard is held.
    pub fn switches_mut(&self) -> RwLockWriteGuard<'_, Switches> {
        self.shared.switches_mut()
    }

    /// Adds a rule for faults.
    pub fn add_fault(&self, rule: FaultRule) {
        self.shared.faults.add(rule);
    }

    /// Lets the next request below `/api` meet a fault.
    pub fn fail_next(&self, fault: Fault) {
        self.add_fault(FaultRule::next(1, fault));
    }

    /// Removes all rules for faults.
    pub fn clear_faults(&self) {
        self.shared.faults.clear();
    }

    /// Lets the records of a collection change while it is paged.
    pub fn drift(&self, drift: Drift) -> Result<(), DriftError> {
        self.shared.drifts.add(drift)
    }

    /// Changes the records of a collection once, right now. `number` gives each
    /// round of one seed its own records.
    pub fn drift_now(&self, drift: &Drift, number: u64) -> Result<DriftRound, DriftError> {
        drift::round(&self.shared.store, drift, number)
    }

    /// What drifts changed while lists were paged, oldest first.
    pub fn drifted(&self) -> Vec<DriftRound> {
        self.shared.drifts.rounds()
    }

    /// The requests so far, oldest first.
    pub fn log(&self) -> Vec<RequestRecord> {
        self.shared.observed.log()
    }

    /// The counters so far.
    pub fn counters(&self) -> Counters {
        self.shared.observed.counters()
    }

    /// When each request came, oldest first.
    pub fn arrivals(&self) -> Vec<Instant> {
        self.shared.observed.arrivals()
    }

    /// Starts log and counters again.
    pub fn reset_log(&self) {
        self.shared.observed.reset();
    }

    /// How many records a collection holds, by its path; 0 where there is no
    /// such collection. A nested one is named by its template and counted over
    /// all parents.
    pub fn count(&self, collection: &str) -> u64 {
        model().collection(collection).map_or(0, |collection| {
            let store = &self.shared.store;
            let count = store.read(|records| seed::counted(records, collection));
            count.unwrap_or(0)
        })
    }

    /// A record as it is stored: timestamps in UTC, nothing shaped.
    pub fn record(&self, collection: &str, id: i64) -> Option<Value> {
        let table = self.table(collection)?;
        let record: Option<Map<String, Value>> = self
            .shared
            .store
            .read(|records| records.get(table, id))
            .ok()?;
        record.map(Value::Object)
    }

    /// Makes a file of any size; none where its path cannot have one. Hashes
    /// the file, which takes some seconds for each gigabyte.
    pub fn add_file(&self, file: &SeededFile) -> Option<PlacedFile> {
        add_file(&self.shared, file).ok()
    }

    /// The file that a path below `/api/` answers, such as
    /// `invoices/1/attachments/7` or `invoices/1/retrieve_image_scan`.
    pub fn file(&self, path: &str) -> Option<FileRecord> {
        Some(find_file(&self.shared, path).ok()?.file)
    }

    /// Ends it and waits until its port is free.
    pub fn shutdown(mut self) {
        self.end();
    }

    fn table(&self, collection: &str) -> Option<&'static str> {
        let collection = model().collection(collection)?;
        Some(model().table(collection.record_type))
    }

    fn end(&mut self) {
        if let Some(stop) = self.stop.take() {
            // It may have ended by itself; then nobody listens.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.end();
    }
}

/// Serves until it is told to stop. Connections that are still open then are
/// dropped with the runtime.
async fn serve(listener: TcpListener, shared: Arc<Shared>, stopped: oneshot::Receiver<()>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
        return;
    };
    let service =
        router(Arc::clone(&shared)).into_make_service_with_connect_info::<ConnectionHandle>();
    let serving = axum::serve(CountingListener::new(listener, shared), service);
    tokio::select! {
        _ = serving.into_future() => {}
        _ = stopped => {}
    }
}
