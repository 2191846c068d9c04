//! The glue: the contract's WIT on one side, the connector on the other. Nothing
//! else in this crate names wit-bindgen.

mod bindings;
mod convert;
mod files;
mod http;
mod outside;

use crate::activities::{self, Events, Gone, Input};
use crate::client::{Client, TokenStore};
use crate::contract as own;
use crate::settings::Settings;
use crate::{design, test_connection};
use bindings::exports::integration::connector::connector::Guest as Connector;
use bindings::exports::integration::connector::design as wit_design;
use bindings::integration::connector::types as wit;
use bindings::{wit_future, wit_stream};
use outside::Outside;
use std::cell::RefCell;
use std::rc::Rc;
use wit_bindgen::{StreamReader, StreamWriter};

/// What is exported.
struct Component;

thread_local! {
    /// The tokens of this instance, by connection: shared by all its calls.
    static TOKENS: RefCell<Vec<(Settings, Rc<TokenStore>)>> = const { RefCell::new(Vec::new()) };
}

fn tokens_of(settings: &Settings) -> Rc<TokenStore> {
    TOKENS.with_borrow_mut(|all| {
        if let Some((_, tokens)) = all.iter().find(|(known, _)| known == settings) {
            return Rc::clone(tokens);
        }
        let tokens = Rc::new(TokenStore::default());
        all.push((settings.clone(), Rc::clone(&tokens)));
        tokens
    })
}

/// A client for a call.
fn client_for(connection: wit::Connection) -> Result<Client<Outside>, own::Error> {
    let settings = Settings::check(&connection.into())?;
    let tokens = tokens_of(&settings);
    Ok(Client::new(Rc::new(Outside), settings, tokens))
}

impl Connector for Component {
    async fn test_connection(connection: wit::Connection) -> Vec<wit::Check> {
        test_connection::test_connection(Rc::new(Outside), &connection.into())
            .await
            .into_iter()
            .map(Into::into)
            .collect()
    }

    async fn list_activities(
        _connection: wit::Connection,
    ) -> Result<Vec<wit::Activity>, wit::Error> {
        Ok(activities::all().into_iter().map(Into::into).collect())
    }

    async fn execute(
        connection: wit::Connection,
        call: wit::Call,
        input: StreamReader<wit::Item>,
    ) -> Result<
        (
            StreamReader<wit::Event>,
            wit_bindgen::FutureReader<Result<wit::Summary, wit::Error>>,
        ),
        wit::Error,
    > {
        let client = client_for(connection)?;
        let prepared = activities::prepare(&call.into())?;
        let (writer, events) = wit_stream::new();
        // A dying instance must never read as success.
        let (ended, end) = wit_future::new(|| {
            Err(own::Error::new(
                own::ErrorKind::Internal,
                "internal.broken-off",
                "the connector broke off without saying why",
            )
            .into())
        });
        wit_bindgen::spawn_local(async move {
            let mut sink = Sink(writer);
            let outcome = prepared.run(&client, Source(input), &mut sink).await;
            drop(sink);
            // Nobody waits for the end of a call that was dropped whole.
            let _ = ended
                .write(outcome.map(Into::into).map_err(Into::into))
                .await;
        });
        Ok((events, end))
    }

    async fn acknowledge(
        connection: wit::Connection,
        call: wit::Call,
        checkpoint: String,
    ) -> Result<(), wit::Error> {
        let client = client_for(connection)?;
        let mut call: own::Call = call.into();
        // Where the call went on from says nothing about what is acknowledged.
        call.resume = None;
        let prepared = activities::prepare(&call)?;
        Ok(prepared.acknowledge(&client, &checkpoint).await?)
    }
}

impl wit_design::Guest for Component {
    fn describe() -> wit_design::Descriptor {
        let descriptor = design::describe();
        let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
        wit_design::Descriptor {
            id: descriptor.id.to_owned(),
            title: descriptor.title.to_owned(),
            description: descriptor.description.to_owned(),
            version: descriptor.version.to_owned(),
            properties: descriptor.properties.into_iter().map(Into::into).collect(),
            reauthentication: descriptor
                .reauthentication
                .into_iter()
                .map(|rule| wit_design::Reauthentication {
                    changed: owned(rule.changed),
                    clear: owned(rule.clear),
                })
                .collect(),
            reaches: owned(descriptor.reaches),
            rate: Some(wit_design::Rate {
                per_second: descriptor.requests_per_second,
                burst: descriptor.burst,
            }),
        }
    }

    async fn list_objects(
        _connection: wit::Connection,
        search: Option<String>,
    ) -> Result<Vec<wit_design::Object>, wit::Error> {
        Ok(design::objects(search.as_deref())
            .into_iter()
            .map(|object| wit_design::Object {
                name: object.name.to_owned(),
                title: object.title,
                activities: object.activities.into_iter().map(str::to_owned).collect(),
                parent: object.parent.map(str::to_owned),
                keys: object.keys.into_iter().map(str::to_owned).collect(),
            })
            .collect())
    }

    async fn describe_object(
        connection: wit::Connection,
        activity: String,
        object: String,
        refresh: bool,
    ) -> Result<wit_design::Shape, wit::Error> {
        // A form that is not filled in yet does not keep the catalog from answering.
        let client = client_for(connection).ok();
        let shape = design::shape(client.as_ref(), &activity, &object, refresh).await?;
        Ok(wit_design::Shape {
            request: shape.request,
            response: shape.response,
            options: shape.options.into_iter().map(Into::into).collect(),
        })
    }

    async fn plan(
        connection: wit::Connection,
        call: wit::Call,
        look: bool,
    ) -> Result<wit_design::PlannedCall, wit::Error> {
        let client = client_for(connection)?;
        Ok(design::plan(&client, &call.into(), look).await?.into())
    }
}

/// The stream of events, seen from inside.
struct Sink(StreamWriter<wit::Event>);

impl Events for Sink {
    async fn emit(&mut self, events: Vec<own::Event>) -> Result<(), Gone> {
        let events = events.into_iter().map(Into::into).collect();
        let left = self.0.write_all(events).await;
        if left.is_empty() { Ok(()) } else { Err(Gone) }
    }
}

/// The stream of input, seen from inside.
struct Source(StreamReader<wit::Item>);

impl Input for Source {
    async fn next(&mut self) -> Option<own::Item> {
        let item = self.0.next().await?;
        Some(own::Item {
            key: item.key,
            data: item.data,
        })
    }
}
