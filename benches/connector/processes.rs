//! Processor time and memory of any process of this machine, as `/proc` tells them.

use super::Result;
use std::time::Duration;

/// `/proc` counts processor time in these, whatever the machine.
const TICK: Duration = Duration::from_millis(10);

/// User and system time of a process, of threads that have ended, too.
pub fn processor(process: u32) -> Result<Duration> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The program's name stands in brackets, and may hold anything.
    let after_name = text.rsplit(')').next().unwrap_or_default();
    let ticks: Vec<u32> = after_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(str::parse)
        .collect::<std::result::Result<_, _>>()?;
    Ok(ticks.into_iter().map(|ticks| TICK * ticks).sum())
}

/// What a process has in memory just now, in bytes.
pub fn resident(process: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .ok_or("no VmRSS in /proc")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
}
