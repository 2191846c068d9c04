//! `harness plan`: what a call would send, what it needs, and how much there is.

use super::{Connected, Failed, print};
use clap::Args;
use host_harness::agent::Agent;
use host_harness::runtime::{Plan, call};
use std::process::ExitCode;

#[derive(Args)]
pub struct PlanArguments {
    /// The activity: query, create, update, …
    activity: String,
    /// The object: suppliers, …
    object: String,
    /// An option of the activity; `harness activities` lists them.
    #[arg(short, long = "option", value_name = "NAME=VALUE", value_parser = super::run::option)]
    option: Vec<(String, String)>,
    /// Read from the remote system how much there is, and what the credentials
    /// allow. Nothing is written.
    #[arg(long)]
    look: bool,
    #[command(flatten)]
    connected: Connected,
}

pub async fn plan(agent: &Agent, arguments: PlanArguments) -> Result<ExitCode, Failed> {
    let call = call(&arguments.activity, &arguments.object, &arguments.option);
    let mut session = arguments.connected.session(agent).await?;
    let plan = session.plan(call, arguments.look).await?;
    let plan = Plan::from(plan);
    print(&if arguments.connected.json {
        serde_json::to_string(&plan)?
    } else {
        text(&plan)
    })?;
    let missing = plan
        .permissions
        .is_some_and(|permissions| !permissions.missing.is_empty());
    Ok(if missing {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// For a person.
pub fn text(plan: &Plan) -> String {
    let mut lines = Vec::new();
    for request in &plan.requests {
        lines.push(format!("{:6} {}", request.method, request.path));
        if let Some(body) = &request.body {
            lines.push(format!("       {body}"));
        }
        lines.push(format!("       {}", request.note));
    }
    if let Some(permissions) = &plan.permissions {
        lines.push(format!("needs:      {}", permissions.needed.join(" ")));
        if permissions.held.is_some() {
            if !permissions.missing.is_empty() {
                lines.push(format!("MISSING:    {}", permissions.missing.join(" ")));
            }
            if !permissions.unneeded.is_empty() {
                lines.push(format!("not needed: {}", permissions.unneeded.join(" ")));
            }
        }
    }
    if let Some(extent) = plan.extent {
        lines.push(format!(
            "{} records, {} requests, at least {:.1} s",
            extent.records,
            extent.requests,
            extent.time_ms as f64 / 1000.0
        ));
    }
    lines.extend(plan.notes.iter().cloned());
    lines.join("\n")
}
