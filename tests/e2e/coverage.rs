//! All of Coupa's collections, each through the real component: what is offered is
//! done, and `docs/coverage.md` says with what came of it.

use crate::support::{
    CLIENT_ID, CLIENT_SECRET, Outcome, call, connector, make_countable, oauth, run, sandbox_with,
    write,
};
use crate::{reach, row};
use coupa_catalog::{Collection, Kind};
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
    coupa_catalog::objects()
        .filter_map(|collection| coupa_catalog::scopes(collection.path))
        .flat_map(|(read, write)| [read, write])
        .collect()
}

/// A sandbox with some records in every collection.
pub fn whole() -> Sandbox {
    let listed = coupa_catalog::collections().map(|c| c.path);
    let unlisted = coupa_catalog::objects()
        .filter(|object| object.kind == Kind::Collection && !object.can_list())
        .map(|object| object.path)
        .filter(|path| !UNSEEDED.contains(path));
    let records: Vec<(&str, u64)> = listed.chain(unlisted).map(|path| (path, 4)).collect();
    sandbox_with(&records, |configuration| {
        // Thousands of requests: under a limit of their rate they take a quarter of an hour.
        make_countable(configuration);
        configuration.clients = vec![Client {
            id: CLIENT_ID.to_owned(),
            secret: CLIENT_SECRET.to_owned(),
            scopes: all_scopes().into_iter().chain(extra_scopes()).collect(),
        }];
    })
}

/// What has no list and comes with the records that it is part of, or is none.
const UNSEEDED: [&str; 3] = [
    "asn/lines",
    "quote_suppliers",
    "suppliers/{supplier_id}/supplier_user_integration_contacts",
];

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
                _ => (1..=4).collect(),
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

/// Where there is no list: the first of some ids under some parents that there is.
async fn probe(
    sandbox: &Sandbox,
    collection: &Collection,
    places: &[String],
) -> Option<(String, i64)> {
    let most = if collection.shows_the_record() {
        40
    } else {
        600
    };
    for place in places {
        // Tables are shared, so that the first of a parent may come late.
        for id in 1..=most {
            let is_there = if collection.shows_the_record() {
                let got = source(sandbox, "get", place, &[("value", &id.to_string())]).await;
                matches!(got.ended, Some(Ok(_)))
            } else if collection.can_show() {
                has_file(sandbox, &format!("{place}/{id}"))
            } else if let Some(file) = collection.files().next() {
                has_file(sandbox, &format!("{place}/{id}/{}", file.name))
            } else {
                sandbox.record(collection.path, id).is_some()
            };
            if is_there {
                return Some((place.clone(), id));
            }
        }
    }
    None
}

/// Puts a file where one can be.
fn has_file(sandbox: &Sandbox, path: &str) -> bool {
    let file = serde_json::json!({ "path": path, "size": 1000, "content_type": "image/png" });
    let file = serde_json::from_value(file).unwrap();
    sandbox.add_file(&file).is_some()
}

/// A record's own id, in a key that may hold those of its parents before it.
fn own_id(key: &str) -> String {
    key.rsplit('/').next().unwrap().to_owned()
}

/// Reads what is nested under all parents, and holds it against one of them.
async fn walk(sandbox: &Sandbox, object: &Object, place: &str, id: Option<&String>) {
    let all = source(sandbox, "query", &object.name, &[]).await;
    of(&all, &format!("query {}", object.name));
    let keys: BTreeSet<&str> = all.items.iter().map(|item| item.key.as_str()).collect();
    assert_eq!(
        keys.len(),
        all.items.len(),
        "{}: a key came twice",
        object.name
    );
    let parents: Vec<&str> = place
        .split('/')
        .filter(|part| part.parse::<i64>().is_ok())
        .collect();
    if let Some(id) = id {
        let key = format!("{}/{id}", parents.join("/"));
        assert!(keys.contains(key.as_str()), "{}: no {key}", object.name);
    }
    for record in all.records() {
        for name in object.name.split('/').filter(|part| part.starts_with('{')) {
            let name = name.trim_matches(['{', '}']).replace('_', "-");
            assert!(
                record.get(&name).is_some(),
                "{}: no {name} in {record}",
                object.name
            );
        }
    }
}

async fn exercise(sandbox: &Sandbox, object: &Object, number: &mut usize) -> Row {
    let collection = coupa_catalog::find_object(&object.name).unwrap();
    let offers = |activity: &str| object.activities.iter().any(|offered| offered == activity);
    let mut cells: BTreeMap<&'static str, Cell> =
        ACTIVITIES.map(|name| (name, Cell::NotOffered)).into();
    // The first parent that has such records; else the first.
    let mut place = String::new();
    let mut id = None;
    let places = places(sandbox, &object.name).await;
    if collection.kind == Kind::Collection
        && !collection.can_list()
        && let Some((found, at)) = probe(sandbox, &collection, &places).await
    {
        place = found;
        id = Some(at.to_string());
    }
    for candidate in places {
        if place.is_empty() {
            place.clone_from(&candidate);
        }
        if !offers("query") {
            break;
        }
        let found = source(sandbox, "query", &candidate, &[("limit", "2")]).await;
        if let Some(first) = found.items.first() {
            place = candidate;
            id = Some(own_id(&first.key)).filter(|key| !key.is_empty());
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
    let mut above = object
        .name
        .match_indices("/{")
        .map(|(at, _)| &object.name[..at]);
    let is_walked = object.name.contains('{')
        && above.all(|path| coupa_catalog::find_object(path).is_some_and(|o| o.can_list()));
    if offers("query") && is_walked {
        walk(sandbox, object, &place, id.as_ref()).await;
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
            _ if collection.kind == Kind::Record => {
                let found = source(sandbox, "get", &place, &[]).await;
                of(&found, &format!("get {place}"))
            }
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
        // What any of the actions may want to know.
        for (name, value) in [
            ("ids", serde_json::json!([1, 2])),
            ("amount", serde_json::json!("5.00")),
            ("approver", serde_json::json!({ "login": "kbrand" })),
            ("reason-insight-code", serde_json::json!("WRONG_ITEM")),
        ] {
            record[name] = value;
        }
        if action.verb == coupa_catalog::Verb::Delete
            && let Some(id) = &id
        {
            // Where it is a file that goes, there has to be one.
            has_file(sandbox, &format!("{place}/{id}/{}", action.path));
        }
        for parameter in action.path.split('/').filter(|part| part.starts_with('{')) {
            record[parameter.trim_matches(['{', '}'])] = 1.into();
        }
        let record = record.to_string();
        let options = [("action", action.name)];
        let outcome = write(oauth(sandbox), "action", &place, &options, &[&record]).await;
        let done = match outcome.rejected.first() {
            // There is nothing yet that could be taken away.
            Some(rejection)
                if action.verb == coupa_catalog::Verb::Delete
                    && rejection.error.code == "coupa.not-found" =>
            {
                Cell::Refused
            }
            _ => of(&outcome, &format!("{} {place} {record}", action.name)),
        };
        actions.push((action.name.to_owned(), done));
    }
    let uploads: Vec<Option<&str>> = match collection.files().find(|file| file.upload().is_some()) {
        None => vec![None],
        Some(_) => collection
            .files()
            .filter(|file| file.upload().is_some())
            .map(|file| Some(file.name))
            .collect(),
    };
    for file in uploads.into_iter().filter(|_| offers("upload")) {
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
        let options: Vec<_> = file.iter().map(|name| ("file", *name)).collect();
        let outcome = run(connection, call("upload", &place, &options), vec![item]).await;
        let cell = of(&outcome, &format!("upload {place} {file:?}"));
        // The first is what is meant by the object; the others may want a state.
        cells.entry("upload").and_modify(|before| {
            if *before != Cell::Done {
                *before = cell;
            }
        });
    }
    let downloads: Vec<&str> = collection
        .files()
        .filter(coupa_catalog::File::can_download)
        .map(|file| file.name)
        .collect();
    if offers("download") {
        if downloads.is_empty() {
            let named = (!collection.can_list()).then(|| {
                let id = id.as_deref();
                (
                    "value",
                    id.unwrap_or_else(|| panic!("no record at {place}")),
                )
            });
            let options: Vec<_> = named.into_iter().collect();
            cells.insert("download", download(sandbox, &place, &options).await);
        }
        for name in downloads {
            if let Some(id) = &id {
                assert!(
                    has_file(sandbox, &format!("{place}/{id}/{name}")),
                    "{place} {name}"
                );
            }
            let mut options = vec![("file", name)];
            if !collection.can_list() {
                let id = id.as_deref();
                options.push((
                    "value",
                    id.unwrap_or_else(|| panic!("no record at {place}")),
                ));
            }
            let cell = download(sandbox, &place, &options).await;
            assert!(
                id.is_none() || cell == Cell::Done,
                "{place} {name}: {cell:?}"
            );
            cells.insert("download", cell);
        }
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

/// Downloads: done where there was a file.
async fn download(sandbox: &Sandbox, place: &str, options: &[(&str, &str)]) -> Cell {
    let folder = tempfile::tempdir().unwrap();
    let mut connection = oauth(sandbox);
    connection.files = Some(RunFiles::in_folder(folder.path()));
    let outcome = run(connection, call("download", place, options), Vec::new()).await;
    match of(&outcome, &format!("download {place} {options:?}")) {
        Cell::Done if outcome.items.is_empty() => Cell::Nothing,
        cell => cell,
    }
}

fn page(rows: &[Row]) -> String {
    let mut text = String::from(
        "# What was exercised of Coupa\n\n\
         Every object of release R39, the collections first, then what it describes by paths\n\
         alone, through the real component against the Coupa\n\
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
        "{} objects; {} uses done, {} refused, {} without a record; {} actions, {} of them done \
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
    assert_eq!(objects.len(), 166);
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
    let reach = reach::page(&mut session, &objects, &sandbox).await;
    // The page tells of Coupa as it is documented.
    if row::chosen().0 == 0 {
        std::fs::write(path, page(&rows) + &reach).unwrap();
    }
}
