//! Query: every page, in order, whatever Coupa does.

use crate::support::{
    Outcome, api_key, call, countable_sandbox, make_countable, oauth, query, run, sandbox,
    sandbox_with,
};
use coupa_sandbox::Sandbox;
use coupa_sandbox::switches::{EmptyList, OversizedLimit};
use std::collections::BTreeSet;

fn ascending(keys: &[i64]) -> bool {
    keys.windows(2).all(|pair| pair[0] < pair[1])
}

#[tokio::test]
async fn every_record_comes_once_in_order_of_id() {
    let sandbox = sandbox_with(&[("suppliers", 1234)], |configuration| {
        make_countable(configuration);
        configuration.switches.api_key = true;
    });
    for connection in [oauth(&sandbox), api_key(&sandbox)] {
        let outcome = query(connection, "suppliers", &[]).await;
        let keys = outcome.keys();
        assert_eq!(keys.len(), 1234);
        assert!(ascending(&keys));
        assert_eq!(outcome.summary().succeeded, 1234);
        assert!(!outcome.summary().stopped_early);
        assert!(
            outcome
                .records()
                .iter()
                .all(|record| record["name"].is_string())
        );
    }
    assert_eq!(sandbox.counters().token_requests, 1);
}

#[tokio::test]
async fn other_orders_are_read_whole_too() {
    let sandbox = sandbox(&[("suppliers", 317)]);
    let down = query(oauth(&sandbox), "suppliers", &[("dir", "desc")])
        .await
        .keys();
    assert_eq!(down.len(), 317);
    assert!(down.windows(2).all(|pair| pair[0] > pair[1]));

    let by_name = query(oauth(&sandbox), "suppliers", &[("order-by", "name")]).await;
    let distinct: BTreeSet<_> = by_name.keys().into_iter().collect();
    assert_eq!((by_name.items.len(), distinct.len()), (317, 317));
    let records = by_name.records();
    let names: Vec<&str> = records
        .iter()
        .map(|record| record["name"].as_str().unwrap())
        .collect();
    assert!(names.windows(2).all(|pair| pair[0] <= pair[1]));
}

#[tokio::test]
async fn nothing_is_lost_where_pages_are_smaller_than_asked_for() {
    let sandbox = sandbox(&[("suppliers", 203)]);
    for size in [1, 7, 20, 49, 50] {
        sandbox.switches_mut().page_size = size;
        for order in ["id", "name"] {
            let outcome = query(oauth(&sandbox), "suppliers", &[("order-by", order)]).await;
            let distinct: BTreeSet<_> = outcome.keys().into_iter().collect();
            assert_eq!(
                (outcome.items.len(), distinct.len()),
                (203, 203),
                "pages of {size} by {order}"
            );
        }
    }
}

#[tokio::test]
async fn unknowns_about_paging_make_no_difference() {
    let sandbox = sandbox(&[("suppliers", 100)]);
    let count = async |sandbox: &Sandbox, filter: &str| {
        let outcome = query(oauth(sandbox), "suppliers", &[("filter", filter)]).await;
        assert_eq!(outcome.summary().succeeded, outcome.items.len() as u64);
        outcome.items.len()
    };
    for list in [EmptyList::Ok, EmptyList::NotFound] {
        for limit in [OversizedLimit::Clamp, OversizedLimit::Refuse] {
            for fields_add_id in [false, true] {
                {
                    let mut switches = sandbox.switches_mut();
                    switches.json_empty_list = list;
                    switches.oversized_limit = limit;
                    switches.fields_add_id = fields_add_id;
                }
                assert_eq!(count(&sandbox, "id[gt]=0").await, 100);
                assert_eq!(count(&sandbox, "name=no such supplier").await, 0);
            }
        }
    }
}

#[tokio::test]
async fn filters_fields_and_limits_are_honoured() {
    let sandbox = sandbox(&[("suppliers", 300), ("purchase_orders", 150)]);
    let all = query(oauth(&sandbox), "suppliers", &[]).await;
    let wanted: Vec<i64> = all
        .records()
        .iter()
        .filter(|record| record["status"] == "active")
        .map(|record| record["id"].as_i64().unwrap())
        .collect();
    assert!(!wanted.is_empty() && wanted.len() < 300);
    let active = query(
        oauth(&sandbox),
        "suppliers",
        &[("filter", "status=active"), ("fields", "name,status")],
    )
    .await;
    assert_eq!(active.keys(), wanted);
    for record in active.records() {
        let names: Vec<&String> = record.as_object().unwrap().keys().collect();
        assert_eq!(names, ["id", "name", "status"]);
    }
    let limited = query(oauth(&sandbox), "suppliers", &[("limit", "120")]).await;
    assert_eq!(limited.keys(), &all.keys()[..120]);

    let first = all.keys()[0];
    let bounded = query(
        oauth(&sandbox),
        "suppliers",
        &[
            ("filter", &format!("id[gt]={}", first + 9)),
            ("filter", &format!("id[lt_or_eq]={}", first + 20)),
        ],
    )
    .await;
    assert!(
        bounded
            .keys()
            .iter()
            .all(|id| *id > first + 9 && *id <= first + 20)
    );
    assert_eq!(
        bounded.keys().first(),
        all.keys().iter().find(|id| **id > first + 9)
    );

    let supplier = all.records()[0]["name"].as_str().unwrap().to_owned();
    let orders = query(
        oauth(&sandbox),
        "purchase_orders",
        &[("filter", &format!("supplier[name]={supplier}"))],
    )
    .await;
    assert!(
        orders
            .records()
            .iter()
            .all(|order| order["supplier"]["name"] == supplier.as_str())
    );

    let ids = query(
        oauth(&sandbox),
        "suppliers",
        &[("return-object", "limited"), ("limit", "60")],
    )
    .await;
    assert_eq!(ids.items.len(), 60);
    assert!(
        ids.items
            .iter()
            .all(|item| item.data == format!("{{\"id\":{}}}", item.key))
    );
}

#[tokio::test]
async fn every_operator_works_end_to_end() {
    let sandbox = sandbox(&[("suppliers", 60)]);
    let all = query(oauth(&sandbox), "suppliers", &[]).await.records();
    let (name, id) = (
        all[30]["name"].as_str().unwrap(),
        all[30]["id"].as_i64().unwrap(),
    );
    let count = async |filter: String| {
        query(oauth(&sandbox), "suppliers", &[("filter", &filter)])
            .await
            .summary()
            .succeeded
    };
    let of = |test: &dyn Fn(&serde_json::Value) -> bool| {
        all.iter().filter(|record| test(record)).count() as u64
    };
    let id_of = |record: &serde_json::Value| record["id"].as_i64().unwrap();
    let name_of = |record: &serde_json::Value| record["name"].as_str().unwrap().to_owned();
    let (head, tail) = (&name[..4], &name[name.len() - 4..]);
    assert_eq!(
        count(format!("name={name}")).await,
        of(&|r| name_of(r) == name)
    );
    assert_eq!(
        count(format!("name[not_eq]={name}")).await,
        of(&|r| name_of(r) != name)
    );
    assert_eq!(
        count(format!("name[starts_with]={head}")).await,
        of(&|r| name_of(r).starts_with(head))
    );
    assert_eq!(
        count(format!("name[ends_with]={tail}")).await,
        of(&|r| name_of(r).ends_with(tail))
    );
    assert_eq!(
        count(format!("name[contains]={}", &name[1..5])).await,
        of(&|r| name_of(r).contains(&name[1..5]))
    );
    assert_eq!(count(format!("id[gt]={id}")).await, of(&|r| id_of(r) > id));
    assert_eq!(
        count(format!("id[gt_or_eq]={id}")).await,
        of(&|r| id_of(r) >= id)
    );
    assert_eq!(count(format!("id[lt]={id}")).await, of(&|r| id_of(r) < id));
    assert_eq!(
        count(format!("id[lt_or_eq]={id}")).await,
        of(&|r| id_of(r) <= id)
    );
    assert_eq!(count(format!("id[in]={id},{}", id + 1)).await, 2);
    assert_eq!(count(format!("id[not_in]={id},{}", id + 1)).await, 58);
    assert_eq!(
        count("website[blank]=true".to_owned()).await,
        of(&|r| r["website"].as_str().is_none_or(str::is_empty))
    );
    assert_eq!(
        count("created-at[gt]=1990-01-01T00:00:00Z".to_owned()).await,
        60
    );
}

#[tokio::test]
async fn a_query_goes_on_from_any_checkpoint() {
    let sandbox = countable_sandbox(&[("suppliers", 260)]);
    for options in [
        vec![],
        vec![("order-by", "name")],
        vec![("dir", "desc"), ("limit", "222")],
    ] {
        let whole = query(oauth(&sandbox), "suppliers", &options).await;
        let expected = whole.keys();
        let mut left = expected.len();
        for (n, checkpoint) in whole.checkpoints.iter().enumerate() {
            let mut resumed = call("query", "suppliers", &options);
            resumed.resume = Some(checkpoint.clone());
            let rest = run(oauth(&sandbox), resumed, Vec::new()).await;
            let rest = rest.keys();
            assert!(
                expected.ends_with(&rest) && rest.len() < left,
                "{options:?} after checkpoint {n}: {rest:?}"
            );
            left = rest.len();
        }
    }
    let other = query(oauth(&sandbox), "suppliers", &[]).await.checkpoints[0].clone();
    let mut mismatched = call("query", "suppliers", &[("filter", "status=active")]);
    mismatched.resume = Some(other);
    assert_eq!(
        run(oauth(&sandbox), mismatched, Vec::new()).await.code(),
        "resume.of-another-call"
    );
}

#[tokio::test]
async fn wrong_questions_are_refused_before_anything_is_sent() {
    let sandbox = sandbox(&[]);
    let refused = async |activity: &str, object: &str, options: &[(&str, &str)]| {
        let outcome: Outcome =
            run(oauth(&sandbox), call(activity, object, options), Vec::new()).await;
        let error = match outcome.ended.unwrap().unwrap_err() {
            host_harness::runtime::RuntimeError::Connector(error) => error.0,
            other => panic!("{other}"),
        };
        (
            error.code.clone(),
            format!("{} {}", error.message, error.remedy.unwrap_or_default()),
        )
    };
    for (activity, object, options, code, says) in [
        (
            "querry",
            "suppliers",
            vec![],
            "call.unknown-activity",
            "query, get, changes",
        ),
        (
            "query",
            "supliers",
            vec![],
            "call.unknown-object",
            "“suppliers”",
        ),
        (
            "query",
            "charges/{charge_id}/attachments",
            vec![],
            "call.parent-missing",
            "suppliers/83/addresses",
        ),
        ("create", "currencies", vec![], "call.not-allowed", "query"),
        (
            "query",
            "suppliers",
            vec![("filter", "stauts=active")],
            "filter.unknown-field",
            "“status”",
        ),
        (
            "query",
            "suppliers",
            vec![("filter", "id[gte]=1")],
            "filter.unknown-operator",
            "gt_or_eq",
        ),
        (
            "query",
            "suppliers",
            vec![("filter", "status")],
            "filter.malformed",
            "“status”",
        ),
        (
            "query",
            "suppliers",
            vec![("fields", "nmae")],
            "fields.unknown-field",
            "“name”",
        ),
        (
            "query",
            "suppliers",
            vec![("order-by", "nmae")],
            "order.unknown-field",
            "“name”",
        ),
        (
            "query",
            "suppliers",
            vec![("dir", "up")],
            "option.malformed",
            "asc, desc",
        ),
        (
            "query",
            "suppliers",
            vec![("limit", "many")],
            "option.malformed",
            "whole number",
        ),
        (
            "query",
            "suppliers",
            vec![("limits", "5")],
            "option.unknown",
            "limit",
        ),
        (
            "update",
            "suppliers",
            vec![("key", "nmae")],
            "key.unknown-field",
            "“name”",
        ),
    ] {
        let (found, text) = refused(activity, object, &options).await;
        assert_eq!(found, code, "{activity} {object} {options:?}: {text}");
        assert!(text.contains(says), "{text}");
    }
    assert_eq!(sandbox.log().len(), 0);
}

#[tokio::test]
async fn custom_fields_can_be_filtered_when_they_are_named() {
    let sandbox = sandbox(&[("suppliers", 10)]);
    let refused = query(
        oauth(&sandbox),
        "suppliers",
        &[("filter", "erp_vendor_id[blank]=false")],
    )
    .await;
    assert_eq!(refused.code(), "filter.unknown-field");
    // Named as a custom field it is sent, and Coupa's own answer decides.
    query(
        oauth(&sandbox),
        "suppliers",
        &[
            ("filter", "erp_vendor_id[blank]=false"),
            ("custom-field", "erp-vendor-id"),
        ],
    )
    .await;
    assert!(
        sandbox
            .log()
            .iter()
            .any(|request| request.query.contains("erp_vendor_id"))
    );
}

#[tokio::test]
async fn all_calls_of_a_connection_share_a_token_over_time() {
    let sandbox = countable_sandbox(&[("suppliers", 10)]);
    let connection = oauth(&sandbox);
    for _ in 0..3 {
        query(connection.clone(), "suppliers", &[]).await;
    }
    assert_eq!(
        sandbox.counters().token_requests,
        1,
        "the host's cache keeps it between runs"
    );

    // A token is not used longer than it lives.
    sandbox.switches_mut().token_lifetime_s = 1;
    let short = oauth(&sandbox);
    query(short.clone(), "suppliers", &[]).await;
    tokio::time::sleep(std::time::Duration::from_millis(1200)).await;
    let outcome = query(short, "suppliers", &[]).await;
    assert_eq!(
        outcome.summary().retries,
        0,
        "it was renewed before it expired"
    );
    assert_eq!(sandbox.counters().token_requests, 3);
}

#[tokio::test]
async fn reading_stops_when_nobody_takes_records_any_more() {
    let sandbox = sandbox(&[("suppliers", 5000)]);
    let session = crate::support::connector()
        .session(oauth(&sandbox))
        .await
        .unwrap();
    let input = Box::pin(futures::stream::empty());
    let mut execution = session.execute(call("query", "suppliers", &[]), input);
    assert!(execution.next().await.is_some());
    // A reader that is slow holds the connector back.
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let asked = sandbox.log().len();
    assert!(asked <= 12, "{asked} requests though one batch was taken");
    let summary = execution.finish().await.unwrap();
    assert!(summary.stopped_early);
    assert!(sandbox.log().len() < 20);
}
