//! The filter itself, by way of jaq.

use crate::bindings::exports::harness::jq::filters::{Bounds, Failure, Place, Word, Wrong};
use jaq_core::load::lex::{StrPart, Tok, Token};
use jaq_core::load::{self, Arena, File, Lexer, Loader};
use jaq_core::native::{Fun, bome, run, v};
use jaq_core::{Compiler, Ctx, RunPtr, Vars, data};
use jaq_json::{Val, read};
use serde::de::IgnoredAny;
use std::cell::Cell;

/// How deep records may be nested: what takes them apart calls itself.
const MOST_DEPTH: usize = 128;

type Data = data::JustLut<Val>;

thread_local! {
    /// What `now` answers: a component without imports has no clock.
    static NOW: Cell<f64> = const { Cell::new(0.0) };
}

/// Words of jq that filters here do not have.
const UNAVAILABLE: [(&str, &str); 13] = [
    ("import", "there are no modules"),
    ("include", "there are no modules"),
    ("env", "it sees nothing but the record"),
    ("input", "it sees one record at a time"),
    ("inputs", "it sees one record at a time"),
    (
        "halt",
        "use `error` to reject the record, or `empty` to leave it out",
    ),
    (
        "halt_error",
        "use `error` to reject the record, or `empty` to leave it out",
    ),
    ("debug", "use the preview to see what it makes"),
    ("debug_empty", "use the preview to see what it makes"),
    ("stderr", "use the preview to see what it makes"),
    ("stderr_empty", "use the preview to see what it makes"),
    ("input_filename", "it sees nothing but the record"),
    ("input_line_number", "it sees nothing but the record"),
];

/// A filter that was checked.
pub struct Filter {
    compiled: jaq_core::Filter<Data>,
    bounds: Bounds,
}

impl Filter {
    /// Makes a filter of a text.
    pub fn parse(text: &str, bounds: Bounds) -> Result<Self, Wrong> {
        compile(text).map(|compiled| Self { compiled, bounds })
    }

    /// The records that it makes of one.
    pub fn apply(&self, json: &str, now: f64) -> Result<Vec<String>, Failure> {
        if depth(json) > MOST_DEPTH {
            return Err(Failure::Input(format!(
                "it is nested more than {MOST_DEPTH} levels deep"
            )));
        }
        serde_json::from_str::<IgnoredAny>(json)
            .map_err(|error| Failure::Input(error.to_string()))?;
        let input = read::parse_single(json.as_bytes())
            .map_err(|error| Failure::Input(error.to_string()))?;
        NOW.set(now);
        let context = Ctx::<Data>::new(&self.compiled.lut, Vars::new([]));
        let mut outputs = Vec::new();
        let mut room = self.bounds.bytes as usize;
        for output in self.compiled.id.run((context, input)) {
            let output = output.map_err(|exception| match exception.get_err() {
                Ok(error) => Failure::Failed(error.to_string()),
                Err(_) => Failure::Failed("it broke off".to_owned()),
            })?;
            let output = record(&output)?;
            if outputs.len() == self.bounds.outputs as usize || output.len() > room {
                return Err(Failure::TooMany);
            }
            room -= output.len();
            outputs.push(output);
        }
        Ok(outputs)
    }
}

fn functions() -> impl Iterator<Item = Fun<Data>> {
    let now: (&str, _, RunPtr<Data>) = ("now", v(0), |_| bome(Ok(Val::from(NOW.get()))));
    jaq_core::funs::<Data>()
        .chain(jaq_std::funs::<Data>().filter(|(name, ..)| *name != "now"))
        .chain(jaq_json::funs::<Data>())
        .chain([run::<Data>(now)])
}

fn compile(text: &str) -> Result<jaq_core::Filter<Data>, Wrong> {
    let tokens = Lexer::new(text).lex().map_err(|errors| {
        let (expected, found) = errors.into_iter().next().unzip();
        let what = expected.map(|expected: load::lex::Expect<&str>| expected.as_str().to_owned());
        syntax(text, found, what)
    })?;
    available(&tokens)?;
    let definitions = jaq_core::defs()
        .chain(jaq_std::defs())
        .chain(jaq_json::defs());
    let arena = Arena::default();
    let modules = Loader::new(definitions)
        .load(
            &arena,
            File {
                code: text,
                path: (),
            },
        )
        .map_err(|errors| match errors.into_iter().next() {
            Some((_, load::Error::Lex(errors))) => {
                let (expected, found) = errors.into_iter().next().unzip();
                syntax(text, found, expected.map(|e| e.as_str().to_owned()))
            }
            Some((_, load::Error::Parse(errors))) => {
                let (expected, found) = errors.into_iter().next().unzip();
                syntax(text, found, expected.map(|e| e.as_str().to_owned()))
            }
            _ => syntax(text, None, None),
        })?;
    Compiler::default()
        .with_funs(functions())
        .compile(modules)
        .map_err(|errors| {
            let first = errors.into_iter().flat_map(|(_, errors)| errors).next();
            match first {
                Some((name, kind)) => {
                    let (line, column) = position(text, name);
                    Wrong::Syntax(Place {
                        line,
                        column,
                        what: format!("there is no {} `{name}`", kind.as_str()),
                    })
                }
                None => syntax(text, None, None),
            }
        })
}

fn record(output: &Val) -> Result<String, Failure> {
    let json = output.to_string();
    // jaq knows more kinds of values than JSON does.
    let is_json = serde_json::from_str::<IgnoredAny>(&json).is_ok();
    if is_json && json.starts_with('{') {
        return Ok(json);
    }
    let mut found: String = json.chars().take(60).collect();
    if found.len() < json.len() {
        found.push('…');
    }
    Err(Failure::NotARecord(found))
}

/// How deep a JSON text is nested.
fn depth(json: &str) -> usize {
    let (mut depth, mut most) = (0_usize, 0);
    let (mut in_text, mut escaped) = (false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => {
                depth += 1;
                most = most.max(depth);
            }
            b']' | b'}' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    most
}

fn available(tokens: &[Token<&str>]) -> Result<(), Wrong> {
    for Token(text, token) in tokens {
        match token {
            Tok::Word => {
                if let Some((word, why)) = UNAVAILABLE.iter().find(|(word, _)| word == text) {
                    return Err(Wrong::Unavailable(Word {
                        word: (*word).to_owned(),
                        why: (*why).to_owned(),
                    }));
                }
            }
            Tok::Block(inner) => available(inner)?,
            Tok::Str(parts) => {
                for part in parts {
                    if let StrPart::Term(Token(_, Tok::Block(inner))) = part {
                        available(inner)?;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn syntax(text: &str, found: Option<&str>, expected: Option<String>) -> Wrong {
    let (line, column) = match found {
        Some(found) => position(text, found),
        None => position(text, ""),
    };
    let there = match found.map(|found| found.chars().take(20).collect::<String>()) {
        Some(found) if !found.is_empty() => format!("“{found}”"),
        _ => "the end".to_owned(),
    };
    let what = match expected {
        Some(expected) => format!("expected {expected}, found {there}"),
        None => format!("{there} cannot stand here"),
    };
    Wrong::Syntax(Place { line, column, what })
}

/// Line and column of a part of `text`; its end, where it is no part of it.
fn position(text: &str, part: &str) -> (u32, u32) {
    let (whole, at) = (text.as_ptr() as usize, part.as_ptr() as usize);
    let offset = at
        .checked_sub(whole)
        .filter(|offset| *offset <= text.len())
        .unwrap_or(text.len());
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let column = before.get(start..).unwrap_or_default().chars().count() + 1;
    // A text of this component's is shorter than 4 GiB.
    (line as u32, column as u32)
}
