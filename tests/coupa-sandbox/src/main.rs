//! The sandbox as a program. It prints one line of JSON with its address when
//! it is ready, and ends on a signal or, if asked to, with its standard input.

use std::error::Error;
use std::io::Write as _;
use std::path::PathBuf;

use clap::Parser;
use coupa_sandbox::{Client, Configuration, Sandbox, Switches};
use serde_json::json;

/// An emulator of Coupa's Core REST API.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The port on 127.0.0.1; 0 for any that is free
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// How many records a collection holds at the start, such as suppliers=5000
    #[arg(long, value_name = "NAME=COUNT", value_parser = seed_records)]
    seed_records: Vec<(String, u64)>,
    /// What the records are drawn from; the same seed gives the same records
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Keep the records in this SQLite file and not in memory
    #[arg(long, value_name = "FILE")]
    database: Option<PathBuf>,
    /// The environment variable that holds an API key; switches keys on
    #[arg(long, value_name = "VAR")]
    api_key_env: Option<String>,
    /// The id of an OAuth client
    #[arg(long, value_name = "ID", requires = "client_secret_env")]
    client_id: Option<String>,
    /// The environment variable that holds the client's secret
    #[arg(long, value_name = "VAR", requires = "client_id")]
    client_secret_env: Option<String>,
    /// The client's scopes, separated by spaces or commas
    #[arg(long, default_value = "core.supplier.read core.supplier.write")]
    scopes: String,
    /// How the instance behaves, such as page_size=20
    #[arg(long = "switch", value_name = "NAME=VALUE", value_parser = pair)]
    switches: Vec<(String, String)>,
    /// End when the standard input is closed
    #[arg(long)]
    until_stdin_closes: bool,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn seed_records(text: &str) -> Result<(String, u64), String> {
    let (name, count) = pair(text)?;
    let count = count
        .parse()
        .map_err(|_| format!("{count} is not a number"))?;
    Ok((name, count))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let until_stdin_closes = arguments.until_stdin_closes;
    let seed = arguments.seed;
    let sandbox = Sandbox::start(configuration(arguments)?)?;
    let ready = json!({"url": sandbox.base_url(), "seed": seed});
    let mut output = std::io::stdout();
    writeln!(output, "{ready}")?;
    output.flush()?;
    tokio::select! {
        ended = ended_by_signal() => ended?,
        () = stdin_closed(), if until_stdin_closes => {}
    }
    sandbox.shutdown();
    // A read of the standard input would keep the runtime from ending.
    std::process::exit(0);
}

fn configuration(arguments: Arguments) -> Result<Configuration, Box<dyn Error>> {
    let mut switches = Switches {
        api_key: arguments.api_key_env.is_some(),
        ..Switches::default()
    };
    for (name, value) in &arguments.switches {
        switches.set(name, value)?;
    }
    let mut clients = Vec::new();
    if let (Some(id), Some(variable)) = (arguments.client_id, &arguments.client_secret_env) {
        clients.push(Client {
            id,
            secret: secret(variable)?,
            scopes: arguments
                .scopes
                .split([' ', ','])
                .filter(|scope| !scope.is_empty())
                .map(str::to_owned)
                .collect(),
        });
    }
    Ok(Configuration {
        port: arguments.port,
        database: arguments.database,
        seed: arguments.seed,
        seed_records: arguments.seed_records.into_iter().collect(),
        clients,
        api_keys: match &arguments.api_key_env {
            Some(variable) => vec![secret(variable)?],
            None => Vec::new(),
        },
        switches,
    })
}

fn secret(variable: &str) -> Result<String, String> {
    std::env::var(variable).map_err(|_| format!("the environment variable {variable} is not set"))
}

#[cfg(unix)]
async fn ended_by_signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminate.recv() => Ok(()),
    }
}

#[cfg(not(unix))]
async fn ended_by_signal() -> std::io::Result<()> {
    tokio::signal::ctrl_c().await
}

async fn stdin_closed() {
    let copying = || std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
    // However reading ends, there is nobody left to wait for.
    let _ = tokio::task::spawn_blocking(copying).await;
}
