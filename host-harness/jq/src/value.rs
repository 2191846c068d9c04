//! Values as jq 1.8 has them: jaq's, with other indices, other changes of what is
//! missing, and other writing.

use crate::json;
use jaq_core::box_iter::BoxIter;
use jaq_core::path::Opt;
use jaq_core::val::Range;
use jaq_core::{Exn, ValX};
use jaq_json::{Map, Num, Rc, Val};
use jaq_std::ValT as _;
use std::fmt;

/// The longest that an assignment makes an array by itself.
const MOST_ELEMENTS: usize = 1_000_000;

/// A value.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Value(pub Val);

pub type Error = jaq_core::Error<Value>;
pub type ValR = Result<Value, Error>;

/// The same error about a value of ours.
pub fn ours(error: jaq_core::Error<Val>) -> Error {
    Error::new(Value(error.into_val()))
}

pub fn fail<T>(what: impl fmt::Display) -> Result<T, Error> {
    Err(Error::str(what))
}

impl Value {
    pub fn number(number: f64) -> Self {
        Self(Val::Num(Num::Float(number)))
    }

    pub fn text(text: impl Into<Vec<u8>>) -> Self {
        Self(Val::utf8_str(text.into()))
    }

    pub fn as_number(&self) -> Option<f64> {
        self.0.as_f64()
    }

    pub fn as_text(&self) -> Option<&str> {
        std::str::from_utf8(self.0.as_utf8_bytes()?).ok()
    }

    /// What it is, as jq's `type` says.
    pub fn kind(&self) -> &'static str {
        match self.0 {
            Val::Null => "null",
            Val::Bool(_) => "boolean",
            Val::Num(_) => "number",
            Val::BStr(_) | Val::TStr(_) => "string",
            Val::Arr(_) => "array",
            Val::Obj(_) => "object",
        }
    }
}

/// An index that is a number, without its fraction; absent where it is none.
fn whole(index: &Val) -> Option<f64> {
    let number = index.as_f64()?;
    (!number.is_nan()).then(|| number.trunc())
}

fn position(index: f64, len: usize) -> Option<usize> {
    let at = if index < 0.0 {
        index + len as f64
    } else {
        index
    };
    (at >= 0.0 && at < len as f64).then_some(at as usize)
}

/// A bound of a slice, which takes all that it touches.
fn bound(bound: Option<&Value>, round: fn(f64) -> f64) -> Result<Option<Val>, Error> {
    match bound {
        None | Some(Value(Val::Null)) => Ok(None),
        Some(Value(bound @ Val::Num(Num::Int(_)))) => Ok(Some(bound.clone())),
        Some(Value(bound)) => match bound.as_f64() {
            Some(number) => Ok(Some(Val::from(round(number) as isize))),
            None => fail("the start and end of a slice are numbers"),
        },
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&json::written(&self.0))
    }
}

macro_rules! from {
    ($($kind:ty),*) => { $(
        impl From<$kind> for Value {
            fn from(value: $kind) -> Self {
                Self(value.into())
            }
        }
    )* };
}
from!(bool, isize, usize, f64, String);

impl From<Range<Value>> for Value {
    fn from(range: Range<Value>) -> Self {
        let bound = |bound: Option<Value>| bound.map(|bound| bound.0);
        Self((bound(range.start)..bound(range.end)).into())
    }
}

impl FromIterator<Value> for Value {
    fn from_iter<I: IntoIterator<Item = Value>>(values: I) -> Self {
        Self(values.into_iter().map(|value| value.0).collect())
    }
}

impl jaq_core::ValT for Value {
    fn from_num(text: &str) -> ValR {
        Val::from_num(text).map(Self).map_err(ours)
    }

    fn from_map<I: IntoIterator<Item = (Self, Self)>>(fields: I) -> ValR {
        let mut map = Map::default();
        for (key, value) in fields {
            if !matches!(key.0, Val::TStr(_)) {
                return fail(format_args!("{key} cannot be the name of a field"));
            }
            map.insert(key.0, value.0);
        }
        Ok(Self(Val::obj(map)))
    }

    fn key_values(self) -> BoxIter<'static, Result<(Self, Self), Error>> {
        let pairs = self.0.key_values();
        Box::new(pairs.map(|pair| {
            let (key, value) = pair.map_err(ours)?;
            Ok((Self(key), Self(value)))
        }))
    }

    fn values(self) -> Box<dyn Iterator<Item = ValR>> {
        Box::new(self.0.values().map(|value| value.map(Self).map_err(ours)))
    }

    fn index(self, index: &Self) -> ValR {
        match (&self.0, &index.0) {
            (Val::Null, Val::TStr(_) | Val::Num(_) | Val::Null | Val::Obj(_)) => {
                Ok(Self::default())
            }
            (Val::Obj(fields), Val::TStr(_)) => {
                Ok(Self(fields.get(&index.0).cloned().unwrap_or_default()))
            }
            (Val::Arr(elements), Val::Num(_)) => {
                let at = whole(&index.0).and_then(|at| position(at, elements.len()));
                Ok(Self(at.map(|at| elements[at].clone()).unwrap_or_default()))
            }
            (Val::Arr(_) | Val::TStr(_), Val::Obj(bounds)) => {
                let bound = |name: &str| bounds.get(&Val::utf8_str(name.to_owned())).cloned();
                let (start, end) = (bound("start").map(Self), bound("end").map(Self));
                self.range(start.as_ref()..end.as_ref())
            }
            (Val::Arr(_), Val::Arr(_)) => self.0.index(&index.0).map(Self).map_err(ours),
            _ => fail(format_args!("cannot index {} with {index}", self.kind())),
        }
    }

    fn range(self, range: Range<&Self>) -> ValR {
        if matches!(self.0, Val::Null) {
            return Ok(self);
        }
        let (start, end) = (
            bound(range.start, f64::floor)?,
            bound(range.end, f64::ceil)?,
        );
        let range = start.as_ref()..end.as_ref();
        self.0.range(range).map(Self).map_err(ours)
    }

    fn map_values<'a, I: Iterator<Item = ValX<'a, Self>>>(
        self,
        opt: Opt,
        f: impl Fn(Self) -> I,
    ) -> ValX<'a, Self> {
        match self.0 {
            Val::Arr(mut elements) => {
                let taken = std::mem::take(Rc::make_mut(&mut elements));
                let first = taken.into_iter().filter_map(|value| f(Self(value)).next());
                let mapped: Result<Vec<Val>, _> = first.map(|value| value.map(|v| v.0)).collect();
                *Rc::make_mut(&mut elements) = mapped?;
                Ok(Self(Val::Arr(elements)))
            }
            Val::Obj(mut fields) => {
                let taken = std::mem::take(Rc::make_mut(&mut fields));
                let pairs = taken.into_iter().filter_map(|(key, value)| {
                    let value = f(Self(value)).next()?;
                    Some(value.map(|value| (key, value.0)))
                });
                let mapped: Result<Map, _> = pairs.collect();
                *Rc::make_mut(&mut fields) = mapped?;
                Ok(Self(Val::Obj(fields)))
            }
            other => {
                let other = Self(other);
                opt.fail(other, |other| {
                    Exn::from(Error::str(format_args!(
                        "cannot go through {}",
                        other.kind()
                    )))
                })
            }
        }
    }

    fn map_index<'a, I: Iterator<Item = ValX<'a, Self>>>(
        mut self,
        index: &Self,
        opt: Opt,
        f: impl Fn(Self) -> I,
    ) -> ValX<'a, Self> {
        let wrong = |value: Self| {
            opt.fail(value, |value| {
                Exn::from(Error::str(format_args!(
                    "cannot change {index} of {}",
                    value.kind()
                )))
            })
        };
        if let Val::Obj(bounds) = &index.0 {
            let bound = |name: &str| bounds.get(&Val::utf8_str(name.to_owned())).cloned();
            let (start, end) = (bound("start").map(Self), bound("end").map(Self));
            return self.map_range(start.as_ref()..end.as_ref(), opt, f);
        }
        // What is missing comes into being with what is put into it.
        let is_missing = matches!(self.0, Val::Null);
        match &index.0 {
            Val::TStr(_) if is_missing => self.0 = Val::obj(Map::default()),
            Val::Num(_) if is_missing => self.0 = Val::Arr(Rc::default()),
            _ => {}
        }
        let changed = match (&mut self.0, &index.0) {
            (Val::Obj(fields), Val::TStr(_)) => {
                let fields = Rc::make_mut(fields);
                match fields.get_mut(&index.0) {
                    Some(place) => match f(Self(std::mem::take(place))).next().transpose()? {
                        Some(value) => *place = value.0,
                        None => {
                            fields.shift_remove(&index.0);
                        }
                    },
                    None => match f(Self::default()).next().transpose()? {
                        Some(value) => {
                            fields.insert(index.0.clone(), value.0);
                        }
                        None if is_missing => return Ok(Self::default()),
                        None => {}
                    },
                }
                true
            }
            (Val::Arr(elements), Val::Num(_)) => {
                let elements = Rc::make_mut(elements);
                let Some(at) = whole(&index.0) else {
                    return wrong(self);
                };
                if let Some(at) = position(at, elements.len()) {
                    let taken = std::mem::take(&mut elements[at]);
                    match f(Self(taken)).next().transpose()? {
                        Some(value) => elements[at] = value.0,
                        None => {
                            elements.remove(at);
                        }
                    }
                } else if at < 0.0 || at >= MOST_ELEMENTS as f64 {
                    let error = format!("there is no element {index} to change");
                    return opt.fail(self, |_| Exn::from(Error::str(error)));
                } else if let Some(value) = f(Self::default()).next().transpose()? {
                    elements.resize(at as usize, Val::Null);
                    elements.push(value.0);
                } else if is_missing {
                    return Ok(Self::default());
                }
                true
            }
            _ => false,
        };
        if changed { Ok(self) } else { wrong(self) }
    }

    fn map_range<'a, I: Iterator<Item = ValX<'a, Self>>>(
        mut self,
        range: Range<&Self>,
        opt: Opt,
        f: impl Fn(Self) -> I,
    ) -> ValX<'a, Self> {
        if matches!(self.0, Val::Null) {
            self.0 = Val::Arr(Rc::default());
        }
        if !matches!(self.0, Val::Arr(_)) {
            return opt.fail(self, |value| {
                Exn::from(Error::str(format_args!(
                    "a slice of {} cannot be changed",
                    value.kind()
                )))
            });
        }
        let (start, end) = (
            bound(range.start, f64::floor)?,
            bound(range.end, f64::ceil)?,
        );
        let len = match &self.0 {
            Val::Arr(elements) => elements.len(),
            _ => 0,
        };
        let clip = |bound: Option<Val>, open: usize| match bound.and_then(|b| b.as_f64()) {
            None => open,
            Some(at) if at < 0.0 => (at + len as f64).max(0.0) as usize,
            Some(at) => (at as usize).min(len),
        };
        let (start, end) = (clip(start, 0), clip(end, len));
        let end = end.max(start);
        let Val::Arr(elements) = &mut self.0 else {
            return Ok(self);
        };
        let part: Self = elements[start..end].iter().cloned().map(Self).collect();
        let part = match f(part).next().transpose()? {
            None => Vec::new(),
            Some(Self(Val::Arr(part))) => part.to_vec(),
            Some(other) => {
                let error = format!("a slice becomes an array, and not {}", other.kind());
                return Err(Exn::from(Error::str(error)));
            }
        };
        Rc::make_mut(elements).splice(start..end, part);
        Ok(self)
    }

    fn as_bool(&self) -> bool {
        self.0.as_bool()
    }

    fn into_string(self) -> Self {
        match self.0 {
            Val::TStr(_) => self,
            other => Self::text(json::written(&other)),
        }
    }
}

impl jaq_std::ValT for Value {
    fn into_seq<S: FromIterator<Self>>(self) -> Result<S, Self> {
        match self.0 {
            Val::Arr(elements) => Ok(match Rc::try_unwrap(elements) {
                Ok(elements) => elements.into_iter().map(Self).collect(),
                Err(elements) => elements.iter().cloned().map(Self).collect(),
            }),
            other => Err(Self(other)),
        }
    }

    fn is_int(&self) -> bool {
        self.0.is_int()
    }

    fn as_isize(&self) -> Option<isize> {
        // A whole number is one, however it was computed.
        self.0.as_isize().or_else(|| {
            let number = self.0.as_f64()?;
            (number.fract() == 0.0 && number.abs() <= isize::MAX as f64).then_some(number as isize)
        })
    }

    fn as_f64(&self) -> Option<f64> {
        self.0.as_f64()
    }

    fn is_utf8_str(&self) -> bool {
        self.0.is_utf8_str()
    }

    fn as_bytes(&self) -> Option<&[u8]> {
        self.0.as_bytes()
    }

    fn as_sub_str(&self, sub: &[u8]) -> Self {
        Self(self.0.as_sub_str(sub))
    }

    fn from_utf8_bytes(bytes: impl AsRef<[u8]> + Send + 'static) -> Self {
        Self(Val::from_utf8_bytes(bytes))
    }
}
