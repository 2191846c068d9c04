#!/usr/bin/env bash
# A `host` header over HTTP/2, in a client and a server that are both everywhere.
#
# Guess:     a client library that is given a `host` header makes it HTTP/2's `:authority`
#            or leaves it out, as curl does; and a server that gets both, with the same
#            value, does not mind (RFC 9113, 8.3.1, speaks only of values that differ).
# Found:     reqwest 0.13.5 (hyper-util 0.1, h2 0.4) sends `host` beside `:authority`, and
#            nginx 1.22.1, as Debian 12 has it, answers 400 to every such request. Over
#            HTTP/1.1 the same request is answered 200, so that nothing shows until the
#            server offers HTTP/2. `wasi:http` hosts meet it: wasmtime-wasi-http 48 puts a
#            `host` header into each request unless `set_host_header` says otherwise.
# Source:    reqwest 0.13.5 with exact versions of what it stands on, from crates.io;
#            nginx 1.22.1-9+deb12u*, from Debian 12, unpacked and not installed.
# Seen on 2026-11-30:
#            with host, HTTP/2.0: 400
#            without host, HTTP/2.0: 200
#            with host, HTTP/1.1: 200
#
# Needs cargo, openssl, apt-get and curl; loopback only. Fails if what is found changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'kill "${nginx:-}" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"

apt-get download -qq nginx nginx-common 2>/dev/null
for package in nginx_*.deb; do dpkg-deb -x "$package" root; done
dpkg-deb -f nginx_*.deb Version
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
    -subj /CN=localhost -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE \
    -keyout key.pem -out certificate.pem 2>/dev/null
port=$((20000 + RANDOM % 20000))
cat > nginx.conf <<CONF
daemon off;
pid $folder/nginx.pid;
error_log $folder/error.log info;
events {}
http {
    access_log off;
    client_body_temp_path $folder/body; proxy_temp_path $folder/proxy;
    fastcgi_temp_path $folder/fastcgi; uwsgi_temp_path $folder/uwsgi; scgi_temp_path $folder/scgi;
    server {
        listen 127.0.0.1:$port ssl http2;
        ssl_certificate $folder/certificate.pem;
        ssl_certificate_key $folder/key.pem;
        location / { return 200 "hello\n"; }
    }
}
CONF
root/usr/sbin/nginx -p "$folder" -c nginx.conf &
nginx=$!

cargo init --quiet --name client client
cat > client/Cargo.toml <<'TOML'
[package]
name = "client"
version = "0.0.0"
edition = "2024"

[dependencies]
reqwest = { version = "=0.13.5", default-features = false, features = ["rustls-no-provider", "http2"] }
rustls = { version = "=0.23.46", default-features = false, features = ["ring", "std", "tls12"] }
tokio = { version = "1", features = ["macros", "rt"] }
TOML
cat > client/src/main.rs <<'RUST'
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    rustls::crypto::ring::default_provider().install_default().ok();
    let url = std::env::args().nth(1).ok_or("a URL")?;
    let pem = std::fs::read("certificate.pem")?;
    let client = |http1: bool| {
        let builder = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([reqwest::Certificate::from_pem(&pem)?]);
        if http1 { builder.http1_only() } else { builder }.build()
    };
    for (what, host, http1) in [
        ("with host", true, false),
        ("without host", false, false),
        ("with host", true, true),
    ] {
        let mut request = client(http1)?.get(&url);
        if host {
            request = request.header("host", url.trim_start_matches("https://"));
        }
        let answer = request.send().await?;
        println!("{what}, {:?}: {}", answer.version(), answer.status().as_u16());
    }
    Ok(())
}
RUST
CARGO_TARGET_DIR="$folder/target" cargo build --quiet --manifest-path client/Cargo.toml
for _ in $(seq 50); do curl -sk "https://127.0.0.1:$port" >/dev/null && break; sleep 0.1; done
found=$(target/debug/client "https://localhost:$port")
echo "$found"
expected="with host, HTTP/2.0: 400
without host, HTTP/2.0: 200
with host, HTTP/1.1: 200"
[ "$found" = "$expected" ] || { echo "this has changed" >&2; exit 1; }
grep -o 'client sent duplicate host header' error.log | head -1
