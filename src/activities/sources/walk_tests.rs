//! Reading what is nested under all parents, given up anywhere and resumed; and lists
//! of which nobody says whether they have pages.

use super::tests::{Taken, client, read};
use crate::activities::{Options, sources::Export};
use crate::contract::Call;
use crate::fake::{Answers, Fake};
use crate::time::Moment;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// Parents with the ids of what they have, two levels deep: reports, their lines, and
/// of each line its artifacts.
#[derive(Debug, Clone, Default)]
struct Tree(BTreeMap<i64, BTreeMap<i64, BTreeSet<i64>>>);

/// Which of a list is asked for.
struct Asked {
    after: i64,
    offset: usize,
    limit: usize,
    from: Option<Moment>,
}

impl Asked {
    fn parse(query: &BTreeMap<String, String>) -> Self {
        let number = |name: &str| query.get(name).map(|text| text.parse::<i64>().unwrap());
        Self {
            after: number("id[gt]").unwrap_or(0),
            offset: number("offset").unwrap_or(0) as usize,
            limit: number("limit").unwrap_or(50) as usize,
            from: query
                .get("updated_at[gt_or_eq]")
                .map(|text| Moment::parse(text).unwrap()),
        }
    }

    /// All of them are as old as the beginning of the year.
    fn page(&self, ids: impl Iterator<Item = i64>) -> String {
        let old = Moment::parse("2026-01-01T00:00:00Z").unwrap();
        let records = ids
            .filter(|id| *id > self.after && self.from.is_none_or(|from| old >= from))
            .skip(self.offset)
            .take(self.limit)
            .map(|id| format!(r#"{{"id":{id},"updated-at":"{old}","exported":false}}"#));
        format!("[{}]", records.collect::<Vec<_>>().join(","))
    }
}

impl Answers for Tree {
    fn answer(&mut self, path: &str, query: &BTreeMap<String, String>) -> (u16, String) {
        let asked = Asked::parse(query);
        let words: Vec<&str> = path.trim_start_matches("/api/").split('/').collect();
        let id = |n: usize| words[n].parse::<i64>().unwrap();
        let page = match words.as_slice() {
            ["expense_reports"] => asked.page(self.0.keys().copied()),
            ["expense_reports", _, "expense_lines"] => match self.0.get(&id(1)) {
                Some(lines) => asked.page(lines.keys().copied()),
                None => return (404, "{}".to_owned()),
            },
            [
                "expense_reports",
                _,
                "expense_lines",
                _,
                "expense_artifacts",
            ] => match self.0.get(&id(1)).and_then(|lines| lines.get(&id(3))) {
                Some(artifacts) => asked.page(artifacts.iter().copied()),
                None => return (404, "{}".to_owned()),
            },
            // A mark.
            [.., _] => r#"{"id":1,"updated-at":"2026-01-01T00:00:00Z","exported":true}"#.to_owned(),
            [] => return (404, "{}".to_owned()),
        };
        (200, page)
    }

    fn now(&self) -> i64 {
        1_800_000_000
    }
}

const LINES: &str = "expense_reports/{expense_report_id}/expense_lines";
const ARTIFACTS: &str =
    "expense_reports/{expense_report_id}/expense_lines/{expense_line_id}/expense_artifacts";

fn tree() -> impl Strategy<Value = Tree> {
    let artifacts = prop::collection::btree_set(1_i64..10_000, 0..4);
    let lines = prop::collection::btree_map(1_i64..10_000, artifacts, 0..5);
    let reports = prop::collection::btree_map(1_i64..10_000, lines, 0..130);
    (reports, 0_usize..120).prop_map(|(mut reports, more)| {
        // One with more than a page.
        if let Some(mut first) = reports.first_entry() {
            let artifacts = (20_000..20_000 + more as i64).collect();
            first.get_mut().insert(5, artifacts);
            let lines = (30_000..30_000 + more as i64).map(|id| (id, BTreeSet::new()));
            first.get_mut().extend(lines);
        }
        Tree(reports)
    })
}

/// Every record's key, as it has to be told.
fn keys(tree: &Tree, object: &str) -> Vec<String> {
    let mut keys = Vec::new();
    for (report, lines) in &tree.0 {
        for (line, artifacts) in lines {
            if object == LINES {
                keys.push(format!("{report}/{line}"));
            } else {
                keys.extend(artifacts.iter().map(|id| format!("{report}/{line}/{id}")));
            }
        }
    }
    keys
}

proptest! {
    /// Each record once, in order and saying what it belongs to, wherever a run is given
    /// up and resumed, by each of the sources and by id or not.
    #[test]
    fn all_is_read_under_all_parents(
        tree in tree(),
        cuts in prop::collection::vec(1_usize..20, 0..4),
        deep in any::<bool>(),
        activity in prop::sample::select(vec!["query", "changes", "by name"]),
    ) {
        let object = if deep { ARTIFACTS } else { LINES };
        let options: &[(&str, &str)] = match activity {
            "by name" => &[("order-by", "created-at")],
            _ => &[],
        };
        let name = if activity == "changes" { "changes" } else { "query" };
        let mut told = Vec::new();
        let mut place = None;
        for batches in cuts.into_iter().chain([usize::MAX]) {
            let taken = read(&tree, name, object, options, place, batches);
            for (key, record) in &taken.items {
                let parts: Vec<&str> = key.split('/').collect();
                prop_assert_eq!(&record["expense-report-id"].to_string(), parts[0]);
                if deep {
                    prop_assert_eq!(&record["expense-line-id"].to_string(), parts[1]);
                }
            }
            told.extend(taken.items.into_iter().map(|(key, _)| key));
            place = taken.checkpoint;
        }
        prop_assert_eq!(told, keys(&tree, object));
    }

    #[test]
    fn a_limit_counts_all_parents_together(tree in tree(), limit in 1_usize..60) {
        let text = limit.to_string();
        let all = keys(&tree, LINES);
        let taken = read(&tree, "query", LINES, &[("limit", &text)], None, usize::MAX);
        let told: Vec<String> = taken.items.into_iter().map(|(key, _)| key).collect();
        prop_assert_eq!(&told[..], &all[..limit.min(all.len())]);
    }
}

/// No nested object of the release is one that can be exported; what a newer one has
/// would be read and marked under each parent.
#[test]
fn what_is_exported_under_all_parents_is_marked_under_each() {
    let lines = |ids: &[i64]| ids.iter().map(|id| (*id, BTreeSet::new())).collect();
    let tree = Tree(BTreeMap::from([(3, lines(&[7, 8])), (4, lines(&[9]))]));
    let call = Call {
        activity: "export".to_owned(),
        object: LINES.to_owned(),
        ..Call::default()
    };
    let collection = coupa_catalog::find_object(LINES).unwrap();
    let options = Options::check(&[], &[]).unwrap();
    let export = || Export::prepare(&call, &collection, &options).unwrap();
    let coupa = Fake::new(tree);
    let client = client(&coupa);
    let mut taken = Taken::after(None, usize::MAX);
    coupa.run(export().run(&client, &mut taken)).unwrap();
    assert_eq!(taken.items.len(), 3);
    for checkpoint in &taken.checkpoints {
        coupa
            .run(export().acknowledge(&client, checkpoint))
            .unwrap();
    }
    let marked: Vec<String> = coupa
        .sent
        .borrow()
        .iter()
        .filter(|path| path.contains("exported=true&"))
        .map(|path| path.split('?').next().unwrap().to_owned())
        .collect();
    assert_eq!(
        marked,
        [
            "/api/expense_reports/3/expense_lines/7",
            "/api/expense_reports/3/expense_lines/8",
            "/api/expense_reports/4/expense_lines/9",
        ]
    );
}

/// A list that may know a limit and an offset, or not.
#[derive(Debug, Clone, Copy)]
struct Loose {
    count: i64,
    limit: bool,
    offset: bool,
}

impl Answers for Loose {
    fn answer(&mut self, path: &str, query: &BTreeMap<String, String>) -> (u16, String) {
        assert_eq!(path, "/api/requisitions/mine");
        let mut asked = Asked::parse(query);
        if !self.limit {
            asked.limit = usize::MAX;
        }
        if !self.offset {
            asked.offset = 0;
        }
        (200, asked.page(1..=self.count))
    }

    fn now(&self) -> i64 {
        0
    }
}

proptest! {
    #[test]
    fn lists_that_may_have_no_pages_are_read_all_the_same(
        count in 0_i64..170,
        limit in any::<bool>(),
        offset in any::<bool>(),
        cut in 1_usize..4,
    ) {
        let list = Loose { count, limit, offset };
        let object = "requisitions/mine";
        let taken = read(&list, "query", object, &[], None, usize::MAX);
        let told: Vec<i64> = taken.items.iter().map(|(key, _)| key.parse().unwrap()).collect();
        // A limit without an offset shows no more than its first page, and it is said.
        let most = if limit && !offset { count.min(50) } else { count };
        let is_a_page = told.len() == 50;
        prop_assert_eq!(told, Vec::from_iter(1..=most));

        prop_assert_eq!(taken.warnings > 0, !offset && is_a_page && (limit || count == 50));
        if offset {
            let first = read(&list, "query", object, &[], None, cut);
            let second = read(&list, "query", object, &[], first.checkpoint, usize::MAX);
            prop_assert_eq!((first.items.len() + second.items.len()) as i64, count);
        }
    }
}
