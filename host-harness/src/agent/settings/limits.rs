//! The limits in an agent's settings, each held against its bounds.

use super::{SettingsError, line};
use crate::connection::{Limit, LimitError, LimitForm, Limits};
use crate::runtime::ProcessLimits;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use toml::Spanned;

/// What the largest component can be set to.
pub(super) const MAX_MIB: LimitForm = of(
    "max-mib",
    "Size of a component, in MiB",
    DEFAULT_MAX_MIB,
    1,
    1024,
);
/// The largest component, where nothing is set.
pub(super) const DEFAULT_MAX_MIB: u32 = 64;

const CONNECTORS: LimitForm = of("connectors", "Connectors running at a time", 64, 1, 1000);
const WAIT: LimitForm = of("wait-seconds", "How long one more waits, in s", 30, 1, 3600);
const STACK: LimitForm = of("stack-kib", "Stack, in KiB", 512, 64, 8192);
const MEMORY: LimitForm = of("describe-memory-mib", "Memory, in MiB", 64, 1, 4096);
const CPU: LimitForm = of("describe-cpu-seconds", "Processor time, in s", 2, 1, 3600);
const WALL: LimitForm = of("describe-wall-seconds", "Time, in s", 10, 1, 3600);
const HANDED_OVER: LimitForm = of(
    "describe-handed-over-mib",
    "Handed over, in MiB",
    8,
    1,
    2048,
);

const fn of(
    name: &'static str,
    title: &'static str,
    default: u32,
    least: u32,
    most: u32,
) -> LimitForm {
    LimitForm {
        name,
        title,
        default: Some(default),
        least,
        most,
    }
}

/// A table of limits, as it stands in the file.
type Table = BTreeMap<String, Spanned<i64>>;

/// The file that limits stand in.
pub(super) struct Located<'a> {
    pub(super) path: &'a Path,
    pub(super) text: &'a str,
}

impl Located<'_> {
    pub(super) fn checked(
        &self,
        table: &str,
        form: &LimitForm,
        given: &Spanned<i64>,
    ) -> Result<u32, SettingsError> {
        form.check(*given.get_ref())
            .map_err(|error| self.wrong(table, form.name, given, error))
    }

    fn wrong(
        &self,
        table: &str,
        name: &str,
        given: &Spanned<i64>,
        source: LimitError,
    ) -> SettingsError {
        SettingsError::Limit {
            path: self.path.to_owned(),
            line: line(self.text, given.span().start),
            setting: format!("{table}.{name}"),
            source,
        }
    }

    pub(super) fn process_limits(&self, table: &Table) -> Result<ProcessLimits, SettingsError> {
        let mut limits = ProcessLimits::default();
        let describing = &mut limits.describing;
        for (name, given) in table {
            let number = |form: &LimitForm| self.checked("limits", form, given);
            let seconds =
                |form: &LimitForm| number(form).map(|number| Duration::from_secs(number.into()));
            let mib = |form: &LimitForm| number(form).map(|number| (number as usize) << 20);
            match name.as_str() {
                "connectors" => limits.connectors = number(&CONNECTORS)?,
                "wait-seconds" => limits.wait = seconds(&WAIT)?,
                "stack-kib" => limits.stack = (number(&STACK)? as usize) << 10,
                "describe-memory-mib" => describing.memory = mib(&MEMORY)?,
                "describe-cpu-seconds" => describing.cpu = seconds(&CPU)?,
                "describe-wall-seconds" => describing.wall = seconds(&WALL)?,
                "describe-handed-over-mib" => describing.handed_over = mib(&HANDED_OVER)?,
                _ => return Err(self.unknown("limits", name, given, &OF_PROCESS)),
            }
        }
        Ok(limits)
    }

    /// What connections may have at most. Not their requests per second: the remote
    /// system's limit is what the connector says, whatever the agent is.
    pub(super) fn most(&self, table: &Table) -> Result<Limits, SettingsError> {
        let mut most = Limits::default();
        for (name, given) in table {
            let limit = Limit::named(name).ok();
            let Some(limit) = limit.filter(|limit| *limit != Limit::RequestsPerSecond) else {
                let names = Limit::ALL
                    .into_iter()
                    .filter(|limit| *limit != Limit::RequestsPerSecond);
                let names: Vec<&str> = names.map(|limit| limit.form().name).collect();
                return Err(self.unknown("most", name, given, &names));
            };
            most.set(limit, *given.get_ref())
                .map_err(|error| self.wrong("most", name, given, error))?;
        }
        Ok(most)
    }

    fn unknown(
        &self,
        table: &str,
        name: &str,
        given: &Spanned<i64>,
        known: &[&'static str],
    ) -> SettingsError {
        let known = known.join(", ");
        self.wrong(table, name, given, LimitError::Unknown { known })
    }
}

/// The names of the process's limits.
const OF_PROCESS: [&str; 7] = [
    CONNECTORS.name,
    WAIT.name,
    STACK.name,
    MEMORY.name,
    CPU.name,
    WALL.name,
    HANDED_OVER.name,
];
