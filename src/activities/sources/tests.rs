//! Reading a collection that changes all the while, by chance and by the thousand.

use crate::activities::{self, Events, Gone, Input};
use crate::client::{Client, TokenStore};
use crate::contract::{Call, Connection, Event, Item, Setting};
use crate::host::{Body, Host, LogLevel, Method, Request, Response, SecretError, SendError};
use crate::settings::Settings;
use crate::time::Moment;
use percent_encoding::percent_decode_str;
use proptest::prelude::*;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

/// What happens to a record before a request is answered.
#[derive(Debug, Clone, Copy)]
enum Change {
    Insert,
    Update(usize),
    Delete(usize),
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        Just(Change::Insert),
        any::<usize>().prop_map(Change::Update),
        any::<usize>().prop_map(Change::Delete),
    ]
}

/// A record as it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Record {
    version: u32,
    updated_at: i64,
}

/// A Coupa with one collection and a clock that runs by each request.
struct Coupa {
    now: i64,
    next_id: i64,
    records: BTreeMap<i64, Record>,
    /// Changes before each request that is to come.
    script: Vec<Vec<Change>>,
}

impl Coupa {
    fn new(count: i64, script: Vec<Vec<Change>>) -> Self {
        let record = |id| {
            let record = Record {
                version: 0,
                updated_at: 1_700_000_000 + id,
            };
            (id, record)
        };
        Self {
            now: 1_800_000_000,
            next_id: count + 1,
            records: (1..=count).map(record).collect(),
            script,
        }
    }

    fn step(&mut self) {
        self.now += 1;
        let Some(changes) = self.script.pop() else {
            return;
        };
        for change in changes {
            let nth = |n: usize| {
                self.records
                    .keys()
                    .nth(n % self.records.len().max(1))
                    .copied()
            };
            match change {
                Change::Insert => {
                    let record = Record {
                        version: 0,
                        updated_at: self.now,
                    };
                    self.records.insert(self.next_id, record);
                    self.next_id += 1;
                }
                Change::Update(n) => {
                    if let Some(record) = nth(n).and_then(|id| self.records.get_mut(&id)) {
                        record.version += 1;
                        record.updated_at = self.now;
                    }
                }
                Change::Delete(n) => {
                    if let Some(id) = nth(n) {
                        self.records.remove(&id);
                    }
                }
            }
        }
    }

    fn answer(&mut self, query: &str) -> String {
        self.step();
        let bounds: Vec<(String, String)> = query
            .split('&')
            .filter_map(|part| part.split_once('='))
            .map(|(name, value)| {
                let plain = |text| percent_decode_str(text).decode_utf8().unwrap().into_owned();
                (plain(name), plain(value))
            })
            .collect();
        let bound = |name: &str| {
            bounds
                .iter()
                .find(|(n, _)| n == name)
                .map(|(_, value)| value)
        };
        let time = |name: &str| bound(name).map(|text| Moment::parse(text).unwrap());
        let after: i64 = bound("id[gt]").map_or(0, |id| id.parse().unwrap());
        let limit: usize = bound("limit").map_or(50, |limit| limit.parse().unwrap());
        let (from, upto) = (time("updated_at[gt_or_eq]"), time("updated_at[lt]"));
        let records = self
            .records
            .iter()
            .filter(|(id, _)| **id > after)
            .filter(|(_, record)| {
                let at = Moment::from_unix(record.updated_at);
                from.is_none_or(|from| at >= from) && upto.is_none_or(|upto| at < upto)
            })
            .take(limit)
            .map(|(id, record)| {
                format!(
                    r#"{{"id":{id},"version":{},"updated-at":"{}"}}"#,
                    record.version,
                    Moment::from_unix(record.updated_at)
                )
            });
        let records: Vec<String> = records.collect();
        format!("[{}]", records.join(","))
    }
}

#[derive(Clone)]
struct Fake(Rc<RefCell<Coupa>>);

impl Host for Fake {
    async fn send(&self, request: Request) -> Result<Response, SendError> {
        assert!(request.method == Method::Get && matches!(request.body, Body::Bytes(_)));
        let query = request.path_and_query.split_once('?').unwrap().1.to_owned();
        let body = self.0.borrow_mut().answer(&query).into_bytes();
        Ok(Response {
            status: 200,
            body,
            ..Response::default()
        })
    }
    async fn sleep(&self, _: Duration) {}
    fn now(&self) -> Duration {
        Duration::ZERO
    }
    fn unix_time(&self) -> i64 {
        self.0.borrow().now
    }
    async fn reveal(&self, _: &str) -> Result<String, SecretError> {
        Ok("key".to_owned())
    }
    async fn cache_get(&self, _: &str) -> Option<(String, Duration)> {
        None
    }
    async fn cache_put(&self, _: &str, _: String, _: Duration) {}
    async fn cache_remove(&self, _: &str) {}
    fn log(&self, _: LogLevel, _: &str, _: &[(&str, String)]) {}
}

struct Nothing;

impl Input for Nothing {
    async fn next(&mut self) -> Option<Item> {
        None
    }
}

/// Takes events, and after so many batches none any more.
struct Taken {
    items: Vec<(i64, u32)>,
    checkpoint: Option<String>,
    batches: usize,
}

impl Events for Taken {
    async fn emit(&mut self, events: Vec<Event>) -> Result<(), Gone> {
        if self.batches == 0 {
            return Err(Gone);
        }
        self.batches -= 1;
        for event in events {
            match event {
                Event::Item(item) => {
                    let record: serde_json::Value = serde_json::from_str(&item.data).unwrap();
                    let version = record["version"].as_u64().unwrap() as u32;
                    self.items.push((item.key.parse().unwrap(), version));
                }
                Event::Checkpoint(text) => {
                    assert!(text.len() <= 4096, "{} bytes", text.len());
                    self.checkpoint = Some(text);
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Runs a source, and gives it up after so many batches.
fn read(coupa: &Fake, activity: &str, resume: Option<String>, batches: usize) -> Taken {
    let setting = |name: &str, value: &str| Setting {
        name: name.to_owned(),
        value: value.to_owned(),
    };
    let connection = Connection {
        name: "fake".to_owned(),
        settings: vec![
            setting("host", "https://fake.example"),
            setting("authentication", "api-key"),
        ],
    };
    let settings = Settings::check(&connection).unwrap();
    let client = Client::new(
        Rc::new(coupa.clone()),
        settings,
        Rc::new(TokenStore::default()),
    );
    let call = Call {
        activity: activity.to_owned(),
        object: "departments".to_owned(),
        resume,
        ..Call::default()
    };
    let mut taken = Taken {
        items: Vec::new(),
        checkpoint: call.resume.clone(),
        batches,
    };
    let prepared = activities::prepare(&call).unwrap();
    futures::executor::block_on(prepared.run(&client, Nothing, &mut taken)).unwrap();
    taken
}

fn script() -> impl Strategy<Value = Vec<Vec<Change>>> {
    prop::collection::vec(prop::collection::vec(change(), 0..12), 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// A query gives every record that was there from its beginning to its end
    /// exactly once, and no record twice, also where it is given up and resumed.
    #[test]
    fn a_query_loses_nothing_and_repeats_nothing(
        count in 0_i64..400,
        script in script(),
        cut in 1_usize..12,
    ) {
        let coupa = Fake(Rc::new(RefCell::new(Coupa::new(count, script))));
        let before: BTreeSet<i64> = coupa.0.borrow().records.keys().copied().collect();
        let first = read(&coupa, "query", None, cut);
        let second = read(&coupa, "query", first.checkpoint, usize::MAX);
        let after: BTreeSet<i64> = coupa.0.borrow().records.keys().copied().collect();
        let all: Vec<i64> = first.items.iter().chain(&second.items).map(|(id, _)| *id).collect();
        let told: BTreeSet<i64> = all.iter().copied().collect();
        prop_assert_eq!(all.len(), told.len(), "a record came twice");
        for id in before.intersection(&after) {
            prop_assert!(told.contains(id), "{} was lost", id);
        }
    }

    /// Run after run, Changes tells every change: in the end what was told last of
    /// each record is how it stands, also where runs are given up and resumed.
    #[test]
    fn changes_lose_no_change(
        count in 0_i64..300,
        script in script(),
        cuts in prop::collection::vec(1_usize..8, 0..5),
    ) {
        let coupa = Fake(Rc::new(RefCell::new(Coupa::new(count, script))));
        let mut told: BTreeMap<i64, u32> = BTreeMap::new();
        let mut place = None;
        for batches in cuts.into_iter().chain([usize::MAX, usize::MAX]) {
            let taken = read(&coupa, "changes", place, batches);
            told.extend(taken.items);
            place = taken.checkpoint;
        }
        coupa.0.borrow_mut().script.clear();
        coupa.0.borrow_mut().now += 10;
        let taken = read(&coupa, "changes", place, usize::MAX);
        told.extend(taken.items);
        for (id, record) in &coupa.0.borrow().records {
            prop_assert_eq!(told.get(id), Some(&record.version), "record {}", id);
        }
        // And with nothing new, nothing is told.
        let taken = read(&coupa, "changes", taken.checkpoint, usize::MAX);
        prop_assert_eq!(taken.items, []);
    }
}
