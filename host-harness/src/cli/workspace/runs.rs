//! `harness run list` and what else is done with runs.

use super::super::Failed;
use super::Where;
use clap::Subcommand;
use host_harness::workspace::{Run, RunFilter, RunId, RunState, Workspace};
use std::process::ExitCode;

/// Something about runs.
#[derive(Subcommand)]
pub enum RunCommand {
    /// List the project's runs, the newest first.
    List {
        #[command(flatten)]
        at: Where,
    },
    /// Show one.
    Show {
        /// Its number.
        run: RunId,
        #[command(flatten)]
        at: Where,
    },
    /// List the rejected records of one.
    Rejected {
        /// Its number.
        run: RunId,
        #[command(flatten)]
        at: Where,
    },
    /// Ask one to stop; asked again, what is under way is given up.
    Cancel {
        /// Its number.
        run: RunId,
        #[command(flatten)]
        at: Where,
    },
    /// Go on where one was broken off.
    Resume {
        /// Its number.
        run: RunId,
        #[command(flatten)]
        at: Where,
    },
    /// Put all that is known of one into a file, without secrets: a support
    /// bundle. `harness replay` runs it again where it was recorded.
    Bundle {
        /// Its number.
        run: RunId,
        /// The file, a .tar.gz.
        #[arg(short, long, value_name = "FILE")]
        output: std::path::PathBuf,
        #[command(flatten)]
        at: Where,
    },
    /// Try the rejected records of one again.
    Again {
        /// Its number.
        run: RunId,
        #[command(flatten)]
        at: Where,
        /// Those too that may have been written all the same: look first.
        #[arg(long)]
        uncertain: bool,
    },
}

impl RunCommand {
    pub async fn run(self, workspace: &Workspace) -> Result<ExitCode, Failed> {
        match self {
            Self::List { at } => {
                let filter = RunFilter {
                    project: Some(at.project(workspace)?.id),
                    ..RunFilter::default()
                };
                let header = [
                    "RUN",
                    "OPERATION",
                    "STATE",
                    "WRITTEN",
                    "REJECTED",
                    "STARTED",
                ];
                at.list(&workspace.runs(filter)?, &header, |run| {
                    vec![
                        run.id.to_string(),
                        run.operation_name.clone(),
                        state(run.state).to_owned(),
                        run.counts.written.to_string(),
                        run.counts.rejected.to_string(),
                        run.started_at.clone(),
                    ]
                })
            }
            Self::Show { run, at } => {
                let run = workspace.run(run)?;
                at.say(&run, || text(&run))
            }
            Self::Rejected { run, at } => {
                let list = workspace.rejected(run, 0, u32::MAX)?;
                at.list(&list, &["RECORD", "CODE", "WHY"], |rejection| {
                    vec![
                        rejection.key.clone(),
                        rejection.code.clone(),
                        rejection.message.clone(),
                    ]
                })
            }
            Self::Cancel { run, at } => {
                workspace.cancel_run(run)?;
                at.say(&run, || format!("run {run} is asked to stop"))
            }
            Self::Resume { run, at } => {
                let run = workspace.resume_run(run).await?;
                watch(workspace, &at, run).await
            }
            Self::Bundle { run, output, at } => {
                let recordings = workspace.bundle_run(run, &output)?;
                at.say(&recordings, || match recordings.as_slice() {
                    [] => format!(
                        "{}: the run was not recorded, so it cannot be replayed",
                        output.display()
                    ),
                    names => format!("{}: with {}", output.display(), names.join(" and ")),
                })
            }
            Self::Again { run, at, uncertain } => {
                let run = workspace.rerun_rejected(run, uncertain).await?;
                watch(workspace, &at, run).await
            }
        }
    }
}

/// Waits until a run has ended, together with what follows it. Ctrl-C stops it.
pub async fn watch(workspace: &Workspace, at: &Where, id: RunId) -> Result<ExitCode, Failed> {
    let ended = workspace.wait_for_run(id);
    tokio::pin!(ended);
    let run = loop {
        tokio::select! {
            run = &mut ended => break run?,
            () = super::super::run::interrupted() => {
                workspace.cancel_run(id)?;
                eprintln!("stopping: what is under way is finished; press Ctrl-C again to give it up");
            }
        }
    };
    // What follows runs in this process, which must not end before it.
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    loop {
        let running = workspace.runs(RunFilter {
            state: Some(RunState::Running),
            ..RunFilter::default()
        })?;
        let Some(next) = running
            .into_iter()
            .find(|next| next.of_run.is_some_and(|of| of >= id))
        else {
            break;
        };
        workspace.wait_for_run(next.id).await?;
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    }
    at.say(&run, || text(&run))?;
    Ok(match run.state {
        RunState::Success => ExitCode::SUCCESS,
        RunState::Partial => ExitCode::from(3),
        RunState::Interrupted => ExitCode::from(130),
        RunState::Failure | RunState::Running => ExitCode::FAILURE,
    })
}

const fn state(state: RunState) -> &'static str {
    match state {
        RunState::Running => "running",
        RunState::Success => "success",
        RunState::Partial => "partial",
        RunState::Interrupted => "interrupted",
        RunState::Failure => "failure",
    }
}

fn text(run: &Run) -> String {
    let mut lines = vec![
        format!(
            "run {} of “{}”: {}, {} read, {} written, {} rejected, {} skipped, {} requests",
            run.id,
            run.operation_name,
            state(run.state),
            run.counts.read,
            run.counts.written,
            run.counts.rejected,
            run.counts.skipped,
            run.requests
        ),
        format!("on {} in {}", run.agent, run.environment_name),
    ];
    let more = [
        (run.counts.before, "dealt with by the run before"),
        (run.counts.left_out, "left out as unchanged"),
        (run.counts.gone, "gone"),
        (run.counts.blank, "empty rows passed over"),
    ];
    let more: Vec<String> = more
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    if !more.is_empty() {
        lines.push(more.join(", "));
    }
    for connector in &run.connectors {
        lines.push(format!(
            "{}: {} {} {}",
            connector.role, connector.connector, connector.version, connector.digest
        ));
    }
    let warnings = run.warnings.iter();
    lines.extend(warnings.map(|warning| format!("warning: {warning}")));
    lines.extend(run.error.iter().map(|error| format!("error: {error}")));
    lines.extend(run.output.iter().map(|output| format!("output: {output}")));
    if run.resumable {
        lines.push(format!("to go on: harness run resume {}", run.id));
    }
    if run.counts.rejected > 0 {
        lines.push(format!("to see why: harness run rejected {}", run.id));
    }
    lines.join("\n")
}
