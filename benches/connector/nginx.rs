//! Debian's nginx in front of a server of the bench, as a customer's Coupa has
//! something in front of it, and what it saw of those who came.
//!
//! It is one process with one loop, so that whatever happened before it answers a
//! question of ours is in its log by then.

use super::Result;
use super::programs::{self, Program};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};

/// Requests that a connection may carry: nginx's own default, written down because what
/// is allowed is computed from it.
pub const REQUESTS_ON_A_CONNECTION: u64 = 1000;

/// Answers how many connections were accepted.
const STATUS: &str = "/status";

/// What nginx logs of each request. The last is how many others were under way when it
/// ended.
const LOGGED: &str = "$connection $server_protocol $connections_writing";

/// nginx, which listens in plain HTTP, over TLS with HTTP/1.1 alone, and over TLS with
/// HTTP/2 as well.
pub struct Nginx {
    _program: Program,
    plain: SocketAddr,
    http1: SocketAddr,
    http2: SocketAddr,
    authority: PathBuf,
    /// As far as it was read.
    log: BufReader<File>,
}

/// What nginx saw of one run.
pub struct Seen {
    /// As the requests had it, such as `HTTP/2.0`.
    pub protocols: BTreeSet<String>,
    pub requests: u64,
    /// At the same time.
    pub most_under_way: u64,
    /// Connections that were accepted, including those that carried no request.
    pub opened: u64,
    /// Connections that carried one.
    pub used: u64,
}

impl Nginx {
    /// Starts one before a server; it keeps everything in `folder`.
    pub fn start(folder: &Path, server: &str) -> Result<Self> {
        let authority = certify(folder)?;
        let (http1, http2) = (programs::free_address()?, programs::free_address()?);
        let server = server.trim_start_matches("http://");
        let program = programs::nginx(folder, |plain| {
            configuration(folder, server, plain, http1, http2)
        })?;
        Ok(Self {
            plain: program.address,
            _program: program,
            http1,
            http2,
            authority,
            log: BufReader::new(File::open(folder.join("access.log"))?),
        })
    }

    pub fn plain(&self) -> String {
        format!("http://{}", self.plain)
    }

    pub fn http1(&self) -> String {
        format!("https://{}", self.http1)
    }

    pub fn http2(&self) -> String {
        format!("https://{}", self.http2)
    }

    /// The certificate of the authority that vouches for it.
    pub fn authority(&self) -> &Path {
        &self.authority
    }

    /// What it sees while something runs.
    pub fn watch<T>(&mut self, run: impl FnOnce() -> Result<T>) -> Result<(T, Seen)> {
        let before = self.accepted()?;
        let result = run()?;
        // The last question came by a connection of its own.
        let opened = self.accepted()? - before - 1;
        let mut seen = Seen {
            protocols: BTreeSet::new(),
            requests: 0,
            most_under_way: 0,
            opened,
            used: 0,
        };
        let mut connections = BTreeSet::new();
        let mut lines = String::new();
        self.log.read_to_string(&mut lines)?;
        for line in lines.lines() {
            let [connection, protocol, others] = line.split(' ').collect::<Vec<_>>()[..] else {
                return Err(format!("nginx logged {line:?}").into());
            };
            connections.insert(connection);
            seen.protocols.insert(protocol.to_owned());
            seen.requests += 1;
            seen.most_under_way = seen.most_under_way.max(others.parse::<u64>()? + 1);
        }
        seen.used = connections.len() as u64;
        Ok((result, seen))
    }

    /// Connections that were accepted so far, this one included.
    fn accepted(&self) -> Result<u64> {
        let mut connection = TcpStream::connect(self.plain)?;
        write!(connection, "GET {STATUS} HTTP/1.0\r\n\r\n")?;
        let lines: Vec<String> = BufReader::new(connection)
            .lines()
            .collect::<std::io::Result<_>>()?;
        let heading = lines
            .iter()
            .position(|line| line.starts_with("server accepts"))
            .ok_or("nginx does not tell its connections")?;
        let numbers = lines.get(heading + 1).map_or("", String::as_str);
        let accepted = numbers.split_whitespace().next().unwrap_or_default();
        Ok(accepted.parse()?)
    }
}

impl Seen {
    /// As many connections as a client needs that keeps what it has opened: one for each
    /// request under way in HTTP/1.1, one for all in HTTP/2, and another each time that
    /// the server has had enough of one.
    pub fn allowed(&self) -> u64 {
        let together = match self.protocols.contains("HTTP/2.0") {
            true => 1,
            false => self.most_under_way,
        };
        together + self.requests / REQUESTS_ON_A_CONNECTION
    }
}

/// Everything lies in the folder, and is as nginx has it where nothing else is said.
/// Pages fit into the buffers, so that no disk is measured.
fn configuration(
    folder: &Path,
    server: &str,
    plain: SocketAddr,
    http1: SocketAddr,
    http2: SocketAddr,
) -> String {
    let folder = folder.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|module| format!("    {module}_temp_path \"{folder}/{module}\";\n"))
        .concat();
    let tls = format!(
        "ssl_certificate \"{folder}/certificate.pem\"; ssl_certificate_key \"{folder}/key.pem\";"
    );
    let pages = "location / { proxy_pass http://pages; }";
    format!(
        r#"daemon off;
master_process off;
pid "{folder}/nginx.pid";
events {{}}
http {{
{temporary}    log_format seen "{LOGGED}";
    access_log "{folder}/access.log" seen;
    keepalive_requests {REQUESTS_ON_A_CONNECTION};
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_buffers 16 8k;
    upstream pages {{ server {server}; keepalive 16; }}
    server {{
        listen {plain};
        {pages}
        location = {STATUS} {{ stub_status; access_log off; }}
    }}
    server {{
        listen {http1} ssl;
        {tls}
        {pages}
    }}
    server {{
        listen {http2} ssl http2;
        {tls}
        {pages}
    }}
}}
"#
    )
}

/// Makes an authority, and a certificate for this machine by it; answers where the
/// authority's lies.
fn certify(folder: &Path) -> Result<PathBuf> {
    let key = KeyPair::generate()?;
    let mut parameters = CertificateParams::new(Vec::new())?;
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let path = folder.join("authority.pem");
    std::fs::write(&path, parameters.self_signed(&key)?.pem())?;
    let issuer = Issuer::new(parameters, key);

    let key = KeyPair::generate()?;
    let certificate =
        CertificateParams::new(vec!["127.0.0.1".to_owned()])?.signed_by(&key, &issuer)?;
    std::fs::write(folder.join("certificate.pem"), certificate.pem())?;
    std::fs::write(folder.join("key.pem"), key.serialize_pem())?;
    Ok(path)
}
