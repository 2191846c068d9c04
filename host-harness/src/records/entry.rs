//! What comes out of a reader.

/// The most bytes that are repeated of a record that is too large.
const MAX_SHOWN_BYTES: usize = 4 * 1024;

/// One record of a file, or what stands in the place of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A record.
    Record {
        /// Where it stands, unique in the file: `line 12`, `item 5`, `row 3`.
        key: String,
        /// One JSON object, without white space around it.
        json: String,
    },
    /// A row of a CSV file whose cells are all empty, as a spreadsheet leaves one that was
    /// emptied. It is to be passed over, and counted.
    Blank {
        /// Where it stands, for a person.
        place: String,
    },
    /// Something that is no record. Those after it are read all the same, unless
    /// nobody can say where the next one starts.
    Invalid {
        /// As in a record.
        key: String,
        /// What stands there; the beginning only, where it is too large.
        raw: String,
        /// Where exactly, for a person.
        place: String,
        /// What is wrong with it.
        message: String,
        /// What would be right.
        fix: String,
    },
}

impl Entry {
    pub(super) fn too_large(key: String, place: String, raw: &[u8], limit: usize) -> Self {
        let shown = &raw[..raw.len().min(MAX_SHOWN_BYTES)];
        Self::Invalid {
            key,
            raw: text(shown),
            place,
            message: format!("it is larger than the {limit} bytes that a record may have"),
            fix: "split the record; if it should not be so large, look for a quote or \
                  bracket that is not closed"
                .to_owned(),
        }
    }

    pub(super) fn not_utf8(key: String, place: String, raw: &[u8]) -> Self {
        Self::Invalid {
            key,
            raw: text(raw),
            place,
            message: "it is not UTF-8 text".to_owned(),
            fix: "save the file with the encoding UTF-8".to_owned(),
        }
    }
}

/// `raw` as text, whatever it is.
pub(super) fn text(raw: &[u8]) -> String {
    String::from_utf8_lossy(raw).into_owned()
}
