//! `POST /api/graphql`, read only: the records of the catalog by the names
//! that GraphQL can have, filtered as in REST.
//!
//! Documented are lists by the camel-case plural with an argument `query` in
//! REST's filter syntax, one record by the singular with an `id`, and errors
//! with status 200. That purchase orders have both their names, `purchaseOrders`
//! and `orderHeaders`, is a guess that lets a client use either.

mod document;
mod execute;
mod introspection;
mod schema;

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

pub use execute::Context;

use crate::media::Answer;
use crate::store::StoreError;

/// Why a query has no answer. Each is a message with status 200.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// It is not GraphQL, or not in the form in which it is sent.
    #[error("{0}")]
    Syntax(String),
    /// It would write, or wait for news.
    #[error("Schema is not configured for {0}s")]
    ReadOnly(&'static str),
    /// It asks for what the schema does not have.
    #[error("{0}")]
    Invalid(String),
    /// REST would refuse the same.
    #[error("{0}")]
    Refused(#[from] crate::refusal::Refusal),
}

impl From<StoreError> for QueryError {
    fn from(error: StoreError) -> Self {
        Self::Refused(error.into())
    }
}

/// The body of a request.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sent {
    #[serde(default)]
    query: String,
    #[serde(default)]
    variables: Option<Map<String, Value>>,
    #[serde(default)]
    operation_name: Option<String>,
}

/// Answers a query; what is wrong with it is told with status 200, too.
pub fn answer(context: &Context<'_>, body: &[u8]) -> Answer {
    let value = match run(context, body) {
        Ok(data) => json!({"data": data}),
        Err(error) => json!({"errors": [{"message": error.to_string()}]}),
    };
    Answer::json(StatusCode::OK, &value)
}

fn run(context: &Context<'_>, body: &[u8]) -> Result<Map<String, Value>, QueryError> {
    let sent: Sent = serde_json::from_slice(body).map_err(|error| {
        QueryError::Syntax(format!("The body is not a GraphQL request: {error}"))
    })?;
    let variables = sent.variables.unwrap_or_default();
    let nodes = document::read(&sent.query, &variables, sent.operation_name.as_deref())?;
    execute::run(context, &nodes)
}
