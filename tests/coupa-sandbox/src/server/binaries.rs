//! Files that a record has by itself: an invoice's scan and legal PDF, a
//! contract's agreement, a report to download, an item's image, a user's picture.
//!
//! `PUT …/image_scan` sets what `GET …/retrieve_image_scan` answers. What
//! nobody uploads, such as a legal PDF, comes from the control endpoints.

use http::{Method, StatusCode, header};
use serde_json::{Map, Value};

use super::reads::one;
use super::route::Subject;
use super::service::Work;
use crate::files::{self, FileRecord, UploadedFile};
use crate::media::Answer;
use crate::model::RecordType;
use crate::query::Shaping;
use crate::refusal::Refusal;
use crate::seed::API_USER;
use crate::store::{FileKey, StoreError};
use crate::write::Writer;

/// The actions that answer a file.
const DOWNLOADS: [&str; 8] = [
    "retrieve_image_scan",
    "retrieve_legal_invoice_pdf",
    "retrieve_clearance_document",
    "retrieve_legal_agreement",
    "retrieve_avatar",
    "avatar",
    "image",
    "download",
];
/// The actions that take one.
const UPLOADS: [&str; 3] = ["image_scan", "legal_agreement", "avatar"];

/// Answers a request for such a file; none where it is for something else.
pub fn answer(work: &Work) -> Result<Option<Answer>, Refusal> {
    let Subject::RecordAction(id, action) = &work.route.subject else {
        return Ok(None);
    };
    let (key, action) = (key(work.route.record_type, *id, action), action.as_str());
    Ok(match work.request.method {
        Method::GET if DOWNLOADS.contains(&action) => Some(retrieve(work, key)?),
        Method::DELETE if UPLOADS.contains(&action) => Some(remove(work, key)?),
        Method::PUT | Method::POST if UPLOADS.contains(&action) => Some(upload(work, key)?),
        _ => None,
    })
}

/// What a file is to its record, by the action that reads or writes it.
pub fn key<'a>(record_type: &'a RecordType, id: i64, action: &'a str) -> FileKey<'a> {
    FileKey {
        table: record_type.name,
        id,
        role: action.strip_prefix("retrieve_").unwrap_or(action),
    }
}

/// The answer with a file.
pub fn download(work: &Work, file: &FileRecord) -> Answer {
    let content = work.shared.files.content(file);
    Answer::binary(content, &file.content_type)
        .with_header(header::CONTENT_DISPOSITION, &files::disposition(&file.name))
}

/// Shows in a record the file it has been given, where its type has fields for
/// that: `image-scan`, `image-scan-url`, `image-scan-file-name` and the like.
pub fn describe(
    record_type: &RecordType,
    record: &mut Map<String, Value>,
    key: FileKey<'_>,
    file: Option<&FileRecord>,
) {
    let stem = key.role.replace('_', "-");
    let path = |file: &FileRecord| {
        let owner = crate::model::words::model_key(key.table);
        format!("/{owner}/{}/{}/{}", key.role, key.id, file.name)
    };
    let values = [
        ("", file.map(path)),
        ("-url", file.map(path)),
        ("-file-name", file.map(|file| file.name.clone())),
        ("-content-type", file.map(|file| file.content_type.clone())),
        ("-file-size", file.map(|file| file.size.to_string())),
    ];
    for (ending, value) in values {
        if let Some(field) = record_type.field(&format!("{stem}{ending}")) {
            record.insert(field.name.to_owned(), value.into());
        }
    }
}

fn retrieve(work: &Work, key: FileKey<'_>) -> Result<Answer, Refusal> {
    let file = work.shared.store.read(|records| {
        work.route.check_child(records, key.id)?;
        Ok::<_, Refusal>(records.file(key)?)
    })?;
    Ok(download(work, &file.ok_or(Refusal::NotFound)?))
}

fn upload(work: &Work, key: FileKey<'_>) -> Result<Answer, Refusal> {
    let record_type = work.route.record_type;
    let shaping = Shaping::parse(record_type.name, &work.request.parameters, false)?;
    let sent = work.request.upload()?.and_then(|form| form.file("file"));
    let sent: &UploadedFile =
        sent.ok_or_else(|| Refusal::invalid(record_type.name, "File can't be blank"))?;
    let (answer, before) = work.shared.store.write(|records| {
        work.route.check_child(records, key.id)?;
        let mut record = records
            .get(record_type.name, key.id)?
            .ok_or(Refusal::NotFound)?;
        let kept = FileRecord::keep(&work.shared.files, sent).map_err(StoreError::from)?;
        describe(record_type, &mut record, key, Some(&kept));
        Writer::new(records, API_USER)?.put(record_type, &record, None)?;
        let before = records.set_file(key, &kept)?;
        let answer = one(work, records, StatusCode::OK, &shaping, record)?;
        Ok::<_, Refusal>((answer, before))
    })?;
    if let Some(before) = before {
        work.shared.files.forget(&before);
    }
    Ok(answer)
}

fn remove(work: &Work, key: FileKey<'_>) -> Result<Answer, Refusal> {
    let record_type = work.route.record_type;
    let removed = work.shared.store.write(|records| {
        work.route.check_child(records, key.id)?;
        let mut record = records
            .get(record_type.name, key.id)?
            .ok_or(Refusal::NotFound)?;
        describe(record_type, &mut record, key, None);
        Writer::new(records, API_USER)?.put(record_type, &record, None)?;
        records.remove_file(key)?.ok_or(Refusal::NotFound)
    })?;
    work.shared.files.forget(&removed);
    Ok(Answer::empty(StatusCode::OK))
}
