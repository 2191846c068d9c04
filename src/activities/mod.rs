//! The activities: what can be done to Coupa's objects.

mod options;
mod order;
mod query;
mod write;

pub use options::Options;

use crate::client::{Client, Ledger};
use crate::contract::{Activity, Call, Error, ErrorKind, Event, Item, Notice, NoticeKind, Summary};
use crate::host::Host;
use coupa_catalog::Collection;

/// Takes a call's events. Nobody takes them any more: [`Gone`].
#[expect(async_fn_in_trait, reason = "an instance runs on one thread")]
pub trait Events {
    async fn emit(&mut self, events: Vec<Event>) -> Result<(), Gone>;
}

/// The host has dropped the stream of events: the call is cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone;

/// Gives a target its records.
#[expect(async_fn_in_trait, reason = "an instance runs on one thread")]
pub trait Input {
    async fn next(&mut self) -> Option<Item>;
}

/// The activities, in the order to show them.
pub fn all() -> Vec<Activity> {
    vec![query::activity(), write::create(), write::update()]
}

/// A call that was checked and can run.
#[derive(Debug)]
pub enum Prepared {
    Query(query::Query),
    Write(write::Write),
}

/// Checks a call before anything moves.
///
/// # Errors
/// Names the place and what would be right.
pub fn prepare(call: &Call) -> Result<Prepared, Error> {
    let activities = all();
    let Some(activity) = activities
        .iter()
        .find(|activity| activity.name == call.activity)
    else {
        let names: Vec<_> = activities.iter().map(|activity| activity.name).collect();
        return Err(Error::setting(
            "call.unknown-activity",
            format!("there is no activity “{}”", call.activity),
        )
        .remedy(format!("Activities: {}.", names.join(", "))));
    };
    let collection = collection(&call.object)?;
    if !allows(&collection, activity.name) {
        let allowed: Vec<_> = allowed(&collection);
        return Err(Error::setting(
            "call.not-allowed",
            format!("Coupa does not offer {} for {}", activity.name, call.object),
        )
        .remedy(format!("It offers: {}.", allowed.join(", "))));
    }
    if call.resume.is_some() && activity.name != query::NAME {
        return Err(Error::setting(
            "resume.not-a-source",
            format!("{} cannot resume from a checkpoint", activity.name),
        ));
    }
    let options = Options::check(&call.options, &activity.options)?;
    Ok(match activity.name {
        query::NAME => Prepared::Query(query::Query::prepare(call, &collection, &options)?),
        _ => Prepared::Write(write::Write::prepare(call, collection, &options)?),
    })
}

impl Prepared {
    /// Runs the call to its end.
    ///
    /// # Errors
    /// What broke it off; everything emitted before stands.
    pub async fn run<H: Host>(
        self,
        client: &Client<H>,
        input: impl Input,
        events: &mut impl Events,
    ) -> Result<Summary, Error> {
        match self {
            Self::Query(query) => query.run(client, events).await,
            Self::Write(write) => write.run(client, input, events).await,
        }
    }
}

/// The collection that an object's name means.
///
/// # Errors
/// Names the closest object there is, or the parent's id that is missing.
pub fn collection(object: &str) -> Result<Collection, Error> {
    let unknown = || {
        let names = coupa_catalog::collections().map(|collection| collection.path);
        let remedy = match crate::query::closest(object, names) {
            Some(name) => format!("Did you mean “{name}”?"),
            None => "List the objects to see their names.".to_owned(),
        };
        Error::setting(
            "call.unknown-object",
            format!("Coupa has no object “{object}”"),
        )
        .remedy(remedy)
    };
    let collection = coupa_catalog::find_collection(object).ok_or_else(unknown)?;
    if object.contains('{') {
        return Err(Error::setting(
            "call.parent-missing",
            format!("“{object}” needs the id of the record that it belongs to"),
        )
        .remedy("Put the id in place of the braces, such as suppliers/83/addresses."));
    }
    Ok(collection)
}

/// The names of the activities that a collection allows.
pub fn allowed(collection: &Collection) -> Vec<&'static str> {
    all()
        .iter()
        .map(|activity| activity.name)
        .filter(|name| allows(collection, name))
        .collect()
}

fn allows(collection: &Collection, activity: &str) -> bool {
    match activity {
        query::NAME => collection.can_list(),
        write::CREATE => collection.can_create(),
        write::UPDATE => collection.can_update(),
        _ => false,
    }
}

/// The notices that a call has not told yet, as events.
fn notices(ledger: &Ledger) -> impl Iterator<Item = Event> {
    ledger.take_notices().into_iter().map(Event::Notice)
}

fn warning(message: String) -> Event {
    Event::Notice(Notice {
        kind: NoticeKind::Warning,
        message,
        wait_ms: None,
    })
}

/// The totals so far.
fn summary(ledger: &Ledger) -> Summary {
    Summary {
        requests: ledger.requests.get(),
        retries: ledger.retries.get(),
        ..Summary::default()
    }
}

/// Whether an error is about the connection as a whole, so that every other
/// record would meet it too.
fn is_about_the_connection(error: &Error) -> bool {
    matches!(
        error.kind,
        ErrorKind::Authentication | ErrorKind::InvalidSettings | ErrorKind::Unreachable
    ) || error.code.starts_with("token.")
        || error.code == "coupa.redirect"
}
