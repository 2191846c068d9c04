//! What children answer, and how they measure themselves.

use super::Result;
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// One run over all records.
#[derive(Debug, Serialize, Deserialize)]
pub struct Measured {
    pub records: u64,
    /// Of the records' JSON.
    pub bytes: u64,
    pub elapsed: Duration,
    /// User and system, of all threads.
    pub processor: Duration,
    pub until_first_record: Duration,
    /// Resident, of the whole process.
    pub peak_memory: u64,
    /// Of the component alone.
    pub sandbox: Option<Sandbox>,
}

/// What only a component has.
#[derive(Debug, Serialize, Deserialize)]
pub struct Sandbox {
    /// Peak of the guest's linear memory.
    pub linear_memory: u64,
    /// Making the runtime, once per process.
    pub runtime: Duration,
    /// Loading the component with its compiled code at hand, the first thing
    /// that the process does with it.
    pub load: Duration,
}

/// Loading for the first time and again, and instantiating.
#[derive(Debug, Serialize, Deserialize)]
pub struct Loaded {
    /// Loading the component where its compiled code is not at hand.
    pub compile: Duration,
    /// Loading it again with another runtime: the median of some.
    pub load: Duration,
    /// Opening a session: the median of many.
    pub session: Duration,
}

/// Measures a run of this process while records come in.
pub struct Meter {
    started: Instant,
    processor: Duration,
    first: Option<Duration>,
    records: u64,
    bytes: u64,
}

impl Meter {
    pub fn start() -> Result<Self> {
        Ok(Self {
            processor: processor()?,
            started: Instant::now(),
            first: None,
            records: 0,
            bytes: 0,
        })
    }

    /// Counts a record.
    pub fn count(&mut self, record: &str) {
        self.first.get_or_insert_with(|| self.started.elapsed());
        self.records += 1;
        self.bytes += record.len() as u64;
    }

    pub fn stop(self, sandbox: Option<Sandbox>) -> Result<Measured> {
        Ok(Measured {
            elapsed: self.started.elapsed(),
            processor: processor()?.saturating_sub(self.processor),
            records: self.records,
            bytes: self.bytes,
            until_first_record: self.first.ok_or("no record came")?,
            peak_memory: peak_memory()?,
            sandbox,
        })
    }
}

/// The time that the threads of this process have run, in nanoseconds rather
/// than in the clock ticks of `/proc/self/stat`.
fn processor() -> Result<Duration> {
    let mut nanoseconds = 0;
    for thread in std::fs::read_dir("/proc/self/task")? {
        let text = std::fs::read_to_string(thread?.path().join("schedstat"))?;
        nanoseconds += text.split(' ').next().unwrap_or_default().parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanoseconds))
}

/// The most memory that this process has had in use. Unlike `getrusage`, this
/// knows nothing of what ran before in the same process.
fn peak_memory() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .ok_or("no VmHWM in /proc/self/status")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
}
