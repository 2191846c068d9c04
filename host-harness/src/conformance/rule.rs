//! The rules, and what the contract says of each.

use strum::{EnumIter, IntoStaticStr};

/// One rule of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, EnumIter, IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
#[non_exhaustive]
pub enum Rule {
    /// What it imports and exports.
    Interfaces,
    /// That it says what it is.
    DescribesItself,
    /// Its id and its version.
    Identity,
    /// The form of its connection.
    Form,
    /// Which changes clear which secrets.
    Reauthentication,
    /// Which properties it reaches.
    Reaches,
    /// The activities that it lists.
    Activities,
    /// The objects that it lists.
    Objects,
    /// That a search finds what it should.
    Search,
    /// The shapes of objects.
    Shapes,
    /// That describing sends nothing.
    DescribingSendsNothing,
    /// That planning sends nothing.
    PlanningSendsNothing,
    /// An unknown activity.
    UnknownActivity,
    /// An unknown object.
    UnknownObject,
    /// An option that it does not have.
    UnknownOption,
    /// An option with a value that does not fit.
    MalformedOption,
    /// A checkpoint that it did not give.
    ForeignCheckpoint,
    /// Anything else, whatever it is.
    NeverTraps,
    /// The steps of a test.
    TestOrder,
    /// What a source gives.
    SourceEvents,
    /// What its summary says.
    SourceTotals,
    /// That it goes on where it stopped.
    Resumes,
    /// That it stops where nobody listens.
    Cancelled,
    /// That it waits for a slow reader.
    SlowReader,
    /// That acknowledging twice is as once.
    Acknowledged,
    /// That a target answers each record once.
    OneAnswer,
    /// That it reads no faster than it writes.
    ReadsAsItWrites,
    /// That no secret is told.
    NoSecretTold,
}

impl Rule {
    /// Stable, for programs.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// What the contract says.
    pub const fn says(self) -> &'static str {
        match self {
            Self::Interfaces => {
                "it exports `connector` and `design`, and imports only this contract, wasi:http \
                 and wasi:clocks, in versions that the host serves"
            }
            Self::DescribesItself => {
                "`describe` sends nothing, reveals nothing, and answers the same each time"
            }
            Self::Identity => {
                "the id is lower case, words joined by `-`; the version is a semantic version; \
                 there is a title"
            }
            Self::Form => {
                "properties have names of their own, lower case, words joined by `-`; a choice has \
                 values; a default fits; a condition names another property and values that it \
                 can have"
            }
            Self::Reauthentication => {
                "what is changed are properties, and what is cleared are secret properties"
            }
            Self::Reaches => "each names a property that holds a URL: a text, and no secret",
            Self::Activities => {
                "`list-activities` answers each activity once; a source may continue or be \
                 acknowledged, a target may have a dry run"
            }
            Self::Objects => {
                "`list-objects` answers each object once, with activities that are listed"
            }
            Self::Search => {
                "a search answers the objects whose name or title contains it, ignoring case"
            }
            Self::Shapes => {
                "every activity that an object allows can be described: JSON Schema 2020-12 of \
                 one record; a source takes none, a target takes one"
            }
            Self::DescribingSendsNothing => {
                "without `refresh` the connector answers what it knows, and sends nothing"
            }
            Self::PlanningSendsNothing => "without `look` a plan sends nothing",
            Self::UnknownActivity
            | Self::UnknownOption
            | Self::MalformedOption
            | Self::ForeignCheckpoint => {
                "`execute` itself fails, before any record has moved, with an error that says \
                 that the call is at fault"
            }
            Self::UnknownObject => {
                "the call fails before any record has moved, with an error that says so"
            }
            Self::NeverTraps => {
                "whatever the settings, options and names, a connector answers or says an error"
            }
            Self::TestOrder => {
                "the first failed step is the last one tried, and those after it are `skipped`; \
                 an error is set exactly where a step failed"
            }
            Self::SourceEvents => {
                "a source emits items, each a JSON object with a key, and checkpoints of at most \
                 4 KiB; it answers nothing"
            }
            Self::SourceTotals => "the summary counts the records emitted",
            Self::Resumes => {
                "a later call that is given a checkpoint goes on right after it, neither losing \
                 nor repeating a record"
            }
            Self::Cancelled => {
                "when the stream of events is dropped the connector starts nothing new, and the \
                 future still resolves"
            }
            Self::SlowReader => {
                "a host that reads slowly slows the connector down: it holds only a bounded \
                 window of records"
            }
            Self::Acknowledged => "acknowledging a checkpoint a second time has no effect",
            Self::OneAnswer => {
                "a target answers every input that it reads with exactly one event that carries \
                 its key"
            }
            Self::ReadsAsItWrites => "a target reads input no faster than it writes",
            Self::NoSecretTold => {
                "a secret is never in an event, an error, a plan or a line of the log"
            }
        }
    }
}
