//! Query and Changes against the same reading done natively.
//!
//! Pages of suppliers come over loopback HTTP from a server that is a process
//! of its own. Each measured run is a process of its own too, so that its
//! processor time and its peak memory are of nothing else. Runs alternate,
//! native and component, and what is reported are the ratios of the pairs:
//! seconds say more about the machine than about the connector.

use super::child::{self, Child};
use super::measured::{Loaded, Measured};
use super::report::{Memory, Report};
use super::{Extent, Result, built};

/// How much is measured.
struct Amount {
    /// Records of the runs that are compared.
    records: u64,
    /// Pairs of those runs, one to warm up not counted.
    pairs: usize,
    /// Records of the runs whose memory is compared, fewest first.
    sizes: &'static [u64],
    /// Orders of [`LINES`] lines, and pairs of runs over them.
    orders: u64,
    order_pairs: usize,
}

/// Lines of a large order.
const LINES: u64 = 10_000;

const FULL: Amount = Amount {
    records: 100_000,
    pairs: 11,
    sizes: &[10_000, 100_000, 1_000_000],
    orders: 200,
    order_pairs: 5,
};
const QUICK: Amount = Amount {
    records: 20_000,
    pairs: 3,
    sizes: &[10_000, 20_000],
    orders: 36,
    order_pairs: 3,
};

/// Measures everything and prints the report.
pub fn compare(extent: Extent) -> Result<()> {
    let extent = match extent {
        Extent::Full => &FULL,
        Extent::Quick => &QUICK,
    };
    let home = tempfile::tempdir()?;
    let compiled = home.path().join("compiled").to_string_lossy().into_owned();
    eprintln!("loading");
    // The folder is empty, so this one compiles.
    let loaded: Loaded = child::measure(&["load", &compiled])?;

    let server = Server::start(extent.records, 0)?;
    let mut pairs = Vec::new();
    for pair in 0..=extent.pairs {
        eprintln!("pair {pair} of {}", extent.pairs);
        let native = server.native()?;
        let component = server.component(&compiled, "query")?;
        if native.bytes != component.bytes {
            return Err("the two read different records".into());
        }
        // The first warms up.
        if pair > 0 {
            pairs.push((native, component));
        }
    }
    let mut changes = Vec::new();
    for pair in 0..extent.pairs {
        eprintln!("changes {pair} of {}", extent.pairs);
        let query = server.component(&compiled, "query")?;
        changes.push((query, server.component(&compiled, "changes")?));
    }
    drop(server);

    let mut sizes = Vec::new();
    for &records in extent.sizes {
        eprintln!("memory at {records} records");
        let server = Server::start(records, 0)?;
        let native = server.native()?;
        let query = server.component(&compiled, "query")?;
        sizes.push(Memory {
            native,
            query,
            changes: server.component(&compiled, "changes")?,
        });
    }

    let server = Server::start(extent.orders, LINES)?;
    let mut orders = Vec::new();
    for pair in 0..extent.order_pairs {
        eprintln!("orders of {LINES} lines, {pair} of {}", extent.order_pairs);
        let native = server.native()?;
        orders.push((native, server.component(&compiled, "query")?));
    }
    print!(
        "{}",
        Report {
            loaded,
            pairs,
            changes,
            sizes,
            orders,
            lines: LINES,
            size: std::fs::metadata(built())?.len()
        }
    );
    Ok(())
}

/// The page server, with this many records.
pub struct Server {
    _process: Child,
    url: String,
    records: u64,
}

impl Server {
    pub fn start(records: u64, lines: u64) -> Result<Self> {
        let mut process = Child::start(&["serve", &records.to_string(), &lines.to_string()])?;
        let url = process.line()?;
        Ok(Self {
            _process: process,
            url,
            records,
        })
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    fn native(&self) -> Result<Measured> {
        self.whole(child::measure(&["native", &self.url])?)
    }

    fn component(&self, compiled: &str, activity: &str) -> Result<Measured> {
        self.whole(child::measure(&[
            "component",
            &self.url,
            compiled,
            activity,
        ])?)
    }

    /// A run, if it has read everything.
    pub fn whole(&self, run: Measured) -> Result<Measured> {
        if run.records == self.records {
            return Ok(run);
        }
        Err(format!("{} records came of {}", run.records, self.records).into())
    }
}
