//! Adds records past the checks of a write: what is read-only for clients has
//! to be filled in here.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::API_USER;
use crate::clock;
use crate::model::{Link, RecordType, model};
use crate::random::Random;
use crate::store::{Parent, Records, StoreError};
use crate::write;

/// 2023-01-02, when the company began to use Coupa.
const FIRST_DAY: i64 = 1_672_617_600;
/// Two years, over which records are spread.
const SPAN: u64 = 63_072_000;

/// Adds records.
pub struct Seeder<'a> {
    records: Records<'a>,
    seed: u64,
    user: Value,
    pools: HashMap<&'static str, Vec<Value>>,
}

impl<'a> Seeder<'a> {
    /// A seeder that writes in the name of the user for requests, who for the
    /// very first record does not exist yet.
    pub fn new(records: Records<'a>, seed: u64) -> Result<Self, StoreError> {
        let user = match (records.get("User", API_USER)?, model().record_type("User")) {
            (Some(user), Some(users)) => users.embed(&user),
            _ => Value::Null,
        };
        Ok(Self {
            records,
            seed,
            user,
            pools: HashMap::new(),
        })
    }

    /// Adds one record with these values, below a record where one is given;
    /// its id. References are given by a natural key, or as they are embedded.
    pub fn add(
        &mut self,
        table: &'static str,
        values: Map<String, Value>,
        parent: Option<&Parent>,
    ) -> Result<Option<i64>, StoreError> {
        let Some(record_type) = model().record_type(table) else {
            return Ok(None);
        };
        let record = self.whole(record_type, values)?;
        write::place(self.records, record_type, record, parent)
    }

    /// A record of this type that exists, in embedded form; null where none does.
    pub fn any(&mut self, random: &mut Random, table: &'static str) -> Result<Value, StoreError> {
        let known = self.pools.contains_key(table);
        if !known {
            let pool = self.pool(table)?;
            self.pools.insert(table, pool);
        }
        let pool = self.pools.get(table).map(Vec::as_slice).unwrap_or_default();
        let at = usize::try_from(random.below(pool.len() as u64)).unwrap_or(0);
        Ok(pool.get(at).cloned().unwrap_or_default())
    }

    /// The first of them, embedded: enough to be varied, few enough to keep.
    fn pool(&self, table: &'static str) -> Result<Vec<Value>, StoreError> {
        let Some(record_type) = model().record_type(table) else {
            return Ok(Vec::new());
        };
        let sql = "SELECT body FROM record WHERE type = ? ORDER BY id LIMIT 200";
        let bodies = self.records.select(sql, vec![table.to_owned().into()])?;
        bodies
            .iter()
            .map(|body| Ok(record_type.embed(&serde_json::from_str(body)?)))
            .collect()
    }

    fn whole(
        &self,
        record_type: &'static RecordType,
        values: Map<String, Value>,
    ) -> Result<Map<String, Value>, StoreError> {
        let id = self.records.next_id(record_type.name)?;
        let mut record = record_type.blank();
        for (name, value) in &record_type.defaults {
            record.insert((*name).to_owned(), value.clone());
        }
        for (name, value) in self.kept(record_type, id) {
            if record.contains_key(name) {
                record.insert(name.to_owned(), value);
            }
        }
        record.insert("id".to_owned(), id.into());
        for (name, value) in values {
            let link = record_type
                .field(&name)
                .and_then(|field| record_type.link(field));
            let value = self.linked(link, &name, value)?;
            record.insert(name, value);
        }
        write::complete(self.records, record_type, &mut record)?;
        Ok(record)
    }

    /// Who and when: created in the order of the ids, changed some time later.
    fn kept(&self, record_type: &RecordType, id: i64) -> [(&'static str, Value); 4] {
        let number = u64::try_from(id).unwrap_or(0);
        let mut random = Random::new(self.seed, record_type.name, number);
        let created = (number * 300 + random.below(300)) % SPAN;
        let updated = created + random.below(SPAN - created);
        let at = |seconds: u64| FIRST_DAY + i64::try_from(seconds).unwrap_or(0);
        [
            ("created-at", clock::from_seconds(at(created)).into()),
            ("updated-at", clock::from_seconds(at(updated)).into()),
            ("created-by", self.user.clone()),
            ("updated-by", self.user.clone()),
        ]
    }

    fn linked(&self, link: Option<Link>, name: &str, value: Value) -> Result<Value, StoreError> {
        match (link, value) {
            (Some(Link::Reference(target) | Link::References(target)), Value::Object(sent))
                if !sent.contains_key("id") =>
            {
                write::find(self.records, name, target, &Value::Object(sent))
            }
            (Some(Link::Part(target) | Link::Parts(target)), Value::Object(sent)) => {
                match model().record_type(target) {
                    Some(part) => Ok(Value::Object(self.whole(part, sent)?)),
                    None => Ok(Value::Null),
                }
            }
            (link, Value::Array(items)) => items
                .into_iter()
                .map(|item| self.linked(link, name, item))
                .collect::<Result<_, _>>()
                .map(Value::Array),
            (_, value) => Ok(value),
        }
    }
}
