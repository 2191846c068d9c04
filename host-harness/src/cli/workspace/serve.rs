//! `harness serve`.

use super::super::run::interrupted;
use super::super::{Failed, print};
use super::{SecretPlace, secret_place};
use clap::Args;
use host_harness::observability::Monitoring;
use host_harness::web::{Access, Server};
use host_harness::workspace::Workspace;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

#[derive(Args)]
pub struct ServeArguments {
    /// Where to listen. Anything but loopback needs a password.
    #[arg(long, default_value = "127.0.0.1:8480", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Where the password is: env:VARIABLE or file:PATH. Without one, a login
    /// token is made and printed.
    #[arg(long, value_name = "PLACE", value_parser = secret_place)]
    password: Option<SecretPlace>,
    /// Where to answer /metrics, /healthz and /readyz. There is no login: let
    /// nothing but monitoring reach it.
    #[arg(long, env = "HARNESS_MONITORING", value_name = "ADDRESS")]
    monitoring: Option<SocketAddr>,
    /// When it is asked to end, seconds that runs are given to come to their
    /// end. Those that do not are stopped where they can be resumed.
    #[arg(long, default_value_t = 30, value_name = "SECONDS")]
    grace: u64,
}

/// Serves until it is asked to end; asked twice, it ends at once.
pub async fn serve(workspace: Workspace, arguments: ServeArguments) -> Result<ExitCode, Failed> {
    let access = match &arguments.password {
        Some(place) => Access::by_password(place.read()?)?,
        None => Access::by_token()?,
    };
    if let Some(address) = arguments.monitoring {
        let monitoring = Monitoring::bind(address, Arc::new(workspace.clone())).await?;
        print(&format!("Monitoring at http://{}", monitoring.address()))?;
        tokio::spawn(monitoring.run(std::future::pending()));
        tokio::spawn(workspace.clone().keep_counting_groups());
    }
    let server = Server::bind(arguments.listen, access, workspace.clone()).await?;
    print(&format!("Open {}", server.url()))?;
    for (run, again) in workspace.begin_set_aside().await? {
        match again {
            Ok(again) => eprintln!("run {run} waited for its turn: it is begun as run {again}"),
            Err(error) => eprintln!("run {run} waited for its turn, and is not begun: {error}"),
        }
    }
    let draining = async {
        interrupted().await;
        eprintln!("ending: no more runs are taken; asked again, it ends at once");
        tokio::select! {
            drained = workspace.drain(Duration::from_secs(arguments.grace)) => Some(drained),
            () = interrupted() => None,
        }
    };
    let drained = tokio::select! {
        drained = draining => drained,
        served = server.run(std::future::pending()) => {
            served?;
            None
        }
    };
    match drained.transpose()? {
        Some(drained) => {
            for run in drained.stopped {
                eprintln!("stopped run {run}; to go on: harness run resume {run}");
            }
            for run in drained.set_aside {
                eprintln!(
                    "run {run} waits for its turn: it is begun when harness serve is started \
                     again, or by harness run resume {run}"
                );
            }
            Ok(ExitCode::SUCCESS)
        }
        None => Ok(ExitCode::from(130)),
    }
}
