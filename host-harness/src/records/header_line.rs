//! The first line of a CSV file, as it stands, and what separates its columns.
//!
//! Spreadsheets separate by what their country's custom is, so the separator is
//! recognised: it is whichever of the usual ones stands between the names.

use std::io::{self, BufRead, BufReader, Read};

use super::reader::buffered;
use super::{HeaderError, OpenError, Separator};

/// How a spreadsheet says before the header what separates the columns.
const SAYS_SEPARATOR: &[u8] = b"sep=";

/// The line that names the columns.
pub(super) struct HeaderLine {
    pub(super) bytes: Vec<u8>,
    pub(super) separator: Separator,
    /// Line breaks up to its end.
    pub(super) line_breaks: u64,
}

impl HeaderLine {
    /// Reads up to the end of the header. `chosen` is what somebody said separates the
    /// columns.
    pub(super) fn read<R: Read>(
        source: &mut BufReader<R>,
        chosen: Option<Separator>,
        max_bytes: usize,
    ) -> Result<Self, OpenError> {
        let mut said = None;
        let mut line_breaks = 0;
        let line = loop {
            let candidates = chosen
                .or(said)
                .map_or(Separator::ALL.to_vec(), |it| vec![it]);
            let line = Line::read(source, &candidates, max_bytes)?;
            line_breaks += line.line_breaks;
            if line.bytes.len() > max_bytes {
                return Err(HeaderError::TooLarge { limit: max_bytes }.into());
            }
            match line.bytes.strip_prefix(SAYS_SEPARATOR) {
                Some(&[byte]) if said.is_none() && Separator::of(byte).is_some() => {
                    said = Separator::of(byte);
                }
                _ if !line.bytes.is_empty() => break line,
                _ if line.is_last => return Err(HeaderError::Missing.into()),
                _ => {}
            }
        };
        let separator = match (chosen.or(said), line.between.as_slice()) {
            (Some(separator), _) | (None, &[separator]) => separator,
            (None, []) => Separator::Comma,
            (None, &[one, other, ..]) => {
                return Err(HeaderError::TwoSeparators { one, other }.into());
            }
        };
        Ok(Self {
            bytes: line.bytes,
            separator,
            line_breaks,
        })
    }
}

struct Line {
    /// Without the line break at its end.
    bytes: Vec<u8>,
    /// The separators that stand in it outside of quotes.
    between: Vec<Separator>,
    line_breaks: u64,
    /// The input ended with it.
    is_last: bool,
}

/// Where in a line the next byte is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    /// At the start of a cell.
    Start,
    /// In a cell without quotes.
    Plain,
    /// Between quotes.
    Quoted,
    /// After a quote that ends a cell, unless another follows.
    Closed,
}

impl Line {
    fn read<R: Read>(
        source: &mut BufReader<R>,
        candidates: &[Separator],
        max_bytes: usize,
    ) -> io::Result<Self> {
        let mut line = Self {
            bytes: Vec::new(),
            between: Vec::new(),
            line_breaks: 0,
            is_last: false,
        };
        let mut at = At::Start;
        while line.bytes.len() <= max_bytes {
            let Some(&byte) = buffered(source)?.first() else {
                line.is_last = true;
                break;
            };
            source.consume(1);
            line.line_breaks += u64::from(byte == b'\n');
            let ends = matches!(byte, b'\n' | b'\r') && at != At::Quoted;
            if ends {
                if byte == b'\r' && buffered(source)?.first() == Some(&b'\n') {
                    source.consume(1);
                    line.line_breaks += 1;
                }
                break;
            }
            line.bytes.push(byte);
            let separator = candidates.iter().find(|it| it.byte() == byte);
            at = match (at, byte, separator) {
                (At::Quoted, b'"', _) => At::Closed,
                (At::Quoted, ..) => At::Quoted,
                (At::Start | At::Closed, b'"', _) => At::Quoted,
                (_, _, Some(separator)) => {
                    if !line.between.contains(separator) {
                        line.between.push(*separator);
                    }
                    At::Start
                }
                _ => At::Plain,
            };
        }
        Ok(line)
    }
}
