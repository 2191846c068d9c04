//! Which of the end-to-end tests are run again in further rows of the sandbox's switches.

use anyhow::{Result, bail};

/// Rows of the sandbox's switches that the tests are run in: as many as the switch with
/// the most positions has; the suite fails in a row where they are too few. Row 0,
/// documented behaviour, is the suite itself.
pub const ROWS: usize = 4;

/// Whether a row runs the tests whose names begin so; the longest beginning decides.
///
/// The rule: a row runs what depends on how Coupa answers, for that is all that a switch
/// can change. It is the connector's own tests, and of what is built on it the feeds that
/// are marked, the creates that are looked up after a crash, and the like. What the
/// others ask of Coupa are a query and a create, or they ask something else than Coupa.
const MODULES: &[(&str, bool)] = &[
    // They ask what `platform::crash` asks.
    ("broken_off::", false),
    ("contract::", true),
    ("coverage::", true),
    ("faults::", true),
    ("files::", true),
    // Fronts are the tests' own, and nginx hands on what the others ask as well.
    ("fronts::", false),
    ("group::", false),
    ("hostile::", true),
    ("json_list::", false),
    ("limits::", true),
    ("operate::", false),
    ("platform::", false),
    ("platform::connections::", true),
    ("platform::crash::", true),
    ("platform::feeds::", true),
    ("platform::only_changed::", true),
    ("platform::operations::", true),
    ("platform::rejected_onward::", true),
    ("program::", true),
    ("query::", true),
    ("record_files::", false),
    ("registry::", false),
    ("revised::", true),
    ("sandbox::", false),
    ("screen::", false),
    ("size::", false),
    ("sources::", true),
    ("special_files::", false),
    ("switches::", true),
    // It sets every switch itself, one at a time from documented behaviour.
    ("switches::every_day", false),
    ("targets::", true),
    ("test_connection::", true),
    // They set how tokens live themselves.
    ("tokens::", false),
    ("waits::", true),
    ("write::", true),
];

/// Those of these tests that a further row runs.
///
/// # Errors
/// If the rule says nothing of one.
pub fn of_a_row(tests: &[String]) -> Result<Vec<&str>> {
    let mut chosen = Vec::new();
    for test in tests {
        let rules = MODULES
            .iter()
            .filter(|(prefix, _)| test.starts_with(prefix));
        match rules.max_by_key(|(prefix, _)| prefix.len()) {
            Some((_, true)) => chosen.push(test.as_str()),
            Some((_, false)) => {}
            None => bail!(
                "the rule for rows says nothing of the test {test}: give its module a line in {}",
                file!()
            ),
        }
    }
    Ok(chosen)
}

/// Modules of tests that go more rounds in `--soak` than every day.
pub const OF_MORE_ROUNDS: [&str; 4] = [
    "broken_off::",
    "group::rounds::",
    "platform::crash::",
    "switches::",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_runs_what_depends_on_coupas_answers() {
        let tests = [
            "query::a",
            "group::files::b",
            "platform::crash::c",
            "switches::every_day_d",
        ]
        .map(str::to_owned);
        assert_eq!(
            of_a_row(&tests).unwrap(),
            ["query::a", "platform::crash::c"]
        );
        let error = of_a_row(&["new::e".to_owned()]).unwrap_err().to_string();
        assert!(
            error.contains("new::e") && error.contains("suite.rs"),
            "{error}"
        );
    }
}
