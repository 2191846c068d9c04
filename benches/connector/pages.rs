//! A server of pages of suppliers that costs as little as can be, so that what
//! is measured is its clients: a thread for each connection, and records that
//! are copied from templates and only get their id. What is created is answered with
//! an id, and a file that is uploaded is read and forgotten.

use super::Result;
use super::child::end_with_parent;
use super::http::Request;
use std::io::{BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Coupa's greatest page.
const PAGE: u64 = 50;
/// Of records that are megabytes each.
const LARGE_PAGE: u64 = 12;
/// The id of the record before the first. All ids have as many digits.
const BEFORE_FIRST: u64 = 1_000_000;
/// Stands in a template for the id.
const MARK: &str = "#######";
const TOKEN: &[u8] =
    br#"{"access_token":"bench-token-of-no-worth","token_type":"bearer","expires_in":86399}"#;

/// Serves this many suppliers until the parent is gone; says its address first. With
/// `lines`, each holds so many order lines, and pages are shorter: an answer of fifty
/// such records is larger than the connector takes.
pub fn serve(records: u64, lines: u64) -> Result<()> {
    end_with_parent();
    if records > BEFORE_FIRST {
        return Err(format!("at most {BEFORE_FIRST} records").into());
    }
    let last = BEFORE_FIRST + records;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let page = if lines > 0 { LARGE_PAGE } else { PAGE };
    let templates: Arc<[Template]> = (0..page).map(|n| Template::new(n, lines)).collect();
    println!("http://{}", listener.local_addr()?);
    for connection in listener.incoming() {
        let connection = connection?;
        let templates = Arc::clone(&templates);
        std::thread::spawn(move || {
            if let Err(error) = answer_all(&connection, last, &templates) {
                eprintln!("the page server: {error}");
            }
        });
    }
    Ok(())
}

/// Answers requests until the client goes.
fn answer_all(connection: &TcpStream, last: u64, templates: &[Template]) -> Result<()> {
    connection.set_nodelay(true)?;
    let mut requests = BufReader::new(connection);
    let mut answer = Vec::new();
    while let Some(request) = Request::next(&mut requests)? {
        answer.clear();
        let target = request.target.as_str();
        match (request.method.as_str(), target.split_once('?')) {
            ("POST", None) if target == "/oauth2/token" => {
                head(&mut answer, "200 OK", TOKEN.len())?;
                answer.extend_from_slice(TOKEN);
            }
            ("GET", Some(("/api/suppliers", query))) => {
                let number =
                    |name| parameter(query, name).and_then(|value| value.parse::<u64>().ok());
                let after = number("id%5Bgt%5D").unwrap_or(0).max(BEFORE_FIRST);
                let count = number("limit")
                    .unwrap_or(PAGE)
                    .min(templates.len() as u64)
                    .min(last.saturating_sub(after));
                page(&mut answer, templates, after + 1, count)?;
            }
            ("POST", None) if target.starts_with("/api/") => created(&mut answer, &request.body)?,
            (method, _) => return Err(format!("{method} {target} is not served").into()),
        }
        (&*connection).write_all(&answer)?;
    }
    Ok(())
}

/// What was sent, with an id.
fn created(answer: &mut Vec<u8>, body: &[u8]) -> Result<()> {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let id = LAST.fetch_add(1, Ordering::Relaxed) + 1;
    let record = match body.strip_prefix(b"{") {
        Some(fields) => [format!("{{\"id\":{id},").as_bytes(), fields].concat(),
        None => format!("{{\"id\":{id}}}").into_bytes(),
    };
    head(answer, "201 Created", record.len())?;
    answer.extend_from_slice(&record);
    Ok(())
}

fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query
        .split('&')
        .find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
}

fn head(answer: &mut Vec<u8>, status: &str, length: usize) -> std::io::Result<()> {
    write!(
        answer,
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    )
}

/// A page with the ids from `first` on.
fn page(answer: &mut Vec<u8>, templates: &[Template], first: u64, count: u64) -> Result<()> {
    let templates = &templates[..usize::try_from(count)?];
    let texts: usize = templates.iter().map(|template| template.text.len()).sum();
    head(
        answer,
        "200 OK",
        texts + templates.len().saturating_sub(1) + 2,
    )?;
    answer.push(b'[');
    for (id, template) in (first..).zip(templates) {
        if id > first {
            answer.push(b',');
        }
        template.write(answer, id);
    }
    answer.push(b']');
    Ok(())
}

/// A record but for its id.
struct Template {
    text: String,
    /// Where the id goes.
    marks: Vec<usize>,
}

impl Template {
    fn new(position: u64, lines: u64) -> Self {
        let mut text = supplier(position);
        if lines > 0 {
            let end = text.len() - 1;
            text.insert_str(end, &order_lines(lines));
        }
        let marks = text.match_indices(MARK).map(|(at, _)| at).collect();
        Self { text, marks }
    }

    fn write(&self, answer: &mut Vec<u8>, id: u64) {
        let digits = id.to_string();
        let start = answer.len();
        answer.extend_from_slice(self.text.as_bytes());
        for mark in &self.marks {
            answer[start + mark..][..MARK.len()].copy_from_slice(digits.as_bytes());
        }
    }
}

/// A field with so many lines of an order.
fn order_lines(count: u64) -> String {
    let lines: Vec<String> = (1..=count)
        .map(|n| {
            format!(
                r#"{{"id":{n},"line-num":"{n}","description":"Line {n}, as long as such lines are","quantity":"12.0","price":"7.50","uom":{{"code":"EA"}},"account":{{"id":31,"code":"SF-Marketing"}}}}"#
            )
        })
        .collect();
    format!(r#","order-lines":[{}]"#, lines.join(","))
}

/// A supplier as Coupa answers it, in the fields that most have.
fn supplier(position: u64) -> String {
    let pick =
        |choices: &[&'static str]| choices[usize::try_from(position).unwrap_or(0) % choices.len()];
    let status = pick(&["active", "active", "active", "inactive", "onboarding"]);
    let (city, country) = [("Lisboa", "PT"), ("Köln", "DE"), ("Oakland", "US")]
        [usize::try_from(position % 3).unwrap_or(0)];
    let method = pick(&["email", "cxml", "prompt"]);
    let term = pick(&["Net 30", "Net 45", "2/10 Net 30", "Net 60"]);
    format!(
        r##"{{"id":{MARK},"created-at":"2023-04-{day:02}T08:15:{second:02}-07:00","updated-at":"2025-01-{day:02}T16:40:{second:02}-08:00","name":"Supplier {MARK} & Söhne","display-name":"Supplier {MARK}","number":"S-{MARK}","status":"{status}","po-method":"{method}","invoice-emails":[],"payment-method":"invoice","website":"https://supplier-{MARK}.example","tax-id":"{country}{MARK}","on-hold":false,"one-time-supplier":false,"invoice-matching-level":"3-way","savings-pct":null,"account-number":"A-{MARK}","primary-contact":{{"id":{MARK},"email":"sales.{position}@supplier-{MARK}.example","name-given":"Ana","name-family":"Pereira \"AP\"","phone-work":{{"country-code":"1","number":"5550{position:03}"}}}},"primary-address":{{"id":{MARK},"street1":"Rua {position}","street2":null,"city":"{city}","state":"","postal-code":"4{MARK}","country":{{"id":{position},"code":"{country}"}}}},"payment-term":{{"id":{code},"code":"{term}","active":true}},"shipping-term":null,"remit-to-addresses":[],"custom-fields":{{"erp-vendor":"V{MARK}"}}}}"##,
        day = position % 28 + 1,
        second = position % 60,
        code = position % 4 + 1,
    )
}
