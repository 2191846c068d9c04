//! Debian's `nginx` before a sandbox, with a folder and a configuration of its own.

use super::authority::Authority;
use super::process::Process;
use coupa_sandbox::Sandbox;
use std::process::Command;

/// Where Debian keeps programs that only root is expected to start.
const BESIDE_PATH: &str = "/usr/sbin";
/// Requests on a connection of [`Door::Http1Limited`].
pub const HTTP1_LIMIT: u32 = 7;
/// Requests on a connection of [`Door::Http2Limited`].
pub const HTTP2_LIMIT: u32 = 10;

/// Its servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// HTTP/2, as `listen … ssl http2` offers it.
    Http2,
    /// The same, which ends connections after some requests by GOAWAY.
    Http2Limited,
    /// HTTP/1.1, which ends connections after some requests by `connection: close`.
    Http1Limited,
}

pub struct Nginx {
    // Ends before its folder goes.
    _process: Process,
    folder: tempfile::TempDir,
    ports: [u16; 3],
    /// The certificate of the authority that vouches for it.
    pub authority: String,
}

/// A request, as nginx noted it when it had answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Noted {
    pub door: Door,
    /// Such as `HTTP/2.0`.
    pub protocol: String,
    /// The number of its connection.
    pub connection: u64,
    pub method: String,
    pub status: u16,
}

impl Nginx {
    pub fn before(sandbox: &Sandbox) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new();
        authority.certify(&["127.0.0.1"]).write(folder.path());
        let path = std::env::var("PATH").unwrap_or_default();
        let (process, ports) = Process::serving(|ports| {
            let text = configuration(ports, &sandbox.base_url());
            std::fs::write(folder.path().join("nginx.conf"), text).unwrap();
            let mut command = Command::new("nginx");
            command
                .env("PATH", format!("{path}:{BESIDE_PATH}"))
                .arg("-p")
                .arg(folder.path())
                .args(["-c", "nginx.conf", "-e", "error.log"]);
            command
        });
        Self {
            _process: process,
            folder,
            ports,
            authority: authority.pem,
        }
    }

    pub fn url(&self, door: Door) -> String {
        let [http2, http2_limited, http1_limited] = self.ports;
        let port = match door {
            Door::Http2 => http2,
            Door::Http2Limited => http2_limited,
            Door::Http1Limited => http1_limited,
        };
        format!("https://127.0.0.1:{port}")
    }

    /// What it answered so far.
    pub fn noted(&self) -> Vec<Noted> {
        let text = std::fs::read_to_string(self.folder.path().join("access.log")).unwrap();
        text.lines().map(|line| self.line(line)).collect()
    }

    fn line(&self, line: &str) -> Noted {
        let parts: Vec<&str> = line.split(' ').collect();
        let [port, protocol, connection, status, method] = parts[..] else {
            panic!("{line}");
        };
        let doors = [Door::Http2, Door::Http2Limited, Door::Http1Limited];
        let port: u16 = port.parse().unwrap();
        let at = self.ports.iter().position(|own| *own == port).unwrap();
        Noted {
            door: doors[at],
            protocol: protocol.to_owned(),
            connection: connection.parse().unwrap(),
            method: method.to_owned(),
            status: status.parse().unwrap(),
        }
    }
}

/// Everything that it writes lies in its folder. One process, which ends as it is killed:
/// workers would outlive their master.
fn configuration(ports: [u16; 3], behind: &str) -> String {
    let [http2, http2_limited, http1_limited] = ports;
    format!(
        "daemon off;
master_process off;
pid nginx.pid;
error_log error.log info;
events {{ worker_connections 256; }}
http {{
  log_format noted '$server_port $server_protocol $connection $status $request_method';
  access_log access.log noted;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  client_max_body_size 0;
  ssl_certificate server.pem;
  ssl_certificate_key server.key;
  server {{
    listen 127.0.0.1:{http2} ssl http2;
    location / {{ proxy_pass {behind}; proxy_http_version 1.1; }}
  }}
  server {{
    listen 127.0.0.1:{http2_limited} ssl http2;
    keepalive_requests {HTTP2_LIMIT};
    location / {{ proxy_pass {behind}; proxy_http_version 1.1; }}
  }}
  server {{
    listen 127.0.0.1:{http1_limited} ssl;
    keepalive_requests {HTTP1_LIMIT};
    location / {{ proxy_pass {behind}; proxy_http_version 1.1; }}
  }}
}}
"
    )
}
