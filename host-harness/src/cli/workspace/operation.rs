//! `harness operation`, `export` and `import`.

use super::super::{Failed, plan};
use super::{Where, activity, find, runs};
use clap::Subcommand;
use host_harness::records::Format;
use host_harness::workspace::{Endpoint, Operation, OperationDraft, Severity, Workspace};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Subcommand)]
pub enum OperationCommand {
    /// List the project's operations.
    List,
    /// Show one.
    Show {
        /// Its name.
        name: String,
    },
    /// Make one, or change the one of that name; what is not given stays.
    Set {
        /// Its name.
        name: String,
        #[command(flatten)]
        parts: Parts,
    },
    /// Look whether one can run.
    Check {
        /// Its name.
        name: String,
    },
    /// Show what one would do with the first records of its source.
    Preview {
        /// Its name.
        name: String,
        /// So many records.
        #[arg(long, default_value_t = 5)]
        count: usize,
    },
    /// Show what its ends would send, what they need to be allowed, and how much
    /// there is, without running it.
    Plan {
        /// Its name.
        name: String,
        /// Read from the remote systems how much there is. Nothing is written.
        #[arg(long)]
        look: bool,
    },
    /// Forget where its source goes on: the next run starts anew.
    StartOver {
        /// Its name.
        name: String,
    },
    /// Run one, and wait until it has ended. Exit codes: 0 done, 1 failed,
    /// 3 some records were rejected or left out, 130 interrupted.
    Run {
        /// Its name.
        name: String,
        /// Record what is sent and what is answered, without secrets, so that the
        /// run can be replayed. Records do stand in it.
        #[arg(long)]
        record: bool,
    },
    /// Give one another name.
    Rename {
        /// Its name.
        name: String,
        /// The new one.
        to: String,
    },
    /// Make a copy.
    Duplicate {
        /// Its name.
        name: String,
    },
    /// Delete one; its runs stay.
    Delete {
        /// Its name.
        name: String,
    },
    /// List what runs one after itself.
    Dependents {
        /// Its name.
        name: String,
    },
    /// Write the projects into a folder of TOML files, without secrets.
    Export {
        /// The folder.
        folder: PathBuf,
    },
    /// Read such a folder: all of it, or nothing.
    Import {
        /// The folder.
        folder: PathBuf,
    },
}

#[derive(clap::Args)]
pub struct Parts {
    /// Where records come from: CONNECTION/ACTIVITY, a file of the workspace, or
    /// “rejected”: the rejected records of the run that starts this one.
    #[arg(long, value_name = "END")]
    source: Option<String>,
    /// How records lie in the file of the source; else its name tells. What separates the
    /// columns of csv is recognised.
    #[arg(long, value_enum, value_name = "FORMAT")]
    source_format: Option<Format>,
    /// A jq filter; empty: none.
    #[arg(long, value_name = "JQ")]
    mapping: Option<String>,
    /// Where records go: CONNECTION/ACTIVITY, or a file of the workspace.
    #[arg(long, value_name = "END")]
    target: Option<String>,
    /// How records lie in the file of the target; else its name tells.
    #[arg(long, value_enum, value_name = "FORMAT")]
    target_format: Option<Format>,
    /// The operation to run when this one ended well; empty: none.
    #[arg(long, value_name = "NAME")]
    on_success: Option<String>,
    /// The operation to run when this one failed; empty: none.
    #[arg(long, value_name = "NAME")]
    on_failure: Option<String>,
    /// Leave out the records that are as they were when they were last taken.
    #[arg(long, value_name = "true|false")]
    only_changed: Option<bool>,
}

fn end(
    workspace: &Workspace,
    at: &Where,
    text: &str,
    format: Option<Format>,
) -> Result<Endpoint, Failed> {
    match text.split_once('/') {
        Some((connection, name)) => Ok(Endpoint::Activity {
            activity: activity::find(workspace, at, connection, name)?.id,
        }),
        None if text == "rejected" => Ok(Endpoint::Rejected),
        None => Ok(Endpoint::File {
            format: match format {
                Some(format) => format,
                None => Format::of_path(Path::new(text))?,
            },
            path: text.to_owned(),
        }),
    }
}

/// Says how records lie in the file that an end is.
fn lie_as(end: &mut Option<Endpoint>, chosen: Option<Format>, role: &str) -> Result<(), Failed> {
    match (end, chosen) {
        (_, None) => Ok(()),
        (Some(Endpoint::File { format, .. }), Some(chosen)) => {
            *format = chosen;
            Ok(())
        }
        _ => Err(format!("the {role} is no file, and has no --{role}-format").into()),
    }
}

impl OperationCommand {
    pub async fn run(self, workspace: &Workspace, at: &Where) -> Result<ExitCode, Failed> {
        let project = at.project(workspace)?.id;
        let list = workspace.operations(project)?;
        let named = |name: &str| {
            find::named("operation", list.clone(), Some(name), |operation| {
                &operation.name
            })
        };
        match self {
            Self::Plan { name, look } => {
                let id = named(&name)?.id;
                let environment = at.environment(workspace)?.id;
                let plans = workspace.plan_operation(id, environment, look).await?;
                if at.json {
                    let plans: BTreeMap<_, _> = plans.into_iter().collect();
                    super::super::print(&serde_json::to_string(&plans)?)?;
                } else {
                    for (end, plan) in &plans {
                        super::super::print(&format!("{end}:\n{}", plan::text(plan)))?;
                    }
                }
                Ok(ExitCode::SUCCESS)
            }
            Self::StartOver { name } => {
                workspace.start_over(named(&name)?.id)?;
                Ok(ExitCode::SUCCESS)
            }
            Self::List => at.list(&list, &["OPERATION", "COMPLETE"], |operation| {
                let complete = operation.source.is_some() && operation.target.is_some();
                vec![operation.name.clone(), complete.to_string()]
            }),
            Self::Show { name } => show(at, &named(&name)?),
            Self::Set { name, parts } => {
                let saved = list.iter().find(|operation| operation.name == name);
                let mut draft = saved.cloned().map(OperationDraft::from).unwrap_or_default();
                draft.name = name;
                if let Some(source) = &parts.source {
                    draft.source = Some(end(workspace, at, source, parts.source_format)?);
                }
                if let Some(target) = &parts.target {
                    draft.target = Some(end(workspace, at, target, parts.target_format)?);
                }
                lie_as(&mut draft.source, parts.source_format, "source")?;
                lie_as(&mut draft.target, parts.target_format, "target")?;
                draft.mapping = parts.mapping.or(draft.mapping);
                draft.only_changed = parts.only_changed.unwrap_or(draft.only_changed);
                let next = |name: &String| -> Result<_, Failed> {
                    Ok(if name.is_empty() {
                        None
                    } else {
                        Some(named(name)?.id)
                    })
                };
                if let Some(name) = &parts.on_success {
                    draft.on_success = next(name)?;
                }
                if let Some(name) = &parts.on_failure {
                    draft.on_failure = next(name)?;
                }
                let saved = match saved {
                    Some(saved) => workspace.update_operation(saved.id, saved.revision, &draft)?,
                    None => workspace.create_operation(project, &draft)?,
                };
                show(at, &saved)
            }
            Self::Check { name } => {
                let operation = named(&name)?;
                let environment = at.environment(workspace)?.id;
                let looked = workspace
                    .validate_operation(project, Some(operation.id), &operation.into(), environment)
                    .await?;
                at.list(
                    &looked.findings,
                    &["SEVERITY", "WHERE", "WHAT"],
                    |finding| {
                        let severity = match finding.severity {
                            Severity::Error => "error",
                            Severity::Warning => "warning",
                        };
                        vec![
                            severity.to_owned(),
                            format!("{:?}", finding.place).to_lowercase(),
                            finding.message.clone(),
                        ]
                    },
                )?;
                Ok(if looked.ok {
                    ExitCode::SUCCESS
                } else {
                    ExitCode::FAILURE
                })
            }
            Self::Preview { name, count } => {
                let operation = named(&name)?;
                let environment = at.environment(workspace)?.id;
                let preview = workspace
                    .preview_operation(&operation.into(), environment, count)
                    .await?;
                at.say(&preview, || {
                    let mut lines = Vec::new();
                    for row in &preview.rows {
                        lines.push(row.input.clone());
                        lines.extend(row.outputs.iter().map(|output| format!("  → {output}")));
                        lines.extend(row.error.iter().map(|error| format!("  ! {error}")));
                    }
                    lines.extend(
                        preview
                            .findings
                            .iter()
                            .map(|finding| finding.message.clone()),
                    );
                    lines.join("\n")
                })
            }
            Self::Run { name, record } => {
                let environment = at.environment(workspace)?.id;
                let operation = named(&name)?.id;
                let run = if record {
                    workspace.start_recorded_run(operation, environment).await?
                } else {
                    workspace.start_run(operation, environment).await?
                };
                runs::watch(workspace, at, run).await
            }
            Self::Rename { name, to } => {
                let saved = named(&name)?;
                show(
                    at,
                    &workspace.rename_operation(saved.id, saved.revision, &to)?,
                )
            }
            Self::Duplicate { name } => show(at, &workspace.duplicate_operation(named(&name)?.id)?),
            Self::Delete { name } => {
                let saved = named(&name)?;
                workspace.delete_operation(saved.id)?;
                at.say(&saved, || format!("deleted “{name}”"))
            }
            Self::Dependents { name } => {
                let list = workspace.operation_dependents(named(&name)?.id)?;
                at.list(&list, &["KIND", "NAME", "WHEN"], |dependent| {
                    vec![
                        dependent.kind.to_owned(),
                        dependent.name.clone(),
                        dependent.via.clone().unwrap_or_default(),
                    ]
                })
            }
            Self::Export { folder } => {
                let only = at.project.is_some().then_some(project);
                let exported = workspace.export(&folder, only)?;
                at.say(&exported, || exported.files.join("\n"))
            }
            Self::Import { folder } => {
                let imported = workspace.import(&folder).await?;
                at.say(&imported, || {
                    let mut lines = Vec::new();
                    for (what, names) in [
                        ("made", &imported.created),
                        ("saved", &imported.updated),
                        ("to be typed", &imported.secrets_missing),
                    ] {
                        lines.extend(names.iter().map(|name| format!("{what}: {name}")));
                    }
                    lines.join("\n")
                })
            }
        }
    }
}

fn show(at: &Where, operation: &Operation) -> Result<ExitCode, Failed> {
    let end = |end: &Option<Endpoint>| match end {
        None => "(nothing)".to_owned(),
        Some(Endpoint::File { path, format }) => format!("{path} ({format})"),
        Some(Endpoint::Activity { activity }) => format!("activity {activity}"),
        Some(Endpoint::Rejected) => "rejected records".to_owned(),
    };
    at.say(operation, || {
        format!(
            "{}\n  source   {}\n  mapping  {}\n  target   {}",
            operation.name,
            end(&operation.source),
            operation.mapping.as_deref().unwrap_or("(none)"),
            end(&operation.target)
        )
    })
}
