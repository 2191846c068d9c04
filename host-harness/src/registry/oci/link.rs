//! Where a list goes on: the `Link` headers of an answer (RFC 8288), with several
//! links in a header and several headers, read as that RFC's appendix B.2 reads them.

use reqwest::Url;
use reqwest::header::{HeaderMap, LINK};

/// What a header's text has of one link.
struct Link<'a> {
    target: &'a str,
    /// In order, their names in lower case; where a name stands twice, the first counts.
    parameters: Vec<(String, String)>,
}

impl Link<'_> {
    fn said(&self, name: &str) -> Option<&str> {
        let found = self.parameters.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Whether it leads from `context` to what comes next.
    fn is_next(&self, context: &Url) -> bool {
        let is_about_this = self
            .said("anchor")
            .is_none_or(|anchor| context.join(anchor).is_ok_and(|about| about == *context));
        let relations = self.said("rel").unwrap_or_default();
        is_about_this
            && relations
                .split_ascii_whitespace()
                .any(|relation| relation.eq_ignore_ascii_case("next"))
    }
}

/// The target of the link to the next page, as it stands there; absent on the last.
/// `context` is the address of this page.
pub(super) fn next(headers: &HeaderMap, context: &Url) -> Option<String> {
    headers.get_all(LINK).iter().find_map(|value| {
        let text = String::from_utf8_lossy(value.as_bytes());
        let next = links(&text)
            .into_iter()
            .find(|link| link.is_next(context))?;
        Some(next.target.to_owned())
    })
}

fn links(mut text: &str) -> Vec<Link<'_>> {
    let mut links = Vec::new();
    let between = |c: char| c == ',' || is_space(c);
    while let Some(rest) = text.trim_start_matches(between).strip_prefix('<') {
        let Some((target, rest)) = rest.split_once('>') else {
            break;
        };
        let (parameters, rest) = parameters(rest);
        links.push(Link { target, parameters });
        text = rest.find(',').map_or("", |at| &rest[at..]);
    }
    links
}

/// The parameters at the beginning of a text, and what stands behind them.
fn parameters(mut text: &str) -> (Vec<(String, String)>, &str) {
    let mut found = Vec::new();
    while let Some(rest) = text.trim_start_matches(is_space).strip_prefix(';') {
        let rest = rest.trim_start_matches(is_space);
        let (name, rest) = until(rest, |c| is_space(c) || "=;,".contains(c));
        let rest = rest.trim_start_matches(is_space);
        let (value, rest) = match rest.strip_prefix('=') {
            None => (String::new(), rest),
            Some(rest) => {
                let rest = rest.trim_start_matches(is_space);
                match rest.strip_prefix('"') {
                    Some(rest) => quoted(rest),
                    None => {
                        let (value, rest) = until(rest, |c| ";,".contains(c));
                        (value.trim_end_matches(is_space).to_owned(), rest)
                    }
                }
            }
        };
        if !name.is_empty() {
            found.push((name.to_ascii_lowercase(), value));
        }
        text = rest;
    }
    (found, text)
}

/// A quoted text up to its end, and what stands behind it.
fn quoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (value, &text[at + 1..]),
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            plain => value.push(plain),
        }
    }
    (value, "")
}

fn until(text: &str, end: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at(text.find(end).unwrap_or(text.len()))
}

const fn is_space(character: char) -> bool {
    matches!(character, ' ' | '\t')
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    fn of(values: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(LINK, HeaderValue::from_str(value).unwrap());
        }
        let context = Url::parse("https://r.example/v2/_catalog?n=5").unwrap();
        next(&headers, &context)
    }

    #[test]
    fn a_link_to_the_next_page_is_found_in_each_form() {
        for (values, target) in [
            (&["</v2/a?n=1>; rel=\"next\""][..], Some("/v2/a?n=1")),
            (&["</v2/a>; rel=next"], Some("/v2/a")),
            (&["</v2/a>;rel=NEXT"], Some("/v2/a")),
            (&["  </v2/a>  ;  REL = next  ;x"], Some("/v2/a")),
            (&["<?n=1&last=b>; rel=\"prev  next\""], Some("?n=1&last=b")),
            (&["<a>; title=\"x, <b>; rel=next\"; rel=next"], Some("a")),
            (&["<a>; title=\"\\\"\\\\\"; rel=next"], Some("a")),
            (&["<a>; rel=prev, <b,c>; rel=next"], Some("b,c")),
            (&["<a>; rel=prev", "<b>; rel=next"], Some("b")),
            (&[", ,<a>; ; title*=UTF-8''x; rel=next;,"], Some("a")),
            (&["<a>; rel=first; rel=next"], None),
            (&["<a>; rel=nextpage"], None),
            (&["<a>; rel=\"next"], Some("a")),
            (&["<a>; anchor=\"#x\"; rel=next, <b>; rel=next"], Some("b")),
            (&["<b>; anchor=\"\"; rel=next"], Some("b")),
            (&["<>; rel=next"], Some("")),
            (&["<a; rel=next"], None),
            (&["a; rel=next"], None),
            (&["<a>"], None),
            (&[""], None),
            (&[], None),
        ] {
            assert_eq!(of(values).as_deref(), target, "{values:?}");
        }
    }
}
