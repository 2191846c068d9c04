//! Debian's `docker-registry`, one for each test, with a folder of its own.

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub const USER: &str = "robot";
pub const PASSWORD: &str = "pull-password-1234";
/// bcrypt of the password.
const PASSWORD_LINE: &str = "robot:$2b$05$abcdefghijklmnopqrstuu6Jn7vMi9iUDBV9OeqT2NrZj9bX2e1lC\n";

pub struct Server {
    child: Child,
    pub folder: tempfile::TempDir,
    pub port: u16,
    tls: bool,
    /// The certificate of the authority that vouches for it, where it has TLS.
    pub authority: String,
}

/// How a registry is started.
#[derive(Clone, Copy, Default)]
pub struct Kind {
    pub password: bool,
    pub tls: bool,
}

impl Server {
    pub fn start() -> Self {
        Self::of(Kind::default())
    }

    pub fn of(kind: Kind) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let mut more = String::new();
        let mut authority = String::new();
        if kind.tls {
            authority = certificate(&path("server.pem"), &path("server.key"));
            more = format!(
                "\n  tls:\n    certificate: {}\n    key: {}",
                path("server.pem").display(),
                path("server.key").display()
            );
        }
        if kind.password {
            std::fs::write(path("htpasswd"), PASSWORD_LINE).unwrap();
            more.push_str(&format!(
                "\nauth:\n  htpasswd:\n    realm: test\n    path: {}",
                path("htpasswd").display()
            ));
        }
        // A port that was free a moment ago may be taken by now.
        for _ in 0..10 {
            let port = std::net::TcpListener::bind("127.0.0.1:0")
                .unwrap()
                .local_addr()
                .unwrap()
                .port();
            let configuration = format!(
                "version: 0.1\nlog:\n  level: error\n  accesslog:\n    disabled: true\n\
                 storage:\n  filesystem:\n    rootdirectory: {}\n\
                 http:\n  addr: 127.0.0.1:{port}{more}\n",
                path("data").display()
            );
            std::fs::write(path("config.yml"), configuration).unwrap();
            let mut child = Command::new("docker-registry")
                .arg("serve")
                .arg(path("config.yml"))
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap_or_else(|error| {
                    panic!("docker-registry cannot be started ({error}): run `cargo xtask test`")
                });
            let started = Instant::now();
            while started.elapsed() < Duration::from_secs(20) {
                if child.try_wait().unwrap().is_some() {
                    break;
                }
                if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                    return Self {
                        child,
                        folder,
                        port,
                        tls: kind.tls,
                        authority,
                    };
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            let _ = child.kill();
            let _ = child.wait();
        }
        panic!("docker-registry did not start");
    }

    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn address(&self) -> String {
        let scheme = if self.tls { "oci" } else { "oci+http" };
        format!("{scheme}://{}/connectors", self.host())
    }

    /// Where the bytes of a digest lie on its disk.
    pub fn blob(&self, digest: &str) -> PathBuf {
        let hex = digest.strip_prefix("sha256:").unwrap();
        self.folder.path().join(format!(
            "data/docker/registry/v2/blobs/sha256/{}/{hex}/data",
            &hex[..2]
        ))
    }

    /// Where the tags of the small connector lie on its disk.
    pub fn tag(&self, tag: &str) -> PathBuf {
        self.folder.path().join(format!(
            "data/docker/registry/v2/repositories/connectors/json-list/_manifests/tags/{tag}"
        ))
    }

    pub fn stop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Writes a certificate and its key, and answers that of the authority.
fn certificate(file: &std::path::Path, key_file: &std::path::Path) -> String {
    let key = KeyPair::generate().unwrap();
    let mut parameters = CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = parameters.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(parameters, key);
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["127.0.0.1".to_owned()])
        .unwrap()
        .signed_by(&key, &issuer)
        .unwrap();
    std::fs::write(file, certificate.pem()).unwrap();
    std::fs::write(key_file, key.serialize_pem()).unwrap();
    authority
}
