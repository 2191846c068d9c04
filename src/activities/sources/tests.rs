//! Reading a collection that changes all the while, by chance and by the thousand.

use crate::activities::{self, Events, Gone, Input};
use crate::client::{Client, TokenStore};
use crate::contract::{Call, Event, Item};
use crate::fake::{Answers, Fake, Remote, setting, settings};
use crate::time::Moment;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

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
}

impl Answers for Coupa {
    fn now(&self) -> i64 {
        self.now
    }

    fn answer(&mut self, _: &str, query: &BTreeMap<String, String>) -> (u16, String) {
        self.step();
        let bound = |name: &str| query.get(name);
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
        (200, format!("[{}]", records.join(",")))
    }
}

pub(super) struct Nothing;

impl Input for Nothing {
    async fn next(&mut self) -> Option<Item> {
        None
    }
}

/// Takes events, and after so many batches none any more.
pub(super) struct Taken {
    /// By their keys.
    pub items: Vec<(String, serde_json::Value)>,
    pub checkpoint: Option<String>,
    pub checkpoints: Vec<String>,
    pub warnings: usize,
    batches: usize,
}

impl Taken {
    pub fn after(checkpoint: Option<String>, batches: usize) -> Self {
        Self {
            items: Vec::new(),
            checkpoint,
            checkpoints: Vec::new(),
            warnings: 0,
            batches,
        }
    }

    /// The ids of what was told, with the versions.
    fn versions(&self) -> Vec<(i64, u32)> {
        let version = |record: &serde_json::Value| record["version"].as_u64().unwrap() as u32;
        let items = self.items.iter();
        items
            .map(|(key, record)| (key.parse().unwrap(), version(record)))
            .collect()
    }
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
                    let record = serde_json::from_str(&item.data).unwrap();
                    self.items.push((item.key, record));
                }
                Event::Checkpoint(text) => {
                    assert!(text.len() <= 4096, "{} bytes", text.len());
                    self.checkpoints.push(text.clone());
                    self.checkpoint = Some(text);
                }
                Event::Notice(_) => self.warnings += 1,
                _ => {}
            }
        }
        Ok(())
    }
}

/// A client of something that stands in for Coupa.
pub(super) fn client<A: Remote>(fake: &Fake<A>) -> Client<Fake<A>> {
    let settings = settings(&[("authentication", "api-key")]);
    let tokens = Rc::new(TokenStore::default());
    Client::new(Rc::new(fake.clone()), settings, tokens)
}

/// Runs a source against something that never changes.
pub(super) fn read<A: Answers + Clone>(
    answers: &A,
    activity: &str,
    object: &str,
    options: &[(&str, &str)],
    resume: Option<String>,
    batches: usize,
) -> Taken {
    let call = Call {
        activity: activity.to_owned(),
        object: object.to_owned(),
        options: options
            .iter()
            .map(|(name, value)| setting(name, value))
            .collect(),
        resume,
        ..Call::default()
    };
    run(&Fake::new(answers.clone()), call, batches)
}

pub(super) fn run<A: Remote>(fake: &Fake<A>, call: Call, batches: usize) -> Taken {
    let mut taken = Taken::after(call.resume.clone(), batches);
    let prepared = activities::prepare(&call).unwrap();
    fake.run(prepared.run(&client(fake), Nothing, &mut taken))
        .unwrap();
    taken
}

/// Runs a source, and gives it up after so many batches.
fn go_on(coupa: &Fake<Coupa>, activity: &str, resume: Option<String>, batches: usize) -> Taken {
    let call = Call {
        activity: activity.to_owned(),
        object: "departments".to_owned(),
        resume,
        ..Call::default()
    };
    run(coupa, call, batches)
}

fn script() -> impl Strategy<Value = Vec<Vec<Change>>> {
    prop::collection::vec(prop::collection::vec(change(), 0..12), 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases.max(300),
        ..ProptestConfig::default()
    })]

    /// A query gives every record that was there from its beginning to its end
    /// exactly once, and no record twice, also where it is given up and resumed.
    #[test]
    fn a_query_loses_nothing_and_repeats_nothing(
        count in 0_i64..400,
        script in script(),
        cut in 1_usize..12,
    ) {
        let coupa = Fake::new(Coupa::new(count, script));
        let before: BTreeSet<i64> = coupa.remote.borrow().records.keys().copied().collect();
        let first = go_on(&coupa, "query", None, cut);
        let second = go_on(&coupa, "query", first.checkpoint.clone(), usize::MAX);
        let after: BTreeSet<i64> = coupa.remote.borrow().records.keys().copied().collect();
        let all: Vec<i64> = first.versions().into_iter().chain(second.versions()).map(|(id, _)| id).collect();
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
        let coupa = Fake::new(Coupa::new(count, script));
        let mut told: BTreeMap<i64, u32> = BTreeMap::new();
        let mut place = None;
        for batches in cuts.into_iter().chain([usize::MAX, usize::MAX]) {
            let taken = go_on(&coupa, "changes", place, batches);
            told.extend(taken.versions());
            place = taken.checkpoint;
        }
        coupa.remote.borrow_mut().script.clear();
        coupa.remote.borrow_mut().now += 10;
        let taken = go_on(&coupa, "changes", place, usize::MAX);
        told.extend(taken.versions());
        for (id, record) in &coupa.remote.borrow().records {
            prop_assert_eq!(told.get(id), Some(&record.version), "record {}", id);
        }
        // And with nothing new, nothing is told.
        let taken = go_on(&coupa, "changes", taken.checkpoint, usize::MAX);
        prop_assert_eq!(taken.versions(), []);
    }
}
