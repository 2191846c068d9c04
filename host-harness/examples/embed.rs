//! A connector embedded in a program: downloaded, tested, and a query streamed.
//!
//! `cargo run --release --example embed -- CONNECTION.toml OBJECT`

use futures::StreamExt;
use host_harness::agent::Agent;
use host_harness::connection::ConnectionFile;
use host_harness::runtime::types::{Call, Event, Setting};
use std::path::PathBuf;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().ok_or("which connection file?")?;
    let object = arguments.next().ok_or("which object?")?;

    let home = std::env::var_os("HARNESS_HOME").map(PathBuf::from);
    let home = home
        .or_else(Agent::default_home)
        .ok_or("which home folder?")?;
    let agent = Agent::open(&home, None)?;
    let connection = ConnectionFile::read(&file)?;
    let downloaded = agent
        .download(&connection.connector, &connection.version)
        .await?;
    println!("{} {}", downloaded.entry.name, downloaded.entry.digest);

    let mut session = downloaded
        .connector
        .session(agent.connection(&connection))
        .await?;
    for check in session.test().await? {
        println!("{}: {:?}", check.title, check.outcome);
    }

    let session = downloaded
        .connector
        .session(agent.connection(&connection))
        .await?;
    let limit = Setting {
        name: "limit".to_owned(),
        value: "5".to_owned(),
    };
    let call = Call {
        activity: "query".to_owned(),
        object,
        options: vec![limit],
        resume: None,
        dry_run: false,
    };
    let mut run = session.execute(call, futures::stream::empty().boxed());
    while let Some(events) = run.next().await {
        for event in events {
            if let Event::Item(record) = event {
                println!("{}: {} bytes", record.key, record.data.len());
            }
        }
    }
    println!("{:?}", run.finish().await?);
    Ok(())
}
