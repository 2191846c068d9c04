//! Upload: files to where Coupa keeps them, streamed from the run's files.

use super::answering::loose_record;
use super::fate::doubt;
use super::key::{Key, id_in, id_of};
use super::record::{Record, text_of};
use super::{Done, UPLOAD, key_option, shared_options};
use crate::activities::Options;
use crate::client::{Client, Exchange, Multipart, Repeat};
use crate::contract::{Activity, Effect, Error, ErrorKind, PlannedRequest};
use crate::host::{Host, Method};
use coupa_catalog::Collection;
use serde_json::{Map, Value};

/// What an attachment's form takes beside the file.
const ATTACHMENT_FIELDS: [&str; 5] = ["type", "intent", "linked-to", "url", "text"];
/// Collections whose records have a file of their own, the path below a record,
/// and the name of the form's part: `file` for scans is documented, that of the
/// others is a guess after it.
const OWN_FILES: [(&str, &str, &str); 3] = [
    ("invoices", "image_scan", "file"),
    ("contracts", "legal_agreement", "file"),
    ("users", "avatar", "file"),
];

pub fn activity() -> Activity {
    let [concurrency, stop_after] = shared_options();
    Activity::target(
        UPLOAD,
        "Upload",
        "Adds a file, a URL or a text as an attachment for each record that it is given, or the \
         scan of an invoice. The record names the file in “file”; for an attachment it can say \
         type, intent, linked-to, url and text as well.",
        vec![
            key_option(
                "For scans: the field that finds the record, id or one that no two records \
                 share. The record has to hold it.",
            )
            .default("id"),
            concurrency,
            stop_after,
        ],
    )
}

/// Whether a collection is one of attachments.
pub fn is_attachments(collection: &Collection) -> bool {
    collection.last_segment() == "attachments" && collection.can_create()
}

/// Whether files can be added to a collection.
pub fn takes_files(collection: &Collection) -> bool {
    is_attachments(collection) || own_file(collection).is_some()
}

fn own_file(collection: &Collection) -> Option<(&'static str, &'static str)> {
    OWN_FILES
        .iter()
        .find(|(path, ..)| *path == collection.path)
        .map(|(_, below, part)| (*below, *part))
}

#[derive(Debug)]
pub struct Upload {
    /// None: attachments. Otherwise the path below a record and the form's part.
    own: Option<(&'static str, &'static str)>,
    key: Key,
}

impl Upload {
    pub fn prepare(collection: &Collection, options: &Options<'_>) -> Result<Self, Error> {
        Ok(Self {
            own: own_file(collection).filter(|_| !is_attachments(collection)),
            key: Key::parse(options.text("key").unwrap_or("id"), collection)?,
        })
    }

    /// What tells the records apart that get a file of their own.
    pub fn key(&self) -> Option<&Key> {
        self.own.map(|_| &self.key)
    }

    pub fn requests(&self, path: &str) -> Vec<PlannedRequest> {
        let (method, path) = match self.own {
            None => (Method::Post, path.to_owned()),
            Some((below, _)) => (Method::Put, format!("{path}/<id>/{below}")),
        };
        vec![PlannedRequest {
            method: method.as_str(),
            path,
            body: Some("<a form with the file>".to_owned()),
            note: "once for each record".to_owned(),
        }]
    }

    /// Sends a file that an earlier run may have sent: where it takes the place of the
    /// one before.
    ///
    /// # Errors
    /// As uncertain, of an attachment: nothing tells two of the same file apart.
    pub async fn again<H: Host>(
        &self,
        client: &Client<H>,
        path: &str,
        record: Record,
    ) -> Result<Done, Error> {
        match self.own {
            None => Err(doubt()),
            Some(_) => self.apply(client, path, record, false).await,
        }
    }

    pub async fn apply<H: Host>(
        &self,
        client: &Client<H>,
        path: &str,
        mut record: Record,
        dry_run: bool,
    ) -> Result<Done, Error> {
        let file = record.take("file").as_ref().and_then(text_of);
        let chance = format!("{path} {file:?} {:?}", client.host().now());
        let form = Multipart::new(&chance);
        let (exchange, form, id) = match self.own {
            None => {
                let form = attachment(form, &mut record, file.as_deref())?;
                let exchange = Exchange {
                    method: Method::Post,
                    path_and_query: path.to_owned(),
                    body: String::new(),
                    repeat: Repeat::IfNotProcessed,
                };
                (exchange, form, None)
            }
            Some((below, part)) => {
                let id = id_of(client, path, &self.key, record.fields()).await?;
                let exchange = Exchange {
                    method: Method::Put,
                    path_and_query: format!("{path}/{id}/{below}"),
                    body: String::new(),
                    // The same file a second time takes the place of the first.
                    repeat: Repeat::Freely,
                };
                let file = file.ok_or_else(missing)?;
                (exchange, form.file(part, &file), Some(id))
            }
        };
        let effect = match id {
            None => Effect::Created,
            Some(_) => Effect::Updated,
        };
        let data = if dry_run {
            String::new()
        } else {
            client
                .upload(exchange, &form, |response| loose_record(&response))
                .await?
        };
        let answered: Map<String, Value> = serde_json::from_str(&data).unwrap_or_default();
        Ok(Done {
            id: id.or_else(|| id_in(&answered)),
            effect,
            data,
            differences: Vec::new(),
        })
    }
}

/// The form of an attachment.
fn attachment(
    mut form: Multipart,
    record: &mut Record,
    file: Option<&str>,
) -> Result<Multipart, Error> {
    let mut has_type = false;
    let mut has_content = file.is_some();
    for name in ATTACHMENT_FIELDS {
        if let Some(value) = record.take(name).as_ref().and_then(text_of) {
            has_type |= name == "type";
            has_content |= matches!(name, "url" | "text");
            form = form.field(&format!("attachment[{}]", name.replace('-', "_")), &value);
            if !has_type && matches!(name, "url" | "text") {
                form = form.field("attachment[type]", name);
                has_type = true;
            }
        }
    }
    if let Some(name) = record.fields().keys().next() {
        return Err(Error::new(
            ErrorKind::InvalidInput,
            "record.unknown-field",
            format!("an attachment has no field “{name}”"),
        )
        .remedy(format!("It takes: file, {}.", ATTACHMENT_FIELDS.join(", "))));
    }
    if !has_content {
        return Err(missing());
    }
    if let Some(file) = file {
        if !has_type {
            form = form.field("attachment[type]", "file");
        }
        form = form.file("attachment[file]", file);
    }
    Ok(form)
}

fn missing() -> Error {
    Error::new(
        ErrorKind::InvalidInput,
        "record.file-missing",
        "the record names no file",
    )
    .remedy("Put the file's name into “file”; for an attachment, “url” or “text” will do.")
}
