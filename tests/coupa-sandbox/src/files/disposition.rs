//! `Content-Disposition` of a download.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What RFC 8187 lets stand in a parameter with a character set.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The value that has a client save the body under this name. A name that is
/// not plain ASCII is given in both forms, the plain one with `_` for what it cannot say.
pub fn attachment(name: &str) -> String {
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
    let encoded = utf8_percent_encode(name, ENCODED);
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use super::attachment;

    #[test]
    fn every_name_is_a_header() {
        assert_eq!(
            attachment("scan 1.pdf"),
            "attachment; filename=\"scan 1.pdf\""
        );
        assert_eq!(
            attachment("Größe\r\n\".pdf"),
            "attachment; filename=\"Gr__e___.pdf\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe%0D%0A%22.pdf"
        );
    }
}
