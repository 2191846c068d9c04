//! Files that a record has by itself: an invoice's scan and legal PDF, a
//! contract's agreement, a report to download, an item's image, a user's picture.
//!
//! `PUT …/image_scan` sets what `GET …/retrieve_image_scan` answers. What
//! nobody uploads, such as a legal PDF, comes from the control endpoints.

use http::{Method, StatusCode, header};
use serde_json::{Map, Value};

use super::reads::one;
use super::route::{Route, Subject};
use super::service::Work;
use crate::files::{self, FileRecord, UploadedFile};
use crate::media::Answer;
use crate::model::RecordType;
use crate::model::actions::{self, Action};
use crate::query::Shaping;
use crate::refusal::Refusal;
use crate::seed::API_USER;
use crate::store::{FileKey, StoreError};
use crate::write::{Writer, check_state};

/// Answers a request for such a file; none where it is for something else.
pub fn answer(work: &Work) -> Result<Option<Answer>, Refusal> {
    let Some((key, action)) = meant(&work.route) else {
        return Ok(None);
    };
    Ok(Some(match work.request.method {
        Method::GET => retrieve(work, key)?,
        Method::DELETE => remove(work, key)?,
        _ => upload(work, key, action)?,
    }))
}

/// The file that a path is about, and what the path does with it.
pub fn meant(route: &Route) -> Option<(FileKey<'static>, &'static Action)> {
    let Subject::RecordAction(id, name) = &route.subject else {
        return None;
    };
    let action = actions::find(route.collection.path, name)?;
    let key = FileKey {
        table: route.record_type.name,
        id: *id,
        role: action.file()?,
    };
    Some((key, action))
}

/// The answer with a file.
pub fn download(work: &Work, file: &FileRecord) -> Answer {
    let content = work.shared.files.content(file);
    Answer::binary(content, &file.content_type).with_header(
        header::CONTENT_DISPOSITION,
        &files::disposition(&file.name, work.switches.file_names),
    )
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

fn upload(work: &Work, key: FileKey<'_>, action: &Action) -> Result<Answer, Refusal> {
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
        check_state(record_type, &record, action)?;
        let kept = FileRecord::keep(&work.shared.files, sent).map_err(StoreError::from)?;
        describe(record_type, &mut record, key, Some(&kept));
        let record = Writer::new(records, API_USER)?.put(record_type, record, None)?;
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
        Writer::new(records, API_USER)?.put(record_type, record, None)?;
        records.remove_file(key)?.ok_or(Refusal::NotFound)
    })?;
    work.shared.files.forget(&removed);
    Ok(Answer::empty(StatusCode::OK))
}
