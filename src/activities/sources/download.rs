//! Download: files out of Coupa, streamed into the run's files. The record of each
//! says under which name, how large, and its SHA-256.

use super::reading::each_page;
use super::{DOWNLOAD, selection};
use crate::activities::{Events, Options, notices, summary, warning};
use crate::client::Client;
use crate::contract::{
    Activity, Call, Error, Event, Item, PlannedRequest, Property, PropertyKind, Summary,
};
use crate::host::{Host, Kept, Method, Response};
use crate::query::{Cursor, Page, Plan};
use coupa_catalog::Collection;
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

/// Files that a record has of its own: the collection, and the path below a record.
const OWN_FILES: [(&str, &str); 10] = [
    ("invoices", "retrieve_image_scan"),
    ("invoices", "retrieve_legal_invoice_pdf"),
    ("invoices", "retrieve_clearance_document"),
    ("contracts", "retrieve_legal_agreement"),
    ("expense_reports", "download"),
    ("expense_artifacts", "image"),
    ("items", "image"),
    ("users", "avatar"),
    ("users", "retrieve_avatar"),
    (
        "invoices/{invoice_id}/payment_receipts",
        "retrieve_clearance_document",
    ),
];

/// The activity.
pub fn activity() -> Activity {
    Activity::source(
        DOWNLOAD,
        "Download",
        "Downloads the files of attachments, or those that records have of their own, such as \
         the scans of invoices, and tells of each its name, size and SHA-256.",
        vec![
            Property::new(
                "file",
                "File",
                "Which file of a record, as the object offers it.",
                PropertyKind::Text,
            ),
            selection::filter(),
            selection::custom_field(),
            selection::limit(),
        ],
    )
}

/// Puts the files of a collection into the option that chooses one.
pub fn narrow(options: &mut [Property], collection: &Collection) {
    for option in options.iter_mut().filter(|option| option.name == "file") {
        let names: Vec<&'static str> = own_files(collection).collect();
        if names.is_empty() {
            option.kind = PropertyKind::OneOf(vec![ATTACHED]);
            option.default = Some(ATTACHED);
        } else {
            option.default = names.first().copied();
            option.kind = PropertyKind::OneOf(names);
        }
    }
}

/// The file of an attachment.
const ATTACHED: &str = "attachment";

fn own_files(collection: &Collection) -> impl Iterator<Item = &'static str> {
    let path = collection.path;
    OWN_FILES
        .iter()
        .filter(move |(of, _)| *of == path)
        .map(|(_, below)| *below)
}

/// Whether a collection has files.
pub fn has_files(collection: &Collection) -> bool {
    let attachments = collection.last_segment() == "attachments" && collection.can_list();
    attachments || (collection.can_list() && own_files(collection).next().is_some())
}

/// A call of Download that was checked.
#[derive(Debug)]
pub struct Download {
    plan: Plan,
    start: Cursor,
    /// The path below a record; none for attachments.
    below: Option<&'static str>,
}

impl Download {
    /// # Errors
    /// Names the option that does not fit, or the checkpoint that is none of this call.
    pub fn prepare(
        call: &Call,
        collection: &Collection,
        options: &Options<'_>,
    ) -> Result<Self, Error> {
        let plan = selection::plan(call, collection, options)?;
        let start = plan.start_at(call.resume.as_deref())?;
        let offered: Vec<&'static str> = own_files(collection).collect();
        let below = match options.text("file") {
            None => offered.first().copied(),
            Some(ATTACHED) if offered.is_empty() => None,
            Some(name) => Some(
                offered
                    .iter()
                    .copied()
                    .find(|below| *below == name.replace('-', "_"))
                    .ok_or_else(|| {
                        Error::setting(
                            "file.unknown",
                            format!("{} has no file “{name}”", collection.path),
                        )
                        .remedy(format!("Files: {}.", offered.join(", ")))
                    })?,
            ),
        };
        Ok(Self { plan, start, below })
    }

    /// What is read, page by page.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    pub fn requests(&self) -> Vec<PlannedRequest> {
        let mut requests = self.plan.requests(&self.start);
        requests.push(PlannedRequest {
            method: Method::Get.as_str(),
            path: self.url("<id>"),
            body: None,
            note: "once for each record that has a file".to_owned(),
        });
        requests
    }

    fn url(&self, id: &str) -> String {
        match self.below {
            None => format!("{}/{id}", self.plan.path),
            Some(below) => format!("{}/{id}/{below}", self.plan.path),
        }
    }

    /// # Errors
    /// What broke it off. The checkpoints before it stand.
    pub async fn run<H: Host>(
        self,
        client: &Client<H>,
        events: &mut impl Events,
    ) -> Result<Summary, Error> {
        let mut succeeded = 0;
        let all_taken = each_page(client, &self.plan, self.start.clone(), async |page| {
            let Page {
                items,
                next,
                warning: said,
            } = page;
            let mut batch: Vec<Event> = said.map(warning).into_iter().collect();
            // A file may take long, so each is told as it is there.
            for item in items {
                let fetched = self.fetch(client, item).await?;
                batch.extend(notices(client.ledger()));
                if let Some(item) = fetched {
                    succeeded += 1;
                    batch.push(Event::Item(item));
                }
                if events.emit(std::mem::take(&mut batch)).await.is_err() {
                    return Ok(false);
                }
            }
            batch.push(Event::Checkpoint(next.to_text()));
            Ok(events.emit(batch).await.is_ok())
        })
        .await?;
        Ok(Summary {
            succeeded,
            stopped_early: !all_taken,
            ..summary(client.ledger())
        })
    }

    /// Downloads the file of one record, and answers the record with what was
    /// kept; the record alone where it is an attachment without a file, none
    /// where it has no file of its own.
    async fn fetch<H: Host>(&self, client: &Client<H>, item: Item) -> Result<Option<Item>, Error> {
        let mut record: Map<String, Value> = serde_json::from_str(&item.data).unwrap_or_default();
        let kind = record
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let is_file = kind.is_empty() || kind.to_ascii_lowercase().ends_with("file");
        if self.below.is_none() && !is_file {
            return Ok(Some(item));
        }
        let fetched = client.download(self.url(&item.key), file_name).await;
        let response = match fetched {
            Ok(response) => response,
            // Coupa says so of a record that has none; which status it has is not
            // documented for each.
            Err(error) if self.below.is_some() && matches!(error.status, Some(400 | 404)) => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        let Some(kept) = &response.kept else {
            return Ok(None);
        };
        let downloaded = downloaded(kept, &response);
        if self.below.is_some() {
            record.retain(|name, _| name == "id");
        }
        record.insert("downloaded".to_owned(), downloaded);
        Ok(Some(Item {
            key: item.key,
            data: Value::Object(record).to_string(),
        }))
    }
}

fn downloaded(kept: &Kept, response: &Response) -> Value {
    json!({
        "file": kept.name,
        "size": kept.size,
        "sha256": kept.sha256,
        "content-type": response.header("content-type"),
    })
}

/// The name that an answer gives its file (RFC 6266); one of its own where it
/// gives none. What is no part of a name is left out by the host.
fn file_name(response: &Response) -> String {
    let disposition = response.header("content-disposition").unwrap_or_default();
    let mut plain = None;
    for part in disposition.split(';').map(str::trim) {
        let Some((name, value)) = part.split_once('=') else {
            continue;
        };
        match name.trim().to_ascii_lowercase().as_str() {
            "filename*" => {
                let text = value.rsplit('\'').next().unwrap_or(value);
                return percent_decode_str(text).decode_utf8_lossy().into_owned();
            }
            "filename" => plain = Some(value.trim().trim_matches('"').to_owned()),
            _ => {}
        }
    }
    let media = response.header("content-type").unwrap_or_default();
    let end = match media.split(';').next().unwrap_or_default().trim() {
        "application/pdf" => "pdf",
        "image/png" => "png",
        "image/jpeg" => "jpg",
        "image/tiff" => "tiff",
        "image/gif" => "gif",
        "application/xml" | "text/xml" => "xml",
        "text/plain" => "txt",
        _ => "bin",
    };
    plain
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| format!("file.{end}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_from_the_answer() {
        let name = |headers: &[(&str, &str)]| {
            file_name(&Response {
                headers: headers
                    .iter()
                    .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                    .collect(),
                ..Response::default()
            })
        };
        let disposition = "content-disposition";
        assert_eq!(
            name(&[(disposition, "attachment; filename=\"a b.pdf\"")]),
            "a b.pdf"
        );
        assert_eq!(
            name(&[(
                disposition,
                "attachment; filename=\"x.pdf\"; filename*=UTF-8''%C3%A4.pdf"
            )]),
            "ä.pdf"
        );
        assert_eq!(name(&[("content-type", "application/pdf")]), "file.pdf");
        assert_eq!(name(&[]), "file.bin");
    }
}
