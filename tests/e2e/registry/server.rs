//! Debian's `docker-registry`, one for each test, with a folder of its own.

use crate::servers::authority::Authority;
use crate::servers::process::Process;
use std::path::PathBuf;
use std::process::Command;

pub const USER: &str = "robot";
pub const PASSWORD: &str = "pull-password-1234";
/// bcrypt of the password.
const PASSWORD_LINE: &str = "robot:$2b$05$abcdefghijklmnopqrstuu6Jn7vMi9iUDBV9OeqT2NrZj9bX2e1lC\n";

pub struct Server {
    process: Process,
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
            let private = Authority::new();
            let (certificate, key) = private.certify(&["127.0.0.1"]).write(folder.path());
            authority = private.pem;
            more = format!(
                "\n  tls:\n    certificate: {}\n    key: {}",
                certificate.display(),
                key.display()
            );
        }
        if kind.password {
            std::fs::write(path("htpasswd"), PASSWORD_LINE).unwrap();
            more.push_str(&format!(
                "\nauth:\n  htpasswd:\n    realm: test\n    path: {}",
                path("htpasswd").display()
            ));
        }
        let (process, [port]) = Process::serving(|[port]| {
            let configuration = format!(
                "version: 0.1\nlog:\n  level: error\n  accesslog:\n    disabled: true\n\
                 storage:\n  filesystem:\n    rootdirectory: {}\n\
                 http:\n  addr: 127.0.0.1:{port}{more}\n",
                path("data").display()
            );
            std::fs::write(path("config.yml"), configuration).unwrap();
            let mut command = Command::new("docker-registry");
            command.arg("serve").arg(path("config.yml"));
            command
        });
        Self {
            process,
            folder,
            port,
            tls: kind.tls,
            authority,
        }
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
        self.process.stop();
    }
}
