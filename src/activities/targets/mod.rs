//! Targets: records are written one by one, some at a time, and each is answered
//! by exactly one event.
//!
//! Coupa knows no idempotency key. A write is sent again only when it certainly
//! was not processed, when sending it twice has the same effect, or when a look at
//! Coupa showed that it did not arrive; otherwise its record is rejected as
//! uncertain.

mod action;
mod answering;
mod create;
mod delete;
mod differences;
mod fate;
mod key;
mod order;
mod place;
mod record;
mod update;
mod upload;
mod upsert;

pub use key::{Extent, Key, find, not_found, show, shown};
pub use place::{Place, parent_of, parents};
pub use record::record_in;
pub use upload::is_attachments;

use super::{Events, Gone, Input, Options, is_about_the_connection, notices, summary};
use crate::client::{Client, messages_per_field};
use crate::contract::{
    Activity, Answer, Call, Difference, Effect, Error, Event, Item, PlannedRequest, Property,
    PropertyKind, Rejection, Summary,
};
use crate::host::{Host, Method};
use coupa_catalog::Collection;
use fate::Fate;
use futures::future;
use futures::stream::{FuturesUnordered, StreamExt};
use order::{Order, Turn};
use record::Record;
use std::collections::BTreeSet;
use std::time::Duration;

pub const CREATE: &str = "create";
pub const UPDATE: &str = "update";
pub const UPSERT: &str = "upsert";
pub const DELETE: &str = "delete";
pub const ACTION: &str = "action";
pub const UPLOAD: &str = "upload";

const DEFAULT_CONCURRENCY: u64 = 4;

/// Their names, in the order to show them.
pub const NAMES: [&str; 6] = [CREATE, UPDATE, UPSERT, DELETE, ACTION, UPLOAD];

/// The target activities, in the order to show them.
pub fn activities() -> Vec<Activity> {
    vec![
        create::activity(),
        update::activity(),
        upsert::activity(),
        delete::activity(),
        action::activity(),
        upload::activity(),
    ]
}

/// Whether a collection allows an activity.
pub fn allows(collection: &Collection, activity: &str) -> bool {
    match activity {
        CREATE => collection.can_create() && !upload::is_attachments(collection),
        UPDATE => collection.can_update(),
        UPSERT => collection.can_create() && collection.can_update() && collection.can_list(),
        DELETE => collection.can_delete(),
        ACTION => collection.actions().next().is_some(),
        UPLOAD => upload::takes_files(collection),
        _ => false,
    }
}

/// The options of an activity for one collection: with the choices that it has.
pub fn options_for(activity: &Activity, collection: &Collection) -> Vec<Property> {
    let mut options = activity.options.clone();
    match activity.name {
        ACTION => action::narrow(&mut options, collection),
        UPLOAD => upload::narrow(&mut options, collection),
        _ => {}
    }
    options
}

/// Options that every target has.
fn shared_options() -> [Property; 2] {
    [
        Property::new(
            "concurrency",
            "Concurrency",
            "Records written at the same time.",
            PropertyKind::WholeNumber(1, 16),
        )
        .default("4"),
        Property::new(
            "stop-after",
            "Stop After",
            "Stop after this many rejected records. Empty: never.",
            PropertyKind::WholeNumber(1, u64::MAX),
        ),
    ]
}

fn method_of(verb: coupa_catalog::Verb) -> Method {
    match verb {
        coupa_catalog::Verb::Get => Method::Get,
        coupa_catalog::Verb::Post => Method::Post,
        coupa_catalog::Verb::Put => Method::Put,
        coupa_catalog::Verb::Patch => Method::Patch,
        coupa_catalog::Verb::Delete => Method::Delete,
    }
}

/// The option that says how records are found.
fn key_option(description: &'static str) -> Property {
    Property::new("key", "Key", description, PropertyKind::Text)
}

/// What was done with one record.
struct Done {
    id: Option<i64>,
    effect: Effect,
    data: String,
    differences: Vec<Difference>,
}

/// What a target does with each record.
#[derive(Debug)]
enum Operation {
    Create(create::Create),
    Update(update::Update),
    Upsert(upsert::Upsert),
    Delete(delete::Delete),
    Action(action::Action),
    Upload(upload::Upload),
}

/// A call of a target that was checked.
#[derive(Debug)]
pub struct Target {
    collection: Collection,
    place: Place,
    operation: Operation,
    /// Keys of input that an earlier call was given without an answer.
    uncertain: BTreeSet<String>,
    dry_run: bool,
    concurrency: usize,
    stop_after: u64,
}

/// What the loop of a target meets next.
enum Next<I> {
    Written(Written),
    Read(Option<(Item, I)>),
}

async fn read<I: Input>(mut input: I) -> Option<(Item, I)> {
    let item = input.next().await?;
    Some((item, input))
}

/// What came of one record.
type Written = Result<Answer, Rejection>;

impl Target {
    /// # Errors
    /// Names the option that does not fit the collection.
    pub fn prepare(
        call: &Call,
        collection: Collection,
        options: &Options<'_>,
    ) -> Result<Self, Error> {
        let operation = match call.activity.as_str() {
            CREATE => Operation::Create(create::Create::prepare(&collection, options)),
            UPDATE => Operation::Update(update::Update::prepare(&collection, options)?),
            UPSERT => Operation::Upsert(upsert::Upsert::prepare(&collection, options)?),
            DELETE => Operation::Delete(delete::Delete::prepare(&collection, options)?),
            ACTION => Operation::Action(action::Action::prepare(&collection, options)?),
            _ => Operation::Upload(upload::Upload::prepare(&collection, options)?),
        };
        Ok(Self {
            place: Place::new(&format!("/api/{}", call.object)),
            collection,
            operation,
            uncertain: fate::keys(call.resume.as_deref())?,
            dry_run: call.dry_run,
            concurrency: usize::try_from(
                options.number("concurrency").unwrap_or(DEFAULT_CONCURRENCY),
            )
            .unwrap_or(1),
            stop_after: options.number("stop-after").unwrap_or(u64::MAX),
        })
    }

    /// What is sent for each record.
    pub fn requests(&self) -> Vec<PlannedRequest> {
        let path = self.place.text();
        match &self.operation {
            Operation::Create(create) => create.requests(&path),
            Operation::Update(update) => update.requests(&path),
            Operation::Upsert(upsert) => upsert.requests(&path),
            Operation::Delete(delete) => delete.requests(&path),
            Operation::Action(action) => action.requests(&path),
            Operation::Upload(upload) => upload.requests(&path),
        }
    }

    /// Writes until the input ends, enough were rejected, or the connection fails.
    ///
    /// # Errors
    /// What is wrong with the connection as a whole.
    pub async fn run<H: Host>(
        self,
        client: &Client<H>,
        input: impl Input,
        events: &mut impl Events,
    ) -> Result<Summary, Error> {
        let (mut succeeded, mut rejected) = (0, 0);
        let mut stop = false;
        let mut broken = None;
        let began = client.host().now();
        let mut order = Order::default();
        let mut under_way = FuturesUnordered::new();
        // Kept from round to round: a read that is given up could lose its record.
        let mut reading = Some(Box::pin(read(input)));
        while !under_way.is_empty() || (reading.is_some() && !stop) {
            let room = !stop && under_way.len() < self.concurrency;
            let next = {
                let writing = async {
                    match under_way.next().await {
                        Some(written) => Next::Written(written),
                        None => future::pending().await,
                    }
                };
                let reading = async {
                    match &mut reading {
                        Some(reading) if room => Next::Read(reading.await),
                        _ => future::pending().await,
                    }
                };
                let (writing, reading) = (std::pin::pin!(writing), std::pin::pin!(reading));
                future::select(writing, reading).await.factor_first().0
            };
            let written = match next {
                Next::Written(written) => written,
                Next::Read(None) => {
                    reading = None;
                    continue;
                }
                Next::Read(Some((item, input))) => {
                    let record = Record::parse(&item.data);
                    let turn = order.turn(self.identity(record.as_ref().ok()));
                    under_way.push(self.write(client, item, record, turn, began));
                    reading = Some(Box::pin(read(input)));
                    continue;
                }
            };
            let event = match written {
                Ok(answer) => {
                    succeeded += 1;
                    Event::Answered(answer)
                }
                Err(rejection) => {
                    rejected += 1;
                    if is_about_the_connection(&rejection.error) {
                        broken.get_or_insert_with(|| rejection.error.clone());
                    }
                    Event::Rejected(rejection)
                }
            };
            stop |= rejected >= self.stop_after || broken.is_some();
            let batch = notices(client.ledger()).chain([event]).collect();
            // What is on its way cannot be called back; nothing new starts.
            stop |= events.emit(batch).await == Err(Gone);
        }
        match broken {
            Some(error) => Err(error),
            None => Ok(Summary {
                succeeded,
                rejected,
                stopped_early: stop,
                ..summary(client.ledger())
            }),
        }
    }

    /// What tells records apart whose order matters: two writes to one record.
    fn identity(&self, record: Option<&Record>) -> Option<String> {
        let key = match &self.operation {
            Operation::Create(_) => return None,
            Operation::Update(update) => update.key(),
            Operation::Upsert(upsert) => upsert.key(),
            Operation::Delete(delete) => delete.key(),
            Operation::Action(action) => action.key()?,
            Operation::Upload(upload) => upload.key()?,
        };
        let wanted = key.values(record?.fields()).ok()?;
        Some(wanted.text().to_lowercase())
    }

    async fn write<H: Host>(
        &self,
        client: &Client<H>,
        item: Item,
        record: Result<Record, Error>,
        mut turn: Turn,
        began: Duration,
    ) -> Written {
        turn.comes().await;
        let fate = match self.uncertain.contains(&item.key) {
            true => Fate::Unknown(began),
            false => Fate::New,
        };
        let done = match record {
            Ok(record) => self.apply(client, record, fate).await,
            Err(error) => Err(error),
        };
        match done {
            Ok(done) => Ok(Answer {
                key: item.key,
                id: done.id.map(|id| id.to_string()),
                effect: done.effect,
                data: done.data,
                differences: done.differences,
            }),
            Err(mut error) => {
                messages_per_field(&mut error, self.collection.record_type);
                Err(Rejection {
                    key: item.key,
                    data: item.data,
                    error,
                })
            }
        }
    }

    async fn apply<H: Host>(
        &self,
        client: &Client<H>,
        mut record: Record,
        fate: Fate,
    ) -> Result<Done, Error> {
        let path = self.place.of(&mut record)?;
        let dry = self.dry_run;
        if let (Fate::Unknown(began), false) = (fate, dry) {
            return self.again(client, &path, record, began).await;
        }
        match &self.operation {
            Operation::Create(create) => create.apply(client, &path, &record, dry).await,
            Operation::Update(update) => update.apply(client, &path, &record, dry).await,
            Operation::Upsert(upsert) => upsert.apply(client, &path, &record, dry).await,
            Operation::Delete(delete) => delete.apply(client, &path, &record, dry).await,
            Operation::Action(action) => action.apply(client, &path, record, dry).await,
            Operation::Upload(upload) => upload.apply(client, &path, record, dry).await,
        }
    }

    /// Writes a record that may have been written before this call began: not, where
    /// a second time would be another effect and nothing tells whether it was.
    async fn again<H: Host>(
        &self,
        client: &Client<H>,
        path: &str,
        record: Record,
        began: Duration,
    ) -> Result<Done, Error> {
        match &self.operation {
            Operation::Create(create) => create.again(client, path, &record, began).await,
            Operation::Update(update) => update.again(client, path, &record).await,
            Operation::Upsert(upsert) => upsert.again(client, path, &record, began).await,
            Operation::Delete(delete) => delete.again(client, path, &record).await,
            Operation::Action(action) => Err(action.doubt(client, path, &record).await),
            Operation::Upload(upload) => upload.again(client, path, record).await,
        }
    }
}

/// What a dry run would change: every field of a record that is not there yet.
fn all_new(record: &Record, record_type: &str) -> Vec<Difference> {
    differences::differences(record.fields(), &serde_json::Map::new(), record_type)
        .into_iter()
        .chain(
            record
                .fields()
                .iter()
                .filter(|(name, _)| coupa_catalog::field(record_type, name).is_some())
                .map(|(name, value)| Difference {
                    field: name.replace('_', "-"),
                    remote: None,
                    given: Some(value.to_string()),
                }),
        )
        .collect()
}
