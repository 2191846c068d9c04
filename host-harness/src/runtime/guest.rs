//! What stands behind a guest: its store's data and the interfaces of the
//! contract that the host implements.

use super::bindings::integration::connector::{cache, log, secrets, types};
use super::files::RunFiles;
use super::limits::{CpuMeter, Limits, MemoryLimiter, Usage};
use super::recording::{Clock, Recording};
use super::redaction::Redactor;
use super::run_log::{Level, RunLog};
use super::secret_source::{SecretError, SecretSource};
use super::share::{Share, Turn};
use crate::cache::Namespace;
use crate::egress::Egress;
use secrecy::ExposeSecret;
use std::sync::Arc;
use std::time::Duration;
use wasmtime::component::{Accessor, HasData, Linker, ResourceTable};
use wasmtime::{Store, UpdateDeadline};
use wasmtime_wasi::clocks::{WasiClocksCtx, WasiClocksCtxView, WasiClocksView};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

/// The data of a store.
pub(super) struct Guest {
    table: ResourceTable,
    clocks: Clocks,
    http: WasiHttpCtx,
    egress: Egress,
    memory: MemoryLimiter,
    services: Services,
}

/// What the time is.
pub(super) enum Clocks {
    /// This machine's.
    System(WasiClocksCtx),
    /// One that a recording goes with. Only a whole context can be given one.
    Recorded(Box<WasiCtx>),
}

impl Clocks {
    pub(super) fn of(recording: &Recording) -> Self {
        match recording {
            Recording::Off => Self::System(WasiClocksCtx::default()),
            Recording::On(_) | Recording::Replayed(_) => Self::Recorded(Box::new(
                WasiCtxBuilder::new()
                    .wall_clock(Clock(recording.clone()))
                    .build(),
            )),
        }
    }
}

/// What the contract's own interfaces need.
#[derive(Clone)]
pub(super) struct Services {
    /// The names of the connection's secret properties; no other is revealed.
    pub(super) secret_names: Arc<[String]>,
    pub(super) secrets: Arc<dyn SecretSource>,
    pub(super) cache: Namespace,
    pub(super) files: Option<RunFiles>,
    pub(super) redactor: Redactor,
    pub(super) log: RunLog,
}

impl Guest {
    /// A store for one run, with its limits armed.
    pub(super) fn store(
        engine: &wasmtime::Engine,
        services: Services,
        egress: Egress,
        clocks: Clocks,
        limits: &Limits,
        usage: &Usage,
        share: Share,
    ) -> (Store<Self>, CpuMeter) {
        let mut table = ResourceTable::new();
        table.set_max_capacity(limits.handles);
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(limits.header_bytes);
        let guest = Self {
            table,
            clocks,
            http,
            egress,
            memory: MemoryLimiter::new(limits, usage.clone()),
            services,
        };
        let mut store = Store::new(engine, guest);
        store.limiter(|guest| &mut guest.memory);
        store.set_hostcall_fuel(limits.handed_over);
        store.set_max_component_handles(limits.handles);
        store.set_epoch_deadline(1);
        let meter = CpuMeter::new(usage.clone(), limits.cpu, Turn::of(share));
        let checked = meter.clone();
        store.epoch_deadline_callback(move |_| {
            let turn = checked.check().map_err(wasmtime::Error::from)?;
            Ok(UpdateDeadline::YieldCustom(1, Box::pin(turn)))
        });
        (store, meter)
    }

    /// Links everything that a connector may import, and nothing else.
    pub(super) fn linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<Self>> {
        let mut linker = Linker::<Self>::new(engine);
        wasmtime_wasi_http::p3::add_to_linker(&mut linker)?;
        wasmtime_wasi::p3::clocks::add_to_linker(&mut linker)?;
        super::bindings::ConnectorComponent::add_to_linker::<_, Services>(&mut linker, |guest| {
            &mut guest.services
        })?;
        Ok(linker)
    }
}

impl WasiHttpView for Guest {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            hooks: &mut self.egress,
            table: &mut self.table,
            ctx: &mut self.http,
        }
    }
}

impl WasiClocksView for Guest {
    fn clocks(&mut self) -> WasiClocksCtxView<'_> {
        WasiClocksCtxView {
            ctx: match &mut self.clocks {
                Clocks::System(clocks) => clocks,
                Clocks::Recorded(context) => context.clocks(),
            },
            table: &mut self.table,
        }
    }
}

impl HasData for Services {
    type Data<'a> = &'a mut Self;
}

impl types::Host for Services {}
impl secrets::Host for Services {}
impl cache::Host for Services {}

impl<T> secrets::HostWithStore<T> for Services {
    async fn reveal(
        accessor: &Accessor<T, Self>,
        name: String,
    ) -> Result<String, secrets::SecretError> {
        let services = accessor.with(|mut access| access.get().clone());
        if !services.secret_names.contains(&name) {
            services.log.host(
                Level::Warn,
                "refused to reveal what is no secret of this connection",
                &[("name", name)],
            );
            return Err(secrets::SecretError::NotSet);
        }
        match services.secrets.reveal(&name).await {
            Ok(secret) => {
                services.redactor.add(secret.expose_secret());
                services
                    .log
                    .host(Level::Info, "revealed a secret", &[("name", name)]);
                Ok(secret.expose_secret().to_owned())
            }
            Err(SecretError::NotSet) => Err(secrets::SecretError::NotSet),
            Err(SecretError::Unavailable(why)) => {
                services.log.host(
                    Level::Error,
                    "a secret could not be read",
                    &[("name", name), ("why", why)],
                );
                Err(secrets::SecretError::Unavailable)
            }
        }
    }
}

impl<T> cache::HostWithStore<T> for Services {
    async fn get(accessor: &Accessor<T, Self>, key: String) -> Option<(String, u64)> {
        let cache = accessor.with(|mut access| access.get().cache.clone());
        let (value, ttl) = cache.get(&key)?;
        let ttl = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
        Some((value.expose_secret().to_owned(), ttl))
    }

    async fn put(accessor: &Accessor<T, Self>, key: String, value: String, ttl: u64) {
        let services = accessor.with(|mut access| access.get().clone());
        if let Err(error) = services
            .cache
            .put(&key, &value.into(), Duration::from_millis(ttl))
        {
            services.log.host(
                Level::Warn,
                "a value could not be cached",
                &[("why", error.to_string())],
            );
        }
    }

    async fn remove(accessor: &Accessor<T, Self>, key: String) {
        let cache = accessor.with(|mut access| access.get().cache.clone());
        // What could not be removed will expire.
        let _ = cache.remove(&key);
    }
}

impl log::Host for Services {
    fn write(&mut self, level: log::Level, message: String, fields: Vec<(String, String)>) {
        let level = match level {
            log::Level::Error => Level::Error,
            log::Level::Warn => Level::Warn,
            log::Level::Info => Level::Info,
            log::Level::Debug => Level::Debug,
        };
        self.log.connector(level, &message, fields);
    }
}
