//! `harness serve`.

use super::super::{Failed, print};
use super::{SecretPlace, secret_place};
use clap::Args;
use host_harness::web::{Access, Server};
use host_harness::workspace::Workspace;
use std::net::SocketAddr;
use std::process::ExitCode;

#[derive(Args)]
pub struct ServeArguments {
    /// Where to listen. Anything but loopback needs a password.
    #[arg(long, default_value = "127.0.0.1:8480", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Where the password is: env:VARIABLE or file:PATH. Without one, a login
    /// token is made and printed.
    #[arg(long, value_name = "PLACE", value_parser = secret_place)]
    password: Option<SecretPlace>,
}

pub async fn serve(workspace: Workspace, arguments: ServeArguments) -> Result<ExitCode, Failed> {
    let access = match &arguments.password {
        Some(place) => Access::by_password(place.read()?)?,
        None => Access::by_token()?,
    };
    let server = Server::bind(arguments.listen, access, workspace).await?;
    print(&format!("Open {}", server.url()))?;
    server.run(super::super::run::interrupted()).await?;
    Ok(ExitCode::SUCCESS)
}
