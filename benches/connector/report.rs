//! What was measured, as Markdown.

use super::measured::{Loaded, Measured, Sandbox};
use super::statistics::{Spread, median};
use std::fmt::{self, Display, Formatter};
use std::time::Duration;

/// The component may take this many times as long as native code.
const MOST_TIME: f64 = 1.6;
/// Memory may grow by this much from the fewest records to the most.
const MOST_GROWTH: f64 = 1.1;
/// Loading from the cache and instantiating, together.
const LONGEST_START: Duration = Duration::from_millis(5);
/// The component, in bytes.
const LARGEST: u64 = 1_200_000;

pub const MIB: f64 = 1024.0 * 1024.0;

/// Everything that was measured.
pub struct Report {
    pub loaded: Loaded,
    /// Native and component, in the order they ran.
    pub pairs: Vec<(Measured, Measured)>,
    /// The component's Query and Changes of the same records.
    pub changes: Vec<(Measured, Measured)>,
    /// By number of records, fewest first.
    pub sizes: Vec<Memory>,
    /// Native and component, over orders of `lines` lines.
    pub orders: Vec<(Measured, Measured)>,
    pub lines: u64,
    /// Of the component, in bytes.
    pub size: u64,
}

/// Runs over the same records, of which the memory is compared.
pub struct Memory {
    pub native: Measured,
    pub query: Measured,
    pub changes: Measured,
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.speed(f)?;
        self.activities(f)?;
        self.large(f)?;
        self.memory(f)?;
        self.start(f)?;
        self.targets(f)
    }
}

impl Report {
    fn speed(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let elapsed = self.pairs(|run| run.elapsed.as_secs_f64());
        let processor = self.pairs(|run| run.processor.as_secs_f64());
        let first = self.pairs(|run| run.until_first_record.as_secs_f64() * 1e3);
        let rate = self.pairs(|run| run.records as f64 / run.elapsed.as_secs_f64());
        let (records, bytes) = self
            .pairs
            .first()
            .map_or((0, 0), |(run, _)| (run.records, run.bytes));
        writeln!(
            f,
            "{records} records, {:.1} MB of JSON, {} pairs of runs; median (least–greatest):\n",
            bytes as f64 / 1e6,
            self.pairs.len()
        )?;
        writeln!(
            f,
            "| | native | component | component / native |\n|---|---:|---:|---:|"
        )?;
        row(f, "records per second", 0, &rate)?;
        row(f, "time, s", 3, &elapsed)?;
        row(f, "processor time, s", 3, &processor)?;
        row(f, "until the first record, ms", 1, &first)
    }

    fn activities(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\n| | Query | Changes | Changes / Query |\n|---|---:|---:|---:|"
        )?;
        let elapsed = ratios(&self.changes, |run| run.elapsed.as_secs_f64());
        let processor = ratios(&self.changes, |run| run.processor.as_secs_f64());
        row(f, "time, s", 3, &elapsed)?;
        row(f, "processor time, s", 3, &processor)
    }

    fn memory(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\n| records | native process, MiB | Query: host process, MiB | of it the guest's, MiB | Changes: host process, MiB | of it the guest's, MiB |\n|---:|---:|---:|---:|---:|---:|"
        )?;
        for Memory {
            native,
            query,
            changes,
        } in &self.sizes
        {
            writeln!(
                f,
                "| {} | {:.1} | {:.1} | {:.2} | {:.1} | {:.2} |",
                native.records,
                native.peak_memory as f64 / MIB,
                query.peak_memory as f64 / MIB,
                linear_memory(query) / MIB,
                changes.peak_memory as f64 / MIB,
                linear_memory(changes) / MIB
            )?;
        }
        Ok(())
    }

    fn large(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (records, bytes) = self
            .orders
            .first()
            .map_or((0, 0), |(run, _)| (run.records, run.bytes));
        writeln!(
            f,
            "\n{records} orders of {} lines, {:.1} MB of JSON:\n\n| | native | component | component / native |\n|---|---:|---:|---:|",
            self.lines,
            bytes as f64 / 1e6
        )?;
        type Figure = fn(&Measured) -> f64;
        let figures: [(&str, usize, Figure); 4] = [
            ("MB per second", 0, |run| {
                run.bytes as f64 / 1e6 / run.elapsed.as_secs_f64()
            }),
            ("time, s", 3, |run| run.elapsed.as_secs_f64()),
            ("processor time, s", 3, |run| run.processor.as_secs_f64()),
            ("process, MiB", 1, |run| run.peak_memory as f64 / MIB),
        ];
        for (what, decimals, figure) in figures {
            row(f, what, decimals, &ratios(&self.orders, figure))?;
        }
        Ok(())
    }

    fn start(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n| | |\n|---|---:|")?;
        writeln!(f, "| component | {} bytes |", self.size)?;
        writeln!(
            f,
            "| first load, which compiles | {:.0} ms |",
            milliseconds(self.loaded.compile)
        )?;
        writeln!(
            f,
            "| making the runtime, once per process | {:.2} ms |",
            milliseconds(self.sandbox(|sandbox| sandbox.runtime))
        )?;
        writeln!(
            f,
            "| load from the cache, first in its process | {:.2} ms |",
            milliseconds(self.sandbox(|sandbox| sandbox.load))
        )?;
        writeln!(
            f,
            "| load from the cache, again | {:.2} ms |",
            milliseconds(self.loaded.load)
        )?;
        writeln!(
            f,
            "| instantiate: open a session | {:.3} ms |",
            milliseconds(self.loaded.session)
        )
    }

    fn targets(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (_, _, time) = self.pairs(|run| run.elapsed.as_secs_f64());
        let growth = self.growth();
        let start = self.loaded.load + self.loaded.session;
        writeln!(f, "\n| target | measured | |\n|---|---:|---|")?;
        target(
            f,
            &format!("at most {MOST_TIME} × native time"),
            &format!("{:.2} ×", time.median),
            time.median <= MOST_TIME,
        )?;
        target(
            f,
            &format!(
                "memory grows by less than {:.0} % with the records",
                (MOST_GROWTH - 1.0) * 100.0
            ),
            &format!("{:+.1} %", (growth - 1.0) * 100.0),
            growth < MOST_GROWTH,
        )?;
        target(
            f,
            &format!(
                "load from the cache and instantiate in under {:.0} ms",
                milliseconds(LONGEST_START)
            ),
            &format!("{:.2} ms", milliseconds(start)),
            start < LONGEST_START,
        )?;
        target(
            f,
            &format!("component under {LARGEST} bytes"),
            &self.size.to_string(),
            self.size < LARGEST,
        )
    }

    /// A figure of the native runs, of the component's, and the ratio pair by pair.
    fn pairs(&self, figure: impl Fn(&Measured) -> f64) -> (Spread, Spread, Spread) {
        ratios(&self.pairs, figure)
    }

    /// The median of something that each run of the component has.
    fn sandbox(&self, figure: impl Fn(&Sandbox) -> Duration) -> Duration {
        median(
            self.pairs
                .iter()
                .filter_map(|(_, run)| run.sandbox.as_ref())
                .map(figure)
                .collect(),
        )
    }

    /// How much more memory the host's process, with the guest's in it, needs for
    /// the most records than for the fewest.
    fn growth(&self) -> f64 {
        match (self.sizes.first(), self.sizes.last()) {
            (Some(fewest), Some(most)) => {
                let growth = |of: fn(&Memory) -> &Measured| {
                    of(most).peak_memory as f64 / of(fewest).peak_memory as f64
                };
                growth(|runs| &runs.query).max(growth(|runs| &runs.changes))
            }
            _ => f64::NAN,
        }
    }
}

/// A figure of one kind of runs, of the other, and the ratio pair by pair.
pub fn ratios(
    pairs: &[(Measured, Measured)],
    figure: impl Fn(&Measured) -> f64,
) -> (Spread, Spread, Spread) {
    let (one, other): (Vec<_>, Vec<_>) = pairs
        .iter()
        .map(|(one, other)| (figure(one), figure(other)))
        .unzip();
    let ratios: Vec<_> = one
        .iter()
        .zip(&other)
        .map(|(one, other)| other / one)
        .collect();
    (Spread::of(&one), Spread::of(&other), Spread::of(&ratios))
}

pub fn row(
    f: &mut Formatter<'_>,
    what: &str,
    decimals: usize,
    (native, component, ratio): &(Spread, Spread, Spread),
) -> fmt::Result {
    write!(f, "| {what} ")?;
    for (spread, decimals) in [(native, decimals), (component, decimals), (ratio, 2)] {
        write!(f, "| {} ", spread.to_text(decimals))?;
    }
    writeln!(f, "|")
}

/// A row of a table of targets.
pub fn target(f: &mut Formatter<'_>, what: &str, measured: &str, met: bool) -> fmt::Result {
    writeln!(
        f,
        "| {what} | {measured} | {} |",
        if met { "met" } else { "**not met**" }
    )
}

fn linear_memory(run: &Measured) -> f64 {
    run.sandbox
        .as_ref()
        .map_or(0.0, |sandbox| sandbox.linear_memory as f64)
}

pub fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
