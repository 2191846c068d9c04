//! `harness shadow`.

use super::run::{self, option};
use super::{Connected, Failed, print};
use clap::Args;
use host_harness::agent::Agent;
use host_harness::connection::ConnectionFile;
use host_harness::registry::Requirement;
use host_harness::runtime::call;
use host_harness::shadow::{self, Difference, Progress};
use std::collections::BTreeSet;
use std::process::ExitCode;

/// The exit code where the two versions differ: 1 is a failure, 3 a run that is
/// partly done.
const DIFFERENT: u8 = 4;

#[derive(Args)]
pub struct ShadowArguments {
    /// The activity, which has to be a source: query, …
    activity: String,
    /// The object: suppliers, …
    object: String,
    /// The version that is used now; that of the connection file unless given.
    #[arg(long, value_name = "VERSION")]
    old: Option<Requirement>,
    /// The version that is to take its place.
    #[arg(long, value_name = "VERSION", default_value = "newest")]
    new: Requirement,
    /// An option of the activity; `harness activities` lists them.
    #[arg(short, long = "option", value_name = "NAME=VALUE", value_parser = option)]
    option: Vec<(String, String)>,
    /// A field that may differ, such as one that changes with time; `outer.inner`
    /// for one within another.
    #[arg(long, value_name = "FIELD")]
    ignore: Vec<String>,
    #[command(flatten)]
    connected: Connected,
}

pub async fn shadow(agent: &Agent, arguments: ShadowArguments) -> Result<ExitCode, Failed> {
    let file = ConnectionFile::read(&arguments.connected.connection)?;
    let old = arguments
        .old
        .clone()
        .unwrap_or_else(|| file.version.clone());
    let old = agent.download(&file.connector, &old).await?;
    let new = agent.download(&file.connector, &arguments.new).await?;
    let (old_version, new_version) = (old.entry.version, new.entry.version);
    if old_version == new_version {
        return Err(
            format!("both are {old_version}: say which versions with --old and --new").into(),
        );
    }
    let connection = agent.connection(&file);
    let call = || call(&arguments.activity, &arguments.object, &arguments.option);
    let executions = futures::future::try_join(
        shadow::begin(&old.connector, connection.clone(), call()),
        shadow::begin(&new.connector, connection, call()),
    );
    let (first, second) = executions.await?;
    let progress = Progress::default();
    let ignored: BTreeSet<String> = arguments.ignore.iter().cloned().collect();
    let difference = tokio::select! {
        difference = shadow::compare(first, second, &ignored, &progress) => difference?,
        () = run::interrupted() => return Ok(ExitCode::from(130)),
    };
    if arguments.connected.json {
        print(&serde_json::to_string(&difference)?)?;
    } else {
        let title = format!("{} {old_version} and {new_version}", file.connector);
        print(&text(&title, &difference))?;
    }
    Ok(if difference.is_none() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(DIFFERENT)
    })
}

fn text(title: &str, difference: &Difference) -> String {
    let mut lines = vec![format!(
        "{title}: {}",
        if difference.is_none() {
            "no difference"
        } else {
            "different"
        }
    )];
    lines.push(format!(
        "{} and {} records: {} the same, {} changed, {} only old, {} only new",
        difference.old_records,
        difference.new_records,
        difference.same,
        difference.changed,
        difference.only_old,
        difference.only_new
    ));
    for (what, count, keys) in [
        ("only old", difference.only_old, &difference.only_old_keys),
        ("only new", difference.only_new, &difference.only_new_keys),
    ] {
        if count > 0 {
            let more = if count > keys.len() as u64 {
                ", …"
            } else {
                ""
            };
            lines.push(format!("{what}: {}{more}", keys.join(", ")));
        }
    }
    let value = |value: &Option<serde_json::Value>| {
        value
            .as_ref()
            .map_or_else(|| "nothing".to_owned(), ToString::to_string)
    };
    for (field, changed) in &difference.fields {
        lines.push(format!("{field}: changed in {}", changed.count));
        for example in &changed.examples {
            lines.push(format!(
                "  {}: {} → {}",
                example.key,
                value(&example.old),
                value(&example.new)
            ));
        }
    }
    lines.join("\n")
}
