//! Creates and uploads against the same writing done natively, in the manner of
//! [`super::reading`].

use super::child;
use super::measured::Measured;
use super::reading::Server;
use super::report::{self, MIB};
use super::{Extent, Result};
use std::fmt::{self, Display, Formatter};
use std::path::Path;

/// The file that is uploaded.
pub const FILE: &str = "scan.pdf";

/// A supplier as it is created: what a mapping would make of a vendor.
pub fn record(number: u64) -> String {
    format!(
        r#"{{"name":"Supplier {number} & Söhne","number":"S-{number}","status":"active","po-method":"email","po-email":"orders.{number}@supplier.example","website":"https://supplier-{number}.example","tax-id":"PT{number}","account-number":"A-{number}","payment-term":{{"code":"Net 30"}},"primary-address":{{"street1":"Rua {number}","city":"Lisboa","postal-code":"4{number}","country":{{"code":"PT"}}}}}}"#
    )
}

/// How much is written.
struct Amount {
    records: u64,
    /// Files, and how large each is.
    files: u64,
    file_bytes: usize,
    /// Pairs of runs, one to warm up not counted.
    pairs: usize,
}

const FULL: Amount = Amount {
    records: 20_000,
    files: 32,
    file_bytes: 16 << 20,
    pairs: 11,
};
const QUICK: Amount = Amount {
    records: 2_000,
    files: 4,
    file_bytes: 16 << 20,
    pairs: 3,
};

/// Measures creates and uploads, and prints both.
pub fn compare(extent: Extent) -> Result<()> {
    let amount = match extent {
        Extent::Full => FULL,
        Extent::Quick => QUICK,
    };
    let home = tempfile::tempdir()?;
    let compiled = home.path().join("compiled").to_string_lossy().into_owned();
    let content: Vec<u8> = (0..amount.file_bytes).map(|n| (n % 251) as u8).collect();
    std::fs::write(home.path().join(FILE), content)?;
    let server = Server::start(0, 0)?;
    for (activity, count) in [("create", amount.records), ("upload", amount.files)] {
        let mut pairs = Vec::new();
        for pair in 0..=amount.pairs {
            eprintln!("{activity}, pair {pair} of {}", amount.pairs);
            let native = write(
                "write-natively",
                &server,
                None,
                activity,
                count,
                home.path(),
            )?;
            let component = write(
                "write",
                &server,
                Some(&compiled),
                activity,
                count,
                home.path(),
            )?;
            // The first warms up.
            if pair > 0 {
                pairs.push((native, component));
            }
        }
        print!(
            "{}",
            Table {
                pairs,
                count,
                file_bytes: (activity == "upload").then_some(amount.file_bytes),
            }
        );
    }
    Ok(())
}

/// Has a child write, natively or by the component.
fn write(
    how: &str,
    server: &Server,
    compiled: Option<&str>,
    activity: &str,
    count: u64,
    folder: &Path,
) -> Result<Measured> {
    let (number, folder) = (count.to_string(), folder.to_string_lossy());
    let mut words = vec![how, server.url()];
    words.extend(compiled);
    words.extend([activity, &number, &folder]);
    let written: Measured = child::measure(&words)?;
    if written.records == count {
        return Ok(written);
    }
    Err(format!("{} of {count} were answered", written.records).into())
}

/// What was measured of one activity.
struct Table {
    pairs: Vec<(Measured, Measured)>,
    count: u64,
    /// Of each file, where files were uploaded.
    file_bytes: Option<usize>,
}

impl Display for Table {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let what = match self.file_bytes {
            None => format!("{} suppliers created", self.count),
            Some(bytes) => format!(
                "{} files of {} MiB uploaded",
                self.count,
                bytes as f64 / MIB
            ),
        };
        writeln!(
            f,
            "\n{what}, 4 at a time, {} pairs of runs:\n\n| | native | component | component / native |\n|---|---:|---:|---:|",
            self.pairs.len()
        )?;
        let seconds = |run: &Measured| run.elapsed.as_secs_f64();
        let rate = |run: &Measured| match self.file_bytes {
            None => run.records as f64 / seconds(run),
            Some(bytes) => run.records as f64 * bytes as f64 / MIB / seconds(run),
        };
        let unit = match self.file_bytes {
            None => "creates per second",
            Some(_) => "MiB per second",
        };
        report::row(f, unit, 0, &report::ratios(&self.pairs, rate))?;
        report::row(f, "time, s", 3, &report::ratios(&self.pairs, seconds))?;
        let processor = |run: &Measured| run.processor.as_secs_f64();
        report::row(
            f,
            "processor time, s",
            3,
            &report::ratios(&self.pairs, processor),
        )?;
        let memory = |run: &Measured| run.peak_memory as f64 / MIB;
        report::row(f, "process, MiB", 1, &report::ratios(&self.pairs, memory))
    }
}
