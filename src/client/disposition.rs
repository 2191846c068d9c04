//! The name that `Content-Disposition` gives a file (RFC 6266).

use percent_encoding::percent_decode_str;

/// The name in a value such as `attachment; filename="a.pdf"; filename*=UTF-8''%C3%A4.pdf`.
/// The extended form counts before the plain one, wherever it stands (section 4.3);
/// one of a character set that RFC 8187 does not require does not count. None where
/// there is no name.
pub fn file_name(value: &str) -> Option<String> {
    let mut plain = None;
    let mut extended = None;
    for (name, value) in parameters(value) {
        match name.as_str() {
            "filename*" => extended = extended.or_else(|| decode(&value)),
            "filename" => plain = plain.or(Some(value)),
            _ => {}
        }
    }
    extended.or(plain).filter(|name| !name.trim().is_empty())
}

/// The parameters after the type, with lower-case names and without their quotes.
fn parameters(value: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = match value.find(';') {
        Some(at) => value.get(at..).unwrap_or_default(),
        // Some servers leave the type out.
        None => value,
    };
    loop {
        rest = rest.trim_start_matches(|c: char| c == ';' || c.is_whitespace());
        let Some((name, after)) = rest.split_once('=') else {
            return found;
        };
        // A word without a value, before the next parameter.
        let name = name.rsplit(';').next().unwrap_or(name).trim();
        let after = after.trim_start();
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => unquote(quoted),
            None => {
                let end = after.find(';').unwrap_or(after.len());
                let (value, after) = after.split_at(end);
                (value.trim().to_owned(), after)
            }
        };
        found.push((name.to_ascii_lowercase(), value));
        rest = after;
    }
}

/// What stands up to the closing quote, and what follows it. A backslash takes the
/// next character as it is; a quote that is never closed ends with the value.
fn unquote(quoted: &str) -> (String, &str) {
    let mut text = String::new();
    let mut letters = quoted.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return (text, quoted.get(at + 1..).unwrap_or_default()),
            '\\' => text.extend(letters.next().map(|(_, letter)| letter)),
            letter => text.push(letter),
        }
    }
    (text, "")
}

/// `UTF-8'en'%C3%A4.pdf`: a character set, a language, and the text.
fn decode(value: &str) -> Option<String> {
    let mut parts = value.splitn(3, '\'');
    let (set, _language, text) = (parts.next()?, parts.next()?, parts.next()?);
    let bytes = percent_decode_str(text);
    match set.to_ascii_lowercase().as_str() {
        "utf-8" => Some(bytes.decode_utf8_lossy().into_owned()),
        "iso-8859-1" => Some(bytes.map(char::from).collect()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_read_in_every_form() {
        for (value, name) in [
            (r#"attachment; filename="a b.pdf""#, "a b.pdf"),
            ("attachment; filename=a.pdf", "a.pdf"),
            ("ATTACHMENT ; FileName = a.pdf ; size=3", "a.pdf"),
            (r#"attachment; filename="a;b=c.pdf"; x=y"#, "a;b=c.pdf"),
            (r#"attachment; filename="say \"hi\".pdf""#, "say \"hi\".pdf"),
            (
                r#"attachment; x="filename=no.pdf"; filename=yes.pdf"#,
                "yes.pdf",
            ),
            (
                "attachment; filename=x.pdf; filename*=UTF-8''%C3%A4.pdf",
                "ä.pdf",
            ),
            (
                "attachment; filename*=utf-8'de'%C3%A4.pdf; filename=x.pdf",
                "ä.pdf",
            ),
            ("attachment; filename*=ISO-8859-1''%E4%20b.pdf", "ä b.pdf"),
            ("attachment; filename*=UTF-8''it%27s.pdf", "it's.pdf"),
            ("attachment; filename*=UTF-8''it's.pdf", "it's.pdf"),
            (
                "attachment; filename*=KOI8-R''%C4.pdf; filename=d.pdf",
                "d.pdf",
            ),
            ("attachment; filename*=broken; filename=d.pdf", "d.pdf"),
            ("inline; a; filename=z.pdf", "z.pdf"),
            ("filename=alone.pdf", "alone.pdf"),
            (
                r#"attachment; filename="never closed.pdf"#,
                "never closed.pdf",
            ),
        ] {
            assert_eq!(file_name(value).as_deref(), Some(name), "{value}");
        }
        for value in [
            "attachment",
            "",
            "attachment; filename=\"\"",
            "attachment; name=x",
        ] {
            assert_eq!(file_name(value), None, "{value}");
        }
    }

    proptest! {
        #[test]
        fn no_value_is_too_strange(value in "\\PC{0,60}") {
            let _ = file_name(&value);
            let quoted = value.replace(['\\', '"'], "_");
            if !quoted.trim().is_empty() {
                let header = format!("attachment; filename=\"{quoted}\"");
                prop_assert_eq!(file_name(&header), Some(quoted));
            }
        }
    }
}
