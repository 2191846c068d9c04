//! A NATS server of its own for a test, and a way to it that can be cut.

use crate::servers::process::{Process, free_port};
use async_nats::jetstream::stream::Info;
use async_nats::jetstream::{self, Context};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;

/// A server with JetStream. It is killed at the end.
pub struct NatsServer {
    process: Process,
    pub port: u16,
    monitoring: u16,
    folder: tempfile::TempDir,
}

impl NatsServer {
    pub fn start() -> Self {
        Self::with("")
    }

    /// With more in its configuration.
    pub fn with(configuration: &str) -> Self {
        let mut server = Self::launch(free_port(), configuration);
        server.listens();
        server
    }

    /// Several, which keep what they are told together.
    pub fn cluster(count: usize) -> Vec<Self> {
        let routes: Vec<u16> = (0..count).map(|_| free_port()).collect();
        let all = routes.iter().map(|port| format!("nats://127.0.0.1:{port}"));
        let all = all.collect::<Vec<_>>().join(", ");
        let mut servers: Vec<Self> = routes
            .iter()
            .enumerate()
            .map(|(n, route)| {
                let configuration = format!(
                    "server_name: \"{}\"\ncluster {{ name: together, listen: 127.0.0.1:{route}, \
                     routes: [{all}] }}",
                    Self::name(n)
                );
                Self::launch(free_port(), &configuration)
            })
            .collect();
        servers.iter_mut().for_each(Self::listens);
        servers
    }

    /// The name of a cluster's server.
    pub fn name(n: usize) -> String {
        format!("nats-{n}")
    }

    fn launch(port: u16, configuration: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let monitoring = free_port();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let text = format!(
            "listen: 127.0.0.1:{port}\nhttp: 127.0.0.1:{monitoring}\n\
             jetstream {{ store_dir: \"{}\" }}\nlogfile: \"{}\"\n{configuration}\n",
            path("store"),
            path("log")
        );
        std::fs::write(path("nats.conf"), text).unwrap();
        Self {
            process: spawn(folder.path()),
            port,
            monitoring,
            folder,
        }
    }

    fn listens(&mut self) {
        let listens = self.process.listens(self.port);
        assert!(listens, "nats-server does not listen: {}", self.log());
    }

    /// kill -9.
    pub fn kill(&mut self) {
        self.process.stop();
    }

    /// One that was killed, with what it has on its disk.
    pub fn start_again(&mut self) {
        self.process = spawn(self.folder.path());
        self.listens();
    }

    pub fn address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.port))
    }

    pub fn url(&self) -> String {
        format!("nats://{}", self.address())
    }

    /// What the server itself says.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Its JetStream, as whoever keeps the server has it.
    pub async fn jetstream(&self) -> Context {
        jetstream::new(async_nats::connect(self.url()).await.unwrap())
    }

    /// Bytes that lie in its streams, as it counts them itself.
    pub fn stored(&self) -> u64 {
        let answered = Self::jsz(self.monitoring);
        let body = answered.split("\r\n\r\n").nth(1).unwrap();
        let numbers: serde_json::Value = serde_json::from_str(body).unwrap();
        numbers["bytes"].as_u64().unwrap()
    }

    /// Waits until no more than so many lie there: what is not needed any more is removed
    /// after a run has ended.
    pub async fn keeps_at_most(&self, most: u64) {
        let until = Instant::now() + Duration::from_secs(20);
        while self.stored() > most {
            assert!(Instant::now() < until, "{} bytes stay", self.stored());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn jsz(port: u16) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream
            .write_all(b"GET /jsz HTTP/1.0\r\nHost: localhost\r\n\r\n")
            .unwrap();
        let mut answered = String::new();
        stream.read_to_string(&mut answered).unwrap();
        answered
    }
}

/// Changes the configuration of one of a group's streams.
pub async fn reconfigure(context: &Context, stream: &str, change: impl FnOnce(&mut Info)) {
    let stream = context.get_stream(stream).await.unwrap();
    let mut info = stream.get_info().await.unwrap();
    change(&mut info);
    context.update_stream(&info.config).await.unwrap();
}

fn spawn(folder: &Path) -> Process {
    let mut command = Command::new("nats-server");
    Process::start(command.arg("--config").arg(folder.join("nats.conf")))
}

/// Stands between an agent and the server. While it is cut, nothing passes, and
/// nobody is told: bytes are held back, as by a network that drops packets.
pub struct Wire {
    pub address: SocketAddr,
    cut: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<()>,
}

impl Wire {
    pub async fn to(server: SocketAddr) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let cut = Arc::new(AtomicBool::new(false));
        let is_cut = Arc::clone(&cut);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let cut = Arc::clone(&is_cut);
                tokio::spawn(async move {
                    while cut.load(Ordering::Relaxed) {
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                    let Ok(server) = tokio::net::TcpStream::connect(server).await else {
                        return;
                    };
                    let (from_client, to_client) = client.into_split();
                    let (from_server, to_server) = server.into_split();
                    tokio::join!(
                        pass(from_client, to_server, Arc::clone(&cut)),
                        pass(from_server, to_client, cut),
                    );
                });
            }
        });
        Self { address, cut, task }
    }

    pub fn url(&self) -> String {
        format!("nats://{}", self.address)
    }

    pub fn cut(&self) {
        self.cut.store(true, Ordering::Relaxed);
    }

    pub fn mend(&self) {
        self.cut.store(false, Ordering::Relaxed);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    cut: Arc<AtomicBool>,
) {
    use tokio::io::AsyncReadExt;
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let Ok(count @ 1..) = from.read(&mut buffer).await else {
            return;
        };
        while cut.load(Ordering::Relaxed) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

/// An agent in a process of its own. It is killed at the end.
pub struct AgentProcess {
    child: Child,
    pub name: String,
    log: PathBuf,
}

impl AgentProcess {
    /// Starts one whose home is the folder's `home`.
    pub fn start(
        folder: &Path,
        home: &str,
        registry: &Path,
        key: &Path,
        url: &str,
        name: &str,
        more: &[&str],
    ) -> Self {
        crate::support::make_ready(&folder.join(home));
        let log = folder.join(format!("{name}.log"));
        let file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&log)
            .unwrap();
        let child = Command::new(crate::program::program())
            .args([
                "-v", "agent", "--join", url, "--group", "plant", "--name", name,
            ])
            .args(more)
            .env("HARNESS_HOME", folder.join(home))
            .env("HARNESS_REGISTRY", registry)
            .env("HARNESS_GROUP_KEY_FILE", key)
            .env_remove("HARNESS_NATS")
            .stdin(Stdio::null())
            .stdout(file.try_clone().unwrap())
            .stderr(file)
            .spawn()
            .unwrap();
        Self {
            child,
            name: name.to_owned(),
            log,
        }
    }

    /// kill -9.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM.
    pub fn terminate(&self) {
        let done = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(done.success());
    }

    /// Waits until it has ended by itself, and answers its exit code.
    pub fn ended(&mut self, within: Duration) -> Option<i32> {
        let until = Instant::now() + within;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            assert!(Instant::now() < until, "{} does not end", self.name);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for AgentProcess {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
