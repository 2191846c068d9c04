//! One instance of a connector, for one connection and one run.

use super::bindings::{ConnectorComponent, ConnectorComponentPre, design, types};
use super::connector::{Runtime, Watch};
use super::error::{ConnectorError, RuntimeError};
use super::execution::{self, Execution};
use super::files::RunFiles;
use super::guest::{Clocks, Guest, Services};
use super::limits::{CpuMeter, LimitReached, Limits, Usage};
use super::recording::{Recorder, Recording};
use super::redaction::Redactor;
use super::run_log::{Keeping, RunLog};
use super::secret_source::{NoSecrets, SecretSource};
use crate::cache::{Cache, Namespace};
use crate::connection::Environment;
use crate::egress::{
    Certificates, ClientCertificate, Egress, EgressPolicy, Gate, Pace, Protocol, Proxy, Traffic,
    Transport, Witness,
};
use crate::observability::{Broken, metrics};
use crate::registry::Digest;
use futures::stream::BoxStream;
use secrecy::ExposeSecret;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::OwnedSemaphorePermit;
use wasmtime::Store;
use wasmtime::component::Accessor;

/// A connection, ready to be used: variables resolved.
#[derive(Clone)]
pub struct Connection {
    /// For messages.
    pub name: String,
    /// Properties by name; a repeatable one may stand several times.
    pub settings: Vec<(String, String)>,
    /// Where its secrets come from.
    pub secrets: Arc<dyn SecretSource>,
    /// What the connector may keep between runs.
    pub cache: Namespace,
    /// Where the files of a run lie; none: it has no files.
    pub files: Option<RunFiles>,
    /// What kind of place it is used in.
    pub environment: Environment,
    /// What a run may use.
    pub limits: Limits,
    /// The proxy that requests go through.
    pub proxy: Option<Proxy>,
    /// Certificate authorities that are trusted beside the system's.
    pub certificates: Certificates,
    /// What is shown to a server that asks for a certificate; none: what the runtime has
    /// for the connection's host.
    pub client_certificate: Option<ClientCertificate>,
    /// Which versions of HTTP are offered over TLS.
    pub protocol: Protocol,
    /// Whether what happens is recorded.
    pub recording: Recording,
    /// What every request passes just before it is sent, where whoever runs this
    /// may lose the right to send any.
    pub gate: Option<Gate>,
}

impl Connection {
    /// A connection without secrets, with default limits, that keeps nothing.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            settings: Vec::new(),
            secrets: Arc::new(NoSecrets),
            cache: Cache::in_memory().namespace("none"),
            files: None,
            environment: Environment::default(),
            limits: Limits::default(),
            proxy: None,
            certificates: Certificates::default(),
            client_certificate: None,
            protocol: Protocol::default(),
            recording: Recording::Off,
            gate: None,
        }
    }

    /// Sets a property.
    #[must_use]
    pub fn setting(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((name.into(), value.into()));
        self
    }

    fn to_wit(&self) -> types::Connection {
        types::Connection {
            name: self.name.clone(),
            settings: to_settings(&self.settings),
        }
    }
}

/// One instance. Dropping it ends everything that it does.
pub struct Session {
    store: Store<Guest>,
    instance: ConnectorComponent,
    connection: types::Connection,
    limits: Limits,
    meter: CpuMeter,
    usage: Usage,
    redactor: Redactor,
    log: RunLog,
    traffic: Traffic,
    /// After a limit or a trap the instance is of no more use.
    broken: bool,
    /// Whose instance it is: name, version and digest.
    connector: (String, Digest),
    recording: Recording,
    watch: Option<Arc<dyn Watch>>,
    _place: OwnedSemaphorePermit,
}

impl Session {
    pub(super) async fn open(
        runtime: &Runtime,
        pre: &ConnectorComponentPre<Guest>,
        descriptor: &design::Descriptor,
        digest: Digest,
        connection: Connection,
    ) -> Result<Self, RuntimeError> {
        let policy = EgressPolicy::new(
            descriptor
                .reaches
                .iter()
                .filter_map(|property| url_of(property, &connection, descriptor)),
            connection.environment,
        );
        let rate = descriptor
            .rate
            .as_ref()
            .map(|rate| (rate.per_second, rate.burst));
        let rate = match (connection.limits.requests_per_second, rate) {
            (Some(per_second), rate) => {
                let burst = rate.map_or(per_second, |(_, burst)| burst);
                Some((per_second, burst))
            }
            (None, rate) => rate,
        };
        let budget = rate.map(|(per_second, burst)| {
            let origins = policy.origins().to_vec();
            runtime.budgets().of(origins, per_second, burst)
        });
        let secret_names = descriptor
            .properties
            .iter()
            .filter(|property| matches!(property.kind, types::PropertyKind::Secret))
            .map(|property| property.name.clone())
            .collect();
        let redactor = Redactor::default();
        let log = RunLog::keeping(Keeping::of(&connection.limits), redactor.clone());
        let traffic = Traffic::default();
        if let Some(password) = connection.proxy.as_ref().and_then(Proxy::password) {
            redactor.add(password.expose_secret());
        }
        let client_certificate = connection.client_certificate.clone().or_else(|| {
            let for_hosts = runtime.client_certificates();
            for_hosts.for_any_of(policy.origins()).cloned()
        });
        let egress = Egress::new(
            policy,
            Transport {
                proxy: connection.proxy.clone(),
                certificates: connection.certificates.clone(),
                client_certificate,
                protocol: connection.protocol,
            },
            Pace {
                budget,
                at_a_time: connection.limits.requests_at_a_time,
            },
            Witness {
                log: log.clone(),
                redactor: redactor.clone(),
                traffic: traffic.clone(),
                recording: connection.recording.clone(),
            },
        )
        .behind(connection.gate.clone());
        if let Some(recorder) = connection.recording.recorder() {
            recorder.knows(redactor.clone());
        }
        // A cache would hide what was asked when it was filled.
        let cache = match connection.recording {
            Recording::Off => connection.cache.clone(),
            Recording::On(_) | Recording::Replayed(_) => {
                Cache::in_memory().namespace(&connection.name)
            }
        };
        let services = Services {
            secret_names,
            secrets: Arc::clone(&connection.secrets),
            cache,
            files: connection
                .files
                .clone()
                .map(|files| files.at_most(connection.limits.file)),
            redactor: redactor.clone(),
            log: log.clone(),
        };
        let place = runtime.place().await?;
        let usage = Usage::default();
        let engine = runtime.engine().wasmtime();
        let (mut store, meter) = Guest::store(
            engine,
            services,
            egress,
            Clocks::of(&connection.recording),
            &connection.limits,
            &usage,
            runtime.share().clone(),
        );
        // A component may compute while it is instantiated, too.
        let wall = connection.limits.wall;
        let started = Instant::now();
        let instantiating = tokio::time::timeout(wall, pre.instantiate_async(&mut store));
        let instance = match meter.metered(instantiating).await {
            Ok(instance) => {
                instance.map_err(|error| RuntimeError::from_call(&error, &connection.limits))?
            }
            Err(_) => return Err(LimitReached::Wall(wall).into()),
        };
        metrics().instantiated(started.elapsed());
        Ok(Self {
            store,
            instance,
            connection: connection.to_wit(),
            limits: connection.limits,
            meter,
            usage,
            redactor,
            log,
            traffic,
            broken: false,
            connector: (format!("{} {}", descriptor.id, descriptor.version), digest),
            recording: connection.recording,
            watch: None,
            _place: place,
        })
    }

    pub(super) fn watched(mut self, watch: Arc<dyn Watch>) -> Self {
        self.watch = Some(watch);
        self
    }

    /// Tells whoever watches, where the connector is at fault.
    pub(super) fn tell(&self, error: &RuntimeError) {
        // A call that never asked anybody anything and yet ran out of time hung.
        let hung = matches!(error, RuntimeError::Limit(LimitReached::Wall(_)))
            && self.traffic.requests() == 0;
        if let Some(watch) = &self.watch
            && (error.is_breakdown() || hung)
            && !error.is_lowered_limit()
        {
            watch.broke_down(error);
        }
    }

    pub(super) async fn describe(
        runtime: &Runtime,
        pre: &ConnectorComponentPre<Guest>,
        digest: Digest,
        limits: Limits,
    ) -> Result<design::Descriptor, RuntimeError> {
        let nothing = design::Descriptor {
            id: String::new(),
            title: String::new(),
            description: String::new(),
            version: String::new(),
            properties: Vec::new(),
            reauthentication: Vec::new(),
            reaches: Vec::new(),
            rate: None,
        };
        let mut connection = Connection::new("describe");
        connection.limits = limits;
        let mut session = Self::open(runtime, pre, &nothing, digest, connection).await?;
        let call = session
            .instance
            .integration_connector_design()
            .call_describe(&mut session.store);
        let called = session
            .meter
            .metered(tokio::time::timeout(limits.wall, call))
            .await;
        match called {
            Ok(Ok(descriptor)) => Ok(descriptor),
            Ok(Err(error)) => Err(RuntimeError::from_call(&error, &limits)),
            Err(_) => Err(LimitReached::Wall(limits.wall).into()),
        }
    }

    /// Tries the connection, step by step.
    ///
    /// # Errors
    /// Only if the connector itself breaks down; a failed step is a check.
    pub async fn test(&mut self) -> Result<Vec<types::Check>, RuntimeError> {
        let connection = self.connection.clone();
        let mut checks = self
            .call(async |accessor, instance| {
                instance
                    .integration_connector_connector()
                    .call_test_connection(accessor, connection)
                    .await
            })
            .await?;
        for check in &mut checks {
            if let Some(error) = &mut check.error {
                clean(error, &self.redactor, &self.traffic);
            }
            if let Some(detail) = &mut check.detail {
                self.redactor.clean(detail);
            }
        }
        self.say_protocols(&mut checks);
        Ok(checks)
    }

    /// Says with the last step that passed which protocol was spoken: a connector does
    /// not know, and whoever looks for the cause of a refusal asks for it first.
    fn say_protocols(&self, checks: &mut [types::Check]) {
        let protocols = self.traffic.protocols().join(" and ");
        let passed = |check: &&mut types::Check| check.outcome == types::CheckOutcome::Passed;
        if let Some(check) = checks.iter_mut().rfind(passed)
            && !protocols.is_empty()
        {
            check.detail = Some(match &check.detail {
                Some(detail) => format!("{detail} ({protocols})"),
                None => protocols,
            });
        }
    }

    /// The activities that the connection offers.
    ///
    /// # Errors
    /// What the connector says, or how it broke down.
    pub async fn activities(&mut self) -> Result<Vec<types::Activity>, RuntimeError> {
        let connection = self.connection.clone();
        let answer = self
            .call(async |accessor, instance| {
                instance
                    .integration_connector_connector()
                    .call_list_activities(accessor, connection)
                    .await
            })
            .await?;
        answer.map_err(|error| self.said(error))
    }

    /// The objects whose name or title contains `search`.
    ///
    /// # Errors
    /// What the connector says, or how it broke down.
    pub async fn objects(
        &mut self,
        search: Option<String>,
    ) -> Result<Vec<design::Object>, RuntimeError> {
        let connection = self.connection.clone();
        let answer = self
            .call(async |accessor, instance| {
                instance
                    .integration_connector_design()
                    .call_list_objects(accessor, connection, search)
                    .await
            })
            .await?;
        answer.map_err(|error| self.said(error))
    }

    /// The shapes of an object for an activity, as JSON Schema; `refresh` asks the
    /// remote system anew for what is its own.
    ///
    /// # Errors
    /// What the connector says, or how it broke down.
    pub async fn describe_object(
        &mut self,
        activity: &str,
        object: &str,
        refresh: bool,
    ) -> Result<design::Shape, RuntimeError> {
        let connection = self.connection.clone();
        let (activity, object) = (activity.to_owned(), object.to_owned());
        let answer = self
            .call(async |accessor, instance| {
                instance
                    .integration_connector_design()
                    .call_describe_object(accessor, connection, activity, object, refresh)
                    .await
            })
            .await?;
        answer.map_err(|error| self.said(error))
    }

    /// What a call would send, without sending it; with `look` the remote system
    /// may be read to say how much there is and what the credentials allow.
    ///
    /// # Errors
    /// What the connector says of the call, or how it broke down.
    pub async fn plan(
        &mut self,
        call: types::Call,
        look: bool,
    ) -> Result<design::PlannedCall, RuntimeError> {
        let connection = self.connection.clone();
        let answer = self
            .call(async |accessor, instance| {
                instance
                    .integration_connector_design()
                    .call_plan(accessor, connection, call, look)
                    .await
            })
            .await?;
        let mut plan = answer.map_err(|error| self.said(error))?;
        for request in &mut plan.requests {
            self.redactor.clean(&mut request.path);
            self.redactor.clean(&mut request.note);
            if let Some(body) = &mut request.body {
                self.redactor.clean(body);
            }
        }
        for note in &mut plan.notes {
            self.redactor.clean(note);
        }
        Ok(plan)
    }

    /// Tells the remote system that everything before a checkpoint of a source
    /// has been taken for good. To be repeated where it failed: a second time has
    /// no effect.
    ///
    /// # Errors
    /// What the connector says, or how it broke down.
    pub async fn acknowledge(
        &mut self,
        call: types::Call,
        checkpoint: String,
    ) -> Result<(), RuntimeError> {
        let connection = self.connection.clone();
        let answer = self
            .call(async |accessor, instance| {
                instance
                    .integration_connector_connector()
                    .call_acknowledge(accessor, connection, call, checkpoint)
                    .await
            })
            .await?;
        answer.map_err(|error| self.said(error))
    }

    /// Runs an activity. Records come from `input`, which is empty for a source;
    /// events come from the [`Execution`]. Dropping that ends the run.
    pub fn execute(self, call: types::Call, input: BoxStream<'static, types::Item>) -> Execution {
        execution::start(self, call, input)
    }

    /// Says that this session and that one work for the same run: of the two, none
    /// that computes on and on steps back for the other.
    pub fn works_beside(&self, other: &Self) {
        self.meter.works_beside(&other.meter);
    }

    /// What the run has used so far.
    pub fn usage(&self) -> &Usage {
        &self.usage
    }

    /// The run's log.
    pub fn log(&self) -> &RunLog {
        &self.log
    }

    /// What went over the network so far.
    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// The name and version of the connector, and its digest.
    pub(super) fn connector(&self) -> (&str, Digest) {
        (&self.connector.0, self.connector.1)
    }

    pub(super) fn recorder(&self) -> Option<&Recorder> {
        self.recording.recorder()
    }

    pub(super) fn connection_name(&self) -> &str {
        &self.connection.name
    }

    pub(super) fn redactor(&self) -> &Redactor {
        &self.redactor
    }

    pub(super) fn connection(&self) -> types::Connection {
        self.connection.clone()
    }

    /// Calls into the guest, within the limits. The time-out stands outside of
    /// what drives the guest: inside, it would never fire while the guest computes.
    pub(super) async fn call<R: Send + 'static>(
        &mut self,
        call: impl AsyncFnOnce(&Accessor<Guest>, &ConnectorComponent) -> wasmtime::Result<R>,
    ) -> Result<R, RuntimeError> {
        if self.broken {
            return Err(RuntimeError::Trap(
                "it broke down before; open a new session".to_owned(),
            ));
        }
        // Set back only when the call returns: a call that is dropped midway
        // leaves the instance in an unknown state as well.
        self.broken = true;
        let started = Instant::now();
        let instance = &self.instance;
        let driven = self
            .store
            .run_concurrent(async |accessor| call(accessor, instance).await);
        let wall = self.limits.wall;
        let ended = self.meter.metered(tokio::time::timeout(wall, driven)).await;
        let result = match ended {
            Err(_) => Err(LimitReached::Wall(wall).into()),
            Ok(Err(error) | Ok(Err(error))) => Err(RuntimeError::from_call(&error, &self.limits)),
            Ok(Ok(Ok(value))) => Ok(value),
        };
        tracing::debug!(elapsed = ?started.elapsed(), ok = result.is_ok(), "call into the connector ended");
        self.broken = result.is_err();
        if let Err(error) = &result {
            metrics().instance_broke(match error {
                RuntimeError::Trap(_) => Broken::Trap,
                RuntimeError::Limit(_) => Broken::Limit,
                _ => Broken::Other,
            });
            self.tell(error);
            self.log
                .host(super::run_log::Level::Error, &error.to_string(), &[]);
        }
        result
    }

    fn said(&self, mut error: types::Error) -> RuntimeError {
        clean(&mut error, &self.redactor, &self.traffic);
        RuntimeError::Connector(ConnectorError(error))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        metrics().instance_ended(self.usage.peak_memory(), self.usage.cpu());
    }
}

/// The value of a property that holds a URL: as set, or its default.
fn url_of<'a>(
    name: &str,
    connection: &'a Connection,
    descriptor: &'a design::Descriptor,
) -> Option<&'a str> {
    let set = connection.settings.iter().find(|(set, _)| set == name);
    if let Some((_, url)) = set {
        return Some(url);
    }
    let property = descriptor
        .properties
        .iter()
        .find(|property| property.name == name);
    property?.default.as_deref()
}

/// Takes secrets out of an error, and says where the host knows better why a
/// connection did not come about, as at a proxy or with a certificate.
pub(super) fn clean(error: &mut types::Error, redactor: &Redactor, traffic: &Traffic) {
    if error.kind == types::ErrorKind::Unreachable
        && let Some(trouble) = traffic.trouble()
    {
        error.code = trouble.code().to_owned();
        error.message = trouble.to_string();
        error.remedy = Some(trouble.remedy().to_owned());
    }
    redactor.clean(&mut error.message);
    redactor.clean(&mut error.code);
    if let Some(remedy) = &mut error.remedy {
        redactor.clean(remedy);
    }
    for field in &mut error.fields {
        redactor.clean(&mut field.message);
        if let Some(name) = &mut field.field {
            redactor.clean(name);
        }
    }
}

/// Names and values in the contract's form.
fn to_settings(pairs: &[(String, String)]) -> Vec<types::Setting> {
    pairs
        .iter()
        .map(|(name, value)| types::Setting {
            name: name.clone(),
            value: value.clone(),
        })
        .collect()
}

/// A call that is meant, from the beginning on.
pub fn call(activity: &str, object: &str, options: &[(String, String)]) -> types::Call {
    types::Call {
        activity: activity.to_owned(),
        object: object.to_owned(),
        options: to_settings(options),
        resume: None,
        dry_run: false,
    }
}
