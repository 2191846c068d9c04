//! The same work without a sandbox: reqwest and serde_json.
//!
//! It is written as the connector is, and optimised as much: the same requests,
//! a page split into records without looking into them, the id read from a
//! record's first bytes, and pages read ahead of what is taken. The id is handed
//! over as a number where the contract has text, which costs native code less.

use super::Result;
use super::child::end_with_parent;
use super::measured::{Measured, Meter};
use reqwest::Client;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::time::Duration;
use tokio::sync::mpsc::{self, Sender};

/// As far as the connector reads ahead.
const PAGES_AHEAD: usize = 2;
/// As the host and the connector have it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Likewise.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// A record as it is handed over.
struct Record {
    id: i64,
    data: String,
}

/// Reads all suppliers and counts them.
pub fn read(url: &str) -> Result<Measured> {
    end_with_parent();
    // Made even where there is no TLS.
    let _ = rustls::crypto::ring::default_provider().install_default();
    tokio::runtime::Runtime::new()?.block_on(async {
        let mut meter = Meter::start()?;
        let (sender, mut pages) = mpsc::channel(PAGES_AHEAD);
        let reading = tokio::spawn(read_pages(url.to_owned(), sender));
        while let Some(page) = pages.recv().await {
            for record in page {
                meter.count(&record.data);
            }
        }
        reading.await??;
        meter.stop(None)
    })
}

/// Reads page after page, each after the last id of the one before.
async fn read_pages(url: String, pages: Sender<Vec<Record>>) -> Result<()> {
    let client = Client::builder()
        .no_proxy()
        .tcp_nodelay(true)
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .build()?;
    let token = token(&client, &url).await?;
    let mut after = None;
    loop {
        let bound = after.map_or_else(String::new, |id| format!("&id%5Bgt%5D={id}"));
        let body = client
            .get(format!(
                "{url}/api/suppliers?order_by=id&dir=asc{bound}&limit=50"
            ))
            .header("accept", "application/json")
            .header("authorization", format!("Bearer {token}"))
            .send()
            .await?
            .error_for_status()?
            .bytes()
            .await?;
        let page = split(&body)?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = Some(last.id);
        if pages.send(page).await.is_err() {
            return Ok(());
        }
    }
}

async fn token(client: &Client, url: &str) -> Result<String> {
    #[derive(Deserialize)]
    struct Granted {
        access_token: String,
    }
    let answer = client
        .post(format!("{url}/oauth2/token"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body("grant_type=client_credentials&client_id=bench&client_secret=bench")
        .send()
        .await?
        .error_for_status()?;
    Ok(serde_json::from_slice::<Granted>(&answer.bytes().await?)?.access_token)
}

fn split(body: &[u8]) -> Result<Vec<Record>> {
    let records: Vec<&RawValue> = serde_json::from_slice(body)?;
    records
        .into_iter()
        .map(|record| {
            let data = record.get();
            let id = id(data).ok_or("a record without an id")?;
            Ok(Record {
                id,
                data: data.to_owned(),
            })
        })
        .collect()
}

/// The id of a record, which comes first, as the connector finds it.
fn id(record: &str) -> Option<i64> {
    #[derive(Deserialize)]
    struct Identified {
        id: i64,
    }
    if let Some(rest) = record.strip_prefix("{\"id\":")
        && let Some((digits, _)) = rest.split_once([',', '}'])
        && let Ok(id) = digits.parse()
    {
        return Some(id);
    }
    serde_json::from_str::<Identified>(record)
        .ok()
        .map(|record| record.id)
}
