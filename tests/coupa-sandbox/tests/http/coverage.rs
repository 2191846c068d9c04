//! How much is emulated, in numbers.

use coupa_sandbox::coverage;

use crate::support::{read, start};

#[tokio::test]
async fn the_numbers_are_to_be_had() {
    let coverage = coverage();
    println!("{coverage:#?}");
    assert_eq!((coverage.paths, coverage.collections), (464, 144));
    assert_eq!(coverage.operators, 12);
    let attachments = coupa_catalog::paths()
        .map(|(path, _)| path.strip_suffix("/{id}").unwrap_or(path))
        .filter(|path| path.rsplit('/').next() == Some("attachments"));
    // Beside them, what records have by themselves.
    assert_eq!(coverage.file_paths, attachments.count() + 15);
    assert!(coverage.fault_kinds > 30);
    assert!(coverage.guessed_actions + coverage.differences.len() < coverage.actions);
    let api = start();
    let told = read(api.http.get(api.url("/sandbox/coverage")))
        .await
        .json();
    assert_eq!(told, serde_json::to_value(&coverage).unwrap());
}
