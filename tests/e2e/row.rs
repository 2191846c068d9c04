//! The positions of the sandbox's switches that this run of the suite is made in:
//! `cargo xtask test` runs it in a set of rows that together visit every position.

use coupa_sandbox::Switches;

/// Holds the row and how many rows there are to be, as `1/3`. Without it the suite
/// runs in row 0: Coupa as it is documented.
const VARIABLE: &str = "COUPA_SANDBOX_ROW";
/// More than any test asks for.
const NO_LIMIT: u32 = 100_000;

/// The row, and how many there are to be, where that is said.
pub fn chosen() -> (usize, Option<usize>) {
    let Some(text) = std::env::var_os(VARIABLE) else {
        return (0, None);
    };
    let text = text.to_string_lossy();
    let chosen = text
        .split_once('/')
        .and_then(|(row, rows)| Some((row.parse().ok()?, rows.parse().ok()?)))
        .filter(|(row, rows)| row < rows);
    let Some((row, rows)) = chosen else {
        panic!("{VARIABLE}={text} is no row such as 1/3");
    };
    (row, Some(rows))
}

/// The switches in the positions of the row.
pub fn switches() -> Switches {
    let mut switches = Switches::default();
    switches.merge(Switches::row(chosen().0)).unwrap();
    switches
}

/// What a connection says of the rate: as much as the instance lets through where it
/// limits it, and else so much that no test waits.
pub fn requests_per_second() -> u32 {
    let switches = switches();
    if switches.rate_limit {
        switches.rate_per_second as u32
    } else {
        NO_LIMIT
    }
}
