//! Several records in one request: `POST /api/suppliers?bulk=1`. One third party
//! used it in 2014 and no documentation names it any more, so it is behind a switch.

use http::StatusCode;
use quick_xml::escape::escape;
use serde_json::{Map, Value, json};

use super::service::Work;
use crate::media::{Answer, Media, read_body};
use crate::refusal::Refusal;
use crate::seed::API_USER;
use crate::write::{Asked, Writer};

/// The collections that were seen to take it.
const COLLECTIONS: [&str; 2] = ["suppliers", "accounts"];

/// Whether a create is meant for several records.
pub fn is_bulk(work: &Work) -> bool {
    work.switches.bulk_create
        && work.request.parameters.get("bulk") == Some("1")
        && COLLECTIONS.contains(&work.route.collection.path)
}

/// Creates each record by itself; one that is refused leaves the others be.
pub fn create(work: &Work) -> Result<Answer, Refusal> {
    let record_type = work.route.record_type;
    let body = read_body(record_type, &work.request.headers, &work.request.body)?;
    let asked = Asked::new(body, std::iter::empty());
    let mut results = Vec::new();
    for sent in asked.named(work.route.collection.path) {
        let outcome = work.shared.store.write(|records| {
            Writer::new(records, API_USER)?.create(record_type, &sent, None, None)
        });
        results.push(match outcome {
            Ok(record) => Ok(id(&record)),
            Err(Refusal::Invalid { messages, .. }) => Err(messages),
            Err(other) => return Err(other),
        });
    }
    let text = match work.media {
        Media::Xml => xml(&results),
        Media::Json => in_json(&results).to_string(),
    };
    Ok(Answer::text(StatusCode::OK, work.media, text))
}

fn id(record: &Map<String, Value>) -> i64 {
    record.get("id").and_then(Value::as_i64).unwrap_or(0)
}

fn xml(results: &[Result<i64, Vec<String>>]) -> String {
    let mut xml = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<results>".to_owned();
    for result in results {
        match result {
            Ok(id) => xml.push_str(&format!(
                "<result><status>SUCCESS</status><unique-keys><id>{id}</id></unique-keys></result>"
            )),
            Err(messages) => {
                xml.push_str("<result><status>FAILURE</status><errors>");
                for message in messages {
                    xml.push_str(&format!("<error>{}</error>", escape(message)));
                }
                xml.push_str("</errors></result>");
            }
        }
    }
    xml.push_str("</results>");
    xml
}

fn in_json(results: &[Result<i64, Vec<String>>]) -> Value {
    let results = results.iter().map(|result| match result {
        Ok(id) => json!({"status": "SUCCESS", "unique-keys": {"id": id}}),
        Err(messages) => json!({"status": "FAILURE", "errors": messages}),
    });
    json!({"results": results.collect::<Vec<_>>()})
}
