//! What agents of a group send together, of the 25 requests a second that each tenant
//! allows all of them.
//!
//! Each agent does one run at a time, so that what more agents bring is seen: one would
//! have a slot for each tenant. The tenants are Coupa sandboxes that refuse what is too
//! much by themselves.

use super::group::Plant;
use super::place::{CLIENT, DEVELOPMENT, SECRET};
use super::{Extent, Result};
use coupa_sandbox::{Client, Configuration, Sandbox};
use host_harness::workspace::OperationId;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// What a tenant allows.
const PER_SECOND: f64 = 25.0;
const BURST: f64 = 20.0;
/// Records of a page: few, so that a run is many requests.
const PAGE: u64 = 10;
/// The longest that the runs of a case may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// Measures one, two and four agents on several tenants, then on one.
pub fn measure(extent: Extent) -> Result<()> {
    // Of each run: so many requests, as many as a tenant allows in so many seconds.
    let (pages, tenants) = match extent {
        Extent::Full => (500, 4),
        Extent::Quick => (60, 4),
    };
    println!(
        "Each tenant is read once, in {pages} pages of {PAGE} records; where there is one, \
         once by each agent:\n\n\
         | agents | tenants | requests/s | records/s | share of a tenant's budget, least–greatest | refused (429) |\n\
         |---:|---:|---:|---:|---:|---:|"
    );
    tokio::runtime::Runtime::new()?.block_on(async {
        let home = tempfile::tempdir()?;
        let plant = Plant::new(home.path()).await?;
        let mut sandboxes = Vec::new();
        let mut operations = Vec::new();
        let mut short = Vec::new();
        for number in 0..tenants {
            let sandbox = sandbox(pages * PAGE)?;
            let url = sandbox.base_url();
            let name = format!("Tenant {number}");
            let connection = plant.place.connect(&name, &url).await?;
            operations.push(plant.place.operation(&connection, &[], "empty").await?);
            let name = format!("Tenant {number}, a little of it");
            let connection = plant.place.connect(&name, &url).await?;
            let little = [("limit", "20")];
            short.push(plant.place.operation(&connection, &little, "empty").await?);
            sandboxes.push(sandbox);
        }
        let mut agents = Vec::new();
        for count in [1, 2, 4] {
            while agents.len() < count {
                agents.push(plant.agent(&format!("agent-{}", agents.len() + 1), 1)?);
            }
            warm_up(&plant, &short, count).await?;
            for one in [false, true] {
                let tenants = if one { 1 } else { sandboxes.len() };
                let runs: Vec<OperationId> = match operations.first() {
                    Some(first) if one => vec![*first; count],
                    _ => operations.clone(),
                };
                eprintln!("{count} agents on {tenants} tenants");
                measure_one(&plant, &sandboxes[..tenants], &runs, count).await?;
            }
        }
        Ok(())
    })
}

/// Lets each agent do a run, for which it has to download and compile.
async fn warm_up(plant: &Plant, operations: &[OperationId], agents: usize) -> Result<()> {
    let mut warm = BTreeSet::new();
    let until = Instant::now() + PATIENCE;
    while warm.len() < agents {
        if Instant::now() > until {
            return Err(format!("only {warm:?} do runs").into());
        }
        for operation in operations {
            let workspace = &plant.place.workspace;
            workspace.start_run(*operation, DEVELOPMENT).await?;
        }
        let ended = plant.place.all_ended(operations.len(), PATIENCE).await?;
        warm.extend(ended.into_iter().map(|run| run.agent));
    }
    Ok(())
}

/// Does runs, and prints what arrived of them.
async fn measure_one(
    plant: &Plant,
    sandboxes: &[Sandbox],
    runs: &[OperationId],
    agents: usize,
) -> Result<()> {
    // What they had at once before does not count.
    tokio::time::sleep(Duration::from_secs_f64(BURST / PER_SECOND)).await;
    sandboxes.iter().for_each(Sandbox::reset_log);
    for run in runs {
        plant.place.workspace.start_run(*run, DEVELOPMENT).await?;
    }
    let ended = plant.place.all_ended(runs.len(), PATIENCE).await?;
    let arrivals: Vec<Vec<Instant>> = sandboxes.iter().map(Sandbox::arrivals).collect();
    let first = arrivals.iter().flatten().min().ok_or("no request came")?;
    let last = arrivals.iter().flatten().max().ok_or("no request came")?;
    let seconds = (*last - *first).as_secs_f64();
    let allowed = BURST + PER_SECOND * seconds;
    let shares = arrivals
        .iter()
        .map(|arrivals| arrivals.len() as f64 / allowed * 100.0);
    let least = shares.clone().fold(f64::INFINITY, f64::min);
    let greatest = shares.fold(0.0, f64::max);
    let requests: usize = arrivals.iter().map(Vec::len).sum();
    let records: u64 = ended.iter().map(|run| run.counts.read).sum();
    let refused = sandboxes
        .iter()
        .flat_map(Sandbox::log)
        .filter(|request| request.status == 429)
        .count();
    println!(
        "| {agents} | {} | {:.1} | {:.0} | {least:.0}–{greatest:.0} % | {refused} |",
        sandboxes.len(),
        requests as f64 / seconds,
        records as f64 / seconds
    );
    Ok(())
}

/// A Coupa with so many suppliers, which keeps to its rate.
pub fn sandbox(suppliers: u64) -> Result<Sandbox> {
    let mut configuration = Configuration {
        seed: 7,
        seed_records: [("suppliers".to_owned(), suppliers)].into(),
        clients: vec![Client {
            id: CLIENT.to_owned(),
            secret: SECRET.to_owned(),
            scopes: [
                "core.common.read",
                "core.supplier.read",
                "core.supplier.write",
            ]
            .map(str::to_owned)
            .to_vec(),
        }],
        ..Configuration::default()
    };
    configuration.switches.rate_limit = true;
    configuration.switches.page_size = PAGE;
    Ok(Sandbox::start(configuration)?)
}
