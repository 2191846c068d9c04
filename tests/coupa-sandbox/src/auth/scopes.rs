//! Which scope opens which path, by `scopes.txt`.

use std::collections::HashMap;
use std::sync::LazyLock;

const TEXT: &str = include_str!("scopes.txt");

/// The lines of the data that are about paths, by path.
static LINES: LazyLock<HashMap<&'static str, Line>> = LazyLock::new(|| {
    lines()
        .filter_map(|words| match words.as_slice() {
            [path, read, write, guess @ ..] => Some((
                *path,
                Line {
                    read: read.split('|').collect(),
                    write: write.split('|').collect(),
                    is_guess: !guess.is_empty(),
                },
            )),
            _ => None,
        })
        .collect()
});

/// The scopes of one path.
struct Line {
    read: Vec<&'static str>,
    write: Vec<&'static str>,
    is_guess: bool,
}

/// The scopes of which any one allows this use of a path below `/api`; none
/// where nothing is known of the path.
pub fn needed(path: &str, write: bool) -> &'static [&'static str] {
    match (line(path), write) {
        (Some(line), true) => &line.write,
        (Some(line), false) => &line.read,
        (None, _) => &[],
    }
}

/// How many paths are paired with their scope by a guess.
pub fn guesses() -> usize {
    LINES.values().filter(|line| line.is_guess).count()
}

/// The line of the longest path that fits.
fn line(path: &str) -> Option<&'static Line> {
    let words = path.split('/').filter(|word| {
        let is_id = word.starts_with('{') || word.bytes().all(|b| b.is_ascii_digit());
        !is_id
    });
    let mut known = String::new();
    let mut found = None;
    for word in words {
        if !known.is_empty() {
            known.push('/');
        }
        known.push_str(word);
        found = LINES.get(known.as_str()).or(found);
    }
    found
}

fn lines() -> impl Iterator<Item = Vec<&'static str>> {
    TEXT.lines()
        .filter(|line| !line.is_empty() && !line.starts_with(['#']) && !line.starts_with("scope "))
        .map(|line| line.split(' ').collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_of_the_release_has_scopes_that_exist() {
        let exists = |scope: &&str| {
            let (stem, right) = scope.rsplit_once('.').unwrap();
            TEXT.lines().any(|line| {
                let mut words = line.split(' ');
                words.next() == Some("scope")
                    && words.next() == Some(stem)
                    && words.any(|word| word == right)
            })
        };
        for (path, verbs) in coupa_catalog::paths() {
            let line = line(path).unwrap_or_else(|| panic!("no scope for {path}"));
            assert!(line.read.iter().all(exists), "{path}");
            assert!(verbs == "G" || line.write.iter().all(exists), "{path}");
        }
        let collections = coupa_catalog::collections().count();
        println!("{collections} collections, {} guesses", guesses());
        assert!(guesses() < LINES.len() / 4);
    }

    #[test]
    fn the_longest_path_decides() {
        for (path, write, scope) in [
            ("suppliers/83/addresses", false, "core.supplier.read"),
            ("purchase_orders", true, "core.purchase_order.write"),
            (
                "contracts/templates/4",
                true,
                "core.contracts_template.write",
            ),
            ("contracts/4/contract_terms", true, "core.contract.write"),
            (
                "uoms/4/translations",
                false,
                "core.object_translations.read",
            ),
        ] {
            assert_eq!(needed(path, write), [scope], "{path}");
        }
        assert_eq!(needed("uoms", false), ["core.uom.read", "core.common.read"]);
        assert!(needed("nothing", false).is_empty());
    }
}
