//! The filter itself, by way of jaq.

use crate::bindings::exports::harness::jq::filters::{Bounds, Failure, Place, Word, Wrong};
use crate::functions::{Data, NOW, functions, parsed, said};
use crate::value::Value;
use crate::{hint, json, rewrite};
use jaq_core::load::lex::{StrPart, Tok, Token};
use jaq_core::load::parse::Def;
use jaq_core::load::{self, Arena, File, Lexer, Loader};
use jaq_core::{Compiler, Ctx, Vars};
use jaq_json::Val;
use serde::de::IgnoredAny;

/// How deep records may be nested: what takes them apart calls itself.
const MOST_DEPTH: usize = 128;

/// Definitions of jaq's that stand on functions which are not there; ours stand in.
const REPLACED: [&str; 18] = [
    "join",
    "delpaths",
    "nan",
    "infinite",
    "tonumber",
    "toboolean",
    "capture_of_match",
    "test",
    "scan_",
    "match",
    "capture",
    "scan",
    "splits",
    "sub",
    "gsub",
    "todate",
    "fromdate",
    "tobytes",
];

/// The name under which the filter is defined.
const FILTER: &str = "__filter";

/// Words of jq that filters here do not have.
const UNAVAILABLE: [(&str, &str); 15] = [
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
    ("localtime", "times are in UTC: use `gmtime`"),
    ("strflocaltime", "times are in UTC: use `strftime`"),
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
        let input = parsed(json).map_err(Failure::Input)?;
        NOW.set(now);
        let context = Ctx::<Data>::new(&self.compiled.lut, Vars::new([]));
        let mut outputs = Vec::new();
        let mut room = self.bounds.bytes as usize;
        for output in self.compiled.id.run((context, input)) {
            let output = output.map_err(|exception| match exception.get_err() {
                Ok(error) => Failure::Failed(said(error)),
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

fn compile(text: &str) -> Result<jaq_core::Filter<Data>, Wrong> {
    let tokens = Lexer::new(text).lex().map_err(|errors| {
        let (expected, found) = errors.into_iter().next().unzip();
        let what = expected.map(|expected: load::lex::Expect<&str>| expected.as_str().to_owned());
        syntax(text, found, what)
    })?;
    available(&tokens)?;
    hint::meant(text, &tokens)?;
    let arena = Arena::default();
    // For what it says where the text is wrong.
    Loader::new(std::iter::empty())
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
    let term = load::parse(text, |parser| parser.term());
    let term = term.ok_or_else(|| syntax(text, None, None))?;
    let filter = Def {
        name: FILTER,
        args: Vec::new(),
        body: rewrite::rewritten(term)?,
    };
    let jaqs = jaq_core::defs()
        .chain(jaq_std::defs())
        .chain(jaq_json::defs());
    let known = own(include_str!("counted.jq"))
        .chain(jaqs.filter(|known| {
            let is_split = known.name == "split" && known.args.len() == 2;
            !is_split && !REPLACED.contains(&known.name)
        }))
        .chain(own(include_str!("definitions.jq")));
    let definitions = known.map(|known| -> Def<&str> { known }).chain([filter]);
    let file = File {
        code: FILTER,
        path: (),
    };
    let modules = Loader::new(definitions).load(&arena, file);
    let modules = modules.map_err(|_| syntax(text, None, None))?;
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

/// Definitions of our own, which parse: the tests go through all.
fn own(text: &'static str) -> impl Iterator<Item = Def<&'static str>> {
    let parsed = load::parse(text, |parser| parser.defs());
    parsed.unwrap_or_default().into_iter()
}

fn record(output: &Value) -> Result<String, Failure> {
    let json = json::written(&output.0);
    if matches!(output.0, Val::Obj(_)) {
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
pub fn position(text: &str, part: &str) -> (u32, u32) {
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
