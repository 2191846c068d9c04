//! What changed from one release's text to another's, object by object: a record type
//! with the collections that hold it, and their paths.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// The text of a release, read.
#[derive(Default)]
struct Release<'a> {
    /// Each path with the letters of its verbs, and what else its line says.
    paths: BTreeMap<&'a str, (&'a str, &'a str)>,
    /// Each record type with its fields, and what is said of each.
    types: BTreeMap<&'a str, BTreeMap<&'a str, Field<'a>>>,
}

/// What a line says of a field.
#[derive(Default, Clone, PartialEq, Eq)]
struct Field<'a> {
    kind: &'a str,
    marks: &'a str,
    choices: BTreeSet<&'a str>,
}

impl<'a> Release<'a> {
    fn read(text: &'a str) -> Self {
        let mut release = Self::default();
        let mut record_type = "";
        for line in text.lines() {
            if let Some(name) = line.strip_prefix(':') {
                record_type = name;
                release.types.entry(name).or_default();
            } else if let Some(path) = line.strip_prefix('/') {
                let (path, rest) = path.split_once(' ').unwrap_or((path, ""));
                let (verbs, about) = rest.split_once(' ').unwrap_or((rest, ""));
                release.paths.insert(path, (verbs, about));
            } else if let Some((name, rest)) = line.split_once(' ')
                && let Some(fields) = release.types.get_mut(record_type)
            {
                fields.insert(name, Field::read(rest));
            }
        }
        release
    }

    /// The record type of the collection that a path is or lies below; the path's first
    /// word where there is none.
    fn object_of(&self, path: &'a str) -> &'a str {
        let holds = |at: &str| {
            path.strip_prefix(at)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let collections = self
            .paths
            .iter()
            .filter(|(_, (_, about))| !about.is_empty());
        collections
            .filter(|(at, _)| holds(at))
            .max_by_key(|(at, _)| at.len())
            .and_then(|(_, (_, about))| about.split(' ').next())
            .unwrap_or_else(|| path.split('/').next().unwrap_or(path))
    }

    fn collections_of(&self, record_type: &str) -> Vec<&'a str> {
        let paths = self.paths.iter();
        paths
            .filter(|(_, (_, about))| about.split(' ').next() == Some(record_type))
            .map(|(path, _)| *path)
            .collect()
    }
}

impl<'a> Field<'a> {
    fn read(text: &'a str) -> Self {
        let (text, choices) = text.split_once(" =").unwrap_or((text, ""));
        let (kind, marks) = text.split_once(' ').unwrap_or((text, ""));
        Self {
            kind,
            marks,
            choices: choices
                .split('|')
                .filter(|choice| !choice.is_empty())
                .collect(),
        }
    }

    /// What of it is another, in words.
    fn changes(&self, new: &Self) -> Vec<String> {
        let mut changes = Vec::new();
        if self.kind != new.kind {
            changes.push(format!("{} -> {}", self.kind, new.kind));
        }
        for (mark, name) in [('*', "required"), ('-', "read-only")] {
            match (self.marks.contains(mark), new.marks.contains(mark)) {
                (false, true) => changes.push(format!("now {name}")),
                (true, false) => changes.push(format!("no longer {name}")),
                _ => {}
            }
        }
        let listed = |sign: char, choices: Vec<&&str>| {
            let choices: Vec<_> = choices
                .iter()
                .map(|choice| format!("{sign}{choice}"))
                .collect();
            (!choices.is_empty()).then(|| choices.join(" "))
        };
        changes.extend(listed('+', new.choices.difference(&self.choices).collect()));
        changes.extend(listed('-', self.choices.difference(&new.choices).collect()));
        changes
    }
}

/// What changed of one object.
#[derive(Default)]
struct Changes {
    lines: Vec<String>,
    /// How often each word of the summary stands for a line.
    counts: BTreeMap<&'static str, usize>,
}

impl Changes {
    fn note(&mut self, what: &'static str, line: String) {
        *self.counts.entry(what).or_default() += 1;
        self.lines.push(line);
    }

    fn summary(&self) -> String {
        let counts: Vec<_> = self
            .counts
            .iter()
            .map(|(what, count)| format!("{what} {count}"))
            .collect();
        counts.join(", ")
    }
}

/// A report: an object a paragraph, its summary first. Of a text that was empty before,
/// only how much there is now.
pub fn report(old: &str, new: &str) -> String {
    let (old, new) = (Release::read(old), Release::read(new));
    if old.paths.is_empty() {
        let fields: usize = new.types.values().map(BTreeMap::len).sum();
        return format!(
            "{} paths, {} record types, {fields} fields\n",
            new.paths.len(),
            new.types.len()
        );
    }
    let mut objects: BTreeMap<&str, Changes> = BTreeMap::new();
    fields(&old, &new, &mut objects);
    paths(&old, &new, &mut objects);
    let mut text = String::new();
    let mut totals: BTreeMap<&str, usize> = BTreeMap::new();
    for (name, changes) in &objects {
        let mut at = new.collections_of(name);
        if at.is_empty() {
            at = old.collections_of(name);
        }
        let at = match at.as_slice() {
            [] => String::new(),
            paths => format!(" ({})", paths.join(", ")),
        };
        let _ = writeln!(text, "{name}{at}: {}", changes.summary());
        for line in &changes.lines {
            let _ = writeln!(text, "  {line}");
        }
        for (what, count) in &changes.counts {
            *totals.entry(what).or_default() += count;
        }
    }
    let totals: Vec<_> = totals
        .iter()
        .map(|(what, count)| format!("{what} {count}"))
        .collect();
    let totals = match totals.as_slice() {
        [] => "nothing changed".to_owned(),
        totals => totals.join(", "),
    };
    let _ = writeln!(text, "{} objects: {totals}", objects.len());
    text
}

fn fields<'a>(old: &Release<'a>, new: &Release<'a>, objects: &mut BTreeMap<&'a str, Changes>) {
    let none = BTreeMap::new();
    let names: BTreeSet<&str> = old.types.keys().chain(new.types.keys()).copied().collect();
    for name in names {
        let (before, after) = (old.types.get(name), new.types.get(name));
        let mut changes = Changes::default();
        match (before, after) {
            (None, Some(_)) => changes.note("types added", format!("+ record type {name}")),
            (Some(_), None) => changes.note("types removed", format!("- record type {name}")),
            _ => {}
        }
        let (before, after) = (before.unwrap_or(&none), after.unwrap_or(&none));
        for (field, said) in after {
            match before.get(field) {
                None => changes.note("fields added", format!("+ {field}: {}", said.kind)),
                Some(was) if was.kind != said.kind => {
                    changes.note(
                        "fields retyped",
                        format!("~ {field}: {}", was.changes(said).join(", ")),
                    );
                }
                Some(was) if was != said => {
                    changes.note(
                        "fields altered",
                        format!("~ {field}: {}", was.changes(said).join(", ")),
                    );
                }
                Some(_) => {}
            }
        }
        for (field, said) in before
            .iter()
            .filter(|(field, _)| !after.contains_key(*field))
        {
            changes.note("fields removed", format!("- {field}: {}", said.kind));
        }
        if !changes.lines.is_empty() {
            objects.insert(name, changes);
        }
    }
}

fn paths<'a>(old: &Release<'a>, new: &Release<'a>, objects: &mut BTreeMap<&'a str, Changes>) {
    for (path, (verbs, about)) in &new.paths {
        let object = objects.entry(new.object_of(path)).or_default();
        let Some((before, said)) = old.paths.get(path) else {
            object.note("paths added", format!("+ /{path} {}", words(verbs.chars())));
            continue;
        };
        let gained: Vec<char> = verbs
            .chars()
            .filter(|verb| !before.contains(*verb))
            .collect();
        let lost: Vec<char> = before
            .chars()
            .filter(|verb| !verbs.contains(*verb))
            .collect();
        if !gained.is_empty() {
            object.note(
                "verbs gained",
                format!("~ /{path} +{}", words(gained.into_iter())),
            );
        }
        if !lost.is_empty() {
            object.note(
                "verbs lost",
                format!("~ /{path} -{}", words(lost.into_iter())),
            );
        }
        if said != about {
            object.note(
                "collections altered",
                format!("~ /{path}: {said} -> {about}"),
            );
        }
    }
    for (path, (verbs, _)) in old
        .paths
        .iter()
        .filter(|(path, _)| !new.paths.contains_key(*path))
    {
        let object = objects.entry(old.object_of(path)).or_default();
        object.note(
            "paths removed",
            format!("- /{path} {}", words(verbs.chars())),
        );
    }
    objects.retain(|_, changes| !changes.lines.is_empty());
}

/// The verbs behind their letters.
fn words(letters: impl Iterator<Item = char>) -> String {
    let words = letters.map(|letter| match letter {
        'G' => "GET",
        'P' => "POST",
        'U' => "PUT",
        'A' => "PATCH",
        _ => "DELETE",
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::report;

    const OLD: &str = "release R39
/asn/lines/receive U
/suppliers GP Supplier
/suppliers/{id} GUA
/suppliers/{supplier_id}/addresses GP RemitToAddress remit-to-addresses
/uoms G Uom
:RemitToAddress
city s50
:Supplier
name s100 *
number s50
old-field b
status s =active|inactive
:Tag
name s
:Uom
code s6
";

    const NEW: &str = "release R40
/asn/lines/receive UP
/suppliers GP Supplier
/suppliers/{id} GUD
/suppliers/{id}/archive U
/suppliers/{supplier_id}/addresses GP RemitToAddress remit-to-addresses
:RemitToAddress
city s50
:Supplier
name s255 *-
new-field >Uom
number s50 *
status s =active|draft
:Uom
code s6
:Wish
text x
";

    #[test]
    fn what_changed_is_told_object_by_object() {
        let expected = "\
Supplier (suppliers): fields added 1, fields altered 2, fields removed 1, fields retyped 1, paths added 1, verbs gained 1, verbs lost 1
  ~ name: s100 -> s255, now read-only
  + new-field: >Uom
  ~ number: now required
  ~ status: +draft, -inactive
  - old-field: b
  ~ /suppliers/{id} +DELETE
  ~ /suppliers/{id} -PATCH
  + /suppliers/{id}/archive PUT
Tag: fields removed 1, types removed 1
  - record type Tag
  - name: s
Uom (uoms): paths removed 1
  - /uoms GET
Wish: fields added 1, types added 1
  + record type Wish
  + text: x
asn: verbs gained 1
  ~ /asn/lines/receive +POST
5 objects: fields added 2, fields altered 2, fields removed 2, fields retyped 1, paths added 1, paths removed 1, types added 1, types removed 1, verbs gained 2, verbs lost 1
";
        assert_eq!(report(OLD, NEW), expected);
        assert_eq!(report(OLD, OLD), "0 objects: nothing changed\n");
        assert_eq!(report("", NEW), "5 paths, 4 record types, 7 fields\n");
    }
}
