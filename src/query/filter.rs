//! Filters: `status=active`, `created-at[gt]=2026-01-01T00:00:00Z`,
//! `supplier[name][starts_with]=Acme`.
//!
//! The grammar is Coupa's own, unescaped, so that a filter can be copied from
//! its guides. A filter is checked against the catalog before anything is sent:
//! how Coupa answers a wrong one is not documented.

use super::attribute::{Attribute, SPECIAL_FILTERS, same_name};
use super::{closest, encode};
use crate::contract::Error;
use coupa_catalog::{Collection, FieldKind};

/// How a value is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    Contains,
    StartsWith,
    EndsWith,
    In,
    NotIn,
    Blank,
}

impl Operator {
    /// With the word that stands for each in a query; equality has none.
    const WORDS: &[(Self, &str)] = &[
        (Self::NotEqual, "not_eq"),
        (Self::Greater, "gt"),
        (Self::GreaterOrEqual, "gt_or_eq"),
        (Self::Less, "lt"),
        (Self::LessOrEqual, "lt_or_eq"),
        (Self::Contains, "contains"),
        (Self::StartsWith, "starts_with"),
        (Self::EndsWith, "ends_with"),
        (Self::In, "in"),
        (Self::NotIn, "not_in"),
        (Self::Blank, "blank"),
    ];

    fn parse(word: &str) -> Option<Self> {
        Self::WORDS
            .iter()
            .find(|(_, w)| same_name(w, word))
            .map(|(operator, _)| *operator)
    }

    fn word(self) -> Option<&'static str> {
        Self::WORDS
            .iter()
            .find(|(operator, _)| *operator == self)
            .map(|(_, word)| *word)
    }

    /// Documented: substring tests and `blank` are not for dates and times.
    const fn fits(self, kind: FieldKind) -> bool {
        match kind {
            FieldKind::DateTime | FieldKind::Date => !matches!(
                self,
                Self::Contains | Self::StartsWith | Self::EndsWith | Self::Blank
            ),
            FieldKind::Integer | FieldKind::Boolean | FieldKind::Decimal(_) | FieldKind::Float => {
                !matches!(self, Self::Contains | Self::StartsWith | Self::EndsWith)
            }
            _ => true,
        }
    }
}

/// One condition on the records of a collection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// In snake case, as Coupa's guides advise; associations first.
    pub path: Vec<String>,
    pub operator: Operator,
    pub value: String,
}

impl Filter {
    /// Reads a filter and checks it against the collection's fields.
    ///
    /// # Errors
    /// Names the place and what would be right.
    pub fn parse(text: &str, collection: &Collection, custom: &[String]) -> Result<Self, Error> {
        let (left, value) =
            split_value(text).ok_or_else(|| malformed(text, "it has no “=” and value"))?;
        let mut path = segments(left).map_err(|why| malformed(text, &why))?;
        let mut operator = Operator::Equal;
        if path.len() > 1
            && let Some(last) = path.last()
            && let Some(found) = Operator::parse(last)
        {
            operator = found;
            path.pop();
        }
        let path: Vec<String> = path
            .iter()
            .map(|segment| segment.replace('-', "_"))
            .collect();
        let value = value.trim();
        let kind = check_path(&path, text, collection, custom)?;
        check_value(operator, kind, value, text)?;
        Ok(Self {
            path,
            operator,
            value: value.to_owned(),
        })
    }

    /// As a part of a URL's query.
    pub fn to_query(&self) -> String {
        let mut name = String::new();
        for (n, segment) in self.path.iter().enumerate() {
            if n == 0 {
                name.push_str(segment);
            } else {
                name.push_str(&format!("[{segment}]"));
            }
        }
        if let Some(word) = self.operator.word() {
            name.push_str(&format!("[{word}]"));
        }
        format!("{}={}", encode(&name), encode(&self.value))
    }

    /// Whether it is a condition on the record's own id.
    pub fn is_on_id(&self) -> bool {
        self.is_on("id")
    }

    /// Whether it is a condition on a field of the record itself, by its name in
    /// snake case.
    pub fn is_on(&self, field: &str) -> bool {
        self.path.len() == 1 && self.path.first().is_some_and(|name| name == field)
    }
}

fn malformed(text: &str, why: &str) -> Error {
    Error::setting(
        "filter.malformed",
        format!("the filter “{text}” cannot be read: {why}"),
    )
    .remedy(
        "Write field=value, field[operator]=value or association[field][operator]=value, \
         such as supplier[name][starts_with]=Acme.",
    )
}

/// Splits at the first `=` outside brackets.
fn split_value(text: &str) -> Option<(&str, &str)> {
    let mut depth = 0_i32;
    for (at, c) in text.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth -= 1,
            '=' if depth <= 0 => return Some((text.get(..at)?, text.get(at + 1..)?)),
            _ => {}
        }
    }
    None
}

/// `a[b][c]` as `a`, `b`, `c`.
fn segments(left: &str) -> Result<Vec<&str>, String> {
    let left = left.trim();
    let (first, mut rest) = match left.find('[') {
        Some(at) => left.split_at(at),
        None => (left, ""),
    };
    let mut path = vec![first];
    while !rest.is_empty() {
        let inner = rest
            .strip_prefix('[')
            .ok_or_else(|| format!("“{rest}” should start with ["))?;
        let (segment, after) = inner
            .split_once(']')
            .ok_or_else(|| format!("“{rest}” has no closing ]"))?;
        path.push(segment);
        rest = after;
    }
    for segment in &path {
        let is_name = !segment.is_empty()
            && segment
                .chars()
                .all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '?'));
        if !is_name {
            return Err(format!("“{segment}” is not a field's name"));
        }
    }
    Ok(path)
}

/// Follows the path through the catalog and answers the kind of its end.
fn check_path(
    path: &[String],
    text: &str,
    collection: &Collection,
    custom: &[String],
) -> Result<FieldKind, Error> {
    let mut record_type = collection.record_type;
    for (n, name) in path.iter().enumerate() {
        let last = n + 1 == path.len();
        let special = SPECIAL_FILTERS
            .iter()
            .any(|(of, filter)| (of.is_empty() || *of == collection.path) && filter == name);
        if n == 0 && last && special {
            return Ok(FieldKind::Unknown);
        }
        let found = Attribute::find(record_type, name, custom, "filter.unknown-field");
        let attribute = match found {
            Ok(attribute) => attribute,
            // Behind an association, a slip in an operator looks like a field.
            Err(error) if last && n > 0 => {
                return Err(
                    match closest(name, Operator::WORDS.iter().map(|(_, word)| *word)) {
                        Some(word) => unknown_operator(name, text, Some(word)),
                        None if coupa_catalog::fields(record_type).next().is_none() => {
                            unknown_operator(name, text, None)
                        }
                        None => error,
                    },
                );
            }
            Err(error) => return Err(error),
        };
        let kind = match attribute {
            // The release calls some fields numbers that are shown as names.
            Attribute::Known(field)
                if field.kind == FieldKind::Integer && !field.choices.is_empty() =>
            {
                FieldKind::Text(None)
            }
            Attribute::Known(field) => field.kind,
            Attribute::ReferenceId => FieldKind::Integer,
            Attribute::Custom => return Ok(FieldKind::Unknown),
        };
        if last {
            return Ok(kind);
        }
        match kind {
            FieldKind::Record(target) | FieldKind::Records(target) => record_type = target,
            FieldKind::Unknown => return Ok(FieldKind::Unknown),
            _ => {
                let next = path.get(n + 1).map(String::as_str).unwrap_or_default();
                return Err(unknown_operator(
                    next,
                    text,
                    closest(next, Operator::WORDS.iter().map(|(_, word)| *word)),
                ));
            }
        }
    }
    Ok(FieldKind::Unknown)
}

fn unknown_operator(name: &str, text: &str, close: Option<&str>) -> Error {
    let words: Vec<_> = Operator::WORDS.iter().map(|(_, word)| *word).collect();
    let hint = close.map_or(String::new(), |word| format!("Did you mean “{word}”? "));
    Error::setting(
        "filter.unknown-operator",
        format!("“{name}” in the filter “{text}” is neither an operator nor a field there"),
    )
    .remedy(format!(
        "{hint}Operators: {}; none for equality.",
        words.join(", ")
    ))
}

fn check_value(operator: Operator, kind: FieldKind, value: &str, text: &str) -> Result<(), Error> {
    if matches!(kind, FieldKind::Record(_) | FieldKind::Records(_)) && operator != Operator::Blank {
        return Err(malformed(
            text,
            "it compares a whole record; name one of its fields in brackets, such as [id]",
        ));
    }
    if !operator.fits(kind) {
        return Err(Error::setting(
            "filter.operator-does-not-fit",
            format!(
                "the filter “{text}” uses “{}” on a {}",
                operator.word().unwrap_or("="),
                kind_name(kind)
            ),
        )
        .remedy("Use equality, gt, gt_or_eq, lt, lt_or_eq, not_eq, in or not_in there."));
    }
    let bad_value = |should: &str| {
        Err(Error::setting(
            "filter.value-malformed",
            format!("the value “{value}” in the filter “{text}” should be {should}"),
        ))
    };
    if operator == Operator::Blank {
        return match value {
            "true" | "false" => Ok(()),
            _ => bad_value("true or false"),
        };
    }
    let one = |value: &str| match kind {
        FieldKind::Integer => value.parse::<i64>().is_ok(),
        FieldKind::Decimal(_) | FieldKind::Float => value.parse::<f64>().is_ok_and(f64::is_finite),
        FieldKind::Boolean => matches!(value, "true" | "false" | "yes" | "no" | "1" | "0"),
        FieldKind::DateTime | FieldKind::Date => looks_like_a_date(value),
        _ => true,
    };
    let fits = match operator {
        Operator::In | Operator::NotIn => value.split(',').all(|value| one(value.trim())),
        _ => one(value),
    };
    if fits {
        Ok(())
    } else {
        bad_value(kind_name(kind))
    }
}

/// `2026-01-31`, with anything ISO 8601 behind it. Coupa's own reading decides.
fn looks_like_a_date(value: &str) -> bool {
    let bytes = value.as_bytes();
    let digits = |range: std::ops::Range<usize>| {
        bytes
            .get(range)
            .is_some_and(|part| part.iter().all(u8::is_ascii_digit))
    };
    digits(0..4)
        && digits(5..7)
        && digits(8..10)
        && bytes.get(4) == Some(&b'-')
        && bytes.get(7) == Some(&b'-')
        && bytes
            .get(10)
            .is_none_or(|b| matches!(b, b'T' | b't' | b' '))
}

const fn kind_name(kind: FieldKind) -> &'static str {
    match kind {
        FieldKind::Integer => "a whole number",
        FieldKind::Boolean => "true or false",
        FieldKind::DateTime | FieldKind::Date => {
            "a date and time in ISO 8601, such as 2026-01-31T00:00:00Z"
        }
        FieldKind::Decimal(_) | FieldKind::Float => "a number",
        FieldKind::Text(_) => "text",
        FieldKind::Record(_) | FieldKind::Records(_) => "a record",
        FieldKind::List | FieldKind::Unknown => "a value",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(object: &str, text: &str) -> Result<Filter, Error> {
        let collection = coupa_catalog::find_collection(object).unwrap();
        Filter::parse(text, &collection, &["erp-vendor-id".to_owned()])
    }

    #[test]
    fn filters_become_queries() {
        for (object, text, query) in [
            ("suppliers", "status=active", "status=active"),
            (
                "suppliers",
                "created-at[gt]=2026-01-01T00:00:00+02:00",
                "created_at%5Bgt%5D=2026-01-01T00%3A00%3A00%2B02%3A00",
            ),
            (
                "purchase_orders",
                "supplier[name][starts_with]=A & B",
                "supplier%5Bname%5D%5Bstarts_with%5D=A%20%26%20B",
            ),
            (
                "purchase_orders",
                "order_lines[account][code]=a-c",
                "order_lines%5Baccount%5D%5Bcode%5D=a-c",
            ),
            ("purchase_orders", "supplier_id=4", "supplier_id=4"),
            (
                "purchase_orders",
                "show_deleted_lines=true",
                "show_deleted_lines=true",
            ),
            ("purchase_orders", "exported=false", "exported=false"),
            ("suppliers", "id[in]=1,2,3", "id%5Bin%5D=1%2C2%2C3"),
            (
                "suppliers",
                "erp_vendor_id[starts_with]=9",
                "erp_vendor_id%5Bstarts_with%5D=9",
            ),
            ("suppliers", "name=a=b[c]", "name=a%3Db%5Bc%5D"),
            ("suppliers", "name=", "name="),
            ("suppliers", "status = active", "status=active"),
            (
                "suppliers",
                "order-confirmation-level=header",
                "order_confirmation_level=header",
            ),
        ] {
            assert_eq!(parse(object, text).unwrap().to_query(), query, "{text}");
        }
    }

    #[test]
    fn wrong_filters_are_refused_with_the_place_and_what_is_right() {
        for (text, code, says) in [
            ("status", "filter.malformed", "no “=”"),
            ("[gt]=1", "filter.malformed", "not a field's name"),
            ("id[gt=1", "filter.malformed", "="),
            ("stauts=active", "filter.unknown-field", "“status”"),
            ("id[gte]=1", "filter.unknown-operator", "gt"),
            ("payment-term[cod]=x", "filter.unknown-field", "“code”"),
            ("payment-term=x", "filter.malformed", "[id]"),
            (
                "payment-term[code][start_with]=x",
                "filter.unknown-operator",
                "starts_with",
            ),
            (
                "created-at[contains]=2026",
                "filter.operator-does-not-fit",
                "gt",
            ),
            (
                "created-at[gt]=yesterday",
                "filter.value-malformed",
                "ISO 8601",
            ),
            ("id[in]=1,x", "filter.value-malformed", "whole number"),
            (
                "name[blank]=perhaps",
                "filter.value-malformed",
                "true or false",
            ),
        ] {
            let error = parse("suppliers", text).unwrap_err();
            assert_eq!(error.code, code, "{text}: {error}");
            let all = format!("{} {}", error.message, error.remedy.unwrap_or_default());
            assert!(all.contains(says), "{text}: {all}");
        }
    }

    use proptest::prelude::*;

    /// A filter as a person may write it: any path of the catalog, three deep at
    /// most, any operator, any value.
    fn filters() -> impl Strategy<Value = (String, Vec<String>)> {
        let collections: Vec<Collection> = coupa_catalog::collections().collect();
        (
            prop::sample::select(collections),
            prop::collection::vec(any::<prop::sample::Index>(), 1..4),
            prop::option::of(prop::sample::select(Operator::WORDS)),
            any::<bool>(),
            "[^\\x00-\\x1f]{0,12}",
        )
            .prop_map(|(collection, steps, operator, kebab, value)| {
                let mut path = Vec::new();
                let mut record_type = collection.record_type;
                for step in steps {
                    let fields: Vec<_> = coupa_catalog::fields(record_type).collect();
                    if fields.is_empty() {
                        break;
                    }
                    let field = step.get(&fields);
                    path.push(field.name.replace('-', "_"));
                    match field.kind.record_type() {
                        Some(target) => record_type = target,
                        None => break,
                    }
                }
                let spelled = |name: &String| {
                    if kebab {
                        name.replace('_', "-")
                    } else {
                        name.clone()
                    }
                };
                let mut text = path.first().map(spelled).unwrap_or_default();
                for name in path.iter().skip(1) {
                    text.push_str(&format!("[{}]", spelled(name)));
                }
                if let Some((_, word)) = operator {
                    text.push_str(&format!("[{word}]"));
                }
                (format!("{}\n{text}={value}", collection.path), path)
            })
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: ProptestConfig::default().cases.max(2000),
            ..ProptestConfig::default()
        })]

        /// What is read of a filter is what was written, whatever its spelling, and
        /// what goes out says the same again.
        #[test]
        fn filters_of_the_catalog_are_read_as_they_are_written((text, path) in filters()) {
            let (object, filter) = text.split_once('\n').unwrap();
            let collection = coupa_catalog::find_collection(object).unwrap();
            match Filter::parse(filter, &collection, &[]) {
                Ok(parsed) => {
                    prop_assert_eq!(&parsed.path, &path);
                    let query = parsed.to_query();
                    prop_assert!(query.is_ascii() && !query.contains(['[', ']', ' ', '+']));
                    let plain = percent_encoding::percent_decode_str(&query)
                        .decode_utf8()
                        .unwrap();
                    let again = Filter::parse(&plain, &collection, &[]);
                    prop_assert_eq!(again, Ok(parsed), "{}", plain);
                }
                // Refused for its value, for an operator that does not fit, or for a
                // record in the place of a field; never for a field's name.
                Err(error) => prop_assert!(
                    matches!(
                        error.code,
                        "filter.value-malformed"
                            | "filter.operator-does-not-fit"
                            | "filter.malformed"
                    ),
                    "{}: {:?}",
                    filter,
                    error
                ),
            }
        }

        #[test]
        fn no_filter_is_too_strange(text in "\\PC{0,60}") {
            let suppliers = coupa_catalog::find_collection("suppliers").unwrap();
            let _ = Filter::parse(&text, &suppliers, &[]);
        }
    }
}
