//! Attachments: files, links and texts that belong to a record. They are
//! created and deleted, never changed; a file is what reading one answers.

use http::{Method, StatusCode, header};
use serde_json::{Map, Value};

use super::binaries::download;
use super::reads::one;
use super::route::{Route, Subject};
use super::service::Work;
use crate::clock;
use crate::files::{FileRecord, Upload};
use crate::media::{Answer, read_body};
use crate::model::words::kebab;
use crate::query::Shaping;
use crate::refusal::Refusal;
use crate::seed::API_USER;
use crate::store::{FileKey, Records, StoreError};
use crate::write::Writer;

/// The record type of attachments.
const ATTACHMENT: &str = "Attachment";

/// Answers a request for attachments; none where it is for something else, or
/// for their list, which is one like any other.
pub fn answer(work: &Work) -> Result<Option<Answer>, Refusal> {
    if !are_meant(&work.route) {
        return Ok(None);
    }
    let method = &work.request.method;
    Ok(match work.route.subject {
        Subject::Collection if *method == Method::POST => Some(create(work)?),
        Subject::Record(id) if *method == Method::GET => Some(show(work, id)?),
        Subject::Record(id) if *method == Method::DELETE => Some(delete(work, id)?),
        _ => None,
    })
}

/// Whether a path is about attachments.
pub fn are_meant(route: &Route) -> bool {
    route.record_type.name == ATTACHMENT
}

/// What a file is to its attachment.
pub fn key(id: i64) -> FileKey<'static> {
    FileKey {
        table: ATTACHMENT,
        id,
        role: "file",
    }
}

/// A new attachment with its id, as it is stored and printed: only what its kind has. `file`
/// is a host and a path without a scheme, as seen in real answers.
pub fn record(
    records: Records<'_>,
    host: &str,
    content: &[(&str, &str)],
    common: &[(&str, &str)],
) -> Result<(i64, Map<String, Value>), StoreError> {
    let id = records.next_id(ATTACHMENT)?;
    let now = clock::now();
    let mut record = Map::new();
    record.insert("id".to_owned(), id.into());
    record.insert("created-at".to_owned(), now.as_str().into());
    record.insert("updated-at".to_owned(), now.into());
    record.insert("intent".to_owned(), Value::Null);
    for (name, value) in common.iter().chain(content) {
        let value = match *name {
            "file" => format!("{host}/attachment/attachment_file/{id}/{value}"),
            _ => (*value).to_owned(),
        };
        record.insert((*name).to_owned(), value.into());
    }
    Ok((id, record))
}

fn create(work: &Work) -> Result<Answer, Refusal> {
    let record_type = work.route.record_type;
    let shaping = Shaping::parse(ATTACHMENT, &work.request.parameters, false)?;
    let upload = work.request.upload()?;
    let sent = match upload {
        Some(upload) => Sent::form(upload),
        None => Sent::body(read_body(
            record_type,
            &work.request.headers,
            &work.request.body,
        )?),
    };
    let file = upload.and_then(|upload| upload.file("attachment[file]"));
    let text = |name: &'static str| match sent.get(name) {
        Some(text) => Ok(text),
        None => {
            let message = format!("{name} can't be blank");
            Err(Refusal::invalid(ATTACHMENT, message))
        }
    };
    // Without a type, what was sent tells it (a guess).
    let kind = match (sent.get("type"), file, sent.get("url")) {
        (Some(kind), _, _) => kind,
        (None, Some(_), _) => "file",
        (None, None, Some(_)) => "url",
        _ => "text",
    };
    let (kind, content) = match (kind, file) {
        ("file" | "AttachmentFile", Some(file)) => ("AttachmentFile", ("file", file.name.as_str())),
        ("file" | "AttachmentFile", None) => {
            return Err(Refusal::invalid(ATTACHMENT, "File can't be blank"));
        }
        ("url" | "AttachmentUrl", _) => ("AttachmentUrl", ("file-url", text("url")?)),
        ("text" | "AttachmentText", _) => ("AttachmentText", ("text", text("text")?)),
        _ => {
            let message = "Attachment type must be one of file, url, text.";
            return Err(Refusal::invalid(ATTACHMENT, message));
        }
    };
    let mut common = vec![("type", kind)];
    for name in ["intent", "linked-to"] {
        common.extend(sent.get(name).map(|value| (name, value)));
    }
    let created = StatusCode::from_u16(work.switches.created_status).unwrap_or(StatusCode::CREATED);
    work.shared.store.write(|records| {
        work.route.check_parent(records)?;
        let (id, record) = record(records, host(work), &[content], &common)?;
        let writer = Writer::new(records, API_USER)?;
        writer.put(record_type, &record, work.route.parent.as_ref())?;
        if let Some(file) = file {
            let kept = FileRecord::keep(&work.shared.files, file).map_err(StoreError::from)?;
            records.set_file(key(id), &kept)?;
        }
        one(work, records, created, &shaping, record)
    })
}

fn show(work: &Work, id: i64) -> Result<Answer, Refusal> {
    let file = work.shared.store.read(|records| {
        check(work, records, id)?;
        Ok::<_, Refusal>(records.file(key(id))?)
    })?;
    match file {
        Some(file) => Ok(download(work, &file)),
        None => Err(Refusal::invalid(
            ATTACHMENT,
            "Attachment does not have a file attached",
        )),
    }
}

fn delete(work: &Work, id: i64) -> Result<Answer, Refusal> {
    let removed = work.shared.store.write(|records| {
        check(work, records, id)?;
        Writer::new(records, API_USER)?.delete(work.route.record_type, id)?;
        Ok::<_, Refusal>(records.remove_file(key(id))?)
    })?;
    if let Some(file) = removed {
        work.shared.files.forget(&file);
    }
    Ok(Answer::empty(StatusCode::OK))
}

fn check(work: &Work, records: Records<'_>, id: i64) -> Result<(), Refusal> {
    work.route.check_child(records, id)?;
    records.get(ATTACHMENT, id)?.ok_or(Refusal::NotFound)?;
    Ok(())
}

/// What the instance is called in the request.
fn host<'a>(work: &'a Work) -> &'a str {
    let host = work.request.headers.get(header::HOST);
    host.and_then(|host| host.to_str().ok())
        .unwrap_or("localhost")
}

/// What was sent of an attachment, from a form or a body.
enum Sent<'a> {
    Form(&'a Upload),
    Body(Map<String, Value>),
}

impl<'a> Sent<'a> {
    fn form(upload: &'a Upload) -> Self {
        Self::Form(upload)
    }

    fn body(sent: Map<String, Value>) -> Self {
        let sent = sent.into_iter().map(|(name, value)| match kebab(&name) {
            name if name == "file-url" => ("url".to_owned(), value),
            name => (name, value),
        });
        Self::Body(sent.collect())
    }

    /// A value that is not blank.
    fn get(&self, name: &str) -> Option<&str> {
        let value = match self {
            Self::Form(upload) => upload.text(&format!("attachment[{}]", name.replace('-', "_"))),
            Self::Body(sent) => sent.get(name).and_then(Value::as_str),
        };
        value.filter(|value| !value.trim().is_empty())
    }
}
