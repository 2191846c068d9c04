//! The same work without a sandbox: reqwest and serde_json.
//!
//! It is written as the connector is, and optimised as much: the same requests,
//! a page split into records without looking into them, the id read from a
//! record's first bytes, and pages read ahead of what is taken. The id is handed
//! over as a number where the contract has text, which costs native code less.

use super::Result;
use super::child::end_with_parent;
use super::fronts::Tls;
use super::measured::{Measured, Meter};
use super::writing::{FILE, record};
use futures::{StreamExt, TryStreamExt};
use host_harness::egress::Protocol;
use reqwest::{Body, Certificate, Client};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::path::Path;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc::{self, Sender};

/// As far as the connector reads ahead.
const PAGES_AHEAD: usize = 2;
/// As many records as the connector writes at the same time.
const WRITTEN_AT_ONCE: usize = 4;
/// Of a file that is sent.
const CHUNK: usize = 64 * 1024;
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
pub fn read(url: &str, tls: Option<Tls>) -> Result<Measured> {
    end_with_parent();
    // Made even where there is no TLS.
    let _ = rustls::crypto::ring::default_provider().install_default();
    tokio::runtime::Runtime::new()?.block_on(async {
        let mut meter = Meter::start()?;
        let (sender, mut pages) = mpsc::channel(PAGES_AHEAD);
        let reading = tokio::spawn(read_pages(url.to_owned(), tls, sender));
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
async fn read_pages(url: String, tls: Option<Tls>, pages: Sender<Vec<Record>>) -> Result<()> {
    let client = client(tls)?;
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

fn client(tls: Option<Tls>) -> Result<Client> {
    let mut builder = Client::builder();
    if let Some(tls) = tls {
        // Beside the system's own, as the host has it.
        builder = builder.tls_certs_merge([Certificate::from_pem(tls.authority.as_bytes())?]);
        if tls.protocol == Protocol::Http1 {
            builder = builder.http1_only();
        }
    }
    Ok(builder
        .no_proxy()
        .tcp_nodelay(true)
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(READ_TIMEOUT)
        .build()?)
}

/// Creates so many suppliers, or uploads a file so often, some at a time.
pub fn write(url: &str, activity: &str, count: u64, folder: &Path) -> Result<Measured> {
    end_with_parent();
    let _ = rustls::crypto::ring::default_provider().install_default();
    tokio::runtime::Runtime::new()?.block_on(async {
        let mut meter = Meter::start()?;
        let client = client(None)?;
        let authorization = format!("Bearer {}", token(&client, url).await?);
        let requests = (1..=count).map(|number| {
            let (client, authorization) = (&client, &authorization);
            async move {
                let request = if activity == "upload" {
                    let (kind, body) = form(&folder.join(FILE)).await?;
                    client
                        .post(format!("{url}/api/purchase_orders/1/attachments"))
                        .header("content-type", kind)
                        .body(body)
                } else {
                    client
                        .post(format!("{url}/api/suppliers"))
                        .header("content-type", "application/json")
                        .body(record(number))
                };
                let answer = request
                    .header("accept", "application/json")
                    .header("authorization", authorization)
                    .send()
                    .await?
                    .error_for_status()?
                    .bytes()
                    .await?;
                // As what was ignored or altered is looked for.
                let fields: serde_json::Map<String, serde_json::Value> =
                    serde_json::from_slice(&answer)?;
                if !fields.contains_key("id") {
                    return Err("an answer without an id".into());
                }
                Result::Ok(String::from_utf8(answer.to_vec())?)
            }
        });
        let mut answers = futures::stream::iter(requests).buffer_unordered(WRITTEN_AT_ONCE);
        while let Some(answer) = answers.try_next().await? {
            meter.count(&answer);
        }
        meter.stop(None)
    })
}

/// A form with a file that is read as it is sent, and its media type.
async fn form(path: &Path) -> Result<(String, Body)> {
    let file = tokio::fs::File::open(path).await?;
    let before = format!(
        "--form\r\nContent-Disposition: form-data; name=\"attachment[file]\"; \
         filename=\"{FILE}\"\r\nContent-Type: application/pdf\r\n\r\n"
    );
    let chunks = futures::stream::try_unfold(file, |mut file| async move {
        let mut chunk = vec![0; CHUNK];
        let length = file.read(&mut chunk).await?;
        chunk.truncate(length);
        std::io::Result::Ok((length > 0).then_some((chunk, file)))
    });
    let around = |text: String| futures::stream::iter([std::io::Result::Ok(text.into_bytes())]);
    let body = around(before)
        .chain(chunks)
        .chain(around("\r\n--form--\r\n".to_owned()));
    Ok((
        "multipart/form-data; boundary=form".to_owned(),
        Body::wrap_stream(body),
    ))
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
