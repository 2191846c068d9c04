//! `harness conformance`.

use super::{Failed, print};
use clap::Args;
use host_harness::agent::Agent;
use host_harness::conformance::{self, Chosen, Report, Verdict, Wishes};
use host_harness::connection::ConnectionFile;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Args)]
pub struct ConformanceArguments {
    /// The component, a .wasm file.
    component: PathBuf,
    /// A connection file, for a connector that needs a server. Which connector it
    /// names does not matter. Without one, the connector gets no settings and
    /// secrets that are made up.
    #[arg(short, long, value_name = "FILE")]
    connection: Option<PathBuf>,
    /// A setting, beside those of the connection file.
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = super::run::option)]
    settings: Vec<(String, String)>,
    /// A source that has records, such as query:suppliers or
    /// query:suppliers?limit=500; else the first objects that have some.
    #[arg(long = "source", value_name = "ACTIVITY:OBJECT", value_parser = chosen)]
    sources: Vec<Chosen>,
    /// A target, likewise; else the first object of each.
    #[arg(long = "target", value_name = "ACTIVITY:OBJECT", value_parser = chosen)]
    targets: Vec<Chosen>,
    /// Good records for the targets, as NDJSON; bad ones are added.
    #[arg(long, value_name = "FILE")]
    records: Option<PathBuf>,
    /// The remote system may be changed; else targets run dry or not at all.
    #[arg(long)]
    changes: bool,
    /// What everything that is left to chance is made of; told in the report.
    #[arg(long)]
    seed: Option<u64>,
    /// How many calls of anything whatever are made.
    #[arg(long, default_value_t = 200)]
    rounds: u32,
    /// Answer in JSON, for programs.
    #[arg(long)]
    json: bool,
}

/// `activity:object`, with options as in a URL.
fn chosen(text: &str) -> Result<Chosen, String> {
    let (pair, options) = text.split_once('?').unwrap_or((text, ""));
    let (activity, object) = pair
        .split_once(':')
        .ok_or("write ACTIVITY:OBJECT, such as query:suppliers")?;
    let options = options.split('&').filter(|option| !option.is_empty());
    Ok(Chosen {
        activity: activity.to_owned(),
        object: object.to_owned(),
        options: options
            .map(super::run::option)
            .collect::<Result<Vec<_>, _>>()?,
    })
}

pub async fn conformance(
    agent: &Agent,
    arguments: ConformanceArguments,
) -> Result<ExitCode, Failed> {
    let path = &arguments.component;
    let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let connection = match &arguments.connection {
        Some(file) => Some(agent.connection(&ConnectionFile::read(file)?)),
        None => None,
    };
    let records = match &arguments.records {
        Some(path) => std::fs::read_to_string(path)
            .map_err(|error| format!("{}: {error}", path.display()))?
            .lines()
            .filter(|line| !line.trim().is_empty())
            .map(str::to_owned)
            .collect(),
        None => Vec::new(),
    };
    let wishes = Wishes {
        settings: arguments.settings,
        sources: arguments.sources,
        targets: arguments.targets,
        records,
        changes: arguments.changes,
        seed: arguments.seed.unwrap_or_else(any_seed),
        rounds: arguments.rounds,
    };
    let report = conformance::examine(agent, &bytes, connection, &wishes).await?;
    if arguments.json {
        print(&serde_json::to_string(&report)?)?;
    } else {
        print(&text(&report))?;
    }
    Ok(if report.conforms() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Another one each time.
fn any_seed() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(1, |since| u64::from(since.subsec_nanos()))
}

fn text(report: &Report) -> String {
    let name = report.connector.as_deref().unwrap_or("a component");
    let mut lines = vec![format!("{name} {}", report.digest)];
    for finding in &report.findings {
        let rule = finding.rule;
        match &finding.verdict {
            Verdict::Ok { tested } => lines.push(format!("ok      {rule:26} {tested}")),
            Verdict::NotTested { why } => {
                lines.push(format!("-       {rule:26} not tested: {why}"))
            }
            Verdict::Broken { seen } => {
                lines.push(format!("BROKEN  {rule:26} the contract: {}", finding.says));
                lines.extend(seen.iter().map(|seen| format!("{:35}seen: {seen}", "")));
            }
        }
    }
    let broken = report.broken().len();
    let untested = report.not_tested().len();
    let kept = report.findings.len() - broken - untested;
    lines.push(format!(
        "{kept} rules kept, {broken} broken, {untested} not tested (seed {})",
        report.seed
    ));
    lines.join("\n")
}
