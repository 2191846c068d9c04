//! What the connector says that it is: the truth, or a lie that a test chose by
//! writing its name over [`MARK`] in the component's bytes.

use crate::attack;
use connector_guest::{Choice, Descriptor, Property, PropertyKind, Rate, Reauthentication};

/// Stands once in the component; what follows the colon is the choice, filled up
/// with dots.
const MARK: &str = "describes-itself:truly...............";

fn chosen() -> &'static str {
    // Without this the compiler would decide here and now.
    let mark = std::hint::black_box(MARK);
    let choice = mark.split_once(':').map_or("", |(_, choice)| choice);
    choice.trim_end_matches('.')
}

pub fn describe() -> Descriptor {
    let mut told = truth();
    match chosen() {
        "spinning" => attack::spin(),
        "growing" => attack::grow(),
        "panicking" => attack::panic(),
        "unversioned" => "one".clone_into(&mut told.version),
        "misnamed" => "Hostile Connector!".clone_into(&mut told.id),
        "ghost-secret" => told.reauthentication.push(Reauthentication {
            changed: vec!["breach".to_owned()],
            clear: vec!["ghost".to_owned()],
        }),
        "ghost-origin" => told.reaches.push("ghost".to_owned()),
        "twice-named" => {
            let first = told.properties.first().cloned();
            told.properties.extend(first);
        }
        "no-choice" => {
            let nothing = PropertyKind::Choice(Vec::new());
            told.properties.push(Property::new(
                "empty",
                "Empty",
                "A choice of nothing.",
                nothing,
            ));
        }
        "changing" => told.version = changing(),
        "huge" => told.description = "x".repeat(48 << 20),
        "endless-rate" => {
            told.rate = Some(Rate {
                per_second: u32::MAX,
                burst: u32::MAX,
            });
        }
        _ => {}
    }
    told
}

/// Another answer each time.
fn changing() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    static ASKED: AtomicU32 = AtomicU32::new(0);
    // Each instance starts anew, so that only the clock differs between two.
    let now = wasip3::clocks::monotonic_clock::now();
    format!("0.{}.{now}", ASKED.fetch_add(1, Ordering::Relaxed))
}

fn truth() -> Descriptor {
    let text = PropertyKind::Text;
    let yes = PropertyKind::Choice(vec![
        Choice {
            value: "yes".to_owned(),
            title: "Yes".to_owned(),
        },
        Choice {
            value: "no".to_owned(),
            title: "No".to_owned(),
        },
    ]);
    let hidden = PropertyKind::Secret;
    Descriptor {
        id: "hostile".to_owned(),
        title: "Hostile".to_owned(),
        description: "Attacks the host that runs it.".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        properties: vec![
            Property::new("url", "Server", "What it may reach.", text.clone()),
            Property::new("breach", "Breach", "The rule that it breaks.", text.clone()),
            Property::new(
                "attack",
                "Attack",
                "What it does outside of calls.",
                text.clone(),
            ),
            Property::new("records", "Records", "How many it reads.", text).default("200"),
            Property::new("kind", "Kind", "Of no meaning.", yes).default("no"),
            Property::new("password", "Password", "What it must not tell.", hidden),
        ],
        reauthentication: vec![Reauthentication {
            changed: vec!["url".to_owned()],
            clear: vec!["password".to_owned()],
        }],
        reaches: vec!["url".to_owned()],
        rate: None,
    }
}
