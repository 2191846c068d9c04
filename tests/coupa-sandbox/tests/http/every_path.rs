//! Every path of the release with every verb: what is allowed does something,
//! what is not is refused.

use std::collections::{BTreeMap, BTreeSet};

use coupa_catalog::{collections, find_collection, paths};
use serde_json::{Value, json};

use crate::file_paths;
use crate::support::{Api, KEY, read, start_with};
use coupa_sandbox::minimal;

const VERBS: [(&str, char); 5] = [
    ("GET", 'G'),
    ("POST", 'P'),
    ("PUT", 'U'),
    ("PATCH", 'A'),
    ("DELETE", 'D'),
];

/// What the documentation allows beside the release.
const FURTHER: [(&str, char); 6] = [
    ("invoices", 'P'),
    ("integration_errors/create_alert", 'U'),
    ("integration_history_records/acknowledge", 'U'),
    ("integration_history_records/create_alert", 'U'),
    (
        "integration_history_records/create_alert_and_mark_exported",
        'U',
    ),
    ("integration_history_records/mark_exported", 'U'),
];

/// What a refusal may say: the state, or what the minimal body cannot know.
const REASONS: [&str; 3] = [
    "Cannot ",
    "Approval can't be blank",
    "Unable to find valid ",
];

fn allows(template: &str, verbs: &str, letter: char) -> bool {
    verbs.contains(letter) || FURTHER.contains(&(template, letter))
}

/// Walks the release.
struct Walk {
    api: Api,
    number: usize,
}

impl Walk {
    /// The path of a template, with ids of records that exist.
    async fn path(&mut self, template: &str) -> String {
        let template = template.replace("(/{style})", "/thumb");
        let mut path = String::new();
        let mut prefix = String::new();
        for word in template.split('/') {
            let id = match word.starts_with('{') {
                true => Some(self.id(&prefix, &path).await),
                false => None,
            };
            for text in [&mut path, &mut prefix] {
                if !text.is_empty() {
                    text.push('/');
                }
            }
            path.push_str(&id.map_or_else(|| word.to_owned(), |id| id.to_string()));
            prefix.push_str(word);
        }
        path
    }

    /// The id of a record in a collection; where there is none, of a new one.
    async fn id(&mut self, template: &str, path: &str) -> i64 {
        let collection = find_collection(template).filter(|c| c.path == template);
        let Some(collection) = collection.filter(|c| c.can_list()) else {
            return self.probed(path).await;
        };
        if let Some(id) = self.api.get(&format!("/api/{path}")).await.ids().first() {
            return *id;
        }
        if template.ends_with("/business_groups") {
            let reply = self
                .api
                .put(&format!("/api/{path}/add"), json!({"id": 1}))
                .await;
            assert_eq!(reply.status, 200, "{path}: {}", reply.text);
            return 1;
        }
        assert!(collection.can_create(), "{path} is empty");
        self.number += 1;
        let body = minimal::body(collection.record_type, self.number);
        let reply = self.api.post(&format!("/api/{path}"), body).await;
        assert_eq!(reply.status, 201, "{path}: {}", reply.text);
        reply.json()["id"].as_i64().unwrap()
    }

    /// The id of a record where there is no list: the first that is there, and 1
    /// where none can be looked at by itself.
    async fn probed(&self, path: &str) -> i64 {
        for id in 1..200 {
            if self.api.get(&format!("/api/{path}/{id}")).await.status != 404 {
                return id;
            }
        }
        1
    }

    /// A body that says what any of the actions may want to know.
    fn body(&mut self, template: &str) -> Value {
        self.number += 1;
        let collection = collections()
            .filter(|c| template == c.path || template.starts_with(&format!("{}/", c.path)))
            .max_by_key(|c| c.path.len());
        let mut body = collection.map_or(json!({}), |c| minimal::body(c.record_type, self.number));
        if collection.is_some_and(|c| c.path == template) || template.ends_with("/{id}") {
            return body;
        }
        for (name, value) in [
            ("ids", json!([2])),
            ("amount", json!("5.00")),
            ("approver", json!({"login": "kbrand"})),
            ("reason-insight-code", json!("WRONG_ITEM")),
            ("document-type", json!("InvoiceHeader")),
            ("document-id", json!(2)),
        ] {
            body[name] = value;
        }
        body
    }
}

#[tokio::test]
async fn every_path_answers_the_verbs_it_allows_and_no_other() {
    // Three of everything, nested ones included: the first record of each has
    // the first parent.
    let further = [
        "easy_form_responses",
        "easy_form_responses/{easy_form_response_id}/attachments",
        "invoices/{invoice_id}/payment_receipts",
        "requisition_lines/{requisition_line_id}/easy_form_responses",
        "supplier_information_tax_registrations",
        "supplier_invites",
    ];
    let everything: Vec<&str> = collections()
        .map(|c| c.path)
        .chain(further)
        .filter(|path| !path.ends_with("/business_groups"))
        .collect();
    let records: Vec<(&str, u64)> = everything.iter().map(|path| (*path, 3)).collect();
    let mut walk = Walk {
        api: start_with(&records),
        number: 0,
    };
    for path in &everything {
        assert!(walk.api.sandbox.count(path) >= 3, "{path}");
    }
    let cart = json!({"requisition-lines": [{"description": "Wrench", "unit-price": "1"}]});
    assert_eq!(
        walk.api
            .post("/api/requisitions/create_as_cart", cart)
            .await
            .status,
        201
    );

    let mut counts: BTreeMap<(&str, u16), u32> = BTreeMap::new();
    let mut wrong = BTreeSet::new();
    let (mut allowed, mut refused) = (0, 0);
    // What deletes comes last, and deeper paths before the records above them.
    let mut steps: Vec<(&str, &str, &str, char)> = Vec::new();
    for (template, verbs) in paths() {
        steps.extend(VERBS.map(|(verb, letter)| (template, verbs, verb, letter)));
    }
    steps.sort_by_key(|(template, verbs, verb, letter)| {
        let deletes = *verb == "DELETE" && allows(template, verbs, *letter);
        (
            deletes,
            if deletes {
                usize::MAX - template.len()
            } else {
                0
            },
        )
    });
    for (template, verbs, verb, letter) in steps {
        let path = walk.path(template).await;
        let is_allowed = allows(template, verbs, letter);
        if is_allowed && file_paths::is_meant(template, verb) {
            let status = file_paths::walk(&walk.api, template, verb, &path).await;
            allowed += 1;
            *counts.entry((verb, status)).or_default() += 1;
            continue;
        }
        let body = walk.body(template);
        let reply = match verb {
            "GET" => walk.api.get(&format!("/api/{path}")).await,
            _ => walk.api.send(verb, &format!("/api/{path}"), &body).await,
        };
        if verb == "GET" && reply.status == 200 {
            let request = walk.api.http.get(walk.api.url(&format!("/api/{path}")));
            let request = request.header("X-COUPA-API-KEY", KEY);
            let xml = read(request.header("Accept", "application/xml")).await;
            if !xml.text.starts_with("<?xml") || ![200, 404].contains(&xml.status) {
                wrong.insert(format!("{path} as XML: {} {}", xml.status, xml.text));
            }
        }
        let as_expected = match (is_allowed, reply.status) {
            (false, status) => status == 405,
            (true, status) => status < 500 && ![404, 405].contains(&status),
        };
        if !as_expected {
            wrong.insert(format!("{verb} {path}: {} {}", reply.status, reply.text));
        }
        let creates = find_collection(template).is_some_and(|c| c.path == template);
        if is_allowed && verb == "POST" && creates && reply.status != 201 {
            wrong.insert(format!(
                "{verb} {path} {body}: {} {}",
                reply.status, reply.text
            ));
        }
        if is_allowed && reply.status == 400 && !REASONS.iter().any(|why| reply.text.contains(why))
        {
            wrong.insert(format!("{verb} {path}: {}", reply.text));
        }
        if is_allowed {
            allowed += 1;
            *counts.entry((verb, reply.status)).or_default() += 1;
        } else {
            refused += 1;
        }
    }
    println!(
        "{} paths, {allowed} allowed uses, {refused} refused with 405",
        paths().count()
    );
    println!("answers to what is allowed: {counts:?}");
    assert_eq!(paths().count(), 464);
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        Vec::from_iter(wrong).join("\n")
    );
}

#[tokio::test]
async fn unknown_paths_and_ids_are_not_found() {
    let api = start_with(&[("suppliers/{supplier_id}/addresses", 2)]);
    for path in [
        "supplier",
        "suppliers/1/no_such_action",
        "suppliers/99",
        "suppliers/99/addresses",
        "suppliers/x",
        "suppliers/1/addresses/99",
        "charges/99/attachments",
        "quote_request_approvables/99/comments",
        "custom_objects/99/object_instances",
        "expense_reports/1/expense_lines/1/expense_artifacts",
    ] {
        assert_eq!(api.get(&format!("/api/{path}")).await.status, 404, "{path}");
    }
    // A record of another parent is not below this one.
    let own = api.get("/api/suppliers/1/addresses").await.ids();
    assert_eq!(own.first(), Some(&1));
    assert_eq!(api.get("/api/suppliers/1/addresses/1").await.status, 200);
    assert_eq!(api.get("/api/suppliers/2/addresses/1").await.status, 404);
}
