//! Every action of the data, in every state that the data knows.

use serde_json::json;

use super::*;
use crate::configuration::Configuration;
use crate::model::actions;
use crate::seed::{API_USER, fill};
use crate::store::{Records, Store};

/// What any of the actions may want to know.
fn asked(id: i64) -> Asked {
    let Value::Object(body) = json!({
        "id": id, "reason": "because", "adjustment-amount": "5.00", "approver": {"id": 3},
        "reason-insight-code": "R", "document-type": "InvoiceHeader", "document-id": 1,
        "description": "changed", "note": "changed", "justification": "changed",
        "supplier-note": "changed", "url": "https://changed.example",
    }) else {
        unreachable!("an object")
    };
    Asked::new(body, std::iter::empty())
}

/// Every document, so that an effect anywhere is seen.
fn all(records: Records<'_>) -> Vec<String> {
    let sql = "SELECT body FROM record ORDER BY type, id";
    records.select(sql, Vec::new()).unwrap()
}

#[test]
fn every_action_changes_something_where_it_is_allowed_and_nothing_where_not() {
    let (mut done, mut refused) = (0, 0);
    for action in actions::all() {
        let collection = model().collections().iter().find(|c| {
            let last = action.path.strip_prefix("*/");
            c.path == action.path || last.is_some_and(|last| c.path.ends_with(&format!("/{last}")))
        });
        let path = collection.unwrap().path;
        let record_type = model()
            .record_type(collection.unwrap().record_type)
            .unwrap();
        let elsewhere = |effect: &Effect| {
            use Effect::*;
            matches!(
                effect,
                List(_)
                    | First
                    | Find
                    | File(_)
                    | Same
                    | Create
                    | Cart
                    | Each(_)
                    | Copy
                    | Link(_)
                    | Unlink(_)
                    | Clear(_)
            )
        };
        if action.effects.iter().any(elsewhere) {
            continue;
        }
        let states = match action.state_field() {
            Some(field) => [actions::states(action.path, field), vec!["elsewhere"]].concat(),
            None => vec![""],
        };
        for state in states {
            let store = Store::open(None).unwrap();
            let configuration = Configuration {
                seed: 5,
                seed_records: [(path.to_owned(), 1), ("invoices".to_owned(), 1)].into(),
                ..Configuration::default()
            };
            fill(&store, &configuration).unwrap();
            let outcome = store.write(|records| {
                let writer = Writer::new(records, API_USER)?;
                let ids = "SELECT id FROM record WHERE type = ? ORDER BY id";
                let id = records.ids(ids, vec![record_type.name.to_owned().into()])?[0];
                let own = Parent {
                    record_type: record_type.name.to_owned(),
                    id,
                };
                let mut record = records.get(record_type.name, id)?.unwrap();
                match action.state_field() {
                    Some(field) => record.insert(field.to_owned(), state.into()),
                    None if record.contains_key("status") => {
                        record.insert("status".to_owned(), "elsewhere".into())
                    }
                    None => None,
                };
                for flag in ["resolved", "awarded", "exported"] {
                    if record.contains_key(flag) {
                        record.insert(flag.to_owned(), (action.name.starts_with("un")).into());
                    }
                }
                if record.contains_key("failed-tolerances") {
                    record.insert("failed-tolerances".to_owned(), json!([{"id": 1}]));
                }
                if action.has(&Effect::Leave("expense-attendees")) {
                    record.insert("expense-attendees".to_owned(), json!([{"id": 7}]));
                }
                records.save(record_type.name, id, None, &record)?;
                let line = action.effects.iter().find_map(|effect| match effect {
                    Effect::Line(list, _, _) => record[*list][0]["id"].as_i64(),
                    _ => None,
                });
                let approval = match action.has(&Effect::Unapprove) {
                    true => {
                        writer.add_approver(&own, &asked(0))?;
                        records.children(&own, "Approval")?.last().copied()
                    }
                    false => None,
                };
                let before = all(records);
                let asked = asked(line.or(approval).unwrap_or(0));
                let outcome = writer.act(record_type, id, action, &asked, Some(7));
                // What an action sets can be what was there; then it is the state.
                let same = action.has(&Effect::Set("status", state));
                let changed = all(records) != before || same;
                Ok::<_, Refusal>((outcome.map(|_| ()), changed))
            });
            let (outcome, changed) = outcome.unwrap();
            let what = format!("{path} {} in {state:?}: {outcome:?}", action.name);
            match action.allows(state) {
                true => assert!(outcome.is_ok() && changed, "{what}"),
                false => assert!(matches!(outcome, Err(Refusal::Invalid { .. })), "{what}"),
            }
            match action.allows(state) {
                true => done += 1,
                false => refused += 1,
            }
        }
    }
    println!("{done} uses of actions had an effect, {refused} were refused by the state");
    assert!(done > 100 && refused > 100);
}
