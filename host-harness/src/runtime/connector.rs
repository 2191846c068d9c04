//! Connectors, loaded and ready to be instantiated.

use super::admission;
use super::bindings::{ConnectorComponentPre, design};
use super::compiled::CompiledCode;
use super::compiler::Compiler;
use super::engine::Engine;
use super::error::RuntimeError;
use super::guest::Guest;
use super::loaded::{self, Loaded, Ready};
use super::process_limits::ProcessLimits;
use super::session::{Connection, Session};
use super::share::Share;
use crate::egress::{Budgets, ClientCertificates};
use crate::observability::{Counted, metrics};
use crate::registry::Digest;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::sync::Semaphore;
use wasmtime::component::Linker;

/// Runs connectors: one per process.
#[derive(Clone)]
pub struct Runtime {
    engine: Engine,
    linker: Arc<Linker<Guest>>,
    places: Arc<Semaphore>,
    compiled: CompiledCode,
    compiler: Compiler,
    budgets: Budgets,
    share: Share,
    loaded: Loaded,
    limits: Arc<ProcessLimits>,
    client_certificates: Arc<ClientCertificates>,
    /// Compiling takes all processors, and the same version is often asked for
    /// several times at once: one after the other, the first fills the cache.
    compiling: Arc<Mutex<()>>,
}

impl Runtime {
    /// A runtime that keeps compiled code in `compiled`.
    ///
    /// # Errors
    /// If this machine cannot run compiled code.
    pub fn new(compiled: CompiledCode) -> Result<Self, RuntimeError> {
        Self::limited(compiled, ProcessLimits::default())
    }

    /// The same within other limits.
    ///
    /// # Errors
    /// As for [`Self::new`].
    pub fn limited(compiled: CompiledCode, limits: ProcessLimits) -> Result<Self, RuntimeError> {
        let engine = Engine::limited(&limits)?;
        let linker = Guest::linker(engine.wasmtime()).map_err(RuntimeError::Engine)?;
        Ok(Self {
            engine,
            linker: Arc::new(linker),
            // The pool refuses more than it holds; better to wait before it.
            places: Arc::new(Semaphore::new(limits.connectors as usize)),
            compiled,
            compiler: Compiler::default(),
            budgets: Budgets::default(),
            share: Share::default(),
            loaded: loaded::none_yet(),
            limits: Arc::new(limits),
            client_certificates: Arc::default(),
            compiling: Arc::default(),
        })
    }

    /// What it gives all its connectors together.
    pub fn limits(&self) -> &ProcessLimits {
        &self.limits
    }

    /// Shows these certificates to servers that ask for one, where the connection sets no
    /// other.
    #[must_use]
    pub fn showing(mut self, certificates: ClientCertificates) -> Self {
        self.client_certificates = Arc::new(certificates);
        self
    }

    pub(super) fn client_certificates(&self) -> &ClientCertificates {
        &self.client_certificates
    }

    /// Compiles otherwise than in threads of this process, within the default limits.
    #[must_use]
    pub fn compiling_with(mut self, compiler: Compiler) -> Self {
        self.compiler = compiler;
        // What another one made may be what this one refuses.
        self.loaded = loaded::none_yet();
        self
    }

    /// Makes a connector of a component whose digest has been verified.
    /// Compiling takes a third of a second or so: call it where that may block. What
    /// this runtime has loaded lately is at hand.
    ///
    /// # Errors
    /// If the component is none, asks for more than a connector may have, or
    /// cannot describe itself.
    pub async fn load(&self, digest: Digest, bytes: Vec<u8>) -> Result<Connector, RuntimeError> {
        let ready = match self.loaded.get(&digest) {
            Some(ready) => ready,
            None => {
                let runtime = self.clone();
                let linked = tokio::task::spawn_blocking(move || runtime.link(digest, &bytes));
                let pre = linked
                    .await
                    .map_err(|error| RuntimeError::Trap(error.to_string()))??;
                let ready = self.described(pre, digest).await?;
                self.loaded.put(digest, ready.clone());
                ready
            }
        };
        Ok(Connector {
            runtime: self.clone(),
            pre: ready.pre,
            digest,
            descriptor: ready.descriptor,
            watch: None,
        })
    }

    /// Asks a component what it is, in a sandbox that can reach nothing.
    async fn described(
        &self,
        pre: ConnectorComponentPre<Guest>,
        digest: Digest,
    ) -> Result<Ready, RuntimeError> {
        let descriptor = Session::describe(self, &pre, digest, self.limits.describing).await?;
        Ok(Ready {
            pre,
            descriptor: Arc::new(descriptor),
        })
    }

    fn link(
        &self,
        digest: Digest,
        bytes: &[u8],
    ) -> Result<ConnectorComponentPre<Guest>, RuntimeError> {
        let refused = |why: String| RuntimeError::NotAConnector { digest, why };
        admission::check(bytes).map_err(refused)?;
        let _turn = self
            .compiling
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let started = Instant::now();
        let component = self
            .compiled
            .load(&self.engine, &self.compiler, digest, bytes)
            .map_err(|source| RuntimeError::Compile { digest, source })?;
        metrics().made_ready(started.elapsed());
        self.linker
            .instantiate_pre(&component)
            .and_then(ConnectorComponentPre::new)
            .map_err(|error| refused(format!("it does not fit the contract: {error:#}")))
    }

    /// The same runtime with these budgets; what it loaded before keeps its own.
    #[must_use]
    pub fn with_budgets(mut self, budgets: Budgets) -> Self {
        self.budgets = budgets;
        self
    }

    /// The rate budgets of the process.
    pub(super) fn budgets(&self) -> &Budgets {
        &self.budgets
    }

    /// Who may compute when.
    pub(super) fn share(&self) -> &Share {
        &self.share
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// A place in the pool of instances, given back when it is dropped.
    pub(super) async fn place(&self) -> Result<tokio::sync::OwnedSemaphorePermit, RuntimeError> {
        let _waiting = Counted::up(&metrics().waiting);
        let place = Arc::clone(&self.places).acquire_owned();
        match tokio::time::timeout(self.limits.wait, place).await {
            Ok(Ok(place)) => Ok(place),
            _ => Err(RuntimeError::Full(self.limits.connectors)),
        }
    }
}

/// Told how instances of a connector break down. It lives as long as the
/// connector and its last instance.
pub trait Watch: Send + Sync {
    /// An instance broke down, which no connector should.
    fn broke_down(&self, error: &RuntimeError);
}

/// One version of a connector, ready to run.
#[derive(Clone)]
pub struct Connector {
    runtime: Runtime,
    pre: ConnectorComponentPre<Guest>,
    digest: Digest,
    descriptor: Arc<design::Descriptor>,
    watch: Option<Arc<dyn Watch>>,
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Connector({} {} {})",
            self.descriptor.id, self.descriptor.version, self.digest
        )
    }
}

impl Connector {
    /// Asks the component once more what it is, in an instance of its own.
    ///
    /// # Errors
    /// If it cannot say so.
    pub async fn describe_again(&self) -> Result<Arc<design::Descriptor>, RuntimeError> {
        let ready = self
            .runtime
            .described(self.pre.clone(), self.digest)
            .await?;
        Ok(ready.descriptor)
    }

    /// The same, with somebody who is told how its instances break down.
    #[must_use]
    pub fn watched(self, watch: Arc<dyn Watch>) -> Self {
        Self {
            watch: Some(watch),
            ..self
        }
    }

    /// What the connector says that it is and needs.
    pub fn descriptor(&self) -> &design::Descriptor {
        &self.descriptor
    }

    /// The digest that it was verified by.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// An instance for one connection and one run.
    ///
    /// # Errors
    /// If the process is full, or the component breaks down at once. Whether the
    /// settings fit is for the connector to say, where it is called.
    pub async fn session(&self, connection: Connection) -> Result<Session, RuntimeError> {
        let opened = Session::open(
            &self.runtime,
            &self.pre,
            &self.descriptor,
            self.digest,
            connection,
        )
        .await;
        match (opened, &self.watch) {
            (Ok(session), Some(watch)) => Ok(session.watched(Arc::clone(watch))),
            (Err(error), Some(watch)) => {
                if error.is_breakdown() && !error.is_lowered_limit() {
                    watch.broke_down(&error);
                }
                Err(error)
            }
            (opened, None) => opened,
        }
    }
}
