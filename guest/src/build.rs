//! Builders: what is said of a thing, and nothing of the rest.

use crate::{
    Activity, Check, CheckOutcome, Connection, Error, ErrorKind, Object, PlannedRequest, Property,
    PropertyKind, Role,
};

impl Error {
    /// An error with a stable code, and a message for a person.
    pub fn new(kind: ErrorKind, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            kind,
            code: code.into(),
            message: message.into(),
            remedy: None,
            status: None,
            retry_after: None,
            fields: Vec::new(),
        }
    }

    /// Says what the person can do.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// Says the HTTP status of the answer.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }
}

impl Property {
    /// A property that need not be filled in, takes variables, stands once and is
    /// always shown.
    pub fn new(name: &str, title: &str, description: &str, kind: PropertyKind) -> Self {
        Self {
            name: name.to_owned(),
            title: title.to_owned(),
            description: description.to_owned(),
            kind,
            required: false,
            default: None,
            repeatable: false,
            accepts_variables: true,
            shown_when: None,
        }
    }

    /// It has to be filled in.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// What holds where it is left empty.
    #[must_use]
    pub fn default(mut self, value: &str) -> Self {
        self.default = Some(value.to_owned());
        self
    }
}

impl Activity {
    /// An activity without options that neither goes on from run to run, nor is
    /// acknowledged, nor can say what it would do.
    pub fn new(name: &str, title: &str, description: &str, role: Role) -> Self {
        Self {
            name: name.to_owned(),
            title: title.to_owned(),
            description: description.to_owned(),
            role,
            options: Vec::new(),
            continues: false,
            acknowledged: false,
            dry_run: false,
        }
    }
}

impl Object {
    /// An object that stands on its own; `keys` are the fields of which any one
    /// identifies a record, best first.
    pub fn new(name: &str, title: &str, activities: &[&str], keys: &[&str]) -> Self {
        let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        Self {
            name: name.to_owned(),
            title: title.to_owned(),
            activities: owned(activities),
            parent: None,
            keys: owned(keys),
        }
    }
}

impl PlannedRequest {
    /// A request without a body; `note` says when it is sent, and how often.
    pub fn new(method: &str, path: impl Into<String>, note: &str) -> Self {
        Self {
            method: method.to_owned(),
            path: path.into(),
            body: None,
            note: note.to_owned(),
        }
    }
}

impl Check {
    /// A step of a test, as it turned out: what was found, or what went wrong.
    pub fn of(name: &str, title: &str, outcome: Result<String, Error>) -> Self {
        let (outcome, detail, error) = match outcome {
            Ok(detail) => (CheckOutcome::Passed, Some(detail), None),
            Err(error) => (CheckOutcome::Failed, None, Some(error)),
        };
        Self {
            name: name.to_owned(),
            title: title.to_owned(),
            outcome,
            elapsed: 0,
            detail,
            error,
        }
    }

    /// How long it took, in milliseconds.
    #[must_use]
    pub fn took(mut self, elapsed: u64) -> Self {
        self.elapsed = elapsed;
        self
    }
}

impl Connection {
    /// A setting, without spaces around it; empty where it is not set.
    pub fn setting(&self, name: &str) -> &str {
        let found = self.settings.iter().find(|setting| setting.name == name);
        found.map_or("", |setting| setting.value.trim())
    }
}
