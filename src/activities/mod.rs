//! The activities: what can be done to Coupa's objects.

mod options;
pub mod sources;
pub mod targets;

pub use options::Options;

use crate::client::{Client, Ledger};
use crate::contract::{
    Activity, Call, Error, ErrorKind, Event, Item, Notice, NoticeKind, Property, Role, Summary,
};
use crate::host::Host;
use coupa_catalog::Collection;
use sources::{Changes, Download, Export, Get, Query};
use targets::Target;

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
    let mut all = sources::activities();
    all.extend(targets::activities());
    all
}

/// A call that was checked and can run.
#[derive(Debug)]
pub enum Prepared {
    Query(Query),
    Get(Get),
    Changes(Changes),
    Export(Export),
    Download(Download),
    Target(Target),
}

/// Checks a call before anything moves.
///
/// # Errors
/// Names the place and what would be right.
pub fn prepare(call: &Call) -> Result<Prepared, Error> {
    let activity = activity(&call.activity)?;
    // What reads by ids says itself where the parents' are needed.
    let collection = match activity.name {
        sources::QUERY | sources::CHANGES | sources::EXPORT => collection(&call.object)?,
        _ => any_collection(&call.object)?,
    };
    offered(&activity, &collection, &call.object)?;
    if call.resume.is_some() && activity.name == sources::GET {
        return Err(Error::setting(
            "resume.not-possible",
            format!("{} cannot resume from a checkpoint", activity.name),
        ));
    }
    if call.dry_run && !activity.dry_run {
        return Err(Error::setting(
            "call.no-dry-run",
            format!("{} only reads, and has no dry run", activity.name),
        ));
    }
    let options = Options::check(&call.options, &activity.options)?;
    Ok(match activity.name {
        sources::QUERY => Prepared::Query(Query::prepare(call, &collection, &options)?),
        sources::GET => Prepared::Get(Get::prepare(call, &collection, &options)?),
        sources::CHANGES => Prepared::Changes(Changes::prepare(call, &collection, &options)?),
        sources::EXPORT => Prepared::Export(Export::prepare(call, &collection, &options)?),
        sources::DOWNLOAD => Prepared::Download(Download::prepare(call, &collection, &options)?),
        _ => Prepared::Target(Target::prepare(call, collection, &options)?),
    })
}

/// The activity of a name.
///
/// # Errors
/// Names those that there are.
pub fn activity(name: &str) -> Result<Activity, Error> {
    let mut activities = all();
    if let Some(at) = activities.iter().position(|activity| activity.name == name) {
        return Ok(activities.swap_remove(at));
    }
    let names = [sources::NAMES.as_slice(), &targets::NAMES].concat();
    Err(Error::setting(
        "call.unknown-activity",
        format!("there is no activity “{name}”"),
    )
    .remedy(format!("Activities: {}.", names.join(", "))))
}

/// That an activity can be done to a collection.
///
/// # Errors
/// Names those that can.
pub fn offered(activity: &Activity, collection: &Collection, object: &str) -> Result<(), Error> {
    if allows(collection, activity.name) {
        return Ok(());
    }
    Err(Error::setting(
        "call.not-allowed",
        format!("Coupa does not offer {} for {object}", activity.name),
    )
    .remedy(format!("It offers: {}.", allowed(collection).join(", "))))
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
        let ended = match self {
            Self::Query(query) => query.run(client, events).await,
            Self::Get(get) => get.run(client, events).await,
            Self::Changes(changes) => changes.run(client, events).await,
            Self::Export(export) => export.run(client, events).await,
            Self::Download(download) => download.run(client, events).await,
            Self::Target(target) => target.run(client, input, events).await,
        };
        // An error has no totals: what was tried before it is told by its notices.
        let untold: Vec<_> = match ended {
            Ok(_) => Vec::new(),
            Err(_) => notices(client.ledger()).collect(),
        };
        if !untold.is_empty() {
            // Whoever does not listen any more misses nothing.
            let _ = events.emit(untold).await;
        }
        ended
    }

    /// Tells Coupa that everything before a checkpoint has been taken.
    ///
    /// # Errors
    /// If the activity is none that is acknowledged, the checkpoint is none of
    /// it, or Coupa does not take it.
    pub async fn acknowledge<H: Host>(
        &self,
        client: &Client<H>,
        checkpoint: &str,
    ) -> Result<(), Error> {
        match self {
            Self::Export(export) => export.acknowledge(client, checkpoint).await,
            _ => Err(Error::setting(
                "call.not-acknowledged",
                "only Export has checkpoints to be acknowledged",
            )),
        }
    }
}

/// The collection that an object's name means, of which the records can be read: under
/// one parent, or where its id is left open in braces, under all of them.
///
/// # Errors
/// Names the closest object there is, or the parent of which Coupa has no list.
pub fn collection(object: &str) -> Result<Collection, Error> {
    let collection = any_collection(object)?;
    for (at, _) in object.match_indices("/{") {
        let parents = object.get(..at).unwrap_or_default();
        if !coupa_catalog::find_object(parents).is_some_and(|parents| parents.can_list()) {
            return Err(parent_missing(object).remedy(format!(
                "Coupa has no list of {parents} to go through: {FILL_IN}"
            )));
        }
    }
    Ok(collection)
}

const FILL_IN: &str = "put the id in place of the braces, as in suppliers/83/addresses.";

/// An object's name leaves open what its records belong to, where that has to be said.
fn parent_missing(object: &str) -> Error {
    Error::setting(
        "call.parent-missing",
        format!("“{object}” needs the id of the record that it belongs to"),
    )
    .remedy(format!("In the object's name, {FILL_IN}"))
}

/// That an object's name says of which record its own records are part.
///
/// # Errors
/// If a parent's id is left open in braces.
fn under_one_parent(object: &str) -> Result<(), Error> {
    if object.contains('{') {
        return Err(parent_missing(object));
    }
    Ok(())
}

/// The same, where a record may say itself what it belongs to.
///
/// # Errors
/// Names the closest object there is.
pub fn any_collection(object: &str) -> Result<Collection, Error> {
    coupa_catalog::find_object(object).ok_or_else(|| {
        let names = coupa_catalog::objects().map(|object| object.path);
        let remedy = match crate::query::closest(object, names) {
            Some(name) => format!("Did you mean “{name}”?"),
            None => "List the objects to see their names.".to_owned(),
        };
        Error::setting(
            "call.unknown-object",
            format!("Coupa has no object “{object}”"),
        )
        .remedy(remedy)
    })
}

/// The names of the activities that a collection allows.
pub fn allowed(collection: &Collection) -> Vec<&'static str> {
    sources::NAMES
        .into_iter()
        .chain(targets::NAMES)
        .filter(|name| allows(collection, name))
        .collect()
}

fn allows(collection: &Collection, activity: &str) -> bool {
    sources::allows(collection, activity) || targets::allows(collection, activity)
}

/// The options of an activity for one collection: with the choices that it has.
pub fn options_for(activity: &Activity, collection: &Collection) -> Vec<Property> {
    match activity.role {
        Role::Source => sources::options_for(activity, collection),
        Role::Target => targets::options_for(activity, collection),
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
    let is_of_a_front = error.code.starts_with("front.") && error.kind != ErrorKind::InvalidInput;
    matches!(
        error.kind,
        ErrorKind::Authentication | ErrorKind::InvalidSettings | ErrorKind::Unreachable
    ) || error.code.starts_with("token.")
        || error.code == "coupa.redirect"
        || is_of_a_front
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_are_those_of_the_activities() {
        let named = sources::NAMES.into_iter().chain(targets::NAMES);
        assert!(all().iter().map(|activity| activity.name).eq(named));
    }
}
