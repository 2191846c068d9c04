//! Records as elements of one JSON array, which is never in memory as a whole.

use std::io::{self, BufRead, BufReader, Read};

use super::entry::{Entry, text};
use super::json_object::{self, Fault, Syntax};
use super::json_scanner::{MAX_LEVELS, Scanner, Step};
use super::reader::buffered;

/// Reads the objects of a JSON array.
pub(super) struct JsonReader<R> {
    source: BufReader<R>,
    max_bytes: usize,
    /// Of the byte that is read next.
    position: Position,
    /// The element that is being read, counted from 1.
    item: u64,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    BeforeArray,
    /// After `[`.
    BeforeFirst,
    /// After `,`.
    BeforeNext,
    /// After `]`.
    AfterArray,
    /// The input ended before the `]`.
    Unclosed,
    Ended,
}

/// A place in the file, all counted from 0. A byte order mark is not counted.
#[derive(Clone, Copy, Default)]
struct Position {
    byte: u64,
    line: u64,
    column: u64,
}

/// An element as far as the scanner could follow it.
struct Element {
    /// What is kept of it: all, unless it is too large.
    bytes: Vec<u8>,
    start: Position,
    too_large: bool,
    end: End,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Comma,
    Bracket,
    Broken,
    TooDeep,
    /// Of the input, after a whole element.
    Input,
    /// Of the input, within the element.
    InputWithin,
}

impl<R: Read> JsonReader<R> {
    pub(super) fn new(source: BufReader<R>, max_bytes: usize) -> Self {
        Self {
            source,
            max_bytes,
            position: Position::default(),
            item: 1,
            state: State::BeforeArray,
        }
    }

    pub(super) fn next(&mut self) -> io::Result<Option<Entry>> {
        loop {
            let entry = match self.state {
                State::BeforeArray => self.open()?,
                State::BeforeFirst | State::BeforeNext => self.element()?,
                State::AfterArray => self.close()?,
                State::Unclosed => Some(self.broken("the array is not closed", Vec::new())),
                State::Ended => return Ok(None),
            };
            if entry.is_some() {
                return Ok(entry);
            }
        }
    }

    /// The element that is being read.
    pub(super) fn position(&self) -> String {
        format!("item {}", self.item)
    }

    fn open(&mut self) -> io::Result<Option<Entry>> {
        Ok(match self.after_white_space()? {
            Some(b'[') => {
                self.pass(1);
                self.state = State::BeforeFirst;
                None
            }
            Some(byte) => Some(self.broken("a JSON file starts with `[`", vec![byte])),
            None => Some(self.broken("the file is empty", Vec::new())),
        })
    }

    fn close(&mut self) -> io::Result<Option<Entry>> {
        Ok(match self.after_white_space()? {
            Some(byte) => Some(self.broken("something follows the `]`", vec![byte])),
            None => {
                self.state = State::Ended;
                None
            }
        })
    }

    fn element(&mut self) -> io::Result<Option<Entry>> {
        if self.after_white_space()?.is_none() {
            self.state = State::Unclosed;
            return Ok(None);
        }
        let element = self.scan()?;
        let is_first = self.state == State::BeforeFirst;
        self.state = match element.end {
            End::Comma => State::BeforeNext,
            End::Bracket => State::AfterArray,
            End::Input => State::Unclosed,
            End::Broken | End::TooDeep | End::InputWithin => State::Ended,
        };
        if element.bytes.is_empty() {
            if element.end == End::Bracket && is_first {
                return Ok(None);
            }
            self.position = element.start;
            return Ok(Some(self.broken("an item is missing here", Vec::new())));
        }
        let entry = self.judge(element);
        self.item += 1;
        Ok(Some(entry))
    }

    /// Reads to the end of the element that starts here.
    fn scan(&mut self) -> io::Result<Element> {
        let max_bytes = self.max_bytes;
        let mut scanner = Scanner::default();
        let mut element = Element {
            bytes: Vec::new(),
            start: self.position,
            too_large: false,
            end: End::Input,
        };
        loop {
            let chunk = buffered(&mut self.source)?;
            if chunk.is_empty() {
                if scanner.is_within() {
                    element.end = End::InputWithin;
                }
                return Ok(element);
            }
            let end = chunk
                .iter()
                .enumerate()
                .find_map(|(at, &byte)| match scanner.step(byte) {
                    Step::Inside => None,
                    Step::Comma => Some((End::Comma, at)),
                    Step::End => Some((End::Bracket, at)),
                    Step::Broken => Some((End::Broken, at + 1)),
                    Step::TooDeep => Some((End::TooDeep, at + 1)),
                });
            let content = &chunk[..end.map_or(chunk.len(), |(_, length)| length)];
            element.keep(content, max_bytes);
            let consumed = match end {
                // The separator after an element is consumed with it,
                Some((End::Comma | End::Bracket, at)) => at + 1,
                // but the position stays at a byte that does not belong there.
                Some((_, length)) => length - 1,
                None => content.len(),
            };
            self.pass(consumed);
            if let Some((end, _)) = end {
                element.end = end;
                return Ok(element);
            }
        }
    }

    fn judge(&mut self, element: Element) -> Entry {
        let key = self.position();
        let place = |position: Position| format!("{key}, {}", position.describe());
        match element.end {
            End::TooDeep => {
                let message = format!("it is nested deeper than {MAX_LEVELS} levels");
                return self.broken(&message, element.bytes);
            }
            End::InputWithin if !element.too_large => {
                return self.broken("the file ends within this item", element.bytes);
            }
            _ => {}
        }
        if element.too_large {
            let place = place(element.start);
            return Entry::too_large(key, place, &element.bytes, self.max_bytes);
        }
        let Ok(whole) = std::str::from_utf8(&element.bytes) else {
            let place = place(element.start);
            return Entry::not_utf8(key, place, &element.bytes);
        };
        // The byte at which it broke may be white space.
        let json = match element.end {
            End::Broken => whole,
            _ => json_object::trim(whole),
        };
        match json_object::check(json) {
            Ok(()) => Entry::Record {
                json: json.to_owned(),
                key,
            },
            Err(Fault::OtherValue(kind)) => Entry::Invalid {
                raw: json.to_owned(),
                place: place(element.start),
                message: format!("it is {kind}, not a JSON object"),
                fix: "make every item of the array an object, as in `[{\"name\": \"Acme\"}]`"
                    .to_owned(),
                key,
            },
            Err(Fault::Syntax(fault)) => {
                self.position = element.start.at(whole, &fault);
                let message = format!("it is not JSON: {}", fault.message);
                self.broken(&message, element.bytes)
            }
        }
    }

    /// The end of reading: from here on nobody can say what belongs to which item.
    fn broken(&mut self, message: &str, raw: Vec<u8>) -> Entry {
        self.state = State::Ended;
        Entry::Invalid {
            key: self.position(),
            raw: text(&raw),
            place: format!("{}, {}", self.position(), self.position.describe()),
            message: format!("{message}; nothing after this could be read"),
            fix: "a JSON file is one array of objects, as in `[{\"name\": \"Acme\"}]`; if each \
                  line is an object of its own, read the file as `ndjson`"
                .to_owned(),
        }
    }

    /// The next byte that is no white space, not yet consumed.
    fn after_white_space(&mut self) -> io::Result<Option<u8>> {
        loop {
            let chunk = buffered(&mut self.source)?;
            let blank = chunk
                .iter()
                .take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))
                .count();
            let next = chunk.get(blank).copied();
            let is_end = chunk.is_empty();
            self.pass(blank);
            if next.is_some() || is_end {
                return Ok(next);
            }
        }
    }

    fn pass(&mut self, bytes: usize) {
        self.position.pass(&self.source.buffer()[..bytes]);
        self.source.consume(bytes);
    }
}

impl Element {
    fn keep(&mut self, bytes: &[u8], max_bytes: usize) {
        let room = max_bytes - self.bytes.len();
        self.too_large |= bytes.len() > room;
        self.bytes
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

impl Position {
    fn pass(&mut self, bytes: &[u8]) {
        self.byte += bytes.len() as u64;
        match bytes.iter().rposition(|&byte| byte == b'\n') {
            Some(last) => {
                self.line += bytes.iter().filter(|&&byte| byte == b'\n').count() as u64;
                self.column = (bytes.len() - last - 1) as u64;
            }
            None => self.column += bytes.len() as u64,
        }
    }

    /// Where in the file a fault of the element lies that starts here.
    fn at(mut self, element: &str, fault: &Syntax) -> Self {
        let line_start: usize = element
            .split_inclusive('\n')
            .take(fault.line - 1)
            .map(str::len)
            .sum();
        let at = (line_start + fault.column.saturating_sub(1)).min(element.len());
        self.pass(&element.as_bytes()[..at]);
        self
    }

    fn describe(self) -> String {
        format!(
            "line {}, column {} (byte {})",
            self.line + 1,
            self.column + 1,
            self.byte + 1
        )
    }
}
