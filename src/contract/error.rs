//! Why something could not be done.

/// What a host needs to know to act; `code` tells more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    InvalidSettings,
    InvalidInput,
    Unreachable,
    Authentication,
    Permission,
    NotFound,
    RateLimited,
    TimedOut,
    RemoteFailure,
    UnexpectedAnswer,
    Uncertain,
    Internal,
}

/// What Coupa says about one field of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    pub field: Option<String>,
    pub message: String,
}

/// An error in the contract's form: a stable code, and words for a person. The
/// codes are listed in `docs/errors.md`.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{message} [{code}]")]
pub struct Error {
    pub kind: ErrorKind,
    pub code: &'static str,
    pub message: String,
    pub remedy: Option<String>,
    pub status: Option<u16>,
    pub retry_after_ms: Option<u64>,
    pub fields: Vec<FieldError>,
}

// One copy of each: errors are made in hundreds of places, and none of them is in a hurry.
impl Error {
    #[inline(never)]
    pub fn new(kind: ErrorKind, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind,
            code,
            message: message.into(),
            remedy: None,
            status: None,
            retry_after_ms: None,
            fields: Vec::new(),
        }
    }

    /// Adds what the person can do.
    #[must_use]
    #[inline(never)]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// An option of a call, or a setting, that is missing or malformed.
    #[inline(never)]
    pub fn setting(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::InvalidSettings, code, message)
    }
}
