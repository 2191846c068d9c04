//! What a connection lets its connector use up: each limit with its name, its default
//! and its bounds, in one place for every door through which a person sets one.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A limit that a person can set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Limit {
    /// Memory of one running connector.
    MemoryMib,
    /// Time that a call may spend computing.
    CpuSeconds,
    /// Time that a call may take in all, waiting included.
    WallSeconds,
    /// Requests per second to the remote system, sustained.
    RequestsPerSecond,
    /// Requests under way at the same time.
    RequestsAtATime,
    /// What a connector may hand over at once: a record, a page, a list.
    HandedOverMib,
    /// Handles that it may hold at a time.
    Handles,
    /// Elements of each of its tables.
    TableElements,
    /// Headers of one message.
    HeaderKib,
    /// Size of a file that it keeps.
    FileMib,
    /// Lines of a run's log that are kept, of the connector and of the host each.
    LogLines,
    /// Text of one line, and of each of its fields.
    LogTextKib,
    /// Fields of one line.
    LogFields,
}

/// A limit as a person sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct LimitForm {
    /// Its name, as it stands in files and on the command line.
    pub name: &'static str,
    /// What it limits.
    pub title: &'static str,
    /// What holds where it is not set; absent: what the connector says of itself.
    pub default: Option<u32>,
    /// The least that it can be set to.
    pub least: u32,
    /// The most that it can be set to.
    pub most: u32,
}

/// Why a limit was not set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// There is none of this name.
    #[error("there is no limit of this name; there are {known}")]
    Unknown {
        /// Those that there are.
        known: String,
    },
    /// It cannot be set to this. What was given is not shown.
    #[error("{name} has to be a whole number from {least} to {most}")]
    OutOfBounds {
        /// Its name.
        name: &'static str,
        /// The least that it can be set to.
        least: u32,
        /// The most that it can be set to.
        most: u32,
    },
}

impl LimitForm {
    /// That a number is within the bounds.
    ///
    /// # Errors
    /// If it is not.
    pub fn check(&self, number: i64) -> Result<u32, LimitError> {
        u32::try_from(number)
            .ok()
            .filter(|number| (self.least..=self.most).contains(number))
            .ok_or(LimitError::OutOfBounds {
                name: self.name,
                least: self.least,
                most: self.most,
            })
    }
}

fn names() -> String {
    Limit::ALL.map(|limit| limit.form().name).join(", ")
}

const fn of(name: &'static str, title: &'static str, default: Option<u32>, most: u32) -> LimitForm {
    LimitForm {
        name,
        title,
        default,
        least: 1,
        most,
    }
}

impl Limit {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::MemoryMib,
        Self::CpuSeconds,
        Self::WallSeconds,
        Self::RequestsPerSecond,
        Self::RequestsAtATime,
        Self::HandedOverMib,
        Self::Handles,
        Self::TableElements,
        Self::HeaderKib,
        Self::FileMib,
        Self::LogLines,
        Self::LogTextKib,
        Self::LogFields,
    ];

    /// Its name, its default and its bounds.
    pub const fn form(self) -> LimitForm {
        match self {
            Self::MemoryMib => of("memory-mib", "Memory, in MiB", Some(256), 4096),
            Self::CpuSeconds => of("cpu-seconds", "Processor time, in s", Some(300), 604_800),
            Self::WallSeconds => of(
                "wall-seconds",
                "Time from start to end, in s",
                Some(86_400),
                2_592_000,
            ),
            Self::RequestsPerSecond => {
                of("requests-per-second", "Requests per second", None, 10_000)
            }
            Self::RequestsAtATime => of("requests-at-a-time", "Requests at a time", Some(32), 1000),
            Self::HandedOverMib => of(
                "handed-over-mib",
                "Handed over at once, in MiB",
                Some(64),
                2048,
            ),
            Self::Handles => of("handles", "Handles", Some(4096), 100_000),
            Self::TableElements => of(
                "table-elements",
                "Elements of a table",
                Some(20_000),
                20_000,
            ),
            Self::HeaderKib => of(
                "header-kib",
                "Headers of a message, in KiB",
                Some(128),
                1024,
            ),
            Self::FileMib => of(
                "file-mib",
                "Size of a file, in MiB",
                Some(10_240),
                10_485_760,
            ),
            Self::LogLines => of("log-lines", "Lines of the log", Some(1000), 100_000),
            Self::LogTextKib => of("log-text-kib", "Text of a line, in KiB", Some(4), 1024),
            Self::LogFields => of("log-fields", "Fields of a line", Some(16), 1000),
        }
    }

    /// The limit of this name.
    ///
    /// # Errors
    /// If there is none.
    pub fn named(name: &str) -> Result<Self, LimitError> {
        Self::ALL
            .into_iter()
            .find(|limit| limit.form().name == name)
            .ok_or_else(|| LimitError::Unknown { known: names() })
    }
}

/// Limits that a person set, each within its bounds. Where one is absent, its default
/// holds.
///
/// As JSON it is read leniently: another version of the program may know others, or
/// other bounds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "BTreeMap<String, u32>", into = "BTreeMap<String, u32>")]
pub struct Limits(BTreeMap<Limit, u32>);

impl Limits {
    /// What it is set to, where it is.
    pub fn get(&self, limit: Limit) -> Option<u32> {
        self.0.get(&limit).copied()
    }

    /// Sets one.
    ///
    /// # Errors
    /// If the number is not within its bounds.
    pub fn set(&mut self, limit: Limit, number: i64) -> Result<(), LimitError> {
        self.0.insert(limit, limit.form().check(number)?);
        Ok(())
    }

    /// The same, none above what `most` says of it.
    #[must_use]
    pub fn within(&self, most: &Self) -> Self {
        let mut within = self.clone();
        for (limit, most) in &most.0 {
            let wanted = self.get(*limit).or(limit.form().default);
            within
                .0
                .insert(*limit, wanted.map_or(*most, |wanted| wanted.min(*most)));
        }
        within
    }
}

impl From<BTreeMap<String, u32>> for Limits {
    fn from(given: BTreeMap<String, u32>) -> Self {
        let known = given.into_iter().filter_map(|(name, number)| {
            let limit = Limit::named(&name).ok()?;
            let form = limit.form();
            Some((limit, number.clamp(form.least, form.most)))
        });
        Self(known.collect())
    }
}

impl From<Limits> for BTreeMap<String, u32> {
    fn from(limits: Limits) -> Self {
        let named = limits
            .0
            .into_iter()
            .map(|(limit, number)| (limit.form().name.to_owned(), number));
        named.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_set_within_its_bounds_only() {
        let mut limits = Limits::default();
        for limit in Limit::ALL {
            let form = limit.form();
            assert_eq!(Limit::named(form.name), Ok(limit));
            for number in [-1, 0, i64::from(form.most) + 1, i64::MAX] {
                let error = limits.set(limit, number).unwrap_err().to_string();
                let bounds = format!(
                    "{} has to be a whole number from 1 to {}",
                    form.name, form.most
                );
                assert_eq!(error, bounds);
            }
            assert_eq!(limits.get(limit), None);
            assert!(
                form.default
                    .is_none_or(|default| form.check(default.into()).is_ok())
            );
            limits.set(limit, form.most.into()).unwrap();
            assert_eq!(limits.get(limit), Some(form.most));
        }
        let unknown = Limit::named("memory").unwrap_err().to_string();
        assert!(unknown.contains("memory-mib"), "{unknown}");
    }

    #[test]
    fn what_an_agent_allows_holds_for_defaults_as_well() {
        let mut most = Limits::default();
        most.set(Limit::MemoryMib, 100).unwrap();
        most.set(Limit::Handles, 5000).unwrap();
        let mut wanted = Limits::default();
        wanted.set(Limit::Handles, 6000).unwrap();
        wanted.set(Limit::LogLines, 7).unwrap();
        let within = wanted.within(&most);
        assert_eq!(within.get(Limit::MemoryMib), Some(100));
        assert_eq!(within.get(Limit::Handles), Some(5000));
        assert_eq!(within.get(Limit::LogLines), Some(7));
        assert_eq!(within.get(Limit::CpuSeconds), None);
    }

    #[test]
    fn limits_of_another_version_are_taken_as_far_as_they_are_known() {
        let text = r#"{"memory-mib":9999999,"moons":3,"handles":7}"#;
        let limits: Limits = serde_json::from_str(text).unwrap();
        let kept = serde_json::to_string(&limits).unwrap();
        assert_eq!(kept, r#"{"handles":7,"memory-mib":4096}"#);
    }
}
