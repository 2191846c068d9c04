//! How much is emulated, in numbers.

use coupa_sandbox::coverage;

use crate::support::{read, start};

#[tokio::test]
async fn the_numbers_are_to_be_had() {
    let coverage = coverage();
    println!("{coverage:#?}");
    assert_eq!((coverage.paths, coverage.collections), (464, 144));
    assert_eq!(coverage.operators, 12);
    assert!(coverage.guessed_actions + coverage.differences.len() < coverage.actions);
    let api = start();
    let told = read(api.http.get(api.url("/sandbox/coverage")))
        .await
        .json();
    assert_eq!(told, serde_json::to_value(&coverage).unwrap());
}
