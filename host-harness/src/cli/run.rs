//! `harness run`.

mod journal;

use super::progress::Progress;
use super::workspace::RunCommand;
use super::{Connected, Failed};
use clap::Args;
use futures::{Stream, StreamExt, stream};
use host_harness::agent::Agent;
use host_harness::records::Format;
use host_harness::run::{self, Destination, Origin, Outcome, Reading, Report, Results, StateFile};
use host_harness::runtime::types::{Activity, Call, Role};
use host_harness::runtime::{self, Connection, Connector, RunFiles};
use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// An activity to run, or something about runs.
#[derive(Args)]
pub struct Runs {
    #[command(subcommand)]
    pub command: Option<RunCommand>,
    /// The activity: query, create, update, …
    activity: Option<String>,
    /// The object: suppliers, …
    object: Option<String>,
    #[command(flatten)]
    arguments: RunArguments,
}

#[derive(Args)]
pub struct RunArguments {
    #[arg(skip)]
    activity: String,
    #[arg(skip)]
    object: String,
    /// An option of the activity; `harness activities` lists them.
    #[arg(short, long = "option", value_name = "NAME=VALUE", value_parser = option)]
    option: Vec<(String, String)>,
    /// Where the records go; - is standard output. Of a target: what it answers.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Where the records of a target come from; - is standard input.
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// How records lie in the output; else its name tells, else ndjson.
    #[arg(long, value_enum)]
    output_format: Option<Format>,
    /// How records lie in the input; else its name tells, else ndjson.
    #[arg(long, value_enum)]
    input_format: Option<Format>,
    /// Where rejected records go, with the reasons, as NDJSON; else beside the input, or of a
    /// source beside the output.
    #[arg(long, value_name = "FILE")]
    rejected: Option<PathBuf>,
    /// Go on where the same run was broken off.
    #[arg(long, conflicts_with = "resume_from")]
    resume: bool,
    /// Go on after this checkpoint, as an interrupted run printed it.
    #[arg(long, value_name = "CHECKPOINT")]
    resume_from: Option<String>,
    /// Of a source that goes on from run to run: where it stands, kept in this file.
    #[arg(long, value_name = "FILE", conflicts_with = "resume_from")]
    state: Option<PathBuf>,
    /// Of a target: say what would be done, and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Where the run's files lie: attachments and scans to upload, or downloaded.
    #[arg(long, value_name = "FOLDER")]
    files: Option<PathBuf>,
    /// Of a target: where is written how records differ from what was given, or in
    /// a dry run what would be done, as NDJSON; else beside the input.
    #[arg(long, value_name = "FILE")]
    differing: Option<PathBuf>,
    /// Of a target: where is kept what was handed over, until the run has come to its
    /// end; else beside the rejected records.
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
    /// Keep the report of the run in this file, as JSON.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Show no progress.
    #[arg(long)]
    no_progress: bool,
    #[command(flatten)]
    connected: Connected,
}

impl Runs {
    /// What to run, where that is said.
    ///
    /// # Errors
    /// Where the activity or the object is missing.
    pub fn execution(self) -> Result<RunArguments, Failed> {
        match (self.activity, self.object) {
            (Some(activity), Some(object)) => Ok(RunArguments {
                activity,
                object,
                ..self.arguments
            }),
            _ => Err("say what to run: harness run ACTIVITY OBJECT, or harness run list".into()),
        }
    }
}

pub fn option(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or("an option is written NAME=VALUE, such as limit=10")?;
    Ok((name.to_owned(), value.to_owned()))
}

pub async fn run(agent: &Agent, arguments: RunArguments) -> Result<ExitCode, Failed> {
    if let Some(path) = &arguments.report {
        Report::check_place(path)?;
    }
    // Loaded once, so that what is listed and what runs are the same version.
    let (connector, mut connection) = arguments.connected.connect(agent).await?;
    connection.files = arguments.files.clone().map(RunFiles::in_folder);
    let mut session = connector.session(connection.clone()).await?;
    let activities = session.activities().await?;
    drop(session);
    let activity = activities
        .iter()
        .find(|activity| activity.name == arguments.activity);
    let Some(activity) = activity else {
        let names: Vec<&str> = activities
            .iter()
            .map(|activity| activity.name.as_str())
            .collect();
        return Err(format!(
            "there is no activity “{}”; there are: {}",
            arguments.activity,
            names.join(", ")
        )
        .into());
    };
    let report = match activity.role {
        Role::Source => read(&connector, connection, activity, &arguments).await?,
        Role::Target => write(&connector, connection, &arguments).await?,
    };
    if arguments.connected.json {
        say(&serde_json::to_string(&report)?);
    } else {
        tell(&report, &arguments);
    }
    if let Some(path) = &arguments.report {
        report.keep(path)?;
    }
    Ok(match report.outcome {
        Outcome::Success => ExitCode::SUCCESS,
        Outcome::Partial => ExitCode::from(3),
        Outcome::Interrupted => ExitCode::from(130),
        Outcome::Failure => ExitCode::FAILURE,
    })
}

fn call(arguments: &RunArguments) -> Call {
    Call {
        resume: arguments.resume_from.clone(),
        dry_run: arguments.dry_run,
        ..runtime::call(&arguments.activity, &arguments.object, &arguments.option)
    }
}

async fn read(
    connector: &Connector,
    connection: Connection,
    activity: &Activity,
    arguments: &RunArguments,
) -> Result<Report, Failed> {
    if arguments.dry_run {
        return Err(format!("{} only reads, and has no --dry-run", arguments.activity).into());
    }
    if arguments.state.is_some() && !activity.continues {
        return Err(format!(
            "{} starts anew each time, and has no --state",
            arguments.activity
        )
        .into());
    }
    if arguments.input.is_some() {
        return Err(format!("{} is a source and takes no --input", arguments.activity).into());
    }
    let path = arguments.output.clone().unwrap_or_else(|| "-".into());
    let format = format(arguments.output_format, &path)?;
    let to_stream = path.as_os_str() == "-";
    let destination = if to_stream {
        if arguments.resume {
            return Err(
                "--resume needs an --output file; for standard output use --resume-from".into(),
            );
        }
        Destination::Stream {
            sink: Box::new(io::BufWriter::new(io::stdout())),
            format,
        }
    } else {
        Destination::File {
            path,
            format,
            resume: arguments.resume,
        }
    };
    let acknowledging = if activity.acknowledged {
        Some(connector.session(connection.clone()).await?)
    } else {
        None
    };
    let mut call = call(arguments);
    let state = arguments.state.as_deref().map(StateFile::at);
    if let Some(state) = &state {
        call.resume = state.read()?;
    }
    let session = connector.session(connection).await?;
    // A line of progress would be mixed up with records on the same terminal.
    let mixed_up = to_stream && io::stdout().is_terminal();
    let progress = Progress::new(!arguments.no_progress && !mixed_up);
    let reading = Reading {
        session,
        call,
        acknowledging,
        rejected: arguments.rejected.clone(),
    };
    let report = run::read(reading, destination, interrupted(), |told| {
        progress.tell(&told)
    })
    .await;
    progress.finish();
    let mut report = report?;
    if !activity.continues {
        report.continues_at = None;
    }
    if let (Some(state), Some(checkpoint), true) = (&state, &report.continues_at, report.complete) {
        // What was rejected is in a file of its own, and would be so again.
        state.write(checkpoint)?;
    }
    Ok(report)
}

async fn write(
    connector: &Connector,
    connection: Connection,
    arguments: &RunArguments,
) -> Result<Report, Failed> {
    let Some(input) = &arguments.input else {
        return Err(format!(
            "{} is a target: say where its records come from with --input",
            arguments.activity
        )
        .into());
    };
    if arguments.state.is_some() {
        return Err(format!("{} is a target and has no --state", arguments.activity).into());
    }
    if arguments.resume_from.is_some() {
        return Err(format!(
            "{} is a target and has no checkpoints: go on with --resume",
            arguments.activity
        )
        .into());
    }
    if arguments.resume && arguments.dry_run {
        return Err("a dry run writes nothing, and there is nothing of it to resume".into());
    }
    let input_format = format(arguments.input_format, input)?;
    let source: Box<dyn Read + Send> = if input.as_os_str() == "-" {
        Box::new(io::stdin())
    } else {
        Box::new(File::open(input).map_err(|error| format!("{}: {error}", input.display()))?)
    };
    let is_file = std::fs::metadata(input).is_ok_and(|metadata| metadata.is_file());
    let beside = |what: &str| -> PathBuf {
        // Beside a pipe, as `<(…)` of a shell is one, there is no place for a file.
        let mut name = if is_file {
            input.clone().into_os_string()
        } else {
            "input".into()
        };
        name.push(format!(".{what}.ndjson"));
        name.into()
    };
    let answers = match &arguments.output {
        Some(path) => Some((path.clone(), format(arguments.output_format, path)?)),
        None => None,
    };
    let rejected = arguments.rejected.clone();
    let rejected = rejected.unwrap_or_else(|| beside("rejected"));
    let differing = arguments.differing.clone();
    let journal = match arguments.dry_run {
        true => None,
        false => Some(journal::place(&connection, arguments, input, &rejected)),
    };
    let results = Results {
        answers,
        rejected,
        journal,
        differing: differing.unwrap_or_else(|| {
            beside(if arguments.dry_run {
                "would"
            } else {
                "differing"
            })
        }),
    };
    let session = connector.session(connection).await?;
    let progress = Progress::new(!arguments.no_progress);
    let origin = Origin {
        source,
        format: input_format,
    };
    let report = run::write(
        session,
        call(arguments),
        origin,
        results,
        interrupts(),
        |told| {
            progress.tell(&told);
        },
    )
    .await;
    progress.finish();
    Ok(report?)
}

fn format(chosen: Option<Format>, path: &Path) -> Result<Format, Failed> {
    match chosen {
        Some(format) => Ok(format),
        None if path.as_os_str() == "-" => Ok(Format::Ndjson),
        None => Ok(Format::of_path(path)?),
    }
}

/// Each Ctrl-C or SIGTERM.
fn interrupts() -> impl Stream<Item = ()> {
    stream::unfold(0_u32, |count| async move {
        signal().await;
        if count == 0 {
            say("stopping: what is under way is finished; press Ctrl-C again to give it up");
        }
        Some(((), count + 1))
    })
}

/// The first Ctrl-C or SIGTERM.
pub async fn interrupted() {
    std::pin::pin!(interrupts()).next().await;
}

/// To standard error; where nobody is there to read it, it is lost.
fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

#[cfg(unix)]
async fn signal() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

#[cfg(not(unix))]
async fn signal() {
    // Where there is no such signal, the program ends as any other.
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending().await
    }
}

/// The report for a person, on standard error: standard output may hold records.
fn tell(report: &Report, arguments: &RunArguments) {
    let mut lines = Vec::new();
    let counts = report.counts;
    let seconds = report.elapsed_ms as f64 / 1000.0;
    let rate = counts.written as f64 / seconds.max(0.001);
    let outcome = match report.outcome {
        Outcome::Success => "done",
        Outcome::Partial => "partly done",
        Outcome::Interrupted => "interrupted",
        Outcome::Failure => "failed",
    };
    lines.push(format!(
        "{outcome}: {} records in {seconds:.1} s ({rate:.0}/s), {} rejected, {} requests, {} retries",
        counts.written, counts.rejected, report.requests, report.retries
    ));
    if counts.uncertain > 0 {
        lines.push(format!(
            "{} of the rejected may have been written all the same: look before sending them again",
            counts.uncertain
        ));
    }
    if counts.before > 0 {
        lines.push(format!(
            "{} had been dealt with by the run that was broken off",
            counts.before
        ));
    }
    let effects = [
        (counts.created, "created"),
        (counts.updated, "updated"),
        (counts.unchanged, "unchanged"),
        (counts.deleted, "deleted"),
    ];
    let effects: Vec<String> = effects
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, effect)| format!("{count} {effect}"))
        .collect();
    if !effects.is_empty() {
        let would = if arguments.dry_run {
            "nothing was written; would be: "
        } else {
            ""
        };
        lines.push(format!("{would}{}", effects.join(", ")));
    }
    if counts.differing > 0 && !arguments.dry_run {
        lines.push(format!(
            "{} of the written are not as they were given: fields were ignored or altered",
            counts.differing
        ));
    }
    lines.extend(counts.blank_rows());
    if let Some(error) = &report.error {
        lines.push(format!("error: {error}"));
    }
    if let Some(path) = &report.output {
        lines.push(format!("records: {}", path.display()));
    }
    if let Some(path) = &report.rejected {
        lines.push(format!("rejected: {}", path.display()));
    }
    if let Some(path) = &report.differing {
        lines.push(format!("differences: {}", path.display()));
    }
    if let (Some(checkpoint), None) = (&report.continues_at, &arguments.state) {
        let quoted = checkpoint.replace('\'', r"'\''");
        lines.push(format!(
            "the next time: the same command with --resume-from '{quoted}', or --state FILE to \
             have it kept"
        ));
    }
    if let Some(key) = &report.not_tried_from {
        lines.push(format!("not tried: everything from {key} on"));
    }
    if let Some(journal) = &report.journal {
        lines.push(format!(
            "to go on: the same command with --resume ({} says what was handed over)",
            journal.display()
        ));
    }
    if let Some(checkpoint) = &report.checkpoint {
        lines.push(match &arguments.output {
            Some(path)
                if path
                    .extension()
                    .is_some_and(|extension| extension == "json") =>
            {
                "a JSON array cannot be gone on with: start anew, or write ndjson".to_owned()
            }
            // To a device or a pipe there is no output to go on with.
            Some(_) if report.output.is_some() => {
                "to go on: the same command with --resume".to_owned()
            }
            _ => {
                // As a shell quotes it, whatever the connector put into it.
                let quoted = checkpoint.replace('\'', r"'\''");
                format!("to go on: the same command with --resume-from '{quoted}'")
            }
        });
    }
    say(&lines.join("\n"));
}
