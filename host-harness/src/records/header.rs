//! What the columns of a CSV file stand for, and how a row becomes a record.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::rest::{REST, together};
use super::{HeaderError, Separator};

/// How deep a column's name may lead. The tree of fields is walked by recursion.
pub(super) const MAX_LEVELS: usize = 32;

/// The tree of fields that the columns make up.
#[derive(Debug)]
pub(super) struct Header {
    names: Vec<String>,
    root: Node,
    /// The column of all other fields.
    rest: Option<usize>,
}

impl Default for Header {
    fn default() -> Self {
        Self {
            names: Vec::new(),
            root: Node::Object(Vec::new()),
            rest: None,
        }
    }
}

#[derive(Debug)]
enum Node {
    /// The value is the cell of this column.
    Cell(usize, Kind),
    /// Each with its name as JSON text, in the order of the columns.
    Object(Vec<(String, Node)>),
    /// By index. Elements whose cells are all empty are left out.
    List(BTreeMap<usize, Node>),
}

/// How a cell is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Number,
    Boolean,
    Null,
    Json,
}

/// One level of a column's name.
enum Segment {
    /// The name as JSON text.
    Field(String),
    Element(usize),
}

/// A cell that does not fit its column.
#[derive(Debug)]
pub(super) struct CellFault {
    pub(super) column: usize,
    pub(super) expected: &'static str,
}

impl Header {
    pub(super) fn parse<'a>(
        cells: impl Iterator<Item = &'a [u8]>,
        separator: Separator,
    ) -> Result<Self, HeaderError> {
        let mut header = Self::default();
        for cell in cells {
            // A text of two bytes a letter is full of zeros.
            let name = std::str::from_utf8(cell)
                .ok()
                .filter(|name| !name.contains('\0'))
                .ok_or(HeaderError::NotUtf8)?;
            header.add(name)?;
        }
        if let [only] = header.names.as_slice() {
            let held = Separator::ALL.into_iter();
            let mut held =
                held.filter(|it| *it != separator && only.contains(char::from(it.byte())));
            if let Some(held) = held.next_back() {
                return Err(HeaderError::OneColumn {
                    name: only.clone(),
                    separator,
                    held,
                });
            }
        }
        Ok(header)
    }

    /// Adds the next column.
    pub(super) fn add(&mut self, name: &str) -> Result<(), HeaderError> {
        let column = self.names.len();
        let name = name.trim();
        if name.is_empty() {
            return Err(HeaderError::Unnamed { number: column + 1 });
        }
        if name == REST {
            if self.rest.replace(column).is_some() {
                return Err(Clash::Duplicate.about(name));
            }
        } else {
            let (path, kind) = split_kind(name)?;
            let segments = segments(path).ok_or_else(|| HeaderError::Malformed {
                name: name.to_owned(),
                max_levels: MAX_LEVELS,
            })?;
            self.root
                .insert(&segments, Node::Cell(column, kind))
                .map_err(|clash| clash.about(name))?;
        }
        self.names.push(name.to_owned());
        Ok(())
    }

    pub(super) fn into_names(self) -> Vec<String> {
        self.names
    }

    /// The fields that the columns stand for, as `outer.inner`, without their types.
    pub(super) fn fields(&self) -> Vec<String> {
        let fields = self.names.iter().filter(|name| *name != REST);
        let fields = fields.filter_map(|name| split_kind(name).ok());
        fields.map(|(field, _)| field.to_owned()).collect()
    }

    /// The names of the columns, with their types.
    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// The record of a row that has a cell for each column.
    pub(super) fn record<'a>(&self, cell: impl Fn(usize) -> &'a [u8]) -> Result<String, CellFault> {
        let mut json = String::new();
        if !self.root.write(&cell, &mut json)? {
            json.push_str("{}");
        }
        let Some((column, cell)) = self.rest.map(|column| (column, cell(column))) else {
            return Ok(json);
        };
        if is_blank(cell) {
            return Ok(json);
        }
        let rest = std::str::from_utf8(cell).ok();
        rest.and_then(|rest| together(&json, rest.trim()))
            .ok_or(CellFault {
                column,
                expected: "a JSON object, as in `{\"field\": \"value\"}`",
            })
    }
}

/// Whether a cell says nothing.
pub(super) fn is_blank(cell: &[u8]) -> bool {
    cell.iter().all(u8::is_ascii_whitespace)
}

/// Whether a field of this name can have a column that is read back as it: nothing in the
/// name is taken for a level, a type or a separator.
pub(super) fn is_column_name(name: &str) -> bool {
    let taken = |letter: char| {
        matches!(letter, '.' | '[' | ']' | ':' | ',' | ';' | '|' | '\u{feff}')
            || letter.is_control()
    };
    !name.is_empty() && name != "*" && name == name.trim() && !name.contains(taken)
}

/// The name of a column without its type, and that.
pub(super) fn split_kind(name: &str) -> Result<(&str, Kind), HeaderError> {
    let Some((path, kind)) = name.rsplit_once(':') else {
        return Ok((name, Kind::Text));
    };
    let kind = match kind {
        "number" => Kind::Number,
        "boolean" => Kind::Boolean,
        "null" => Kind::Null,
        "json" => Kind::Json,
        _ => {
            return Err(HeaderError::UnknownType {
                name: name.to_owned(),
            });
        }
    };
    Ok((path, kind))
}

/// The levels of `a.b[0].c`, or none where the name is no such path.
fn segments(path: &str) -> Option<Vec<Segment>> {
    let mut segments = Vec::new();
    for level in path.split('.') {
        let (field, mut indices) = match level.find('[') {
            Some(bracket) => level.split_at(bracket),
            None => (level, ""),
        };
        if field.is_empty() || field.contains(']') {
            return None;
        }
        segments.push(Segment::Field(serde_json::Value::from(field).to_string()));
        while !indices.is_empty() {
            let (index, rest) = indices.strip_prefix('[')?.split_once(']')?;
            segments.push(Segment::Element(index.parse().ok()?));
            indices = rest;
        }
    }
    (segments.len() <= MAX_LEVELS).then_some(segments)
}

/// Why a column has no place in the tree.
enum Clash {
    Duplicate,
    Contradiction,
}

impl Clash {
    fn about(self, name: &str) -> HeaderError {
        let name = name.to_owned();
        match self {
            Self::Duplicate => HeaderError::Duplicate { name },
            Self::Contradiction => HeaderError::Contradiction { name },
        }
    }
}

impl Node {
    fn insert(&mut self, path: &[Segment], cell: Node) -> Result<(), Clash> {
        match (self, path) {
            (Self::Cell(..), []) => Err(Clash::Duplicate),
            (Self::Object(fields), [Segment::Field(name), rest @ ..]) => {
                match fields.iter_mut().find(|(field, _)| field == name) {
                    Some((_, node)) => node.insert(rest, cell),
                    None => {
                        fields.push((name.clone(), Self::new(rest, cell)));
                        Ok(())
                    }
                }
            }
            (Self::List(elements), [Segment::Element(index), rest @ ..]) => {
                match elements.get_mut(index) {
                    Some(node) => node.insert(rest, cell),
                    None => {
                        elements.insert(*index, Self::new(rest, cell));
                        Ok(())
                    }
                }
            }
            _ => Err(Clash::Contradiction),
        }
    }

    /// What leads to `cell` and to nothing else yet.
    fn new(path: &[Segment], cell: Node) -> Self {
        match path {
            [] => cell,
            [Segment::Field(name), rest @ ..] => {
                Self::Object(vec![(name.clone(), Self::new(rest, cell))])
            }
            [Segment::Element(index), rest @ ..] => {
                Self::List(BTreeMap::from([(*index, Self::new(rest, cell))]))
            }
        }
    }

    /// Appends the value to `json`, or nothing where all its cells are empty.
    /// Says whether it did.
    fn write<'a>(
        &self,
        cell: &impl Fn(usize) -> &'a [u8],
        json: &mut String,
    ) -> Result<bool, CellFault> {
        let start = json.len();
        let closing = match self {
            Self::Cell(column, kind) => return kind.write(*column, cell(*column), json),
            Self::Object(fields) => {
                for (name, node) in fields {
                    let before = json.len();
                    json.push(if before == start { '{' } else { ',' });
                    json.push_str(name);
                    json.push(':');
                    if !node.write(cell, json)? {
                        json.truncate(before);
                    }
                }
                '}'
            }
            Self::List(elements) => {
                for node in elements.values() {
                    let before = json.len();
                    json.push(if before == start { '[' } else { ',' });
                    if !node.write(cell, json)? {
                        json.truncate(before);
                    }
                }
                ']'
            }
        };
        let wrote = json.len() > start;
        if wrote {
            json.push(closing);
        }
        Ok(wrote)
    }
}

impl Kind {
    /// The cell that is read back as a JSON value, or none where no cell is.
    pub(super) fn text(self, value: &str) -> Option<String> {
        match (self, value.as_bytes().first()?) {
            (Self::Json, _) => Some(value.to_owned()),
            (Self::Text, b'"') => serde_json::from_str(value).ok(),
            (Self::Text, b'{' | b'[') => None,
            (Self::Text, _) => Some(value.to_owned()),
            (Self::Number, b'-' | b'0'..=b'9') => Some(value.to_owned()),
            (Self::Boolean, b't' | b'f') => Some(value.to_owned()),
            _ => None,
        }
    }

    fn write(self, column: usize, cell: &[u8], json: &mut String) -> Result<bool, CellFault> {
        if cell.is_empty() {
            return Ok(false);
        }
        let fault = |expected| CellFault { column, expected };
        let text = std::str::from_utf8(cell).map_err(|_| fault("UTF-8 text"))?;
        let value = text.trim();
        match self {
            Self::Text => json.push_str(&serde_json::Value::from(text).to_string()),
            // The text itself is kept, so that no digit is lost.
            Self::Number if serde_json::from_str::<serde_json::Number>(value).is_ok() => {
                json.push_str(value);
            }
            Self::Number => return Err(fault("a number with `.` for decimals, as in `1234.5`")),
            // Spreadsheets write TRUE.
            Self::Boolean if value.eq_ignore_ascii_case("true") => json.push_str("true"),
            Self::Boolean if value.eq_ignore_ascii_case("false") => json.push_str("false"),
            Self::Boolean => return Err(fault("`true` or `false`")),
            Self::Null if value == "null" => json.push_str("null"),
            Self::Null => return Err(fault("`null` or nothing")),
            Self::Json if serde_json::from_str::<&RawValue>(value).is_ok() => {
                json.push_str(value);
            }
            Self::Json => return Err(fault("a JSON value, as in `[1, 2]`")),
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(header: &str) -> Result<Header, HeaderError> {
        Header::parse(header.split(',').map(str::as_bytes), Separator::Comma)
    }

    fn record(header: &str, row: &str) -> Result<String, CellFault> {
        let cells: Vec<_> = row.split(';').map(str::as_bytes).collect();
        parse(header).unwrap().record(|column| cells[column])
    }

    #[test]
    fn names_with_dots_and_brackets_nest() {
        for (header, row, json) in [
            ("name", "Acme", r#"{"name":"Acme"}"#),
            ("a.b,c,a.d", "1;2;3", r#"{"a":{"b":"1","d":"3"},"c":"2"}"#),
            (
                "a[0].b,a[1].b,a[0].c",
                "1;2;3",
                r#"{"a":[{"b":"1","c":"3"},{"b":"2"}]}"#,
            ),
            ("a[1],a[0]", "1;2", r#"{"a":["2","1"]}"#),
            ("a[0][1]", "1", r#"{"a":[["1"]]}"#),
            (" a , b\" ", "1;2", r#"{"a":"1","b\"":"2"}"#),
        ] {
            assert_eq!(record(header, row).unwrap(), json);
        }
    }

    #[test]
    fn an_empty_cell_is_an_absent_field() {
        for (row, json) in [
            (";;;", "{}"),
            ("1;;;", r#"{"a":{"b":"1"}}"#),
            (";;2;", r#"{"c":[{"d":"2"}]}"#),
            (";;; ", r#"{"e":" "}"#),
        ] {
            assert_eq!(record("a.b,c[0].d,c[1].d,e", row).unwrap(), json);
        }
    }

    #[test]
    fn a_type_makes_other_values_than_text() {
        for (header, cell, json) in [
            ("a", "null", r#"{"a":"null"}"#),
            ("a", "1", r#"{"a":"1"}"#),
            (
                "a:number",
                "12345678901234567890.10",
                r#"{"a":12345678901234567890.10}"#,
            ),
            ("a:number", " -1e3 ", r#"{"a":-1e3}"#),
            ("a:boolean", "TRUE", r#"{"a":true}"#),
            ("a.b:boolean", "false", r#"{"a":{"b":false}}"#),
            ("a:null", "null", r#"{"a":null}"#),
            ("a:json", "[1, {}]", r#"{"a":[1, {}]}"#),
            ("a:number", "", "{}"),
        ] {
            assert_eq!(record(header, cell).unwrap(), json);
        }
    }

    #[test]
    fn a_cell_that_does_not_fit_its_type_is_told() {
        for (header, cell) in [
            ("a:number", "1,5"),
            ("a:number", "abc"),
            ("a:number", "007"),
            ("a:number", "NaN"),
            ("a:boolean", "yes"),
            ("a:null", "nil"),
            ("a:json", "{"),
            ("a:json", " "),
        ] {
            assert!(record(header, cell).is_err(), "{header} {cell}");
        }
    }

    #[test]
    fn a_header_that_means_nothing_or_two_things_is_refused() {
        let deep = ["a"; MAX_LEVELS + 1].join(".");
        for (header, expected) in [
            ("a,,b", "column 2 has no name"),
            ("a,b,a", "`a` stands there twice"),
            ("a,a:number", "`a:number` stands there twice"),
            ("a[0],a[0]", "`a[0]` stands there twice"),
            ("a,a.b", "`a.b` contradicts"),
            ("a.b,a", "`a` contradicts"),
            ("a[0],a.b", "`a.b` contradicts"),
            ("a[0],a[0].b", "`a[0].b` contradicts"),
            ("a:bool", "unknown type: there are `:number`"),
            ("a.", "`a.` is no field"),
            ("a[x]", "`a[x]` is no field"),
            ("a[0", "`a[0` is no field"),
            ("a[0]b", "`a[0]b` is no field"),
            ("[0]", "`[0]` is no field"),
            ("a]", "`a]` is no field"),
            (&deep, "at most 32 levels"),
        ] {
            let message = parse(header).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
        let not_text = Header::parse([b"\xff".as_slice()].into_iter(), Separator::Comma);
        assert_eq!(not_text.unwrap_err(), HeaderError::NotUtf8);
    }
}
