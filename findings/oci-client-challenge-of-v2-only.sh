#!/usr/bin/env bash
# A registry that is open at `/v2/` and closed at one repository.
#
# Guess:     a client of OCI registries answers the challenge of the request that was
#            refused (distribution-spec, "WWW-Authenticate"; RFC 9110, 11.6.1), as docker,
#            skopeo and oras do: zot, Harbor and GitLab let anybody ask `/v2/`, and guard
#            repositories one by one.
# Found:     oci-client asks `/v2/` once for how to authenticate. Where that answers 200, it
#            sends no credentials to anything: a pull with the right user and password ends
#            with the 401 of the repository, whose Basic challenge is not looked at. With
#            the same challenge at `/v2/` too, the same pull succeeds.
# Source:    oci-client 0.18.0, from crates.io; the registry below is Python's http.server.
# Seen on 2026-11-30:
#            closed at /v2/ too: pulled
#            open at /v2/: refused, requests with credentials: 0
#
# Needs cargo, a C compiler and python3; loopback only. Fails if what is found changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'kill "${registry:-}" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"

cat > registry.py <<'PY'
import base64, http.server, sys

open_at_v2 = sys.argv[2] == "open"
right = "Basic " + base64.b64encode(b"robot:secret").decode()
config = b"{}"
digest = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
manifest = (
    '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",'
    '"config":{"mediaType":"application/json","digest":"%s","size":2},"layers":[]}' % digest
).encode()


class Registry(http.server.BaseHTTPRequestHandler):
    given = 0

    def do_GET(self):
        said = self.headers.get("Authorization")
        Registry.given += said == right
        if self.path == "/given":
            return self.answer(200, str(Registry.given).encode())
        if said != right and not (open_at_v2 and self.path == "/v2/"):
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="registry"')
            self.send_header("Content-Length", "0")
            return self.end_headers()
        self.answer(200, b"{}" if self.path == "/v2/" else manifest)

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/vnd.oci.image.manifest.v1+json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, *_):
        pass


http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Registry).serve_forever()
PY

cargo init --quiet --name client client
cat > client/Cargo.toml <<'TOML'
[package]
name = "client"
version = "0.0.0"
edition = "2024"

[dependencies]
oci-client = { version = "=0.18.0", default-features = false, features = ["rustls-tls-no-provider"] }
rustls = { version = "0.23", default-features = false, features = ["ring", "std", "tls12"] }
tokio = { version = "1", features = ["macros", "rt-multi-thread"] }
TOML
cat > client/src/main.rs <<'RS'
use oci_client::client::{Client, ClientConfig, ClientProtocol};
use oci_client::secrets::RegistryAuth;

#[tokio::main]
async fn main() {
    rustls::crypto::ring::default_provider()
        .install_default()
        .unwrap();
    let place = std::env::args().nth(1).unwrap();
    let image = format!("{place}/team/connector:1.0.0").parse().unwrap();
    let client = Client::new(ClientConfig {
        protocol: ClientProtocol::Http,
        ..ClientConfig::default()
    });
    let robot = RegistryAuth::Basic("robot".to_owned(), "secret".to_owned());
    match client.pull_manifest(&image, &robot).await {
        Ok(_) => println!("pulled"),
        Err(_) => println!("refused"),
    }
}
RS
cargo build --quiet --manifest-path client/Cargo.toml

seen=""
for kind in closed open; do
    port=$((20000 + RANDOM % 20000))
    python3 registry.py "$port" "$kind" &
    registry=$!
    for _ in $(seq 50); do
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break
        sleep 0.1
    done
    pulled=$(client/target/debug/client "127.0.0.1:$port")
    given=$(python3 -c "import sys, urllib.request as r; print(r.urlopen(sys.argv[1]).read().decode())" \
        "http://127.0.0.1:$port/given" 2>/dev/null || echo "?")
    if [ "$kind" = closed ]; then
        line="closed at /v2/ too: $pulled"
    else
        line="open at /v2/: $pulled, requests with credentials: $given"
    fi
    echo "$line"
    seen+="$line"$'\n'
    kill "$registry"
    wait "$registry" 2>/dev/null || true
done
test "$seen" = "closed at /v2/ too: pulled
open at /v2/: refused, requests with credentials: 0
"
