//! Large files cost no memory: measured on the program, in a process of its own.

use bytes::Bytes;
use futures::{StreamExt as _, stream};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::program::Program;
use crate::support::{KEY, client, read};

/// 250 MiB, the most that other clients of Coupa promise to download.
const SIZE: usize = 250 * 1024 * 1024;
const CHUNK: usize = 256 * 1024;
/// What the process may take at its peak; it starts with about 20 MiB.
const MOST_KIB: u64 = 64 * 1024;

fn digest(hash: Sha256) -> String {
    hex::encode(hash.finalize())
}

/// The greatest memory that a process ever took, in KiB; known on Linux only.
fn peak_kib(process: u32) -> Option<u64> {
    if !cfg!(target_os = "linux") {
        return None;
    }
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap();
    Some(line.split_whitespace().nth(1).unwrap().parse().unwrap())
}

async fn download(url: String) -> (usize, String) {
    let request = client().get(url).header("X-COUPA-API-KEY", KEY);
    let request = request.timeout(std::time::Duration::from_secs(120));
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    let mut pieces = response.bytes_stream();
    let (mut hash, mut size) = (Sha256::new(), 0);
    while let Some(piece) = pieces.next().await {
        let piece = piece.unwrap();
        hash.update(&piece);
        size += piece.len();
    }
    (size, digest(hash))
}

#[tokio::test]
async fn large_files_are_not_held() {
    let program = Program::start(&["--api-key-env", "SANDBOX_TEST_KEY"]);

    // Up, and down again.
    let chunk = Bytes::from((0..CHUNK).map(|at| (at % 251) as u8).collect::<Vec<_>>());
    let mut hash = Sha256::new();
    (0..SIZE / CHUNK).for_each(|_| hash.update(&chunk));
    let head = "--X7\r\nContent-Disposition: form-data; name=\"attachment[file]\"; filename=\"big\"\r\n\r\n";
    let body = stream::iter([Bytes::from(head)])
        .chain(stream::iter((0..SIZE / CHUNK).map(move |_| chunk.clone())))
        .chain(stream::iter([Bytes::from("\r\n--X7--\r\n")]))
        .map(Ok::<_, std::io::Error>);
    let request = client()
        .post(format!("{}/api/attachments", program.url))
        .timeout(std::time::Duration::from_secs(120))
        .header("X-COUPA-API-KEY", KEY)
        .header("Accept", "application/json")
        .header("Content-Type", "multipart/form-data; boundary=X7");
    let created = read(request.body(reqwest::Body::wrap_stream(body))).await;
    assert_eq!(created.status, 201, "{}", created.text);
    let url = format!("{}/api/attachments/{}", program.url, created.json()["id"]);
    assert_eq!(download(url).await, (SIZE, digest(hash)));

    // Made on demand.
    let seed = json!({"path": "attachments", "size": SIZE, "seed": 7});
    let made = client().post(format!("{}/sandbox/files", program.url));
    let made = made.timeout(std::time::Duration::from_secs(120));
    let made = read(made.body(seed.to_string())).await.json();
    let url = format!("{}/api/{}", program.url, made["path"].as_str().unwrap());
    let (size, sha256) = download(url).await;
    assert_eq!((size, json!(sha256)), (SIZE, made["sha256"].clone()));

    if let Some(peak) = peak_kib(program.id()) {
        assert!(peak < MOST_KIB, "{peak} KiB");
    }
}
