//! What is likely meant otherwise than it is written.

use crate::bindings::exports::harness::jq::filters::{Place, Wrong};
use crate::filter::position;
use jaq_core::load::lex::{StrPart, Tok, Token};

/// Looks for names with hyphens that have no quotes, and for an operator that jq reads
/// otherwise.
pub fn meant(text: &str, tokens: &[Token<&str>]) -> Result<(), Wrong> {
    among(text, tokens, false)
}

fn among(text: &str, tokens: &[Token<&str>], in_object: bool) -> Result<(), Wrong> {
    // A block has its brackets as tokens where it is one.
    let mut before = "";
    for (at, token) in tokens.iter().enumerate() {
        let is_key = in_object && matches!(before, "" | "{" | ",");
        if let Some(name) = hyphened(text, tokens.get(at..).unwrap_or_default(), is_key) {
            return Err(wrong(text, token.0, name, is_key));
        }
        if token.0 == "?"
            && let Some(next) = tokens.get(at + 1)
            && next.0 == "//"
            && follows(token.0, next.0)
        {
            let (line, column) = position(text, token.0);
            let what = "jq has an operator `?//`, which is not there: write `? //`";
            let what = what.to_owned();
            return Err(Wrong::Syntax(Place { line, column, what }));
        }
        match &token.1 {
            Tok::Block(inner) => among(text, inner, token.0.starts_with('{'))?,
            Tok::Str(parts) => {
                for part in parts {
                    if let StrPart::Term(Token(_, Tok::Block(inner))) = part {
                        among(text, inner, false)?;
                    }
                }
            }
            _ => {}
        }
        before = token.0;
    }
    Ok(())
}

/// A name with hyphens at the beginning of tokens that stand without spaces.
fn hyphened<'a>(text: &'a str, tokens: &[Token<&'a str>], is_key: bool) -> Option<&'a str> {
    let Token(first, kind) = tokens.first()?;
    let is_field = matches!(kind, Tok::Sym) && first.len() > 1 && first.starts_with('.');
    let is_field = is_field && *first != "..";
    if !is_field && !(is_key && matches!(kind, Tok::Word)) {
        return None;
    }
    let mut end = *first;
    for pair in tokens.get(1..)?.chunks_exact(2) {
        let [Token(sign, _), Token(word, kind)] = pair else {
            break;
        };
        let goes_on =
            *sign == "-" && matches!(kind, Tok::Word) && follows(end, sign) && follows(sign, word);
        if !goes_on {
            break;
        }
        end = word;
    }
    if std::ptr::eq(end, *first) {
        return None;
    }
    let start = first.as_ptr() as usize - text.as_ptr() as usize;
    let end = end.as_ptr() as usize + end.len() - text.as_ptr() as usize;
    text.get(start..end)
}

/// Whether one part of a text stands right behind another.
fn follows(one: &str, next: &str) -> bool {
    one.as_ptr() as usize + one.len() == next.as_ptr() as usize
}

fn wrong(text: &str, place: &str, name: &str, is_key: bool) -> Wrong {
    let (line, column) = position(text, place);
    let what = if is_key {
        format!("a name with a hyphen needs quotes: write `\"{name}\"`")
    } else {
        let field = name.trim_start_matches('.');
        format!(
            "`{name}` is a subtraction, and a name with a hyphen needs quotes: write \
             `.\"{field}\"` for the field, or spaces around `-` to subtract"
        )
    };
    Wrong::Syntax(Place { line, column, what })
}
