//! `Content-Disposition` of a download.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode, utf8_percent_encode};

use crate::switches::FileNames;

/// What RFC 8187 lets stand in a parameter with a character set.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The value that has a client save the body under this name. In both forms a name that
/// is not plain ASCII has `_` in the plain one for what that cannot say.
pub fn attachment(name: &str, form: FileNames) -> String {
    match form {
        FileNames::Both => both(name),
        FileNames::Extended => format!("attachment; {}", extended(name)),
        FileNames::Latin => match latin(name) {
            Some(bytes) => {
                let encoded = percent_encode(&bytes, ENCODED);
                format!("attachment; filename*=ISO-8859-1'de'{encoded}")
            }
            None => format!("attachment; {}", extended(name)),
        },
        FileNames::Escaped => {
            let mut escaped = String::new();
            for letter in name.chars().filter(|letter| !letter.is_control()) {
                if matches!(letter, '"' | '\\') {
                    escaped.push('\\');
                }
                escaped.push(letter);
            }
            format!("attachment; filename=\"{escaped}\"")
        }
    }
}

fn both(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|letter| match letter {
            '"' | '\\' => '_',
            ' '..='~' => letter,
            _ => '_',
        })
        .collect();
    if plain == name {
        return format!("attachment; filename=\"{name}\"");
    }
    format!("attachment; filename=\"{plain}\"; {}", extended(name))
}

fn extended(name: &str) -> String {
    format!("filename*=UTF-8''{}", utf8_percent_encode(name, ENCODED))
}

/// The bytes of a name in ISO-8859-1; none where it does not have all the letters.
fn latin(name: &str) -> Option<Vec<u8>> {
    name.chars()
        .map(|letter| u8::try_from(u32::from(letter)).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_a_header() {
        let name = "Größe\r\n\".pdf";
        for (form, value) in [
            (
                FileNames::Both,
                "attachment; filename=\"Gr__e___.pdf\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe%0D%0A%22.pdf",
            ),
            (
                FileNames::Extended,
                "attachment; filename*=UTF-8''Gr%C3%B6%C3%9Fe%0D%0A%22.pdf",
            ),
            (
                FileNames::Latin,
                "attachment; filename*=ISO-8859-1'de'Gr%F6%DFe%0D%0A%22.pdf",
            ),
            (FileNames::Escaped, "attachment; filename=\"Größe\\\".pdf\""),
        ] {
            assert_eq!(attachment(name, form), value);
        }
        assert_eq!(
            attachment("scan 1.pdf", FileNames::Both),
            "attachment; filename=\"scan 1.pdf\""
        );
        assert_eq!(
            attachment("你.pdf", FileNames::Latin),
            "attachment; filename*=UTF-8''%E4%BD%A0.pdf"
        );
    }
}
