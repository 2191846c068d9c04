//! A sandbox with a client for it.

use std::path::Path;
use std::sync::Once;
use std::time::Duration;

use coupa_sandbox::{Client, Configuration, Sandbox};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

pub const KEY: &str = "0123456789abcdefghijABCDEFGHIJ0123456789";
pub const CLIENT: &str = "0f1e2d3c4b5a69788796a5b4c3d2e1f0";
pub const SECRET: &str = "s3cret+with/odd=characters";

/// An answer, read to its end.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub fn ids(&self) -> Vec<i64> {
        assert_eq!(self.status, 200, "{}", self.text);
        let records = self.json();
        records
            .as_array()
            .unwrap()
            .iter()
            .map(|r| r["id"].as_i64().unwrap())
            .collect()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }
}

/// A sandbox, and a client with an API key.
pub struct Api {
    pub sandbox: Sandbox,
    pub http: reqwest::Client,
}

/// A sandbox with the base world only.
pub fn start() -> Api {
    start_with(&[])
}

/// A sandbox with so many records.
pub fn start_with(records: &[(&str, u64)]) -> Api {
    start_on(None, records)
}

/// A sandbox on a database file, with so many records.
pub fn start_on(database: Option<&Path>, records: &[(&str, u64)]) -> Api {
    let mut configuration = Configuration {
        database: database.map(Path::to_owned),
        seed: 42,
        seed_records: records.iter().map(|(n, c)| ((*n).to_owned(), *c)).collect(),
        api_keys: vec![KEY.to_owned()],
        clients: vec![Client {
            id: CLIENT.to_owned(),
            secret: SECRET.to_owned(),
            scopes: [
                "core.supplier.read",
                "core.supplier.write",
                "core.common.read",
            ]
            .map(str::to_owned)
            .to_vec(),
        }],
        ..Configuration::default()
    };
    configuration.switches.api_key = true;
    Api {
        sandbox: Sandbox::start(configuration).unwrap(),
        http: client(),
    }
}

pub fn client() -> reqwest::Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        rustls::crypto::ring::default_provider()
            .install_default()
            .unwrap();
    });
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(10))
        .build()
        .unwrap()
}

/// A query string from pairs, encoded as it should be.
pub fn query(pairs: &[(&str, &str)]) -> String {
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pairs = pairs
        .iter()
        .map(|(n, v)| format!("{}={}", encode(n), encode(v)));
    pairs.collect::<Vec<_>>().join("&")
}

pub async fn read(request: reqwest::RequestBuilder) -> Reply {
    let response = request.send().await.unwrap();
    Reply {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        text: response.text().await.unwrap(),
    }
}

impl Api {
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.sandbox.base_url())
    }

    /// A request with the key and for JSON.
    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        self.http
            .request(method.parse().unwrap(), self.url(path))
            .header("X-COUPA-API-KEY", KEY)
            .header("Accept", "application/json")
    }

    pub async fn get(&self, path: &str) -> Reply {
        read(self.request("GET", path)).await
    }

    pub async fn list(&self, collection: &str, pairs: &[(&str, &str)]) -> Reply {
        self.get(&format!("/api/{collection}?{}", query(pairs)))
            .await
    }

    pub async fn send(&self, method: &str, path: &str, body: &Value) -> Reply {
        let request = self
            .request(method, path)
            .header("Content-Type", "application/json");
        read(request.body(body.to_string())).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Reply {
        self.send("POST", path, &body).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Reply {
        self.send("PUT", path, &body).await
    }
}

/// The sentences of a JSON error envelope.
pub fn errors(reply: &Reply, model: &str) -> Vec<String> {
    assert_eq!(reply.status, 400, "{}", reply.text);
    let sentences = reply.json()["errors"][model].clone();
    serde_json::from_value(sentences).unwrap_or_else(|_| panic!("{}", reply.text))
}
