//! Finding where one element of a JSON array ends.
//!
//! The scanner knows strings and brackets and nothing else of JSON. What it
//! finds is then checked by a real parser.

/// Deeper nesting than this is taken for damage. Parsers of JSON commonly stop
/// at 128 levels too.
pub(super) const MAX_LEVELS: usize = 128;

/// The state between two bytes of an element.
#[derive(Default)]
pub(super) struct Scanner {
    /// The brackets that are to come, the innermost last.
    closing: Vec<u8>,
    in_string: bool,
    escaped: bool,
}

/// What a byte is to the element.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Part of it.
    Inside,
    /// The `,` after it.
    Comma,
    /// The `]` after it, which ends the array.
    End,
    /// Something after which nobody can say where the element ends.
    Broken,
    /// The bracket that is one too many.
    TooDeep,
}

impl Scanner {
    pub(super) fn step(&mut self, byte: u8) -> Step {
        if self.in_string {
            return self.step_in_string(byte);
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' => return self.enter(b'}'),
            b'[' => return self.enter(b']'),
            b',' if self.closing.is_empty() => return Step::Comma,
            b']' if self.closing.is_empty() => return Step::End,
            b'}' | b']' if self.closing.pop() != Some(byte) => return Step::Broken,
            _ => {}
        }
        Step::Inside
    }

    /// Whether a bracket or quote is still open.
    pub(super) fn is_within(&self) -> bool {
        self.in_string || !self.closing.is_empty()
    }

    /// A line break in a string is not JSON, and most often means that its quote
    /// was not closed: seen here, the damage ends with the line.
    fn step_in_string(&mut self, byte: u8) -> Step {
        match byte {
            b'\n' => return Step::Broken,
            _ if self.escaped => self.escaped = false,
            b'\\' => self.escaped = true,
            b'"' => self.in_string = false,
            _ => {}
        }
        Step::Inside
    }

    fn enter(&mut self, closing: u8) -> Step {
        if self.closing.len() == MAX_LEVELS {
            return Step::TooDeep;
        }
        self.closing.push(closing);
        Step::Inside
    }
}
