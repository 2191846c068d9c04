//! A group on its NATS server: streams, subjects, and messages in them.
//!
//! Nothing is used that a NATS server of version 2.9 lacks.

use super::error::GroupError;
use super::hearing::Ears;
use super::name::GroupName;
use super::report::Batch;
use super::sealed;
use super::server::Server;
use crate::sealing::SealingKey;
use async_nats::connection::State;
use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::context::PublishErrorKind;
use async_nats::jetstream::stream::{
    Config, DiscardPolicy, LastRawMessageErrorKind, RetentionPolicy, StorageType, Stream,
};
use async_nats::jetstream::{Context, kv};
use async_nats::{Client, HeaderMap};
use bytes::Bytes;
use secrecy::zeroize::Zeroizing;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;

/// How long an agent has a run without renewing that, unless the group was made
/// with another time.
pub const DEFAULT_LEASE: Duration = Duration::from_secs(6);
/// Reports of a run that nobody has read for so long are gone.
const REPORTS_KEPT: Duration = Duration::from_secs(14 * 24 * 3600);
/// How long a message that is sent twice is told apart.
const DUPLICATES: Duration = Duration::from_secs(120);
/// Left of a message for its headers.
const HEADERS: usize = 4096;
/// The least that the server has to take in one message: a heartbeat is sent in one.
pub(super) const LEAST_PAYLOAD: usize = 8192;
/// How long the server may take to say that it has a message.
const PUBLISHED: Duration = Duration::from_secs(2);

/// Which part of a report a message is, from 0, and of how many.
const PART: &str = "Harness-Part";
const PARTS: &str = "Harness-Parts";

/// A group, joined. Cloning it is cheap.
#[derive(Clone)]
pub struct Group(Arc<Joined>);

struct Joined {
    name: GroupName,
    client: Client,
    context: Context,
    runs: Stream,
    inputs: Stream,
    jobs: Stream,
    consumer: PullConsumer,
    values: kv::Store,
    /// The stream that the values lie in.
    bucket: Stream,
    key: Arc<SealingKey>,
    lease: Duration,
    ears: Ears,
    clock: super::presence::Clock,
}

impl Group {
    /// Joins a group, and makes it where the server does not know it. `key` is the
    /// one that all of the group share; `who` is for the server's own lists; `lease`
    /// holds only where the group is made by this.
    ///
    /// # Errors
    /// If the server cannot be used.
    pub async fn join(
        server: &Server,
        name: GroupName,
        key: Arc<SealingKey>,
        who: &str,
        lease: Duration,
    ) -> Result<Self, GroupError> {
        let client = server.connect(who).await?;
        let most = client.server_info().max_payload;
        if most < LEAST_PAYLOAD {
            return Err(GroupError::SmallMessages { most });
        }
        let context = async_nats::jetstream::context::ContextBuilder::new()
            .timeout(PUBLISHED)
            .ack_timeout(PUBLISHED)
            .build(client.clone());
        // What is full refuses what comes: nothing that is there is dropped.
        let keeping = |stream: String, subject: String| Config {
            name: stream,
            subjects: vec![subject],
            retention: RetentionPolicy::Limits,
            discard: DiscardPolicy::New,
            storage: StorageType::File,
            duplicate_window: DUPLICATES,
            num_replicas: 1,
            ..Config::default()
        };
        let of = |stream: &str, kind: &str| {
            let subject = format!("harness.{name}.{kind}.>");
            keeping(format!("HARNESS_{name}_{stream}"), subject)
        };
        let jobs = context
            .get_or_create_stream(Config {
                retention: RetentionPolicy::WorkQueue,
                ..of("JOBS", "job")
            })
            .await
            .map_err(GroupError::server("make the group's queue"))?;
        let runs = context
            .get_or_create_stream(Config {
                max_age: REPORTS_KEPT,
                ..of("RUNS", "run")
            })
            .await
            .map_err(GroupError::server("make the group's reports"))?;
        let inputs = context
            .get_or_create_stream(Config {
                max_messages_per_subject: 1,
                max_age: REPORTS_KEPT,
                ..of("INPUTS", "input")
            })
            .await
            .map_err(GroupError::server("make the group's inputs"))?;
        // As a stream: the client's own way of making a bucket asks the server what
        // one of version 2.9 answers otherwise.
        let bucket = format!("HARNESS_{name}");
        let stream = context
            .get_or_create_stream(Config {
                max_messages_per_subject: 1,
                allow_rollup: true,
                deny_delete: true,
                // Of several servers any would answer, one that is behind as well.
                allow_direct: false,
                ..keeping(format!("KV_{bucket}"), format!("$KV.{bucket}.>"))
            })
            .await
            .map_err(GroupError::server("make the group's bucket"))?;
        let values = context
            .get_key_value(&bucket)
            .await
            .map_err(GroupError::server("open the group's bucket"))?;
        let consumer: PullConsumer = jobs
            .get_or_create_consumer(
                "agents",
                pull::Config {
                    durable_name: Some("agents".to_owned()),
                    ack_policy: AckPolicy::Explicit,
                    ack_wait: lease,
                    max_ack_pending: 100_000,
                    ..pull::Config::default()
                },
            )
            .await
            .map_err(GroupError::server("make the group's agents"))?;
        // One for all of the group, so that nobody counts on a shorter one.
        let lease = consumer.cached_info().config.ack_wait;
        Ok(Self(Arc::new(Joined {
            name,
            client,
            context,
            runs,
            inputs,
            jobs,
            consumer,
            values,
            bucket: stream,
            key,
            lease,
            ears: Ears::default(),
            clock: super::presence::Clock::default(),
        })))
    }

    /// Its name.
    pub fn name(&self) -> &GroupName {
        &self.0.name
    }

    /// How long an agent has a run without renewing that.
    pub fn lease(&self) -> Duration {
        self.0.lease
    }

    /// Whether the client is connected. A network that was cut tells nothing: that is
    /// seen after some seconds.
    pub(super) fn is_connected(&self) -> bool {
        self.0.client.connection_state() == State::Connected
    }

    /// Looks whether the server answers for the group.
    pub(crate) async fn answers(&self) -> Result<(), GroupError> {
        self.queued().await.map(drop)
    }

    /// How many jobs are in the queue: those that no agent has begun, and those that
    /// are under way.
    pub(crate) async fn queued(&self) -> Result<u64, GroupError> {
        let failed = GroupError::server("answer");
        if !self.is_connected() {
            return Err(failed("the connection is lost".to_owned()));
        }
        let info = self.0.jobs.get_info().await;
        Ok(info
            .map_err(|error| failed(error.to_string()))?
            .state
            .messages)
    }

    pub(super) fn client(&self) -> &Client {
        &self.0.client
    }

    pub(super) fn ears(&self) -> &Ears {
        &self.0.ears
    }

    pub(super) fn clock(&self) -> &super::presence::Clock {
        &self.0.clock
    }

    pub(super) fn values(&self) -> &kv::Store {
        &self.0.values
    }

    /// The first value at or after a sequence whose key is `keys`, which may end with
    /// `*`: its sequence, itself, and when it was put there, in nanoseconds since 1970.
    ///
    /// Asked one by one: a list of keys is told by a consumer, which waits for ever for
    /// a value that was removed meanwhile.
    pub(super) async fn next_value(
        &self,
        keys: &str,
        from: u64,
    ) -> Result<Option<(u64, Bytes, i128)>, GroupError> {
        let found = self
            .0
            .bucket
            .raw_message_builder()
            .sequence(from.max(1))
            .next_by_subject(format!("$KV.HARNESS_{}.{keys}", self.0.name))
            .send()
            .await;
        match found {
            Ok(message) => Ok(Some((
                message.sequence,
                message.payload,
                message.time.unix_timestamp_nanos(),
            ))),
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(GroupError::server("give a value")(error)),
        }
    }

    pub(super) fn jobs(&self) -> &Stream {
        &self.0.jobs
    }

    pub(super) fn inputs(&self) -> &Stream {
        &self.0.inputs
    }

    pub(super) fn consumer(&self) -> &PullConsumer {
        &self.0.consumer
    }

    pub(super) fn context(&self) -> &Context {
        &self.0.context
    }

    pub(super) fn job_subject(&self, job: &str) -> String {
        format!("harness.{}.job.{job}", self.0.name)
    }

    pub(super) fn run_subject(&self, job: &str) -> String {
        format!("harness.{}.run.{job}", self.0.name)
    }

    pub(super) fn input_subject(&self, job: &str, part: &str) -> String {
        format!("harness.{}.input.{job}.{part}", self.0.name)
    }

    pub(super) fn test_subject(&self, instance: &str) -> String {
        format!("harness.{}.test.{instance}", self.0.name)
    }

    pub(super) fn seal(&self, subject: &str, value: &impl Serialize) -> Result<Bytes, GroupError> {
        sealed::seal(&self.0.key, self.0.name.as_str(), subject, value)
    }

    pub(super) fn open<T: DeserializeOwned>(
        &self,
        subject: &str,
        bytes: &[u8],
        what: &'static str,
    ) -> Result<T, GroupError> {
        sealed::open(&self.0.key, self.0.name.as_str(), subject, bytes, what)
    }

    pub(super) fn seal_bytes(&self, subject: &str, bytes: &[u8]) -> Result<Bytes, GroupError> {
        sealed::seal_bytes(&self.0.key, self.0.name.as_str(), subject, bytes)
    }

    pub(super) fn open_bytes(
        &self,
        subject: &str,
        bytes: &[u8],
        what: &'static str,
    ) -> Result<Zeroizing<Vec<u8>>, GroupError> {
        sealed::open_bytes(&self.0.key, self.0.name.as_str(), subject, bytes, what)
    }

    /// The most bytes that one message may have.
    pub(crate) fn most_bytes(&self) -> usize {
        self.0
            .client
            .server_info()
            .max_payload
            .saturating_sub(HEADERS)
    }

    /// Adds a batch to the reports of a job, if the last message before it is
    /// `after`; answers its own sequence. `number` tells it from others of the same
    /// agent: sent again with the same number, it is there once.
    ///
    /// # Errors
    /// [`GroupError::Fenced`] where another message is the last one; else it may
    /// have arrived all the same, and is to be sent again.
    pub(super) async fn report(
        &self,
        job: &str,
        batch: &Batch,
        number: u64,
        after: u64,
    ) -> Result<u64, GroupError> {
        let subject = self.run_subject(job);
        let bytes = self.seal(&subject, batch)?;
        let most = self.most_bytes().max(1);
        let parts = bytes.len().div_ceil(most).max(1);
        let mut last = after;
        for part in 0..parts {
            let mut headers = HeaderMap::new();
            headers.insert(
                async_nats::header::NATS_MESSAGE_ID,
                format!("{job}.{}.{number}.{part}", batch.epoch),
            );
            headers.insert(
                async_nats::header::NATS_EXPECTED_LAST_SUBJECT_SEQUENCE,
                last.to_string(),
            );
            headers.insert(PART, part.to_string());
            headers.insert(PARTS, parts.to_string());
            let end = ((part + 1) * most).min(bytes.len());
            let sent = self
                .0
                .context
                .publish_with_headers(subject.clone(), headers, bytes.slice(part * most..end))
                .await;
            let acknowledged = match sent {
                Ok(sent) => sent.await,
                Err(error) => Err(error),
            };
            last = acknowledged
                .map_err(|error| match error.kind() {
                    PublishErrorKind::WrongLastSequence => GroupError::Fenced,
                    _ => GroupError::Server {
                        what: "take a report",
                        why: error.to_string(),
                    },
                })?
                .sequence;
        }
        Ok(last)
    }

    /// The first reports of a job at or after a sequence, and the sequence of their
    /// last message; none where there are none yet.
    ///
    /// # Errors
    /// If the server does not answer, or a report does not open.
    pub async fn next_report(
        &self,
        job: &str,
        from: u64,
    ) -> Result<Option<(u64, Batch)>, GroupError> {
        let subject = self.run_subject(job);
        let mut bytes = Vec::new();
        let mut expected = 0;
        let mut from = from;
        loop {
            let found = self
                .0
                .runs
                .raw_message_builder()
                .sequence(from.max(1))
                .next_by_subject(subject.clone())
                .send()
                .await;
            let message = match found {
                Ok(message) => message,
                Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => {
                    return Ok(None);
                }
                Err(error) => return Err(GroupError::server("give a report")(error)),
            };
            from = message.sequence + 1;
            let number = |name: &str| {
                let value = message.headers.get(name)?;
                value.as_str().parse::<usize>().ok()
            };
            let (part, parts) = (number(PART).unwrap_or(0), number(PARTS).unwrap_or(1));
            // Whoever sent the first parts may have died before the others.
            if part == 0 {
                bytes.clear();
                expected = 0;
            }
            if part != expected {
                continue;
            }
            bytes.extend_from_slice(&message.payload);
            expected += 1;
            if expected == parts {
                let batch = self.open(&subject, &bytes, "a report")?;
                return Ok(Some((message.sequence, batch)));
            }
        }
    }

    /// The sequence of the last message of a job's reports; 0 where there is none.
    pub(crate) async fn last_sequence(&self, job: &str) -> Result<u64, GroupError> {
        let subject = self.run_subject(job);
        match self.0.runs.get_last_raw_message_by_subject(&subject).await {
            Ok(message) => Ok(message.sequence),
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => Ok(0),
            Err(error) => Err(GroupError::server("give the last report")(error)),
        }
    }

    /// Removes reports of a job before a sequence.
    ///
    /// # Errors
    /// If the server does not do it.
    pub async fn forget_reports(&self, job: &str, before: u64) -> Result<(), GroupError> {
        self.0
            .runs
            .purge()
            .filter(self.run_subject(job))
            .sequence(before)
            .await
            .map_err(GroupError::server("remove reports"))?;
        Ok(())
    }
}
