//! Where each thing stands in the texts, found in one pass over them when one is first
//! asked for: describing one object asks for some hundred record types.

use crate::text;
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// The line of a path, without the `/` that it begins with.
pub struct PathLine {
    pub path: &'static str,
    /// The letters of its verbs.
    pub verbs: &'static str,
    /// Of a collection.
    pub record_type: Option<&'static str>,
    pub xml_list_element: Option<&'static str>,
}

impl PathLine {
    fn parse(line: &'static str) -> Option<Self> {
        let mut words = line.split(' ');
        Some(Self {
            path: words.next()?,
            verbs: words.next()?,
            record_type: words.next(),
            xml_list_element: words.next(),
        })
    }
}

struct Index {
    paths: Vec<PathLine>,
    verbs: BTreeMap<&'static str, &'static str>,
    /// The lines of each record type's fields.
    types: BTreeMap<&'static str, &'static str>,
    /// What follows each word, in the order of the lines.
    facts: BTreeMap<&'static str, Vec<&'static str>>,
}

fn index() -> &'static Index {
    static INDEX: OnceLock<Index> = OnceLock::new();
    INDEX.get_or_init(|| {
        let mut sections = text::release().split("\n:");
        // Types come after the paths.
        let paths: Vec<PathLine> = sections
            .next()
            .unwrap_or_default()
            .lines()
            .filter_map(|line| PathLine::parse(line.strip_prefix('/')?))
            .collect();
        let mut facts = BTreeMap::<_, Vec<_>>::new();
        for (word, rest) in text::facts()
            .lines()
            .filter_map(|line| line.split_once(' '))
        {
            facts.entry(word).or_default().push(rest);
        }
        Index {
            verbs: paths.iter().map(|line| (line.path, line.verbs)).collect(),
            paths,
            types: sections
                .map(|section| section.split_once('\n').unwrap_or((section, "")))
                .collect(),
            facts,
        }
    })
}

/// The lines of the paths, in their order.
pub fn paths() -> &'static [PathLine] {
    &index().paths
}

/// The letters of a path's verbs; none where the release has no such path.
pub fn verbs_of(path: &str) -> &'static str {
    index().verbs.get(path).copied().unwrap_or_default()
}

/// The names of the record types, in alphabetical order.
pub fn types() -> impl Iterator<Item = &'static str> {
    index().types.keys().copied()
}

/// The lines of a record type's fields; none where there is no such type.
pub fn fields_of(record_type: &str) -> &'static str {
    index().types.get(record_type).copied().unwrap_or_default()
}

/// What the lines of the facts that begin with `word` say after it, in their order.
pub fn facts(word: &str) -> &'static [&'static str] {
    index().facts.get(word).map_or(&[], Vec::as_slice)
}
