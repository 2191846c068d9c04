//! Servers of others that cases need. Each is kept by a child of this program, which
//! ends it as soon as this one is gone, however that went.

use super::Result;
use super::child::Child;
use std::ffi::OsString;
use std::io::Read;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long a server may take to listen.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server that listens on this machine.
pub struct Program {
    _keeper: Child,
    pub process: u32,
    pub address: SocketAddr,
}

/// A NATS server with JetStream, which keeps what it has in `folder`.
pub fn nats(folder: &Path) -> Result<Program> {
    let configuration = |address: SocketAddr| {
        format!(
            "listen: {address}\njetstream {{ store_dir: \"{}\" }}\n",
            folder.join("nats").display()
        )
    };
    start(folder, "nats-server", &["--config"], configuration)
}

/// A registry of images, which keeps what it has in `folder`.
pub fn docker_registry(folder: &Path) -> Result<Program> {
    let configuration = |address: SocketAddr| {
        format!(
            "version: 0.1\nlog:\n  level: error\n  accesslog:\n    disabled: true\n\
             storage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: {address}\n",
            folder.join("registry").display()
        )
    };
    start(folder, "docker-registry", &["serve"], configuration)
}

/// nginx. It is one process: ended as the others are, it would leave its workers behind.
pub fn nginx(folder: &Path, configuration: impl Fn(SocketAddr) -> String) -> Result<Program> {
    let errors = folder.join("errors.log");
    let (folder_text, errors) = (folder.to_string_lossy(), errors.to_string_lossy());
    let arguments = ["-p", &folder_text, "-e", &errors, "-c"];
    start(folder, "nginx", &arguments, configuration)
}

/// An address that nobody listens on. Should it be taken a moment later, whoever was to
/// listen there ends and is told.
pub fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// Starts a program with a configuration file, and waits until it listens.
fn start(
    folder: &Path,
    program: &str,
    arguments: &[&str],
    configuration: impl Fn(SocketAddr) -> String,
) -> Result<Program> {
    let address = free_address()?;
    let file = folder.join(format!("{program}.conf"));
    std::fs::write(&file, configuration(address))?;
    let file = file.to_string_lossy();
    let mut words = vec!["keep", program];
    words.extend(arguments);
    words.push(&file);
    let mut keeper = Child::start(&words)?;
    let process = keeper.line()?.parse()?;
    let until = Instant::now() + PATIENCE;
    while TcpStream::connect(address).is_err() {
        if Instant::now() > until {
            return Err(format!("{program} does not listen on {address}").into());
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(Program {
        _keeper: keeper,
        process,
        address,
    })
}

/// Runs a program until the standard input ends; says its number first.
pub fn keep(program: &str, arguments: &[&str]) -> Result<()> {
    let mut kept = Command::new(program)
        .args(arguments)
        .env("PATH", search_path()?)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("{program} cannot be started: {error}; is it installed?"))?;
    println!("{}", kept.id());
    // Nothing is ever written to it.
    let _ = std::io::stdin().read(&mut [0]);
    kept.kill()?;
    kept.wait()?;
    Ok(())
}

/// Where programs lie: Debian has servers where the search path of people who are not
/// root may not lead.
fn search_path() -> Result<OsString> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    Ok(std::env::join_paths(folders)?)
}
