//! How many values a part of a filter makes, as far as that is known before it runs.

use jaq_core::load::lex::StrPart;
use jaq_core::load::parse::{BinaryOp, Term};
use jaq_core::path::{Opt, Part};
use std::cell::RefCell;

/// How many values a term makes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Count {
    One,
    AtMostOne,
    Any,
}

/// Functions that make one value of each value, whatever their arguments make.
const ONE: &[&str] = &[
    "abs",
    "add",
    "all",
    "any",
    "ascii_downcase",
    "ascii_upcase",
    "ceil",
    "del",
    "exp",
    "exp10",
    "exp2",
    "explode",
    "fabs",
    "false",
    "floor",
    "from_entries",
    "fromdate",
    "fromdateiso8601",
    "fromjson",
    "gmtime",
    "group_by",
    "implode",
    "INDEX",
    "infinite",
    "isempty",
    "isinfinite",
    "isnan",
    "isnormal",
    "keys",
    "keys_unsorted",
    "length",
    "log",
    "log10",
    "log2",
    "ltrim",
    "map",
    "map_values",
    "max",
    "max_by",
    "min",
    "min_by",
    "mktime",
    "nan",
    "not",
    "now",
    "null",
    "pick",
    "reverse",
    "round",
    "rtrim",
    "sort",
    "sort_by",
    "sqrt",
    "toboolean",
    "todate",
    "todateiso8601",
    "to_entries",
    "tojson",
    "tonumber",
    "tostring",
    "transpose",
    "trim",
    "true",
    "trunc",
    "type",
    "unique",
    "unique_by",
    "utf8bytelength",
    "walk",
    "with_entries",
];
/// Functions that make one value where their arguments do.
const ONE_OF_ONE: &[&str] = &[
    "atan2",
    "bsearch",
    "contains",
    "delpaths",
    "endswith",
    "flatten",
    "fma",
    "fmax",
    "fmin",
    "fmod",
    "getpath",
    "gsub",
    "has",
    "in",
    "index",
    "indices",
    "inside",
    "join",
    "ldexp",
    "ltrimstr",
    "nth",
    "pow",
    "rindex",
    "rtrimstr",
    "setpath",
    "split",
    "startswith",
    "strftime",
    "strptime",
    "sub",
    "test",
    "trimstr",
];
/// Functions that make one value or none.
const AT_MOST_ONE: &[&str] = &[
    "arrays",
    "booleans",
    "empty",
    "error",
    "finites",
    "iterables",
    "normals",
    "nulls",
    "numbers",
    "objects",
    "scalars",
    "select",
    "strings",
    "values",
];

/// A function of the filter itself: its name, how many arguments it has, and its body;
/// none for an argument, which may be anything.
type Own<'a> = (&'a str, usize, Option<Term<&'a str>>);

/// What is known of a filter's own functions.
pub struct Counting<'a> {
    own: Vec<Own<'a>>,
    /// Those that are being counted, by their places: one that calls itself may make
    /// anything.
    counted: RefCell<Vec<usize>>,
}

impl<'a> Counting<'a> {
    /// For a filter, with the functions that it defines.
    pub fn of(term: &Term<&'a str>) -> Self {
        let mut own = Vec::new();
        walk(term, &mut |term| {
            if let Term::Def(definitions, _) = term {
                for definition in definitions {
                    let arguments = definition.args.len();
                    own.push((definition.name, arguments, Some(definition.body.clone())));
                    let closures = definition.args.iter().filter(|name| !name.starts_with('$'));
                    own.extend(closures.map(|name| (*name, 0, None)));
                }
            }
        });
        Self {
            own,
            counted: RefCell::default(),
        }
    }

    pub fn count(&self, term: &Term<&'a str>) -> Count {
        let most = |terms: &mut dyn Iterator<Item = &Term<&'a str>>| {
            terms
                .map(|term| self.count(term))
                .max()
                .unwrap_or(Count::One)
        };
        match term {
            Term::Id | Term::Num(_) | Term::Arr(_) | Term::Var(_) => Count::One,
            Term::Str(_, parts) => most(&mut parts.iter().filter_map(|part| match part {
                StrPart::Term(term) => Some(term),
                _ => None,
            })),
            Term::Obj(fields) => {
                let keys = most(&mut fields.iter().map(|(key, _)| key));
                keys.max(most(
                    &mut fields.iter().filter_map(|(_, value)| value.as_ref()),
                ))
            }
            Term::Neg(inner) => self.count(inner),
            Term::BinOp(left, operator, right) => match operator {
                BinaryOp::Comma => Count::Any,
                BinaryOp::Assign | BinaryOp::UpdateMath(_) | BinaryOp::UpdateAlt => {
                    self.count(right)
                }
                BinaryOp::Update => match **left {
                    Term::Path(..) => Count::One,
                    _ => Count::Any,
                },
                _ => self.count(left).max(self.count(right)),
            },
            Term::Fold("reduce", ..) => Count::One,
            Term::TryCatch(tried, caught) => {
                let caught = caught
                    .as_ref()
                    .map_or(Count::One, |caught| self.count(caught));
                self.count(tried).max(caught).max(Count::AtMostOne)
            }
            Term::IfThenElse(branches, otherwise) => {
                let conditions = most(&mut branches.iter().map(|(condition, _)| condition));
                let then = most(&mut branches.iter().map(|(_, then)| then));
                let otherwise = otherwise
                    .as_ref()
                    .map_or(Count::One, |term| self.count(term));
                conditions.max(then).max(otherwise)
            }
            Term::Def(_, body) => self.count(body),
            Term::Call(name, arguments) if self.own.iter().any(|(own, ..)| own == name) => {
                self.count_of_own(name, arguments)
            }
            Term::Call(name, arguments) => {
                // A pattern alone is looked for once.
                let is_one_match = matches!(*name, "capture" | "match")
                    && matches!(arguments.as_slice(), [Term::Str(..)]);
                let is_one_of = matches!(*name, "first" | "last");
                if is_one_match || (is_one_of && !arguments.is_empty()) {
                    Count::AtMostOne
                } else if ONE.contains(name) || is_one_of || name.starts_with('@') {
                    Count::One
                } else if AT_MOST_ONE.contains(name) {
                    Count::AtMostOne
                } else if ONE_OF_ONE.contains(name) {
                    most(&mut arguments.iter())
                } else {
                    Count::Any
                }
            }
            Term::Path(head, path) => {
                let parts = path.0.iter().map(|(part, opt)| {
                    let optional = match opt {
                        Opt::Optional => Count::AtMostOne,
                        Opt::Essential => Count::One,
                    };
                    self.count_of_part(part).max(optional)
                });
                self.count(head).max(parts.max().unwrap_or(Count::One))
            }
            _ => Count::Any,
        }
    }

    fn count_of_own(&self, name: &str, arguments: &[Term<&'a str>]) -> Count {
        let mut found = (0..self.own.len()).filter(|at| {
            let (own, count, _) = &self.own[*at];
            *own == name && *count == arguments.len()
        });
        let (Some(at), None) = (found.next(), found.next()) else {
            return Count::Any;
        };
        let Some(body) = &self.own[at].2 else {
            return Count::Any;
        };
        if self.counted.borrow().contains(&at) {
            return Count::Any;
        }
        self.counted.borrow_mut().push(at);
        let count = self.count(body);
        self.counted.borrow_mut().pop();
        let arguments = arguments.iter().map(|argument| self.count(argument));
        arguments.max().unwrap_or(Count::One).max(count)
    }

    pub fn count_of_part(&self, part: &Part<Term<&'a str>>) -> Count {
        match part {
            Part::Range(None, None) => Count::Any,
            part => self.count_of_index(part),
        }
    }

    /// What is computed to find a part.
    pub fn count_of_index(&self, part: &Part<Term<&'a str>>) -> Count {
        match part {
            Part::Index(index) => self.count(index),
            Part::Range(from, to) => {
                let bounds = from.iter().chain(to).map(|term| self.count(term));
                bounds.max().unwrap_or(Count::One)
            }
        }
    }
}

/// Goes through a term and all that are in it.
fn walk<'a>(term: &Term<&'a str>, look: &mut impl FnMut(&Term<&'a str>)) {
    look(term);
    match term {
        Term::Str(_, parts) => parts.iter().for_each(|part| {
            if let StrPart::Term(term) = part {
                walk(term, look);
            }
        }),
        Term::Arr(Some(inner)) | Term::Neg(inner) | Term::Label(_, inner) => walk(inner, look),
        Term::Obj(fields) => fields.iter().for_each(|(key, value)| {
            walk(key, look);
            value.iter().for_each(|value| walk(value, look));
        }),
        Term::BinOp(left, _, right) => {
            walk(left, look);
            walk(right, look);
        }
        Term::Fold(_, over, _, steps) => {
            walk(over, look);
            steps.iter().for_each(|step| walk(step, look));
        }
        Term::TryCatch(tried, caught) => {
            walk(tried, look);
            caught.iter().for_each(|caught| walk(caught, look));
        }
        Term::IfThenElse(branches, otherwise) => {
            for (condition, then) in branches {
                walk(condition, look);
                walk(then, look);
            }
            otherwise.iter().for_each(|term| walk(term, look));
        }
        Term::Def(definitions, body) => {
            definitions.iter().for_each(|it| walk(&it.body, look));
            walk(body, look);
        }
        Term::Call(_, arguments) => arguments.iter().for_each(|term| walk(term, look)),
        Term::Path(head, path) => {
            walk(head, look);
            for (part, _) in &path.0 {
                match part {
                    Part::Index(index) => walk(index, look),
                    Part::Range(from, to) => {
                        from.iter().chain(to).for_each(|term| walk(term, look));
                    }
                }
            }
        }
        _ => {}
    }
}
