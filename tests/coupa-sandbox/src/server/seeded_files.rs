//! Files that nobody uploaded: made for a test, of any size, and looked up
//! with their digest.

use http::Method;
use serde::{Deserialize, Serialize};

use super::route::{Route, Subject};
use super::{Shared, attachments, binaries};
use crate::files::FileRecord;
use crate::refusal::Refusal;
use crate::seed::API_USER;
use crate::store::FileKey;
use crate::write::Writer;

/// A file to make. Its bytes are drawn from `seed` while it is downloaded, so
/// its size costs neither memory nor disk; only hashing it once takes time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeededFile {
    /// Where it belongs, below `/api/`: a list of attachments, such as
    /// `invoices/1/attachments`, or what answers a file, such as
    /// `invoices/1/retrieve_legal_invoice_pdf`.
    pub path: String,
    /// How many bytes it has.
    pub size: u64,
    /// What its bytes are drawn from.
    #[serde(default)]
    pub seed: u64,
    /// Its name.
    #[serde(default = "usual_name")]
    pub name: String,
    /// Its media type.
    #[serde(default = "usual_type")]
    pub content_type: String,
}

fn usual_name() -> String {
    "document.pdf".to_owned()
}

fn usual_type() -> String {
    "application/pdf".to_owned()
}

/// A file and the path below `/api/` that answers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlacedFile {
    /// The path.
    pub path: String,
    /// The file.
    #[serde(flatten)]
    pub file: FileRecord,
}

/// Makes a file; 404 where its path cannot have one.
pub fn add(shared: &Shared, seeded: &SeededFile) -> Result<PlacedFile, Refusal> {
    let route = Route::find(&seeded.path, &Method::GET)?;
    let file = FileRecord::generated(
        seeded.name.clone(),
        seeded.content_type.clone(),
        seeded.size,
        seeded.seed,
    );
    shared.store.write(|records| {
        route.check_parent(records)?;
        let writer = Writer::new(records, API_USER)?;
        let (path, key, record) = match &route.subject {
            Subject::Collection if attachments::are_meant(&route) => {
                let content = [("file", seeded.name.as_str())];
                let kind = [("type", "AttachmentFile")];
                let (id, record) = attachments::record(records, "localhost", &content, &kind)?;
                (
                    format!("{}/{id}", seeded.path),
                    attachments::key(id),
                    record,
                )
            }
            Subject::RecordAction(id, action) => {
                let record_type = route.record_type;
                let mut record = records
                    .get(record_type.name, *id)?
                    .ok_or(Refusal::NotFound)?;
                let key = binaries::key(record_type, *id, action);
                binaries::describe(record_type, &mut record, key, Some(&file));
                (seeded.path.clone(), key, record)
            }
            _ => return Err(Refusal::NotFound),
        };
        writer.put(route.record_type, &record, route.parent.as_ref())?;
        records.set_file(key, &file)?;
        Ok(PlacedFile { path, file })
    })
}

/// The file that a path answers.
pub fn find(shared: &Shared, path: &str) -> Result<PlacedFile, Refusal> {
    let route = Route::find(path, &Method::GET)?;
    let key: FileKey<'_> = match &route.subject {
        Subject::Record(id) if attachments::are_meant(&route) => attachments::key(*id),
        Subject::RecordAction(id, action) => binaries::key(route.record_type, *id, action),
        _ => return Err(Refusal::NotFound),
    };
    let file = shared.store.read(|records| records.file(key))?;
    Ok(PlacedFile {
        path: path.to_owned(),
        file: file.ok_or(Refusal::NotFound)?,
    })
}
