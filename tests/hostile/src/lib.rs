//! A connector that means harm, for the tests of the sandbox and of the
//! conformance kit. It needs no server.
//!
//! Left alone it is a good one: it reads records that it makes itself and takes
//! records that it forgets. An activity of `attack` attacks the host; the
//! setting `breach` makes it break one rule of the contract; and what it says of
//! itself is chosen by `describe`, which tests patch in the component's bytes,
//! because no setting reaches it.

#![cfg(target_family = "wasm")]

mod attack;
mod breach;
mod describe;
mod good;
mod reach;

use attack::Attack;
use breach::Breach;
use connector_guest::{
    Activity, Call, Check, Connection, Connector, Descriptor, Ended, Error, Events, Input, Object,
    PlannedCall, Shape,
};
use good::Good;

struct Hostile;
connector_guest::connector!(Hostile);

enum Run {
    Good(Good),
    Attack(Attack),
}

impl Connector for Hostile {
    type Run = Run;

    fn describe() -> Descriptor {
        describe::describe()
    }

    async fn test(connection: Connection) -> Vec<Check> {
        if connection.setting("attack") == "spin in test" {
            attack::spin();
        }
        good::test(Breach::of(&connection)).await
    }

    async fn activities(connection: Connection) -> Result<Vec<Activity>, Error> {
        match connection.setting("attack") {
            "spin in list" => attack::spin(),
            "huge list" => return Ok(attack::huge_list()),
            _ => {}
        }
        Ok(good::activities())
    }

    async fn objects(connection: Connection, search: Option<String>) -> Result<Vec<Object>, Error> {
        Ok(good::objects(&connection, search))
    }

    async fn shape(
        connection: Connection,
        activity: String,
        object: String,
        _: bool,
    ) -> Result<Shape, Error> {
        good::shape(Breach::of(&connection), &activity, &object)
    }

    async fn plan(connection: Connection, call: Call, _: bool) -> Result<PlannedCall, Error> {
        good::plan(&connection, &call).await
    }

    async fn acknowledge(
        connection: Connection,
        call: Call,
        checkpoint: String,
    ) -> Result<(), Error> {
        good::acknowledge(Breach::of(&connection), &call, checkpoint).await
    }

    async fn begin(connection: Connection, call: Call) -> Result<Run, Error> {
        match Attack::of(&connection, &call) {
            Some(Attack::SpinAtOnce) => attack::spin(),
            Some(attack) => Ok(Run::Attack(attack)),
            None => Good::begin(&connection, call).await.map(Run::Good),
        }
    }

    async fn run(run: Run, input: Input, events: &mut Events) -> Result<(), Ended> {
        match run {
            Run::Good(good) => good.run(input, events).await,
            Run::Attack(attack) => attack.run(input, events).await,
        }
    }
}
