//! The one rule that the connector breaks, where it is told to.

use connector_guest::Connection;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breach {
    /// None.
    None,
    /// A test goes on after a step that failed.
    Checks,
    /// The shape of records is no JSON Schema.
    Schema,
    /// An object allows an activity that cannot be described.
    Undescribed,
    /// An unknown activity makes it trap.
    Unknown,
    /// An option that it does not know makes it trap.
    Options,
    /// It takes any checkpoint.
    AnyCheckpoint,
    /// It does not stop when nobody listens.
    Deaf,
    /// It makes everything before it gives anything.
    Hoards,
    /// It reads all input before it answers any.
    Greedy,
    /// It answers every second record only.
    Silent,
    /// It answers records twice.
    Twice,
    /// It answers a key that it was not given.
    Stranger,
    /// It goes on one record too late.
    Loses,
    /// It puts a secret into a record.
    LeaksData,
    /// It puts a secret into an error.
    LeaksError,
    /// It puts a secret into its log.
    LeaksLog,
    /// It puts a secret into a plan.
    LeaksPlan,
    /// It says that an error is its own fault where the call is.
    Untyped,
    /// A second acknowledgement of the same place fails.
    AcknowledgesOnce,
}

impl Breach {
    pub fn of(connection: &Connection) -> Self {
        match connection.setting("breach") {
            "checks" => Self::Checks,
            "schema" => Self::Schema,
            "undescribed" => Self::Undescribed,
            "unknown" => Self::Unknown,
            "options" => Self::Options,
            "any-checkpoint" => Self::AnyCheckpoint,
            "deaf" => Self::Deaf,
            "hoards" => Self::Hoards,
            "greedy" => Self::Greedy,
            "silent" => Self::Silent,
            "twice" => Self::Twice,
            "stranger" => Self::Stranger,
            "loses" => Self::Loses,
            "leaks-data" => Self::LeaksData,
            "leaks-error" => Self::LeaksError,
            "leaks-log" => Self::LeaksLog,
            "leaks-plan" => Self::LeaksPlan,
            "untyped" => Self::Untyped,
            "acknowledges-once" => Self::AcknowledgesOnce,
            _ => Self::None,
        }
    }
}
