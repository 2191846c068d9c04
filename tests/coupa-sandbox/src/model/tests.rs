//! The model is whole.

use super::*;
use coupa_catalog::FieldKind;

#[test]
fn links_follow_from_the_catalog() {
    let supplier = model().record_type("Supplier").unwrap();
    let link = |name| supplier.link(supplier.field(name).unwrap());
    assert_eq!(link("payment-term"), Some(Link::Reference("PaymentTerm")));
    assert_eq!(link("primary-contact"), Some(Link::Part("Contact")));
    assert_eq!(
        link("content-groups"),
        Some(Link::References("BusinessGroup"))
    );
    assert_eq!(
        link("remit-to-addresses"),
        Some(Link::Parts("RemitToAddress"))
    );
    assert_eq!(link("created-by"), Some(Link::Reference("User")));

    let order = model().record_type("OrderHeader").unwrap();
    let lines = order.field("order_lines").unwrap();
    assert_eq!(order.link(lines), Some(Link::Parts("OrderLine")));
}

#[test]
fn every_fact_names_something_real() {
    for line in include_str!("facts.txt").lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let [
            "field" | "choices" | "shape" | "simple" | "symbol" | "default" | "within" | "owner"
            | "revising" | "kept" | "document" | "response-filter",
            name,
            names @ ..,
        ] = words.as_slice()
        else {
            continue;
        };
        let Some(record_type) = model().record_type(name) else {
            panic!("no record type in: {line}");
        };
        let names = match words[0] {
            "shape" | "simple" | "symbol" | "revising" => names,
            "within" => &names[..2],
            "document" => &[],
            "response-filter" => &names[1..],
            _ => &names[..1],
        };
        for name in names {
            assert!(
                record_type.field(name).is_some(),
                "no field {name} in: {line}"
            );
        }
    }
}

#[test]
fn corrections_replace_what_the_release_says() {
    let requisition = model().record_type("RequisitionHeader").unwrap();
    let currency = requisition.field("currency").unwrap();
    assert_eq!(currency.kind, FieldKind::Record("Currency"));
}

#[test]
fn every_action_of_the_release_is_in_the_data() {
    for (template, _) in coupa_catalog::paths() {
        let path = template.split("(/").next().unwrap();
        let path: Vec<&str> = path
            .split('/')
            .map(|word| if word.starts_with('{') { "7" } else { word })
            .collect();
        let (endpoint, collection, _) = model()
            .endpoint(&path.join("/"))
            .unwrap_or_else(|| panic!("{template} leads nowhere"));
        let (Kind::RecordAction(name) | Kind::CollectionAction(name)) = &endpoint.kind else {
            continue;
        };
        let found = actions::find(collection.path, name)
            .or_else(|| actions::find(collection.path, &format!("{name}_each")));
        assert!(
            found.is_some_and(|action| !action.effects.is_empty()),
            "{template}"
        );
    }
}

#[test]
fn every_action_in_the_data_speaks_of_what_exists() {
    use actions::Effect;
    let mut effects = 0;
    for action in actions::all() {
        let of_path = |collection: &&Collection| {
            let last = action.path.strip_prefix("*/");
            collection.path == action.path
                || last.is_some_and(|last| collection.path.ends_with(&format!("/{last}")))
        };
        let collection = model().collections().iter().find(of_path);
        let collection = collection.unwrap_or_else(|| panic!("no collection {}", action.path));
        let record_type = model().record_type(collection.record_type).unwrap();
        let listed = action.effects.iter().find_map(|effect| match effect {
            Effect::List(path) => *path,
            _ => None,
        });
        let record_type = match listed {
            Some(path) => {
                let other = model().collection(path).unwrap();
                model().record_type(other.record_type).unwrap()
            }
            None => record_type,
        };
        let known = |record_type: &RecordType, name: &str| {
            assert!(
                record_type.field(name).is_some(),
                "{} {}: no field {name}",
                action.path,
                action.name
            );
        };
        if let Some(field) = action.state_field() {
            known(record_type, field);
        }
        for effect in &action.effects {
            effects += 1;
            match effect {
                Effect::Set(field, _) | Effect::Toggle(field) | Effect::Join(field) => {
                    known(record_type, field);
                }
                Effect::Lines(list, field, _) | Effect::Line(list, field, _) => {
                    let list = record_type.field(list).unwrap();
                    let line = list.kind.record_type().unwrap();
                    known(model().record_type(line).unwrap(), field);
                }
                Effect::Each(name) => assert!(actions::find(action.path, name).is_some()),
                _ => {}
            }
        }
    }
    let words = include_str!("actions.txt")
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.trim_end_matches(" ?").split(' ').count() - 3)
        .sum::<usize>();
    assert_eq!(effects, words, "a word of the data is not understood");
}

#[test]
fn optional_ends_and_ids_are_matched() {
    let find = |path: &str| {
        model()
            .endpoint(path)
            .map(|(e, c, ids)| (e.kind.clone(), c.path, ids))
    };
    let image = Kind::RecordAction("image".to_owned());
    let nested = "expense_lines/{expense_line_id}/expense_artifacts";
    for path in [
        "expense_lines/7/expense_artifacts/8/image",
        "expense_lines/7/expense_artifacts/8/image/thumb",
    ] {
        assert_eq!(find(path), Some((image.clone(), nested, vec![7, 8])));
    }
    assert_eq!(
        find("expense_lines/7/assign_attendee/9"),
        Some((
            Kind::RecordAction("assign_attendee".to_owned()),
            "expense_lines",
            vec![7, 9]
        ))
    );
    for nothing in [
        "suppliers/x",
        "suppliers//",
        "suppliers/99999999999999999999",
        "nothing",
        "",
    ] {
        assert_eq!(find(nothing), None, "{nothing}");
    }
}
