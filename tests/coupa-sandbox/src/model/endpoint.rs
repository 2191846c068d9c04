//! Paths: which there are, which verbs they take and what they are about. All
//! of it follows from the templates of the release; nothing is routed by hand.

use super::Collection;

/// What a path is about, seen from the collection that it is under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// All its records.
    Collection,
    /// One of them.
    Record,
    /// Something done with one of them, by its name.
    RecordAction(String),
    /// Something done with the collection, by its name.
    CollectionAction(String),
}

/// One segment of a template.
#[derive(Debug, PartialEq, Eq)]
enum Segment {
    Word(&'static str),
    Id,
    /// Any word, such as the style of an image.
    Any,
}

/// A path as a template.
#[derive(Debug)]
pub struct Endpoint {
    /// As in the release, without the leading slash.
    pub template: &'static str,
    /// The collection it is under, by its place in the model's list.
    pub collection: usize,
    /// What it is about.
    pub kind: Kind,
    segments: Vec<Segment>,
    verbs: String,
}

impl Endpoint {
    /// The endpoints of one template; two where its end is optional. None where
    /// it is under no collection.
    pub(super) fn read(
        template: &'static str,
        verbs: &str,
        collections: &[Collection],
    ) -> Vec<Self> {
        let (short, optional) = match template.split_once("(/") {
            Some((short, rest)) => (short, rest.strip_suffix(')')),
            None => (template, None),
        };
        let holds = |path: &str| {
            short == path || short.strip_prefix(path).is_some_and(|r| r.starts_with('/'))
        };
        let innermost = collections
            .iter()
            .enumerate()
            .filter(|(_, collection)| holds(collection.path))
            .max_by_key(|(_, collection)| collection.path.len());
        let Some((at, collection)) = innermost else {
            return Vec::new();
        };
        let rest = short[collection.path.len()..].trim_start_matches('/');
        let kind = kind(rest);
        let endpoint = |more: Option<Segment>| Self {
            template,
            collection: at,
            kind: kind.clone(),
            segments: short.split('/').map(segment).chain(more).collect(),
            verbs: verbs.to_owned(),
        };
        let mut endpoints = vec![endpoint(None)];
        endpoints.extend(optional.map(|_| endpoint(Some(Segment::Any))));
        endpoints
    }

    /// The first word, which finds the template faster.
    pub fn first(&self) -> &'static str {
        self.template.split('/').next().unwrap_or_default()
    }

    /// The ids in a path that this is the template of.
    pub fn ids(&self, path: &str) -> Option<Vec<i64>> {
        let mut given = path.split('/');
        let mut ids = Vec::new();
        for segment in &self.segments {
            let word = given.next()?;
            match segment {
                Segment::Word(expected) if *expected == word => {}
                Segment::Word(_) => return None,
                Segment::Any if word.is_empty() => return None,
                Segment::Any => {}
                Segment::Id if word.bytes().all(|b| b.is_ascii_digit()) => {
                    ids.push(word.parse().ok()?);
                }
                Segment::Id => return None,
            }
        }
        given.next().is_none().then_some(ids)
    }

    /// Whether the path takes a method.
    pub fn allows(&self, method: &str) -> bool {
        let letter = match method {
            "GET" => 'G',
            "POST" => 'P',
            "PUT" => 'U',
            "PATCH" => 'A',
            "DELETE" => 'D',
            _ => return false,
        };
        self.verbs.contains(letter)
    }
}

fn segment(word: &'static str) -> Segment {
    match word.starts_with('{') {
        true => Segment::Id,
        false => Segment::Word(word),
    }
}

/// What the part of a path after its collection is about. Further ids are
/// arguments and no part of an action's name.
fn kind(rest: &str) -> Kind {
    let mut words = rest.split('/').filter(|word| !word.is_empty()).peekable();
    let of_record = words.next_if(|word| word.starts_with('{')).is_some();
    let name: Vec<&str> = words.filter(|word| !word.starts_with('{')).collect();
    match (of_record, name.is_empty()) {
        (false, true) => Kind::Collection,
        (true, true) => Kind::Record,
        (true, false) => Kind::RecordAction(name.join("/")),
        (false, false) => Kind::CollectionAction(name.join("/")),
    }
}
