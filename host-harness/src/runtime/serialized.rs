//! The contract's records as JSON, for whoever hands them to another program. To be
//! named in `#[serde(with = …)]`.

use super::bindings::types::{
    Call, Check, CheckOutcome, Error, ErrorKind, FieldError, Notice, NoticeKind, Setting,
};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
#[serde(remote = "ErrorKind", rename_all = "kebab-case")]
enum ErrorKindJson {
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

/// An error.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Error", rename_all = "kebab-case")]
pub(crate) struct ErrorJson {
    #[serde(with = "ErrorKindJson")]
    kind: ErrorKind,
    code: String,
    message: String,
    remedy: Option<String>,
    status: Option<u16>,
    retry_after: Option<u64>,
    #[serde(with = "field_errors")]
    fields: Vec<FieldError>,
}

/// A call.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Call", rename_all = "kebab-case")]
pub(crate) struct CallJson {
    activity: String,
    object: String,
    #[serde(with = "settings")]
    options: Vec<Setting>,
    resume: Option<String>,
    dry_run: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "NoticeKind", rename_all = "kebab-case")]
enum NoticeKindJson {
    Throttled,
    Retrying,
    Warning,
}

/// A notice.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Notice", rename_all = "kebab-case")]
pub(crate) struct NoticeJson {
    #[serde(with = "NoticeKindJson")]
    kind: NoticeKind,
    message: String,
    wait: Option<u64>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "CheckOutcome", rename_all = "kebab-case")]
enum CheckOutcomeJson {
    Passed,
    Failed,
    Skipped,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Check", rename_all = "kebab-case")]
struct CheckJson {
    name: String,
    title: String,
    #[serde(with = "CheckOutcomeJson")]
    outcome: CheckOutcome,
    elapsed: u64,
    detail: Option<String>,
    #[serde(with = "optional_error")]
    error: Option<Error>,
}

mod field_errors {
    use super::FieldError;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        fields: &[FieldError],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(fields.iter().map(|field| (&field.field, &field.message)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<FieldError>, D::Error> {
        let pairs = Vec::<(Option<String>, String)>::deserialize(deserializer)?;
        let fields = pairs.into_iter();
        Ok(fields
            .map(|(field, message)| FieldError { field, message })
            .collect())
    }
}

mod settings {
    use super::Setting;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        settings: &[Setting],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(settings.iter().map(|one| (&one.name, &one.value)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Setting>, D::Error> {
        let pairs = Vec::<(String, String)>::deserialize(deserializer)?;
        let settings = pairs.into_iter();
        Ok(settings
            .map(|(name, value)| Setting { name, value })
            .collect())
    }
}

mod optional_error {
    use super::{Error, ErrorJson};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct One(#[serde(with = "ErrorJson")] Error);

    pub(super) fn serialize<S: Serializer>(
        error: &Option<Error>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        error.clone().map(One).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Error>, D::Error> {
        let error = Option::<One>::deserialize(deserializer)?;
        Ok(error.map(|One(error)| error))
    }
}

/// Checks.
pub(crate) mod checks {
    use super::{Check, CheckJson};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct One(#[serde(with = "CheckJson")] Check);

    pub(crate) fn serialize<S: Serializer>(
        checks: &[Check],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(checks.iter().cloned().map(One))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Check>, D::Error> {
        let checks = Vec::<One>::deserialize(deserializer)?;
        Ok(checks.into_iter().map(|One(check)| check).collect())
    }
}
