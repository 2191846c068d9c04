//! A connector in plain Rust, and its place in the contract.

use crate::bindings::exports::integration::connector::{connector, design};
use crate::bindings::wit_future;
use crate::{
    Activity, Call, Check, Connection, Descriptor, Ended, Error, ErrorKind, Event, Events, Input,
    Item, Object, PlannedCall, Shape, Summary,
};
use std::future::Future;
use std::marker::PhantomData;
use wit_bindgen::{FutureReader, StreamReader};

/// What a connector is. Everything runs on one thread, so no future has to be
/// `Send`.
pub trait Connector: 'static {
    /// What a call needs once it was checked.
    type Run: 'static;

    /// What this connector is and needs. Sends nothing.
    fn describe() -> Descriptor;

    /// Tries a connection, step by step.
    fn test(connection: Connection) -> impl Future<Output = Vec<Check>>;

    /// The activities that the connection offers.
    fn activities(connection: Connection) -> impl Future<Output = Result<Vec<Activity>, Error>>;

    /// The objects whose name or title contains `search`.
    fn objects(
        connection: Connection,
        search: Option<String>,
    ) -> impl Future<Output = Result<Vec<Object>, Error>>;

    /// The shapes of one object for one activity; with `refresh` what was kept of
    /// the remote system's answers is asked anew.
    fn shape(
        connection: Connection,
        activity: String,
        object: String,
        refresh: bool,
    ) -> impl Future<Output = Result<Shape, Error>>;

    /// What a call would send. Only where `look` is true may it read from the
    /// remote system. Unless it is given, the plan says that nothing is known.
    fn plan(
        connection: Connection,
        call: Call,
        look: bool,
    ) -> impl Future<Output = Result<PlannedCall, Error>> {
        let _ = (connection, call, look);
        std::future::ready(Ok(PlannedCall {
            requests: Vec::new(),
            permissions: None,
            extent: None,
            notes: vec!["This connector does not say what it would send.".to_owned()],
        }))
    }

    /// Tells the remote system that everything before a checkpoint has been taken
    /// for good. Needed only where an activity is `acknowledged`.
    fn acknowledge(
        connection: Connection,
        call: Call,
        checkpoint: String,
    ) -> impl Future<Output = Result<(), Error>> {
        let _ = (connection, call, checkpoint);
        std::future::ready(Ok(()))
    }

    /// Checks a call. Nothing moves before this has answered, and nothing is
    /// asked of the remote system here.
    fn begin(connection: Connection, call: Call) -> impl Future<Output = Result<Self::Run, Error>>;

    /// Runs it: reads `input` where it is a target, and emits events. Return with
    /// `?` when nobody listens.
    fn run(
        run: Self::Run,
        input: Input,
        events: &mut Events,
    ) -> impl Future<Output = Result<(), Ended>>;
}

/// A [`Connector`] as the contract asks for it.
pub struct Exported<C>(PhantomData<C>);

impl<C: Connector> connector::Guest for Exported<C> {
    async fn test_connection(connection: Connection) -> Vec<Check> {
        C::test(connection).await
    }

    async fn list_activities(connection: Connection) -> Result<Vec<Activity>, Error> {
        C::activities(connection).await
    }

    async fn execute(
        connection: Connection,
        call: Call,
        input: StreamReader<Item>,
    ) -> Result<(StreamReader<Event>, FutureReader<Result<Summary, Error>>), Error> {
        let run = C::begin(connection, call).await?;
        let (mut events, stream) = Events::new();
        // An instance that dies must not read as success: the default is an error.
        let (ended, end) = wit_future::new(|| {
            Err(Error::new(
                ErrorKind::Internal,
                "internal",
                "the connector broke off",
            ))
        });
        wit_bindgen::spawn_local(async move {
            let outcome = C::run(run, Input(input), &mut events).await;
            // The stream of events ends before the end is told.
            let outcome = events.end(outcome);
            // Nobody waits for the end of a call that was dropped whole.
            let _ = ended.write(outcome).await;
        });
        Ok((stream, end))
    }

    async fn acknowledge(
        connection: Connection,
        call: Call,
        checkpoint: String,
    ) -> Result<(), Error> {
        C::acknowledge(connection, call, checkpoint).await
    }
}

impl<C: Connector> design::Guest for Exported<C> {
    fn describe() -> Descriptor {
        C::describe()
    }

    async fn list_objects(
        connection: Connection,
        search: Option<String>,
    ) -> Result<Vec<Object>, Error> {
        C::objects(connection, search).await
    }

    async fn describe_object(
        connection: Connection,
        activity: String,
        object: String,
        refresh: bool,
    ) -> Result<Shape, Error> {
        C::shape(connection, activity, object, refresh).await
    }

    async fn plan(connection: Connection, call: Call, look: bool) -> Result<PlannedCall, Error> {
        C::plan(connection, call, look).await
    }
}
