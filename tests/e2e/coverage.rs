//! All of Coupa's collections, each through the real component: what is offered is
//! done, and `docs/coverage.md` says with what came of it.

use crate::support::{
    CLIENT_ID, CLIENT_SECRET, Outcome, call, connector, oauth, run, sandbox_with, write,
};
use coupa_sandbox::{Client, Sandbox, minimal};
use host_harness::runtime::RunFiles;
use host_harness::runtime::design::Object;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    /// Coupa does not offer it.
    NotOffered,
    Done,
    /// Coupa's own rules refused it, in its own words.
    Refused,
    /// There was no record to do it to.
    Nothing,
    /// No field tells such records apart.
    NoKey,
}

impl Cell {
    fn text(self) -> &'static str {
        match self {
            Self::NotOffered => "",
            Self::Done => "✓",
            Self::Refused => "refused",
            Self::Nothing => "no record",
            Self::NoKey => "no key",
        }
    }
}

struct Row {
    object: String,
    cells: BTreeMap<&'static str, Cell>,
    actions: Vec<(String, Cell)>,
}

const ACTIVITIES: [&str; 10] = [
    "query", "get", "changes", "export", "download", "create", "update", "upsert", "delete",
    "upload",
];

fn all_scopes() -> BTreeSet<String> {
    coupa_catalog::collections()
        .filter_map(|collection| coupa_catalog::scopes(collection.path))
        .flat_map(|(read, write)| [read, write])
        .collect()
}

/// A sandbox with some records in every collection.
fn whole() -> Sandbox {
    let records: Vec<(&str, u64)> = coupa_catalog::collections().map(|c| (c.path, 4)).collect();
    sandbox_with(&records, |configuration| {
        configuration.clients = vec![Client {
            id: CLIENT_ID.to_owned(),
            secret: CLIENT_SECRET.to_owned(),
            scopes: all_scopes().into_iter().chain(extra_scopes()).collect(),
        }];
    })
}

/// Scopes that the sandbox asks for beside those of the catalog's table: the two
/// do not share one, so that neither can hide the other's mistake.
fn extra_scopes() -> Vec<String> {
    [
        "core.approval.write",
        "core.invoice.approval.bypass",
        "core.invoice.delete",
        "core.invoice.approval.write",
        "core.invoice.create",
        "core.sourcing.response.award.write",
        "core.easy_form_response.approval.write",
        "core.supplier_information_tax_registrations.delete",
    ]
    .map(str::to_owned)
    .to_vec()
}

async fn source(
    sandbox: &Sandbox,
    activity: &str,
    object: &str,
    options: &[(&str, &str)],
) -> Outcome {
    run(oauth(sandbox), call(activity, object, options), Vec::new()).await
}

/// Objects with the ids of their parents filled in, where there are such.
async fn places(sandbox: &Sandbox, object: &str) -> Vec<String> {
    let mut places = vec![String::new()];
    for segment in object.split('/') {
        let mut next = Vec::new();
        for place in places {
            if !segment.starts_with('{') {
                next.push(
                    format!("{place}/{segment}")
                        .trim_start_matches('/')
                        .to_owned(),
                );
                continue;
            }
            let parents = source(sandbox, "query", &place, &[("limit", "12")]).await;
            let ids = match &parents.ended {
                Some(Ok(_)) => parents.keys(),
                // What has no list, such as custom objects' definitions.
                _ => vec![1],
            };
            next.extend(ids.iter().map(|id| format!("{place}/{id}")));
        }
        next.truncate(24);
        places = next;
    }
    places
}

fn of(outcome: &Outcome, what: &str) -> Cell {
    if let Some(Err(error)) = &outcome.ended {
        panic!("{what}: {error}");
    }
    match outcome.rejected.first() {
        None => Cell::Done,
        Some(rejection)
            if matches!(
                rejection.error.code.as_str(),
                "coupa.refused" | "record.key-missing"
            ) =>
        {
            Cell::Refused
        }
        Some(rejection) => panic!("{what}: {:?}", rejection.error),
    }
}

async fn exercise(sandbox: &Sandbox, object: &Object, number: &mut usize) -> Row {
    let collection = coupa_catalog::find_collection(&object.name).unwrap();
    let offers = |activity: &str| object.activities.iter().any(|offered| offered == activity);
    let mut cells: BTreeMap<&'static str, Cell> =
        ACTIVITIES.map(|name| (name, Cell::NotOffered)).into();
    // The first parent that has such records; else the first.
    let mut place = String::new();
    let mut id = None;
    for candidate in places(sandbox, &object.name).await {
        if place.is_empty() {
            place.clone_from(&candidate);
        }
        if !offers("query") {
            break;
        }
        let found = source(sandbox, "query", &candidate, &[("limit", "2")]).await;
        if let Some(first) = found.items.first() {
            place = candidate;
            id = Some(first.key.clone()).filter(|key| !key.is_empty());
            break;
        }
    }
    if offers("query") {
        let found = source(sandbox, "query", &place, &[]).await;
        of(&found, &format!("query {place}"));
        cells.insert(
            "query",
            if found.items.is_empty() {
                Cell::Nothing
            } else {
                Cell::Done
            },
        );
    }
    for activity in ["changes", "export"] {
        if offers(activity) {
            let found = source(sandbox, activity, &place, &[]).await;
            cells.insert(activity, of(&found, &format!("{activity} {place}")));
        }
    }
    let mut created = None;
    if offers("create") {
        *number += 1;
        let record = minimal::body(collection.record_type, *number).to_string();
        let outcome = write(oauth(sandbox), "create", &place, &[], &[&record]).await;
        cells.insert("create", of(&outcome, &format!("create {place} {record}")));
        created = outcome.answers.first().and_then(|answer| answer.id.clone());
    }
    let id = created.or(id);
    if offers("get") {
        let cell = match &id {
            None => Cell::Nothing,
            Some(id) => {
                let found = source(sandbox, "get", &place, &[("value", id)]).await;
                of(&found, &format!("get {place}/{id}"))
            }
        };
        cells.insert("get", cell);
    }
    let text = coupa_catalog::fields(collection.record_type).find(|field| {
        !field.read_only
            && field.choices.is_empty()
            && matches!(field.kind, coupa_catalog::FieldKind::Text(_))
            && !matches!(field.name, "type" | "code" | "status")
    });
    if offers("update") {
        let cell = match &id {
            None => Cell::Nothing,
            Some(id) => {
                *number += 1;
                let name = text.as_ref().map_or("id", |field| field.name);
                let value = if name.contains("email") {
                    format!("u{number}@example.com")
                } else {
                    format!("u{number}")
                };
                let mut record = serde_json::json!({ name: value });
                record["id"] = id.parse::<i64>().unwrap().into();
                let record = record.to_string();
                let outcome = write(oauth(sandbox), "update", &place, &[], &[&record]).await;
                of(&outcome, &format!("update {place} {record}"))
            }
        };
        cells.insert("update", cell);
    }
    if offers("upsert") {
        *number += 1;
        let body = minimal::body(collection.record_type, *number);
        let keys = coupa_catalog::unique_keys(collection.record_type);
        let unique = keys
            .iter()
            .find(|key| key.split(',').all(|name| body.get(name).is_some()));
        // Without a key of its own, by whatever text the record brings along.
        let fallback = body.as_object().unwrap().iter().find(|(name, value)| {
            let plain = coupa_catalog::field(collection.record_type, name).is_some_and(|field| {
                field.choices.is_empty() && matches!(field.kind, coupa_catalog::FieldKind::Text(_))
            });
            plain && value.is_string()
        });
        let key = unique
            .map(|key| (*key).to_owned())
            .or(fallback.map(|(name, _)| name.clone()));
        let cell = match key {
            None => Cell::NoKey,
            Some(key) => {
                let record = body.to_string();
                let options = [("key", key.as_str())];
                let outcome = write(oauth(sandbox), "upsert", &place, &options, &[&record]).await;
                let first = of(&outcome, &format!("upsert {place} {record}"));
                let again = write(oauth(sandbox), "upsert", &place, &options, &[&record]).await;
                if unique.is_some() && first == Cell::Done && again.rejected.is_empty() {
                    assert_eq!(
                        again.answers[0].effect,
                        host_harness::runtime::types::Effect::Updated,
                        "{place}: a second upsert made a second record"
                    );
                }
                first
            }
        };
        cells.insert("upsert", cell);
    }
    let mut actions = Vec::new();
    for action in collection.actions() {
        let mut record = serde_json::json!({});
        if action.subject == coupa_catalog::Subject::Record {
            match &id {
                Some(id) => record["id"] = id.parse::<i64>().unwrap().into(),
                None => {
                    actions.push((action.name.to_owned(), Cell::Nothing));
                    continue;
                }
            }
        } else {
            *number += 1;
            record = minimal::body(collection.record_type, *number);
        }
        for parameter in action.path.split('/').filter(|part| part.starts_with('{')) {
            record[parameter.trim_matches(['{', '}'])] = 1.into();
        }
        let record = record.to_string();
        let options = [("action", action.name)];
        let outcome = write(oauth(sandbox), "action", &place, &options, &[&record]).await;
        let done = match outcome.rejected.first() {
            Some(rejection) if rejection.error.code == "coupa.not-found" => Cell::Refused,
            _ => of(&outcome, &format!("{} {place} {record}", action.name)),
        };
        actions.push((action.name.to_owned(), done));
    }
    if offers("upload") {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.pdf"), b"%PDF-1.7").unwrap();
        let mut connection = oauth(sandbox);
        connection.files = Some(RunFiles::in_folder(folder.path()));
        let record = match &id {
            Some(id) if !place.ends_with("attachments") => {
                format!(r#"{{"id":{id},"file":"a.pdf"}}"#)
            }
            _ => r#"{"file":"a.pdf","intent":"Internal"}"#.to_owned(),
        };
        let item = host_harness::runtime::types::Item {
            key: "1".to_owned(),
            data: record,
        };
        let outcome = run(connection, call("upload", &place, &[]), vec![item]).await;
        cells.insert("upload", of(&outcome, &format!("upload {place}")));
    }
    if offers("download") {
        let folder = tempfile::tempdir().unwrap();
        let mut connection = oauth(sandbox);
        connection.files = Some(RunFiles::in_folder(folder.path()));
        let outcome = run(connection, call("download", &place, &[]), Vec::new()).await;
        cells.insert("download", of(&outcome, &format!("download {place}")));
    }
    if offers("delete") {
        let cell = match &id {
            None => Cell::Nothing,
            Some(id) => {
                let record = format!(r#"{{"id":{id}}}"#);
                let outcome = write(oauth(sandbox), "delete", &place, &[], &[&record]).await;
                of(&outcome, &format!("delete {place} {record}"))
            }
        };
        cells.insert("delete", cell);
    }
    Row {
        object: object.name.clone(),
        cells,
        actions,
    }
}

fn page(rows: &[Row]) -> String {
    let mut text = String::from(
        "# What was exercised of Coupa\n\n\
         Every collection of release R39, through the real component against the Coupa\n\
         sandbox. A test makes this page. ✓: done; *refused*: sent, and refused by Coupa's own\n\
         rules, as an action is in the wrong state; *no record*: there was none to do it to;\n\
         *no key*: no field tells such records apart; empty: Coupa does not offer it.\n\n",
    );
    let total = |cell: Cell| {
        rows.iter()
            .flat_map(|row| row.cells.values())
            .filter(|c| **c == cell)
            .count()
    };
    let actions: Vec<Cell> = rows
        .iter()
        .flat_map(|row| row.actions.iter().map(|(_, cell)| *cell))
        .collect();
    let _ = writeln!(
        text,
        "{} collections; {} uses done, {} refused, {} without a record; {} actions, {} of them done \
         and the others refused by state.\n",
        rows.len(),
        total(Cell::Done),
        total(Cell::Refused),
        total(Cell::Nothing),
        actions.len(),
        actions.iter().filter(|cell| **cell == Cell::Done).count(),
    );
    let _ = writeln!(text, "| object | {} | actions |", ACTIVITIES.join(" | "));
    let _ = writeln!(text, "|---|{}---|", "---|".repeat(ACTIVITIES.len()));
    for row in rows {
        let cells: Vec<_> = ACTIVITIES
            .iter()
            .map(|name| row.cells[name].text())
            .collect();
        let actions: Vec<_> = row
            .actions
            .iter()
            .map(|(name, cell)| format!("{name} {}", cell.text()))
            .collect();
        let _ = writeln!(
            text,
            "| `{}` | {} | {} |",
            row.object,
            cells.join(" | "),
            actions.join(", ")
        );
    }
    text
}

#[tokio::test]
async fn every_collection_is_exercised_through_the_component() {
    let sandbox = whole();
    let mut session = connector().session(oauth(&sandbox)).await.unwrap();
    let objects = session.objects(None).await.unwrap();
    assert_eq!(objects.len(), 144);
    let mut rows = Vec::new();
    let mut number = 10_000;
    for object in &objects {
        rows.push(exercise(&sandbox, object, &mut number).await);
    }
    let count = |activity: &str, cell: Cell| {
        rows.iter()
            .filter(|row| row.cells[activity] == cell)
            .count()
    };
    for activity in ["query", "get", "changes"] {
        assert_eq!(count(activity, Cell::Refused), 0, "{activity}");
    }
    let unread: Vec<_> = rows
        .iter()
        .filter(|row| row.cells["query"] == Cell::Nothing)
        .map(|row| &row.object)
        .collect();
    assert!(unread.len() <= 6, "no records of {unread:?}");
    let refused: Vec<_> = rows
        .iter()
        .filter(|row| {
            ["create", "update", "delete"]
                .iter()
                .any(|activity| row.cells[activity] == Cell::Refused)
        })
        .map(|row| &row.object)
        .collect();
    assert!(refused.len() <= 12, "{refused:?}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/coverage.md");
    std::fs::write(path, page(&rows)).unwrap();
}
