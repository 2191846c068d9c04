//! Regular expressions. jq has Oniguruma's, which know more; what is written the same
//! and means something else is an error that says so.

use crate::value::{Error, Value, fail};
use jaq_core::ValT as _;
use jaq_std::ValT as _;
use regex::{Captures, Regex, RegexBuilder};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// The most expressions that are kept compiled.
const MOST_KEPT: usize = 64;

thread_local! {
    static KEPT: RefCell<HashMap<(String, String), Rc<Pattern>>> = RefCell::default();
}

/// An expression with its options.
pub struct Pattern {
    regex: Regex,
    text: String,
    global: bool,
    folds: bool,
    /// Whether it has a `$`, which in jq also stands before a last line break.
    has_end: bool,
    /// Whether it can match at an end of the text alone.
    is_anchored: bool,
    /// Whether it may match nothing anywhere.
    may_be_nothing: bool,
}

impl Pattern {
    fn of(text: &str, flags: &str) -> Result<Rc<Self>, Error> {
        let key = (text.to_owned(), flags.to_owned());
        if let Some(kept) = KEPT.with_borrow(|kept| kept.get(&key).cloned()) {
            return Ok(kept);
        }
        let pattern = Rc::new(Self::new(text, flags)?);
        KEPT.with_borrow_mut(|kept| {
            if kept.len() >= MOST_KEPT {
                kept.clear();
            }
            kept.insert(key, Rc::clone(&pattern));
        });
        Ok(pattern)
    }

    fn new(text: &str, flags: &str) -> Result<Self, Error> {
        let (mut global, mut folds, mut dot_all, mut extended) = (false, false, false, false);
        for flag in flags.chars() {
            match flag {
                'g' => global = true,
                'i' => folds = true,
                'x' => extended = true,
                'p' => dot_all = true,
                // `^` and `$` are of the whole text already.
                's' => {}
                'l' | 'n' => {
                    return fail(format_args!(
                        "the option `{flag}` of a regular expression is not there"
                    ));
                }
                other => {
                    return fail(format_args!(
                        "a regular expression has no option `{other}`: there are g, i, p, s and x"
                    ));
                }
            }
        }
        let read = read(text, extended)?;
        let regex = RegexBuilder::new(&read.translated)
            .case_insensitive(folds)
            .dot_matches_new_line(dot_all)
            .ignore_whitespace(extended)
            .build();
        let regex = regex.map_err(|error| {
            let error = error.to_string();
            let last = error.lines().last().unwrap_or_default();
            Error::str(format_args!(
                "the regular expression “{text}” cannot be used: {last}"
            ))
        })?;
        Ok(Self {
            text: text.to_owned(),
            global,
            folds: folds || text.contains("(?i"),
            has_end: read.has_end,
            is_anchored: !text.contains('|')
                && (text.starts_with('^') || text.starts_with("\\A") || text.ends_with('$')),
            may_be_nothing: regex.is_match("") || text.contains("\\b") || text.contains("\\B"),
            regex,
        })
    }

    /// The matches of a text, each from where the one before ended, as jq looks for
    /// them.
    fn matches<'t>(&self, text: &'t str) -> Result<Vec<Captures<'t>>, Error> {
        let mut found: Vec<Captures<'t>> = Vec::new();
        let mut start = 0;
        // Behind a match of nothing jq goes on within a letter beyond ASCII.
        let mut doubtful = None;
        while start <= text.len() {
            let Some(captures) = self.regex.captures_at(text, start) else {
                break;
            };
            let Some(whole) = captures.get(0) else {
                break;
            };
            if doubtful == Some(whole.start()) {
                return self.counted_otherwise();
            }
            doubtful = None;
            start = whole.end();
            if whole.is_empty() {
                let next = text[start..].chars().next().map_or(1, char::len_utf8);
                start += next;
                if next > 1 && self.global {
                    if !self.is_anchored && self.may_be_nothing {
                        return self.counted_otherwise();
                    }
                    doubtful = Some(start);
                }
            }
            found.push(captures);
            if !self.global {
                break;
            }
        }
        Ok(found)
    }

    fn counted_otherwise<T>(&self) -> Result<T, Error> {
        fail(format_args!(
            "“{}” matches nothing before a letter beyond ASCII, which jq counts several times: \
             let it match at least a letter",
            self.text
        ))
    }

    /// Refuses a text in which jq would find something else.
    fn fits(&self, text: &str) -> Result<(), Error> {
        if self.has_end && text.ends_with('\n') {
            return fail(
                "`$` of a regular expression and a text that ends with a line break: write \
                 `\\\\z` for the very end, or take the line break off",
            );
        }
        if self.folds && (folds_to_several(text, &self.text) || folds_to_several(&self.text, text))
        {
            return fail(
                "the option `i` with a letter that is written as two letters otherwise, such as \
                 ß: use ascii_downcase, or write both forms",
            );
        }
        Ok(())
    }
}

/// Whether one text has a letter that the other may have as several.
fn folds_to_several(one: &str, other: &str) -> bool {
    let is_sharp = |c: char| matches!(c, 'ß' | 'ẞ');
    (one.contains(is_sharp) && other.to_lowercase().contains("ss"))
        || one.chars().any(|c| {
            matches!(c, 'İ' | 'ŉ' | 'ǰ' | 'ΐ' | 'ΰ' | 'և' | '\u{1e96}'..='\u{1e9a}'
                | '\u{1f50}'..='\u{1ffc}' | '\u{fb00}'..='\u{fb17}')
        })
}

struct Read {
    translated: String,
    has_end: bool,
}

/// What stands in an expression, with the classes of letters as jq has them.
fn read(text: &str, extended: bool) -> Result<Read, Error> {
    let not_there = |what: &str| {
        fail(format_args!(
            "the regular expression “{text}” has {what}, which means something else in jq or \
             is not there"
        ))
    };
    let mut read = Read {
        translated: String::with_capacity(text.len()),
        has_end: false,
    };
    let mut rest = text;
    let mut in_class = false;
    // Whether what comes may be a second sign of repetition.
    let mut repeated = false;
    while let Some(character) = rest.chars().next() {
        let mut taken = character.len_utf8();
        let mut repeats = false;
        match character {
            '\\' => {
                let Some(escaped) = rest[1..].chars().next() else {
                    return not_there("a lone `\\`");
                };
                let is_hex = || {
                    let digits = rest.as_bytes().get(2..4);
                    digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
                };
                let is_known = match escaped {
                    'w' | 'W' | 'd' | 'D' | 's' | 'S' | 'n' | 'r' | 't' | 'f' | 'v' => true,
                    'b' | 'B' | 'A' | 'z' => !in_class,
                    'x' => is_hex(),
                    other => other.is_ascii_punctuation() || other == ' ',
                };
                if !is_known || (escaped == 'b' && rest[2..].starts_with('{')) {
                    return not_there(&format!("`\\{escaped}`"));
                }
                taken = 1 + escaped.len_utf8();
            }
            '[' if in_class => {
                let named = rest.split_once(":]").map(|(name, _)| name);
                let class = match named {
                    Some("[:digit") => "\\d",
                    Some("[:space") => "\\s",
                    Some("[:word") => "\\w",
                    Some("[:alnum" | "[:alpha" | "[:upper" | "[:lower" | "[:punct") => {
                        return not_there("such a class of letters: write `\\w`, or the letters");
                    }
                    _ => return not_there("a class within a class"),
                };
                read.translated.push_str(class);
                rest = &rest[named.map_or(0, str::len) + 2..];
                continue;
            }
            '[' => {
                if extended {
                    return not_there("a class with the option `x`");
                }
                in_class = true;
                let begin = if rest[1..].starts_with('^') { 2 } else { 1 };
                // The first of a class may be its end as a letter.
                if rest[begin..].starts_with(']') {
                    return not_there("`[]`: write `\\\\]` for the letter");
                }
                taken = begin;
            }
            ']' if in_class => in_class = false,
            _ if in_class => {
                let doubled = ["--", "~~", "&&"];
                if doubled.iter().any(|sign| rest.starts_with(sign)) {
                    return not_there("an operation within a class");
                }
            }
            '(' if rest.starts_with("(?") => {
                let known = ["(?:", "(?i)", "(?i:", "(?-i)", "(?-i:"];
                let is_named = rest.starts_with("(?<") && !rest[3..].starts_with(['=', '!']);
                if !is_named && !known.iter().any(|known| rest.starts_with(known)) {
                    return not_there("`(?…`");
                }
                taken = 2;
            }
            '$' => read.has_end = true,
            '+' if repeated => return not_there("a sign of repetition with `+`"),
            '*' | '+' | '?' => repeats = !repeated,
            '}' => repeats = true,
            _ => {}
        }
        read.translated.push_str(&rest[..taken]);
        rest = &rest[taken..];
        repeated = repeats;
    }
    Ok(read)
}

/// What to do with the parts of a text.
#[derive(Clone, Copy)]
pub struct Wanted {
    /// Those that match.
    pub matches: bool,
    /// Those between.
    pub between: bool,
}

/// The parts of a text: matches as arrays of what they captured, the whole first.
pub fn parts(text: &Value, pattern: &Value, flags: &Value, wanted: Wanted) -> Result<Value, Error> {
    let Some(searched) = text.as_text() else {
        return fail(format_args!(
            "{text} cannot be matched, as it is not a text"
        ));
    };
    let (Some(pattern), Some(flags)) = (
        pattern.as_text(),
        match &flags.0 {
            jaq_json::Val::Null => Some(""),
            _ => flags.as_text(),
        },
    ) else {
        return fail("a regular expression and its options are texts");
    };
    let pattern = Pattern::of(pattern, flags)?;
    pattern.fits(searched)?;
    let mut found = Vec::new();
    let (mut last, mut counted, mut characters) = (0, 0, 0);
    for captures in pattern.matches(searched)? {
        let Some(whole) = captures.get(0) else {
            continue;
        };
        if wanted.between {
            found.push(text.as_sub_str(searched[last..whole.start()].as_bytes()));
            last = whole.end();
        }
        if wanted.matches {
            characters += searched[counted..whole.start()].chars().count();
            counted = whole.start();
            let names = pattern.regex.capture_names().enumerate();
            let groups = names.map(|(number, name)| {
                let offset = |start: usize| match start >= counted {
                    true => characters + searched[counted..start].chars().count(),
                    false => searched[..start].chars().count(),
                };
                let mut fields: Vec<(&str, Value)> = match captures.get(number) {
                    Some(group) => vec![
                        ("offset", offset(group.start()).into()),
                        ("length", group.as_str().chars().count().into()),
                        ("string", text.as_sub_str(group.as_str().as_bytes())),
                    ],
                    None => vec![
                        ("offset", Value::from(-1_isize)),
                        ("length", 0_usize.into()),
                        ("string", Value::default()),
                    ],
                };
                if number > 0 {
                    let name = name.map_or_else(Value::default, Value::text);
                    fields.push(("name", name));
                }
                let fields = fields.into_iter();
                Value::from_map(fields.map(|(name, value)| (Value::text(name), value)))
            });
            found.push(groups.collect::<Result<Value, Error>>()?);
        }
    }
    if wanted.between {
        found.push(text.as_sub_str(searched[last..].as_bytes()));
    }
    Ok(found.into_iter().collect())
}
