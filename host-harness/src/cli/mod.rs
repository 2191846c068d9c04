//! The command line: what a person types, and what it answers.

mod conformance;
mod discover;
mod key;
mod logging;
mod plan;
mod progress;
mod registry;
mod replay;
mod run;
mod shadow;
mod table;
mod workspace;

use clap::{Args, Parser, Subcommand};
use host_harness::agent::{Agent, AgentSettings};
use host_harness::connection::ConnectionFile;
use host_harness::registry::{ConnectorName, Location, Requirement};
use host_harness::runtime::{CompileLimits, Compiler, Connection, Connector, Session};
use host_harness::workspace::Workspace;
use semver::Version;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

type Failed = Box<dyn Error + Send + Sync>;

/// What a person who has never used it needs to start.
const START: &str = r#"Start with one file, connection.toml, in the current folder:

    name = "Acme test"
    connector = "acme"                  # a name in the registry

    [settings]                          # `harness describe` shows them all
    host = "https://test.acme.example"
    client-id = "abc"

    [secrets]                           # only where they are kept, never the secrets
    client-secret = { env = "ACME_SECRET" }

and then:

    harness publish acme.wasm           put a connector into the local registry
    harness test                        try the connection step by step
    harness objects order               find objects by name
    harness run query orders -o limit=10"#;

/// Runs connectors: downloads a version, verifies it, and runs it in a sandbox.
#[derive(Parser)]
#[command(name = "harness", version, after_help = START, max_term_width = 100)]
struct Arguments {
    /// The agent's folder: registry, downloaded versions, compiled code, cache.
    #[arg(long, global = true, env = "HARNESS_HOME", value_name = "FOLDER")]
    home: Option<PathBuf>,

    /// The registry, where it is not the agent's own: a folder, or
    /// `oci://HOST[:PORT][/PREFIX]`; `oci+http://` for one without TLS. Who asks, and
    /// more, stands in agent.toml in the agent's folder.
    #[arg(long, global = true, env = "HARNESS_REGISTRY", value_name = "PLACE")]
    registry: Option<Location>,

    /// Say more on standard error: once for what happens, twice for each request.
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    verbose: u8,

    #[command(flatten)]
    logging: logging::Logging,
    /// How long compiling a component may take, in seconds.
    #[arg(
        long,
        global = true,
        env = "HARNESS_COMPILE_SECONDS",
        value_name = "SECONDS",
        default_value_t = 120,
        value_parser = clap::value_parser!(u32).range(1..=86_400),
        hide_short_help = true
    )]
    compile_seconds: u32,

    /// How much memory compiling a component may take, in MiB.
    #[arg(
        long,
        global = true,
        env = "HARNESS_COMPILE_MIB",
        value_name = "MIB",
        default_value_t = 2048,
        value_parser = clap::value_parser!(u32).range(1..=1_048_576),
        hide_short_help = true
    )]
    compile_mib: u32,

    #[command(flatten)]
    nats: workspace::NatsArguments,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Put a component into the registry under its own name and version.
    Publish(Box<registry::Publish>),
    /// List the versions in the registry.
    List,
    /// Download a version and verify it.
    Pull {
        /// The connector.
        name: ConnectorName,
        /// `newest`, or a version such as 1.2.3.
        #[arg(long, default_value = "newest")]
        version: Requirement,
    },
    /// Print what a version in the registry is made of, as CycloneDX JSON.
    Sbom {
        /// The connector.
        name: ConnectorName,
        /// The version.
        version: Version,
    },
    /// Keys to sign versions with.
    Key {
        #[command(subcommand)]
        command: key::KeyCommand,
    },
    /// Read the same through two versions of a connector, and say how they differ.
    ///
    /// Exit codes: 0 they do not, 4 they do, 1 one of them could not be read, 130
    /// it was interrupted.
    Shadow(Box<shadow::ShadowArguments>),
    /// Try the connection step by step.
    Test(Connected),
    /// List what can be done with the connection.
    Activities(Connected),
    /// List the kinds of records that the remote system has.
    Objects {
        /// Only those whose name or title contains this.
        search: Option<String>,
        #[command(flatten)]
        connected: Connected,
    },
    /// Show the shape of an object as JSON Schema; without an object, the
    /// connection's form.
    Describe {
        /// The object.
        object: Option<String>,
        /// For which activity; the first one that the object allows unless given.
        #[arg(long)]
        activity: Option<String>,
        /// Ask the remote system anew for what is its own, such as custom fields.
        #[arg(long)]
        refresh: bool,
        #[command(flatten)]
        connected: Connected,
    },
    /// Show what an activity would send, what it needs to be allowed, and how much
    /// there is, without doing it.
    Plan(plan::PlanArguments),
    /// Run an activity: a source into a file, or a file into a target.
    ///
    /// Exit codes: 0 everything was done, 1 it failed, 3 some records were
    /// rejected or left out, 130 it was interrupted.
    ///
    /// `harness run list`, `show`, `rejected`, `cancel`, `resume` and `again`
    /// are about the runs of the workspace's operations.
    #[command(args_conflicts_with_subcommands = true)]
    Run(Box<run::Runs>),
    /// Run what a support bundle has recorded again, without any network, and
    /// compare: exit code 0 where the same comes of it.
    Replay(replay::ReplayArguments),
    /// Hold a connector against the contract, rule by rule.
    ///
    /// Exit codes: 0 it keeps to every rule that was tested, 1 it does not.
    Conformance(Box<conformance::ConformanceArguments>),
    /// Compile the component on standard input: what the program starts itself for.
    #[command(hide = true)]
    CompileComponent,
    /// Serve the screen, and the HTTP API under it.
    Serve(workspace::ServeArguments),
    /// Connections of the workspace.
    Connection {
        #[command(subcommand)]
        command: workspace::ConnectionCommand,
        #[command(flatten)]
        at: workspace::Where,
    },
    /// Activities of a connection.
    Activity {
        #[command(subcommand)]
        command: workspace::ActivityCommand,
        #[command(flatten)]
        at: workspace::Where,
    },
    /// Operations; exporting and importing projects.
    Operation {
        #[command(subcommand)]
        command: workspace::OperationCommand,
        #[command(flatten)]
        at: workspace::Where,
    },
    /// Variables.
    Variable {
        #[command(subcommand)]
        command: workspace::VariableCommand,
        #[command(flatten)]
        at: workspace::Where,
    },
    /// Policies of the organization.
    Policy {
        #[command(subcommand)]
        command: workspace::PolicyCommand,
        #[command(flatten)]
        at: workspace::Where,
    },
    /// Projects.
    Project {
        #[command(subcommand)]
        command: workspace::ProjectCommand,
        #[command(flatten)]
        at: workspace::Where,
    },
    /// Agents, and the versions of connectors that they have; with --join, be one.
    Agent(Box<workspace::Agents>),
    /// Groups of agents.
    Group {
        #[command(subcommand)]
        command: workspace::GroupCommand,
        #[command(flatten)]
        at: workspace::Where,
    },
    /// Versions of connectors on the agents' disks.
    Store {
        #[command(subcommand)]
        command: workspace::StoreCommand,
        #[command(flatten)]
        at: workspace::Where,
    },
    /// Versions that broke down too often, on an agent that does not use them any
    /// more.
    Quarantine {
        #[command(subcommand)]
        command: workspace::QuarantineCommand,
        #[command(flatten)]
        at: workspace::Where,
    },
    /// Environments.
    Environment {
        #[command(subcommand)]
        command: workspace::EnvironmentCommand,
        #[command(flatten)]
        at: workspace::Where,
    },
}

/// What every command with a connection takes.
#[derive(Args)]
struct Connected {
    /// The connection file.
    #[arg(
        short,
        long,
        env = "HARNESS_CONNECTION",
        default_value = "connection.toml",
        value_name = "FILE"
    )]
    connection: PathBuf,
    /// Answer in JSON, for programs.
    #[arg(long)]
    json: bool,
}

/// Runs the program.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if matches!(arguments.command, Command::CompileComponent) {
        return ExitCode::from(host_harness::runtime::compile());
    }
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("harness: no threads can be started: {error}");
            return ExitCode::FAILURE;
        }
    };
    let export = match arguments.logging.start(arguments.verbose, runtime.handle()) {
        Ok(export) => export,
        Err(error) => {
            eprintln!("harness: {error}");
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(dispatch(arguments));
    if let Some(export) = export {
        export.end();
    }
    // Standard input may still be read from in a thread that cannot be stopped.
    runtime.shutdown_background();
    match ended {
        Ok(code) => code,
        Err(error) => {
            eprintln!("harness: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn dispatch(arguments: Arguments) -> Result<ExitCode, Failed> {
    let home = match arguments.home {
        Some(home) => home,
        None => Agent::default_home()
            .ok_or("this user has no home folder; say where the agent's folder is with --home")?,
    };
    // A key needs no agent.
    if let Command::Key { command } = arguments.command {
        return command.run();
    }
    let settings = AgentSettings::read(&home, arguments.registry)?;
    let limits = CompileLimits {
        time: Duration::from_secs(arguments.compile_seconds.into()),
        memory: u64::from(arguments.compile_mib) << 20,
        component: usize::try_from(settings.max_bytes).unwrap_or(usize::MAX),
    };
    let compiler = match std::env::current_exe() {
        Ok(program) => Compiler::in_processes_of(program, limits),
        Err(_) => Compiler::in_threads(limits),
    };
    let agent = Agent::with_settings(&home, settings)?.compiling_with(compiler);
    match arguments.command {
        Command::Publish(arguments) => registry::publish(&agent, *arguments).await,
        Command::List => registry::list(&agent).await,
        Command::Sbom { name, version } => registry::sbom(&agent, &name, &version).await,
        Command::Shadow(arguments) => shadow::shadow(&agent, *arguments).await,
        Command::Pull { name, version } => registry::pull(&agent, &name, &version).await,
        Command::Test(connected) => discover::test(&agent, &connected).await,
        Command::Activities(connected) => discover::activities(&agent, &connected).await,
        Command::Objects { search, connected } => {
            discover::objects(&agent, &connected, search).await
        }
        Command::Describe {
            object: Some(object),
            activity,
            refresh,
            connected,
        } => discover::object(&agent, &connected, &object, activity, refresh).await,
        Command::Describe {
            object: None,
            connected,
            ..
        } => discover::form(&agent, &connected).await,
        Command::Conformance(arguments) => conformance::conformance(&agent, *arguments).await,
        Command::Plan(arguments) => plan::plan(&agent, arguments).await,
        Command::Replay(arguments) => replay::run(&agent, arguments).await,
        Command::Run(runs) if runs.command.is_none() => run::run(&agent, runs.execution()?).await,
        Command::Agent(agents) if agents.command.is_none() && agents.join.is_asked() => {
            agents.join.run(agent, &home, &arguments.nats).await
        }
        other => {
            let workspace = Workspace::with_agent(&home, agent)?;
            arguments.nats.reach(&workspace).await?;
            on_workspace(workspace, other).await
        }
    }
}

/// What is done with the workspace.
async fn on_workspace(workspace: Workspace, command: Command) -> Result<ExitCode, Failed> {
    match command {
        Command::Serve(arguments) => workspace::serve(workspace, arguments).await,
        Command::Connection { command, at } => command.run(&workspace, &at).await,
        Command::Activity { command, at } => command.run(&workspace, &at).await,
        Command::Operation { command, at } => command.run(&workspace, &at).await,
        Command::Variable { command, at } => command.run(&workspace, &at),
        Command::Policy { command, at } => command.run(&workspace, &at),
        Command::Project { command, at } => command.run(&workspace, &at),
        Command::Agent(agents) => match agents.command {
            Some(command) => command.run(&workspace, &agents.at).await,
            None => Err(
                "write `harness agent list`, or `harness agent --join URL --group NAME`; \
                         `harness agent --help` tells the rest"
                    .into(),
            ),
        },
        Command::Group { command, at } => command.run(&workspace, &at),
        Command::Environment { command, at } => command.run(&workspace, &at),
        Command::Store { command, at } => command.run(&workspace, &at),
        Command::Quarantine { command, at } => command.run(&workspace, &at),
        Command::Run(runs) => match runs.command {
            Some(command) => command.run(&workspace).await,
            None => Ok(ExitCode::FAILURE),
        },
        // All others need no workspace, and were dealt with.
        _ => Ok(ExitCode::FAILURE),
    }
}

impl Connected {
    /// Reads the connection file and downloads the connection's connector.
    async fn connect(&self, agent: &Agent) -> Result<(Connector, Connection), Failed> {
        let file = ConnectionFile::read(&self.connection)?;
        let downloaded = agent.download(&file.connector, &file.version).await?;
        Ok((downloaded.connector, agent.connection(&file)))
    }

    /// The same, with a session opened.
    async fn session(&self, agent: &Agent) -> Result<Session, Failed> {
        let (connector, connection) = self.connect(agent).await?;
        Ok(connector.session(connection).await?)
    }
}

/// Writes to standard output; a reader that has gone away is no error.
fn print(text: &str) -> Result<(), Failed> {
    use std::io::Write;
    match writeln!(std::io::stdout(), "{text}") {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}
