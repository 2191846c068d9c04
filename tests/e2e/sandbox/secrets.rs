//! A connector gets at its own connection's secrets and cache, and at no other's.

use super::{PASSWORD, connection, run, told};
use crate::support::Secrets;
use host_harness::cache::Cache;
use std::collections::BTreeMap;
use std::sync::Arc;

#[tokio::test(flavor = "multi_thread")]
async fn only_secrets_of_the_form_are_revealed() {
    let mut rich = connection();
    // The vault has more than the connector's form names.
    rich.secrets = Arc::new(Secrets(BTreeMap::from([
        ("password", PASSWORD.to_owned()),
        ("client-secret", "another-connectors-secret".to_owned()),
        ("url", "no-secret-at-all".to_owned()),
    ])));
    let names = "password|client-secret|url|../password|password\0|PASSWORD||*";
    let outcome = run(rich, "reveal", &[("names", names)], 0).await;
    let told = told(&outcome);
    assert_eq!(told[0], format!("password: {} bytes", PASSWORD.len()));
    assert_eq!(told.len(), 8);
    assert!(
        told[1..]
            .iter()
            .all(|told| told.ends_with("secret.not-set")),
        "{told:?}"
    );
    assert!(outcome.log.contains("refused to reveal"));
    assert!(!outcome.log.contains(PASSWORD));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_is_its_connections_own() {
    let cache = Cache::in_memory();
    let (mut one, mut other) = (connection(), connection());
    one.cache = cache.namespace("one");
    other.cache = cache.namespace("other");
    let put = [("put", "token"), ("value", "of one"), ("get", "token")];
    assert_eq!(told(&run(one.clone(), "cache", &put, 0).await), ["of one"]);
    for key in ["token", "one\0token", "../one/token", "one/token"] {
        let outcome = run(other.clone(), "cache", &[("get", key)], 0).await;
        assert_eq!(told(&outcome), ["nothing"], "{key}");
    }
    // Filling it takes no more than its share, and harms no other's.
    let mut busy = other.clone();
    busy.limits.cpu = std::time::Duration::from_secs(20);
    busy.limits.wall = std::time::Duration::from_secs(40);
    let outcome = run(busy, "fill-cache", &[], 0).await;
    assert_eq!(told(&outcome), ["not kept"]);
    let outcome = run(one, "cache", &[("get", "token")], 0).await;
    assert_eq!(told(&outcome), ["of one"]);
}
