//! The functions that are written in Rust: jaq's for any value, those of jq that jaq has
//! only for its own, and those that give something else there.

use crate::json;
use crate::pattern::{Wanted, parts};
use crate::value::{Error, ValR, Value, fail};
use jaq_core::box_iter::box_once;
use jaq_core::native::{Filter, Fun, bome, run, unary, v};
use jaq_core::{Cv, Exn, RunPtr, ValT as _, ValXs, data};
use jaq_json::{Num, Val, read};
use jaq_std::ValT as _;
use std::cell::Cell;

pub type Data = data::JustLut<Value>;

thread_local! {
    /// What `now` answers: a component without imports has no clock.
    pub static NOW: Cell<f64> = const { Cell::new(0.0) };
}

/// Functions that definitions stand before, under the names by which those call them.
const BEHIND: [(&str, &str); 5] = [
    ("limit", "__limit"),
    ("skip", "__skip"),
    ("strftime", "__strftime"),
    ("strptime", "__strptime"),
    ("fromdateiso8601", "__fromdate"),
];
/// Functions that are written anew below, or not there.
const ANEW: [&str; 12] = [
    "range",
    "reverse",
    "now",
    "implode",
    "mktime",
    "matches",
    "split_matches",
    "split_",
    "todateiso8601",
    "localtime",
    "strflocaltime",
    "tobytes",
];

/// All functions.
pub fn functions() -> impl Iterator<Item = Fun<Data>> {
    jaq_core::funs::<Data>()
        .chain(jaq_std::funs::<Data>())
        .filter(|(name, ..)| !ANEW.contains(name))
        .map(|(name, arguments, function)| {
            let behind = BEHIND.iter().find(|(known, _)| *known == name);
            (
                behind.map_or(name, |(_, behind)| behind),
                arguments,
                function,
            )
        })
        .chain(own().map(run::<Data>))
}

fn own() -> impl Iterator<Item = Filter<RunPtr<Data>>> {
    let functions: [Filter<RunPtr<Data>>; 23] = [
        ("now", v(0), |_| bome(Ok(Value::number(NOW.get())))),
        ("nan", v(0), |_| bome(Ok(Value::number(f64::NAN)))),
        ("infinite", v(0), |_| bome(Ok(Value::number(f64::INFINITY)))),
        ("tojson", v(0), |cv| {
            bome(Ok(Value::text(json::written(&cv.1.0))))
        }),
        ("fromjson", v(0), |cv| bome(from_json(&cv.1))),
        ("tonumber", v(0), |cv| bome(to_number(cv.1))),
        ("length", v(0), |cv| bome(length(&cv.1))),
        ("contains", v(1), |cv| {
            unary(cv, |all, part| contains(&all, &part))
        }),
        ("has", v(1), |cv| unary(cv, |of, key| has(&of, &key))),
        ("indices", v(1), |cv| {
            unary(cv, |of, what| indices(&of, &what))
        }),
        ("bsearch", v(1), |cv| {
            unary(cv, |of, what| bsearch(&of, &what))
        }),
        ("join", v(1), |cv| {
            unary(cv, |of, between| join(of, &between))
        }),
        ("reverse", v(0), |cv| bome(reverse(cv.1))),
        ("implode", v(0), |cv| bome(implode(&cv.1))),
        ("delpaths", v(1), |cv| {
            unary(cv, |of, paths| without(of, &paths))
        }),
        ("mktime", v(0), |cv| bome(mktime(&cv.1))),
        ("__counted", v(0), |cv| bome(counted(cv.1))),
        ("__iso_date", v(0), |cv| bome(iso_date(cv.1))),
        ("__time_format", v(1), |cv| {
            unary(cv, |format, known| time_format(format, &known))
        }),
        ("__matches", v(2), |cv| expression(cv, true, false)),
        ("__between", v(2), |cv| expression(cv, false, true)),
        ("__parts", v(2), |cv| expression(cv, true, true)),
        ("range", v(3), range),
    ];
    functions.into_iter()
}

fn expression<'a>(mut cv: Cv<'a, Data>, matches: bool, between: bool) -> ValXs<'a, Value> {
    let (flags, pattern) = (cv.0.pop_var(), cv.0.pop_var());
    bome(parts(&cv.1, &pattern, &flags, Wanted { matches, between }))
}

/// Numbers up to another one; none where the step is nothing.
fn range<'a>(mut cv: Cv<'a, Data>) -> ValXs<'a, Value> {
    let (by, to, from) = (cv.0.pop_var(), cv.0.pop_var(), cv.0.pop_var());
    let numbers = [&from, &to, &by].map(Value::as_number);
    let [Some(_), Some(_), Some(step)] = numbers else {
        let error = Error::str("the bounds of a range are numbers");
        return box_once(Err(Exn::from(error)));
    };
    let mut next = Some(from);
    Box::new(std::iter::from_fn(move || {
        let here = next.take()?;
        let goes_on = if step > 0.0 {
            here < to
        } else {
            step < 0.0 && here > to
        };
        if !goes_on {
            return None;
        }
        next = (here.clone() + by.clone()).ok();
        Some(Ok(here))
    }))
}

/// How many values are meant.
fn counted(value: Value) -> ValR {
    match value.as_number() {
        Some(number) if number < 0.0 => fail("limit and skip do not count below nothing"),
        _ => Ok(value),
    }
}

fn from_json(value: &Value) -> ValR {
    let Some(text) = value.as_text() else {
        return fail(format_args!(
            "only a text can be read as JSON, and not {value}"
        ));
    };
    // jaq's JSON has more in it, such as comments.
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(text) {
        return fail(format_args!("{value} is not one JSON value: {error}"));
    }
    let read = read::parse_single(text.as_bytes());
    read.map(Value).map_err(Error::str)
}

fn to_number(value: Value) -> ValR {
    if matches!(value.0, Val::Num(_)) {
        return Ok(value);
    }
    let text = value.as_text().unwrap_or_default();
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_plain = digits
        .bytes()
        .all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b))
        && digits.bytes().any(|b| b.is_ascii_digit());
    // What is no number as JSON writes it, such as `.5`, is one for jq all the same.
    let number = match Value::from_num(text) {
        Ok(number) if serde_json::from_str::<serde_json::Number>(text).is_ok() => Some(number),
        _ => text.parse().ok().map(Value::number),
    };
    match number {
        Some(number) if is_plain => Ok(number),
        _ => fail(format_args!("{value} cannot be read as a number")),
    }
}

fn length(value: &Value) -> ValR {
    Ok(match &value.0 {
        Val::Null => 0_usize.into(),
        Val::Bool(_) => return fail(format_args!("{value} has no length")),
        Val::Num(Num::Int(number)) if *number >= 0 => value.clone(),
        Val::Num(_) => Value::number(value.as_number().unwrap_or_default().abs()),
        Val::BStr(_) | Val::TStr(_) => {
            let text = value.as_text().unwrap_or_default();
            text.chars().count().into()
        }
        Val::Arr(elements) => elements.len().into(),
        Val::Obj(fields) => fields.len().into(),
    })
}

fn contains(all: &Value, part: &Value) -> ValR {
    let is_same_kind = match (&all.0, &part.0) {
        (Val::Bool(one), Val::Bool(other)) => one == other,
        _ => all.kind() == part.kind(),
    };
    if !is_same_kind {
        return fail(format_args!("whether {all} contains {part} cannot be said"));
    }
    Ok(within(&all.0, &part.0).into())
}

fn within(all: &Val, part: &Val) -> bool {
    match (all, part) {
        (Val::TStr(all), Val::TStr(part)) => {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            text(all).contains(&text(part))
        }
        (Val::Arr(all), Val::Arr(parts)) => parts
            .iter()
            .all(|part| all.iter().any(|one| within(one, part))),
        (Val::Obj(all), Val::Obj(parts)) => parts
            .iter()
            .all(|(key, part)| all.get(key).is_some_and(|one| within(one, part))),
        _ => all == part,
    }
}

fn has(of: &Value, key: &Value) -> ValR {
    Ok(match (&of.0, &key.0) {
        (Val::Obj(fields), Val::TStr(_)) => fields.contains_key(&key.0),
        (Val::Arr(elements), Val::Num(_)) => key
            .as_number()
            .is_some_and(|at| at >= 0.0 && at.trunc() < elements.len() as f64),
        _ => {
            let (of, key) = (of.kind(), key.kind());
            return fail(format_args!(
                "whether {of} has {key} as a key cannot be said"
            ));
        }
    }
    .into())
}

fn indices(of: &Value, what: &Value) -> ValR {
    let found: Vec<usize> = match (&of.0, &what.0) {
        (Val::Null, _) => return Ok(Value::default()),
        (Val::TStr(_), Val::TStr(_)) => {
            let (text, part) = (of.as_text(), what.as_text());
            let (text, part) = (text.unwrap_or_default(), part.unwrap_or_default());
            let starts = text.char_indices().enumerate();
            starts
                .filter(|(_, (at, _))| !part.is_empty() && text[*at..].starts_with(part))
                .map(|(number, _)| number)
                .collect()
        }
        (Val::Arr(_), Val::Arr(part)) if part.is_empty() => Vec::new(),
        (Val::Arr(elements), Val::Arr(part)) => {
            let windows = elements.windows(part.len()).enumerate();
            windows
                .filter(|(_, window)| *window == part.as_slice())
                .map(|(number, _)| number)
                .collect()
        }
        (Val::Arr(elements), _) => {
            let elements = elements.iter().enumerate();
            elements
                .filter(|(_, element)| **element == what.0)
                .map(|(number, _)| number)
                .collect()
        }
        _ => return fail(format_args!("{} has no indices", of.kind())),
    };
    Ok(found.into_iter().map(Value::from).collect())
}

fn bsearch(of: &Value, what: &Value) -> ValR {
    let Val::Arr(elements) = &of.0 else {
        return fail(format_args!("{} cannot be searched", of.kind()));
    };
    Ok(Value::from(match elements.binary_search(&what.0) {
        Ok(at) => at as isize,
        Err(at) => -1 - at as isize,
    }))
}

fn join(of: Value, between: &Value) -> ValR {
    let mut joined = None;
    for part in of.values() {
        let part = part?;
        let part = match &part.0 {
            Val::Null => Value::text(""),
            Val::Num(_) | Val::Bool(_) => part.into_string(),
            _ => part,
        };
        joined = Some(match joined {
            None => (Value::text("") + part)?,
            Some(joined) => ((joined + between.clone())? + part)?,
        });
    }
    Ok(joined.unwrap_or_else(|| Value::text("")))
}

fn reverse(of: Value) -> ValR {
    match &of.0 {
        Val::Null => Ok([].into_iter().collect()),
        _ => match of.into_seq::<Vec<Value>>() {
            Ok(elements) => Ok(elements.into_iter().rev().collect()),
            Err(of) => fail(format_args!("{} cannot be reversed", of.kind())),
        },
    }
}

fn implode(of: &Value) -> ValR {
    let Val::Arr(points) = &of.0 else {
        return fail(format_args!("{} cannot be made a text", of.kind()));
    };
    let letters = points.iter().map(|point| {
        let number = point.as_f64().filter(|number| *number >= 0.0);
        let letter = number.and_then(|number| char::from_u32(number as u32));
        letter.ok_or_else(|| {
            Error::str(format_args!(
                "{} is no letter's number",
                Value(point.clone())
            ))
        })
    });
    Ok(Value::text(letters.collect::<Result<String, Error>>()?))
}

/// A value without what stands at paths, the last of them first.
fn without(mut of: Value, paths: &Value) -> ValR {
    let Val::Arr(paths) = &paths.0 else {
        return fail("the paths to delete are an array");
    };
    let mut paths: Vec<&Val> = paths.iter().collect();
    paths.sort_unstable();
    for path in paths.into_iter().rev() {
        let Val::Arr(path) = path else {
            return fail("a path is an array");
        };
        of = without_one(of, path)?;
    }
    Ok(of)
}

fn without_one(of: Value, path: &[Val]) -> ValR {
    let Some((key, rest)) = path.split_first() else {
        return Ok(Value::default());
    };
    let key = Value(key.clone());
    let there = of.clone().index(&key)?;
    if matches!(of.0, Val::Null) || (matches!(there.0, Val::Null) && !rest.is_empty()) {
        return Ok(of);
    }
    let at = key.as_number().map(f64::trunc);
    if let (Val::Arr(elements), Some(at)) = (&of.0, at)
        && (at >= elements.len() as f64 || at < -(elements.len() as f64))
    {
        return Ok(of);
    }
    if let (Val::Obj(fields), Val::TStr(_)) = (&of.0, &key.0)
        && !fields.contains_key(&key.0)
    {
        return Ok(of);
    }
    let rest = rest.to_vec();
    let changed = of.map_index(&key, jaq_core::path::Opt::Essential, |inner| {
        let left = (!rest.is_empty()).then(|| without_one(inner, &rest).map_err(Exn::from));
        left.into_iter()
    });
    changed.map_err(|exception| match exception.get_err() {
        Ok(error) => error,
        Err(_) => Error::str("it broke off"),
    })
}

/// The seconds since 1970 of a time that is broken down, in UTC, as C has them: what is
/// too much goes over into the next.
fn mktime(of: &Value) -> ValR {
    let parts: Option<Vec<i64>> = match &of.0 {
        Val::Arr(parts) => parts
            .iter()
            .take(6)
            .map(|part| part.as_f64().map(|part| part.floor() as i64))
            .collect(),
        _ => None,
    };
    let Some(parts) = parts.filter(|parts| parts.len() >= 3) else {
        return fail(format_args!("{of} is no time that is broken down"));
    };
    let part = |at: usize| {
        parts
            .get(at)
            .copied()
            .unwrap_or_default()
            .clamp(-1_000_000, 1_000_000)
    };
    let (year, month) = (part(0) + part(1).div_euclid(12), part(1).rem_euclid(12) + 1);
    // Days by the civil calendar, years beginning in March.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + part(2) - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    let seconds = days * 86_400 + part(3) * 3600 + part(4) * 60 + part(5);
    Ok(Value::number(seconds as f64))
}

/// The one form of dates that `fromdate` reads.
fn iso_date(value: Value) -> ValR {
    let form = b"0000-00-00T00:00:00Z";
    let is_date = value.as_text().is_some_and(|text| {
        text.len() == form.len()
            && text.bytes().zip(form).all(|(byte, form)| match form {
                b'0' => byte.is_ascii_digit(),
                _ => byte == *form,
            })
    });
    if is_date {
        return Ok(value);
    }
    fail(format_args!(
        "{value} is no date as `2015-03-05T23:51:47Z`, which is all that jq reads: offsets and \
         parts of seconds would be lost"
    ))
}

/// A form of dates whose parts all mean what they mean in jq.
fn time_format(format: Value, known: &Value) -> ValR {
    let Some(text) = format.as_text() else {
        return fail("the form of a date is a text");
    };
    let known = known.as_text().unwrap_or_default();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '%' {
            continue;
        }
        match characters.next() {
            Some('%') => {}
            Some(letter) if known.contains(letter) => {}
            Some('z') => {
                return fail(format_args!(
                    "“{text}” reads an offset, which jq drops: cut it off, and count it in \
                     by hand"
                ));
            }
            other => {
                let other = other.map_or_else(String::new, String::from);
                return fail(format_args!("a date's form has no `%{other}` here"));
            }
        }
    }
    Ok(format)
}

/// The parsed record.
pub fn parsed(json: &str) -> Result<Value, String> {
    let read = read::parse_single(json.as_bytes());
    read.map(Value).map_err(|error| error.to_string())
}

/// For the error of a filter: what it says, in words.
pub fn said(error: Error) -> String {
    let value = error.into_val();
    match value.as_text() {
        Some(text) => text.to_owned(),
        None => value.to_string(),
    }
}
