//! The records at the start: a small world in which references resolve, and on
//! demand any number of believable records, the same for the same seed.

mod generic;
mod orders;
mod owners;
mod people;
mod seeder;
mod suppliers;
mod text;
mod words;

use serde_json::{Map, Value, json};

use crate::configuration::Configuration;
use crate::model::{Collection, model};
use crate::query::{Page, Scope, count, ids};
use crate::random::Random;
use crate::store::{Records, Store, StoreError};
pub use seeder::Seeder;

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
    seeder.add("User", object(api_user), None)?;
    let mut seeder = Seeder::new(records, seed)?;
    let world: Vec<(String, Vec<Map<String, Value>>)> = serde_json::from_str(WORLD)?;
    for (name, rows) in world {
        let Some(record_type) = model().record_type(&name) else {
            continue;
        };
        for row in rows {
            seeder.add(record_type.name, row, None)?;
        }
    }
    Ok(())
}

/// Adds records until a collection holds so many.
fn top_up(records: Records<'_>, seed: u64, path: &str, count: u64) -> Result<(), SeedError> {
    let unknown = || SeedError::NoCollection(path.to_owned());
    let collection = model().collection(path).ok_or_else(unknown)?;
    let missing = count.saturating_sub(counted(records, collection)?);
    let known = records.count(model().table(collection.record_type))?;
    let mut seeder = Seeder::new(records, seed)?;
    for number in known + 1..=known + missing {
        add(&mut seeder, records, seed, collection, number)?;
    }
    Ok(())
}

/// How many records a collection shows; a nested one, of all parents together.
pub fn counted(records: Records<'_>, collection: &Collection) -> Result<u64, StoreError> {
    let scope = Scope {
        subset: collection.subset.as_ref(),
        ..Scope::table(model().table(collection.record_type))
    };
    let owner = collection.parent_path().and_then(|p| model().collection(p));
    match (owner, &collection.subset) {
        (None, None) => records.count(scope.table),
        (owner, _) => {
            let below = owner.map(|owner| model().table(owner.record_type));
            let (sql, values) = count(&scope, below);
            let counts = records.ids(&sql, values)?;
            Ok(counts.first().map_or(0, |count| count.unsigned_abs()))
        }
    }
}

/// Some ids that a collection shows; of a nested one, of all parents together.
pub fn shown(
    records: Records<'_>,
    collection: &Collection,
    limit: i64,
    offset: i64,
) -> Result<Vec<i64>, StoreError> {
    let scope = Scope {
        subset: collection.subset.as_ref(),
        ..Scope::table(model().table(collection.record_type))
    };
    let owner = collection.parent_path().and_then(|p| model().collection(p));
    let below = owner.map(|owner| model().table(owner.record_type));
    let page = Page { offset, limit };
    let (sql, values) = ids(&scope, below, &page);
    records.ids(&sql, values)
}

/// Adds one believable record to a collection; its id. The same seed and number
/// give the same record in the same world.
pub fn add(
    seeder: &mut Seeder<'_>,
    records: Records<'_>,
    seed: u64,
    collection: &'static Collection,
    number: u64,
) -> Result<Option<i64>, SeedError> {
    let table = model().table(collection.record_type);
    let record_type = model()
        .record_type(table)
        .ok_or_else(|| SeedError::NoCollection(collection.path.to_owned()))?;
    let mut random = Random::new(seed, collection.path, number);
    let random = &mut random;
    let mut values = match collection.path {
        "suppliers" => suppliers::supplier(seeder, random, number)?,
        "users" => people::user(seeder, random, number)?,
        "purchase_orders" => orders::order(seeder, random, number)?,
        "requisitions" => orders::requisition(seeder, random, number)?,
        "invoices" => orders::invoice(seeder, random, number)?,
        _ => generic::record(seeder, random, record_type, number)?,
    };
    generic::state(random, collection, record_type, number, &mut values);
    let parent = match collection.is_nested() && collection.members.is_none() {
        true => owners::above(records, seed, random, collection)?,
        false => owners::of(records, seed, random, record_type)?,
    };
    if let ("Approval", Some(document)) = (table, &parent) {
        owners::wait_for_approval(records, document)?;
    }
    Ok(seeder.add(table, values, parent.as_ref())?)
}

/// The object in a `json!` literal.
fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}
