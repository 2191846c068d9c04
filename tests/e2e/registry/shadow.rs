//! The program, from a key to a comparison of two versions.

use super::server::Server;
use super::{altered, json_list};
use crate::program::program;
use axum::Router;
use axum::extract::{Query, State};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::Path;
use std::process::{Command, Stdio};

/// A list of people, each a little otherwise for whoever asks with `limiT`.
async fn people(
    State(count): State<u64>,
    Query(asked): Query<HashMap<String, String>>,
) -> axum::Json<Value> {
    let number = |name: &str| asked.get(name).and_then(|text| text.parse::<u64>().ok());
    let (from, otherwise) = (number("offset").unwrap_or(0), asked.contains_key("limiT"));
    // One is missing, every tenth has another name, and all were seen otherwise.
    let there = (0..count).filter(|id| !(otherwise && *id == 7));
    let page = there.skip(usize::try_from(from).unwrap()).take(100);
    let people = page.map(|id| {
        let name = if otherwise && id % 10 == 0 {
            format!("PERSON {id}")
        } else {
            format!("Person {id}")
        };
        let seen = if otherwise { 2 } else { 1 };
        json!({ "id": id, "name": name, "deep": { "seen": seen } })
    });
    axum::Json(people.collect())
}

/// Serves the list, and `never`, which is never answered.
pub async fn lists(count: u64) -> String {
    let router = Router::new()
        .route("/people", axum::routing::get(people))
        .route("/never", axum::routing::get(std::future::pending::<()>))
        .with_state(count);
    format!("http://{}", crate::support::serve(router).await)
}

/// A version that asks otherwise, and gets other answers.
pub fn otherwise() -> Vec<u8> {
    let mut other = json_list();
    for at in 0..other.len() {
        if other[at..].starts_with(b"&limit=") {
            other[at + 5] = b'T';
        }
    }
    other
}

fn run(folder: &Path, registry: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(program())
        .args(arguments)
        .current_dir(folder)
        .env("HARNESS_HOME", folder.join("agent"))
        .env("HARNESS_REGISTRY", registry)
        .env("LIST_TOKEN", "token-of-the-lists-1234")
        .env("KEY_PASSWORD", "correct horse battery")
        .env("SOURCE_DATE_EPOCH", "1700000000")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_version_is_signed_published_compared_and_taken_or_not() {
    let server = Server::start();
    let url = lists(250).await;
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("list.wasm"), json_list()).unwrap();
    std::fs::write(path("list.cdx.json"), r#"{"bomFormat":"CycloneDX"}"#).unwrap();
    std::fs::write(path("same.wasm"), altered(b's')).unwrap();
    std::fs::write(path("other.wasm"), otherwise()).unwrap();
    std::fs::write(
        path("connection.toml"),
        format!(
            "name = \"Lists\"\nconnector = \"json-list\"\nversion = \"1.0.0\"\n\
             environment = \"development\"\n[settings]\nurl = \"{url}\"\n\
             [secrets]\ntoken = {{ env = \"LIST_TOKEN\" }}\n"
        ),
    )
    .unwrap();
    let registry = server.address();
    let run = |arguments: &[&str]| {
        let (folder, registry) = (folder.path().to_owned(), registry.clone());
        let arguments: Vec<String> = arguments.iter().map(|a| (*a).to_owned()).collect();
        tokio::task::spawn_blocking(move || {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            run(&folder, &registry, &arguments)
        })
    };
    let (code, said, error) = run(&[
        "key",
        "new",
        "signing.key",
        "--key-password",
        "env:KEY_PASSWORD",
    ])
    .await
    .unwrap();
    assert_eq!(code, Some(0), "{error}");
    let policy = said.split_once("[[key]]").unwrap().1;
    std::fs::create_dir_all(path("agent")).unwrap();
    std::fs::write(path("agent/trust.toml"), format!("[[key]]{policy}")).unwrap();

    for (file, number) in [
        ("list.wasm", "1.0.0"),
        ("same.wasm", "1.1.0"),
        ("other.wasm", "1.2.0"),
    ] {
        let arguments = [
            "publish",
            file,
            "--version",
            number,
            "--sign",
            "signing.key",
            "--key-password",
            "env:KEY_PASSWORD",
            "--expires",
            "30",
            "--revision",
            "0123abc",
        ];
        let (code, said, error) = run(&arguments).await.unwrap();
        assert_eq!(code, Some(0), "{error}");
        assert!(
            said.contains("manifest sha256:") && said.contains("signed by"),
            "{said}"
        );
    }
    let (_, said, _) = run(&["list"]).await.unwrap();
    assert_eq!(said.lines().count(), 4, "{said}");
    assert!(said.contains("2023-11-14"), "{said}");
    let (_, said, _) = run(&["sbom", "json-list", "1.0.0"]).await.unwrap();
    assert!(said.contains("CycloneDX"), "{said}");
    let (code, _, error) = run(&["sbom", "json-list", "1.1.0"]).await.unwrap();
    assert!(code == Some(1) && error.contains("without one"), "{error}");

    let shadow = ["shadow", "list", "people", "--new", "1.1.0"];
    let (code, said, error) = run(&shadow).await.unwrap();
    assert_eq!(code, Some(0), "{said}{error}");
    assert!(
        said.contains("no difference") && said.contains("250 the same"),
        "{said}"
    );
    let (code, said, error) = run(&["shadow", "list", "people", "--json"]).await.unwrap();
    assert_eq!(code, Some(4), "{said}{error}");
    let said: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(said["old-records"], 250);
    assert_eq!(said["only-old-keys"], json!(["7"]));
    assert_eq!(said["only-new"], 0);
    assert_eq!(said["fields"]["name"]["count"], 25);
    assert_eq!(said["fields"]["deep.seen"]["count"], said["new-records"]);
    let example = &said["fields"]["name"]["examples"][0];
    assert_eq!(
        example["new"],
        format!("PERSON {}", example["key"].as_str().unwrap())
    );
    let ignored = [
        "shadow",
        "list",
        "people",
        "--ignore",
        "deep.seen",
        "--ignore",
        "name",
    ];
    let (code, said, _) = run(&ignored).await.unwrap();
    assert_eq!(code, Some(4));
    assert!(
        said.contains("249 the same, 0 changed, 1 only old"),
        "{said}"
    );
    let (code, _, error) = run(&["shadow", "add", "people"]).await.unwrap();
    assert!(code == Some(1) && error.contains("only reads"), "{error}");
    let gone = ["shadow", "list", "nothing", "--new", "1.1.0"];
    let (code, _, error) = run(&gone).await.unwrap();
    assert!(
        code == Some(1) && error.contains("did not read to the end"),
        "{error}"
    );

    // Unsigned, it does not even come.
    let (code, _, _) = run(&["publish", "same.wasm", "--version", "2.0.0"])
        .await
        .unwrap();
    assert_eq!(code, Some(0));
    let (code, _, error) = run(&["pull", "json-list"]).await.unwrap();
    assert!(
        code == Some(1) && error.contains("is not signed"),
        "{error}"
    );
    let (_, said, _) = run(&["store", "list"]).await.unwrap();
    assert_eq!(said.lines().count(), 4, "{said}");
    let (code, said, error) = run(&["store", "gc", "--keep", "1"]).await.unwrap();
    assert_eq!(code, Some(0), "{error}");
    assert!(said.contains("json-list 1.0.0, json-list 1.1.0"), "{said}");
    let (_, said, _) = run(&["quarantine", "list"]).await.unwrap();
    assert_eq!(said.lines().count(), 1, "{said}");
}
