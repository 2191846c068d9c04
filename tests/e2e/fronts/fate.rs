//! A request that a front handed on and never answered: nobody knows what became of it,
//! so that a create is looked for, and never sent again blindly.

use super::{connect, handed_on};
use crate::servers::front::{Break, Front, Script};
use crate::support::{Outcome, countable_sandbox, write};
use coupa_sandbox::Sandbox;
use host_harness::runtime::types::ErrorKind;

fn scripts() -> [(&'static str, Script); 4] {
    let breaks = |how, script| Script {
        breaks_off: Some(("POST", how)),
        ..script
    };
    [
        ("closed", breaks(Break::Closed, Script::default())),
        ("closed, HTTP/1.1", breaks(Break::Closed, Script::http1())),
        (
            "GOAWAY that names it",
            breaks(Break::Goaway, Script::default()),
        ),
        ("reset", breaks(Break::Reset, Script::default())),
    ]
}

/// Creates one record, whose first answer does not come.
async fn create(sandbox: &Sandbox, object: &str, script: Script) -> (Outcome, Front, u64) {
    let before = sandbox.count(object);
    let front = Front::with(script, sandbox).await;
    let record = format!(r#"{{"name":"Fate {before}"}}"#);
    let outcome = write(connect(&front), "create", object, &[], &[&record]).await;
    (outcome, front, sandbox.count(object) - before)
}

/// No two commodities are kept apart by a key, so that nobody can look.
#[tokio::test]
async fn a_create_that_was_handed_on_stays_in_doubt() {
    let sandbox = countable_sandbox(&[]);
    for (name, script) in scripts() {
        let (outcome, front, made) = create(&sandbox, "commodities", script).await;
        let kinds: Vec<_> = outcome
            .rejected
            .iter()
            .map(|rejected| rejected.error.kind)
            .collect();
        assert_eq!(kinds, [ErrorKind::Uncertain], "{name}: {outcome:?}");
        assert_eq!(made, 1, "{name}");
        assert_eq!(handed_on(&front, "POST", "/api/commodities"), 1, "{name}");
        front.assert_well_formed();
    }
}

/// No two departments have the same name.
#[tokio::test]
async fn a_create_that_was_handed_on_is_looked_for() {
    let sandbox = countable_sandbox(&[]);
    for (name, script) in scripts() {
        let (outcome, front, made) = create(&sandbox, "departments", script).await;
        assert_eq!(outcome.answers.len(), 1, "{name}: {outcome:?}");
        assert_eq!(made, 1, "{name}");
        assert_eq!(handed_on(&front, "POST", "/api/departments"), 1, "{name}");
        assert!(handed_on(&front, "GET", "/api/departments") > 0, "{name}");
        front.assert_well_formed();
    }
}
