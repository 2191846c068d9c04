//! Tokens, scopes and keys.

use coupa_sandbox::Client;
use coupa_sandbox::switches::RefusalBody;

use crate::support::{Api, CLIENT, KEY, Reply, SECRET, query, read, start};

const FORM: &str = "application/x-www-form-urlencoded";
const GRANT: (&str, &str) = ("grant_type", "client_credentials");

async fn token(api: &Api, pairs: &[(&str, &str)]) -> Reply {
    let request = api
        .http
        .post(api.url("/oauth2/token"))
        .header("Content-Type", FORM);
    read(request.body(query(pairs))).await
}

async fn with_token(api: &Api, method: &str, path: &str, token: &str) -> Reply {
    let request = api
        .http
        .request(method.parse().unwrap(), api.url(path))
        .header("Accept", "application/json")
        .bearer_auth(token);
    read(request).await
}

fn access(reply: &Reply) -> String {
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.json()["access_token"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn credentials_are_taken_in_all_three_places() {
    let api = start();
    let all = [GRANT, ("client_id", CLIENT), ("client_secret", SECRET)];
    let in_form = token(&api, &all).await;
    let url = api.url(&format!("/oauth2/token?{}", query(&all)));
    let in_query = read(api.http.post(url)).await;
    let basic = api
        .http
        .post(api.url("/oauth2/access_tokens"))
        .basic_auth(CLIENT, Some(SECRET))
        .header("Content-Type", FORM)
        .body(query(&[GRANT, ("scope", "core.supplier.read")]));
    let by_basic = read(basic).await;
    assert_eq!(by_basic.json()["scope"], "core.supplier.read");

    let tokens = [access(&in_form), access(&in_query), access(&by_basic)];
    assert!(tokens[0] != tokens[1] && tokens[1] != tokens[2]);
    assert_eq!(in_form.json()["expires_in"], 86_399);
    assert_eq!(in_form.json()["token_type"], "bearer");
    assert_eq!(tokens[0].split('.').count(), 3);
    assert!(tokens[0].len() > 400);
    for token in &tokens {
        assert_eq!(
            with_token(&api, "GET", "/api/suppliers", token)
                .await
                .status,
            200
        );
    }
    assert_eq!(api.sandbox.counters().token_requests, 3);
    let log = format!("{:?}", api.sandbox.log());
    assert!(log.contains("client%5Fsecret=***"));
    assert!(!log.contains("s3cret") && !tokens.iter().any(|token| log.contains(token)));
}

#[tokio::test]
async fn bad_token_requests_are_told_apart() {
    let api = start();
    let (id, secret) = (("client_id", CLIENT), ("client_secret", SECRET));
    for (pairs, error) in [
        (vec![id, secret], "invalid_request"),
        (vec![GRANT, id], "invalid_request"),
        (
            vec![("grant_type", "password"), id, secret],
            "unsupported_grant_type",
        ),
        (vec![GRANT, id, ("client_secret", "no")], "invalid_client"),
        (vec![GRANT, ("client_id", "no"), secret], "invalid_client"),
        (
            vec![
                GRANT,
                id,
                secret,
                ("scope", "core.supplier.read core.user.read"),
            ],
            "invalid_scope",
        ),
    ] {
        let reply = token(&api, &pairs).await;
        assert_eq!((reply.status, &reply.json()["error"]), (400, &error.into()));
    }
    let unknown = token(&api, &[GRANT, ("client_id", "no"), secret]).await;
    let wrong = token(&api, &[GRANT, id, ("client_secret", "no")]).await;
    assert_ne!(
        unknown.json()["error_description"],
        wrong.json()["error_description"]
    );

    api.sandbox.switches_mut().token_error_description = false;
    let silent = token(&api, &[GRANT, id, ("client_secret", "no")]).await;
    assert!(silent.json().get("error_description").is_none());

    let basic = api
        .http
        .post(api.url("/oauth2/token"))
        .basic_auth(CLIENT, Some("no"))
        .header("Content-Type", FORM)
        .body(query(&[GRANT]));
    let reply = read(basic).await;
    assert_eq!(reply.status, 401);
    assert!(reply.header("www-authenticate").starts_with("Basic"));
}

#[tokio::test]
async fn scopes_open_their_resources_and_no_others() {
    let api = start();
    let pairs = [
        GRANT,
        ("client_id", CLIENT),
        ("client_secret", SECRET),
        ("scope", "core.supplier.read core.common.read"),
    ];
    let token = access(&token(&api, &pairs).await);
    for (method, path, status) in [
        ("GET", "/api/suppliers", 200),
        ("GET", "/api/suppliers/1/addresses", 200),
        ("GET", "/api/currencies", 200),
        ("GET", "/api/uoms", 200),
        ("POST", "/api/suppliers", 403),
        ("PUT", "/api/suppliers/1", 403),
        ("GET", "/api/users", 403),
        ("GET", "/api/purchase_orders", 403),
    ] {
        let reply = with_token(&api, method, path, &token).await;
        assert_eq!(reply.status, status, "{method} {path}: {}", reply.text);
    }
}

#[tokio::test]
async fn refusals_have_the_body_of_the_switch() {
    let api = start();
    let refused = |path: &'static str, key: &'static str| {
        let request = api.http.get(api.url(path)).header("X-COUPA-API-KEY", key);
        read(request.header("Accept", "application/json"))
    };
    let reply = refused("/api/suppliers", "wrong").await;
    assert_eq!(reply.status, 401);
    assert!(reply.json()["errors"].is_object());
    assert!(reply.header("www-authenticate").contains("invalid_token"));

    api.sandbox.switches_mut().unauthorized_body = RefusalBody::Html;
    assert!(
        refused("/api/suppliers", "wrong")
            .await
            .text
            .starts_with("<!DOCTYPE")
    );
    api.sandbox.switches_mut().unauthorized_body = RefusalBody::Empty;
    assert_eq!(refused("/api/suppliers", "wrong").await.text, "");

    api.sandbox.switches_mut().api_key = false;
    assert_eq!(refused("/api/suppliers", KEY).await.status, 401);

    let pairs = [GRANT, ("client_id", CLIENT), ("client_secret", SECRET)];
    let granted = access(&token(&api, &pairs).await);
    api.sandbox.switches_mut().forbidden_body = RefusalBody::Html;
    let reply = with_token(&api, "GET", "/api/users", &granted).await;
    assert_eq!(reply.status, 403);
    assert!(reply.text.starts_with("<!DOCTYPE"));
}

#[tokio::test]
async fn tokens_begin_and_end() {
    let api = start();
    let pairs = [GRANT, ("client_id", CLIENT), ("client_secret", SECRET)];
    api.sandbox.switches_mut().token_delay_ms = 150;
    let fresh = access(&token(&api, &pairs).await);
    assert_eq!(
        with_token(&api, "GET", "/api/suppliers", &fresh)
            .await
            .status,
        401
    );
    tokio::time::sleep(std::time::Duration::from_millis(170)).await;
    assert_eq!(
        with_token(&api, "GET", "/api/suppliers", &fresh)
            .await
            .status,
        200
    );

    api.sandbox.switches_mut().token_delay_ms = 0;
    api.sandbox.switches_mut().token_lifetime_s = 0;
    let short = token(&api, &pairs).await;
    assert_eq!(short.json()["expires_in"], 0);
    assert_eq!(
        with_token(&api, "GET", "/api/suppliers", &access(&short))
            .await
            .status,
        401
    );
    assert_eq!(
        with_token(&api, "GET", "/api/suppliers", "made.up.token")
            .await
            .status,
        401
    );
}

#[test]
fn secrets_are_not_printed() {
    let client_of_coupa = Client {
        id: "id".to_owned(),
        secret: SECRET.to_owned(),
        scopes: Vec::new(),
    };
    assert!(!format!("{client_of_coupa:?}").contains(SECRET));
}
