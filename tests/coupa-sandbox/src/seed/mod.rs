//! The records at the start: a small world in which references resolve, and on
//! demand any number of believable records, the same for the same seed.

mod generic;
mod orders;
mod people;
mod seeder;
mod suppliers;
mod words;

use serde_json::{Map, Value, json};

use crate::configuration::Configuration;
use crate::model::model;
use crate::random::Random;
use crate::store::{Records, Store, StoreError};
use seeder::Seeder;

/// The id of the user whom requests act for.
pub const API_USER: i64 = 1;

const WORLD: &str = include_str!("world.json");

/// Why a sandbox could not be filled.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// There is no such collection.
    #[error("there is no collection {0}")]
    NoCollection(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Fills a store; one that was filled before only gets what is missing.
pub fn fill(store: &Store, configuration: &Configuration) -> Result<(), SeedError> {
    store.write(|records| {
        if records.get("User", API_USER)?.is_none() {
            base_world(records, configuration.seed)?;
        }
        Ok::<_, SeedError>(())
    })?;
    for (path, count) in &configuration.seed_records {
        store.write(|records| top_up(records, configuration.seed, path, *count))?;
    }
    Ok(())
}

fn base_world(records: Records<'_>, seed: u64) -> Result<(), StoreError> {
    let mut seeder = Seeder::new(records, seed)?;
    let api_user = json!({
        "login": "apiuser", "email": "api@example.com", "firstname": "API", "lastname": "User",
        "api-user": true,
    });
    seeder.add("User", object(api_user))?;
    let mut seeder = Seeder::new(records, seed)?;
    let world: Vec<(String, Vec<Map<String, Value>>)> = serde_json::from_str(WORLD)?;
    for (name, rows) in world {
        let Some(record_type) = model().record_type(&name) else {
            continue;
        };
        for row in rows {
            seeder.add(record_type.name, row)?;
        }
    }
    Ok(())
}

/// Adds records until a collection holds so many.
fn top_up(records: Records<'_>, seed: u64, path: &str, count: u64) -> Result<(), SeedError> {
    let unknown = || SeedError::NoCollection(path.to_owned());
    let collection = model().collection(path).ok_or_else(unknown)?;
    let table = model().table(collection.record_type);
    let record_type = model().record_type(table).ok_or_else(unknown)?;
    let mut seeder = Seeder::new(records, seed)?;
    for number in records.count(table)? + 1..=count {
        let mut random = Random::new(seed, path, number);
        let values = match path {
            "suppliers" => suppliers::supplier(&mut seeder, &mut random, number)?,
            "users" => people::user(&mut seeder, &mut random, number)?,
            "purchase_orders" => orders::order(&mut seeder, &mut random, number)?,
            "requisitions" => orders::requisition(&mut seeder, &mut random, number)?,
            "invoices" => orders::invoice(&mut seeder, &mut random, number)?,
            _ => generic::record(&mut seeder, &mut random, record_type, number)?,
        };
        seeder.add(table, values)?;
    }
    Ok(())
}

/// The object in a `json!` literal.
fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}
