//! Exporting what is revised all the while: whatever a mark would hide is delivered.

use super::tests::{Taken, client, run};
use crate::activities;
use crate::contract::{Call, Error};
use crate::fake::{Fake, Remote, json, setting};
use crate::host::{Method, Request, Response, SendError};
use crate::time::Moment;
use proptest::prelude::*;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// What happens before a request is answered.
#[derive(Debug, Clone)]
struct Step {
    milliseconds: u64,
    /// Records that are revised.
    revised: Vec<usize>,
    /// The request is processed and its answer lost.
    lost: bool,
    /// Nothing gets through any more, until the next call.
    down: bool,
}

fn step() -> impl Strategy<Value = Step> {
    (
        0_u64..2500,
        prop::collection::vec(any::<usize>(), 0..3),
        prop::bool::weighted(0.05),
        prop::bool::weighted(0.02),
    )
        .prop_map(|(milliseconds, revised, lost, down)| Step {
            milliseconds,
            revised,
            lost,
            down,
        })
}

/// How a Coupa keeps its records.
#[derive(Debug, Clone, Copy)]
struct Ways {
    /// As orders do: a revision has a number and takes the mark away by itself.
    has_versions: bool,
    /// Whether a mark moves `updated-at`.
    mark_moves: bool,
    /// Whether a mark answers no more than that it is one.
    terse: bool,
}

impl Ways {
    fn object(self) -> &'static str {
        match self.has_versions {
            true => "purchase_orders",
            false => "invoices",
        }
    }
}

fn ways() -> impl Strategy<Value = Ways> {
    any::<(bool, bool, bool)>().prop_map(|(has_versions, mark_moves, terse)| Ways {
        has_versions,
        mark_moves,
        terse,
    })
}

#[derive(Debug, Clone)]
struct Record {
    content: u32,
    updated_at: i64,
    exported: bool,
    /// What it was when it was marked last.
    marked: u32,
    marks: u32,
}

struct Coupa {
    ways: Ways,
    /// In milliseconds since 1970.
    now: i64,
    records: BTreeMap<i64, Record>,
    script: VecDeque<Step>,
    down: bool,
}

impl Coupa {
    fn new(ways: Ways, count: i64, script: Vec<Step>) -> Self {
        let record = |id| {
            let record = Record {
                content: 0,
                updated_at: 1_799_999_000 + id * 20,
                exported: false,
                marked: 0,
                marks: 0,
            };
            (id * 3, record)
        };
        Self {
            ways,
            now: 1_800_000_000_000,
            records: (1..=count).map(record).collect(),
            script: script.into(),
            down: false,
        }
    }

    fn revise(&mut self, n: usize) {
        let now = self.now / 1000;
        let n = n % self.records.len().max(1);
        if let Some(record) = self.records.values_mut().nth(n) {
            record.content += 1;
            record.updated_at = now;
            record.exported &= !self.ways.has_versions;
        }
    }

    fn shown(&self, id: i64, query: &BTreeMap<String, String>) -> Value {
        let record = &self.records[&id];
        let mut shown = serde_json::json!({
            "id": id,
            "updated-at": Moment::from_unix(record.updated_at).to_string(),
            "exported": record.exported,
            "status": format!("edit {}", record.content),
            "created-by": {"id": 1, "avatar-thumb-url": format!("/a?{}", self.now)},
        });
        if self.ways.has_versions {
            shown["version"] = (record.content + 1).into();
        }
        if let (Some(fields), Value::Object(shown)) = (query.get("fields"), &mut shown) {
            let fields: Vec<String> = serde_json::from_str(fields).unwrap();
            shown.retain(|name, _| fields.contains(&name.replace('-', "_")));
        }
        shown
    }

    fn list(&self, query: &BTreeMap<String, String>) -> Value {
        let number = |name: &str| query.get(name).map(|text| text.parse::<i64>().unwrap());
        let ids: Option<Vec<i64>> = query
            .get("id[in]")
            .map(|ids| ids.split(',').map(|id| id.parse().unwrap()).collect());
        let after = number("id[gt]").unwrap_or(0);
        let unmarked = query.get("exported").is_some_and(|flag| flag == "false");
        let found = self.records.iter().filter(|(id, record)| {
            **id > after
                && ids.as_ref().is_none_or(|ids| ids.contains(id))
                && !(unmarked && record.exported)
        });
        found
            .take(number("limit").unwrap_or(50) as usize)
            .map(|(id, _)| self.shown(*id, query))
            .collect()
    }

    fn mark(&mut self, id: i64, query: &BTreeMap<String, String>) -> Value {
        let now = self.now / 1000;
        let record = self.records.get_mut(&id).unwrap();
        record.exported = query["exported"] == "true";
        if record.exported {
            record.marked = record.content;
            record.marks += 1;
        }
        if self.ways.mark_moves {
            record.updated_at = now;
        }
        match self.ways.terse {
            true => serde_json::json!({"id": id, "exported": record.exported}),
            false => self.shown(id, query),
        }
    }
}

impl Remote for Coupa {
    fn respond(&mut self, request: &Request, _: Duration) -> Result<Response, SendError> {
        let step = self.script.pop_front();
        let lost = step.as_ref().is_some_and(|step| step.lost);
        self.now += 50;
        if let Some(step) = step {
            self.now += step.milliseconds as i64;
            step.revised.into_iter().for_each(|n| self.revise(n));
            self.down |= step.down;
        }
        if self.down {
            return Err(SendError::Denied);
        }
        let (path, query) = crate::fake::parts(request);
        let answer = match request.method {
            Method::Get => self.list(&query),
            Method::Put => {
                let id = path.rsplit('/').next().unwrap().parse().unwrap();
                self.mark(id, &query)
            }
            _ => panic!("{path}"),
        };
        match lost {
            true => Err(SendError::Interrupted),
            false => Ok(json(200, answer.to_string())),
        }
    }

    fn unix_time(&self) -> i64 {
        self.now / 1000
    }
}

fn export(ways: Ways, fields: bool) -> Call {
    let fields = fields.then(|| setting("fields", "id,status"));
    Call {
        activity: super::EXPORT.to_owned(),
        object: ways.object().to_owned(),
        options: fields.into_iter().collect(),
        ..Call::default()
    }
}

fn acknowledge(coupa: &Fake<Coupa>, call: &Call, checkpoint: &str) -> Result<(), Error> {
    let prepared = activities::prepare(call).unwrap();
    coupa.run(prepared.acknowledge(&client(coupa), checkpoint))
}

/// Exports until nothing is left, and keeps what was told last of each record. A call that
/// did not get through is made again, as a host does.
fn until_done(coupa: &Fake<Coupa>, call: &Call, told: &mut BTreeMap<i64, (u32, u32)>) {
    for _ in 0..1000 {
        let mut taken = Taken::after(None, usize::MAX);
        let prepared = activities::prepare(call).unwrap();
        let client = client(coupa);
        let read = coupa.run(prepared.run(&client, super::tests::Nothing, &mut taken));
        for (key, record) in &taken.items {
            let content = record["status"].as_str().unwrap();
            let content = content["edit ".len()..].parse().unwrap();
            let (last, times) = told.entry(key.parse().unwrap()).or_default();
            (*last, *times) = (content, *times + 1);
        }
        for checkpoint in &taken.checkpoints {
            coupa.remote.borrow_mut().down = false;
            while acknowledge(coupa, call, checkpoint).is_err() {
                coupa.remote.borrow_mut().down = false;
            }
        }
        coupa.remote.borrow_mut().down = false;
        let quiet = coupa.remote.borrow().script.is_empty();
        if read.is_ok() && taken.items.is_empty() && quiet {
            return;
        }
    }
    panic!("the exports do not come to an end");
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases.max(300),
        ..ProptestConfig::default()
    })]

    /// Whatever a record was when it was marked was delivered, whenever it is revised, and
    /// whatever answers are lost or requests do not get through.
    #[test]
    fn no_mark_hides_a_revision(
        ways in ways(),
        fields in any::<bool>(),
        count in 1_i64..120,
        script in prop::collection::vec(step(), 0..400),
    ) {
        let coupa = Fake::new(Coupa::new(ways, count, script));
        let call = export(ways, fields);
        let mut told = BTreeMap::new();
        until_done(&coupa, &call, &mut told);
        for (id, record) in &coupa.remote.borrow().records {
            let (last, _) = told[id];
            prop_assert!(record.exported, "{} is not marked", id);
            prop_assert!(last >= record.marked, "{id}: {last}, {record:?}");
            if ways.has_versions {
                prop_assert_eq!(last, record.content, "{}", id);
            }
        }
    }

    /// Where nothing is revised, each is delivered and marked once, and nothing is taken
    /// back, whether or not a mark moves `updated-at`.
    #[test]
    fn a_mark_raises_no_false_alarm(ways in ways(), fields in any::<bool>(), count in 1_i64..120) {
        let coupa = Fake::new(Coupa::new(ways, count, Vec::new()));
        // Some are quite new.
        coupa.remote.borrow_mut().now = (1_799_999_000 + count * 20) * 1000 + 900;
        let mut told = BTreeMap::new();
        until_done(&coupa, &export(ways, fields), &mut told);
        prop_assert_eq!(told.len() as i64, count);
        prop_assert!(told.values().all(|(_, times)| *times == 1));
        for record in coupa.remote.borrow().records.values() {
            prop_assert!(record.exported && record.marks == 1, "{record:?}");
        }
        prop_assert_eq!(coupa.warned.borrow().len(), 0);
    }
}

/// The steps of one page: read, the empty page, the look, its marks.
fn revised_at(nth: usize) -> Vec<Step> {
    let step = |revised| Step {
        milliseconds: 10_000,
        revised,
        lost: false,
        down: false,
    };
    let mut script: Vec<_> = (0..nth).map(|_| step(Vec::new())).collect();
    script.push(step(vec![1]));
    script
}

#[test]
fn a_revision_before_the_mark_leaves_it_unmarked_and_one_beside_it_is_told() {
    for has_versions in [true, false] {
        for mark_moves in [true, false] {
            for (nth, warned) in [(2, 0), (4, 1)] {
                let ways = Ways {
                    has_versions,
                    mark_moves,
                    terse: false,
                };
                let coupa = Fake::new(Coupa::new(ways, 3, revised_at(nth)));
                let call = export(ways, false);
                let taken = run(&coupa, call.clone(), usize::MAX);
                assert_eq!(taken.items.len(), 3);
                acknowledge(&coupa, &call, &taken.checkpoints[0]).unwrap();
                let exported = |coupa: &Fake<Coupa>| -> Vec<bool> {
                    let coupa = coupa.remote.borrow();
                    coupa
                        .records
                        .values()
                        .map(|record| record.exported)
                        .collect()
                };
                assert_eq!(exported(&coupa), [true, false, true], "{ways:?} {nth}");
                let said = coupa.warned.borrow().clone();
                assert_eq!(said.len(), warned, "{ways:?} {nth}: {said:?}");
                assert!(
                    said.iter().all(|said| said.contains("record 6 ")),
                    "{said:?}"
                );
                let again = run(&coupa, call, usize::MAX);
                let [(_, record)] = again.items.as_slice() else {
                    panic!("{:?}", again.items);
                };
                assert_eq!(record["status"], "edit 1");
            }
        }
    }
}

#[test]
fn a_checkpoint_of_an_earlier_version_is_still_acknowledged() {
    let ways = Ways {
        has_versions: true,
        mark_moves: false,
        terse: true,
    };
    let coupa = Fake::new(Coupa::new(ways, 3, Vec::new()));
    let call = export(ways, false);
    let taken = run(&coupa, call.clone(), usize::MAX);
    let mut checkpoint: Map<String, Value> = serde_json::from_str(&taken.checkpoints[0]).unwrap();
    assert!(checkpoint.remove("delivered").is_some());
    let checkpoint = Value::Object(checkpoint).to_string();
    acknowledge(&coupa, &call, &checkpoint).unwrap();
    assert!(
        coupa
            .remote
            .borrow()
            .records
            .values()
            .all(|record| record.exported)
    );
}
