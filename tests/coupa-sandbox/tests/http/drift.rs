//! Records that change while a client pages.

use std::collections::BTreeSet;

use coupa_sandbox::{Drift, DriftRound};
use serde_json::{Value, json};

use crate::support::{Api, read, start_with};

fn drift() -> Drift {
    Drift {
        collection: "suppliers".to_owned(),
        every: 1,
        times: Some(6),
        inserts: 2,
        updates: 3,
        deletes: 2,
        seed: 7,
    }
}

/// Pages by offset; the ids in the order in which they came.
async fn page_through(api: &Api) -> Vec<i64> {
    let mut all = Vec::new();
    loop {
        let path = format!("/api/suppliers?limit=20&offset={}", all.len());
        let page = api.get(&path).await.ids();
        all.extend(&page);
        if page.len() < 20 {
            return all;
        }
    }
}

#[tokio::test]
async fn offset_paging_misses_records_and_id_paging_does_not() {
    let mut seen: Vec<(Vec<i64>, Vec<DriftRound>)> = Vec::new();
    for _ in 0..2 {
        let api = start_with(&[("suppliers", 130)]);
        api.sandbox.drift(drift()).unwrap();
        let paged = page_through(&api).await;
        let rounds = api.sandbox.drifted();
        assert_eq!(rounds.len(), 6);
        let deleted: BTreeSet<i64> = rounds.iter().flat_map(|r| r.deleted.clone()).collect();
        assert!(
            rounds
                .iter()
                .all(|r| r.inserted.len() == 2 && r.updated.len() == 3)
        );
        assert_eq!(api.sandbox.count("suppliers"), 130);
        let paged_set: BTreeSet<i64> = paged.iter().copied().collect();
        let mut stayed = (1..=130).filter(|id| !deleted.contains(id));
        assert!(
            stayed.any(|id| !paged_set.contains(&id)),
            "paging by offset misses some"
        );
        let changed = &rounds[0].updated[0];
        if !deleted.contains(changed) {
            let record = api.sandbox.record("suppliers", *changed).unwrap();
            assert!(record["updated-at"].as_str() > Some("2026"), "{record}");
        }
        seen.push((paged, rounds));
    }
    assert_eq!(seen[0], seen[1], "the same seed, the same changes");

    let api = start_with(&[("suppliers", 130)]);
    api.sandbox.drift(drift()).unwrap();
    let (mut last, mut all) = (0, Vec::new());
    loop {
        let page = api
            .get(&format!("/api/suppliers?limit=20&id%5Bgt%5D={last}"))
            .await
            .ids();
        all.extend(&page);
        match page.last() {
            Some(id) => last = *id,
            None => break,
        }
    }
    let deleted: BTreeSet<i64> = api
        .sandbox
        .drifted()
        .iter()
        .flat_map(|r| r.deleted.clone())
        .collect();
    for id in (1..=130).filter(|id| !deleted.contains(id)) {
        assert!(all.contains(&id), "paging by id finds {id}");
    }
}

#[tokio::test]
async fn another_process_can_let_records_drift() {
    let api = start_with(&[("purchase_orders", 5)]);
    let control = async |method: &str, body: Value| {
        let request = api
            .http
            .request(method.parse().unwrap(), api.url("/sandbox/drift"));
        read(request.body(body.to_string())).await
    };
    let sent = json!({"collection": "purchase_orders", "every": 2, "updates": 1, "inserts": 1});
    assert_eq!(control("POST", sent).await.status, 200);
    assert_eq!(
        control("POST", json!({"collection": "nothing"}))
            .await
            .status,
        400
    );
    for _ in 0..4 {
        assert_eq!(api.get("/api/purchase_orders").await.status, 200);
    }
    let rounds = control("GET", Value::Null).await.json();
    assert_eq!(rounds.as_array().map(Vec::len), Some(2), "{rounds}");
    assert_eq!(rounds[1]["inserted"], json!([7]));
    control("DELETE", Value::Null).await;
    for _ in 0..2 {
        assert_eq!(api.get("/api/purchase_orders").await.ids().len(), 7);
    }
    let now = api
        .sandbox
        .drift_now(
            &Drift {
                deletes: 1,
                ..drift()
            },
            1,
        )
        .unwrap();
    assert_eq!((now.deleted.len(), now.inserted.len()), (1, 2));
}
