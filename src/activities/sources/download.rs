//! Download: files out of Coupa, streamed into the run's files. The record of each
//! says under which name, how large, and its SHA-256.

use super::reading::each_page;
use super::{DOWNLOAD, selection};
use crate::activities::targets::parents;
use crate::activities::{self, Events, Options, notices, summary, under_one_parent, warning};
use crate::client::{self, Client};
use crate::contract::{
    Activity, Call, Error, Event, Item, PlannedRequest, Property, PropertyKind, Summary,
};
use crate::host::{Host, Kept, Method, Response};
use crate::query::{Cursor, Page, Plan, id_in_key};
use coupa_catalog::Collection;
use serde_json::{Map, Value, json};

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
            Property::new(
                "value",
                "Ids",
                "The ids of the records, one for each. Empty: those that meet the filters.",
                PropertyKind::Text,
            )
            .repeatable(),
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
    let files = collection.files().filter(coupa_catalog::File::can_download);
    files.map(|file| file.name)
}

/// Whether a collection has files.
pub fn has_files(collection: &Collection) -> bool {
    let attachments = collection.last_segment() == "attachments" && collection.can_show();
    attachments || own_files(collection).next().is_some()
}

/// A call of Download that was checked.
#[derive(Debug)]
pub struct Download {
    plan: Plan,
    start: Cursor,
    /// Those that were named by their ids; none: all that the plan finds.
    named: Vec<i64>,
    /// The path below a record; none for attachments.
    below: Option<&'static str>,
    /// The fields that say what a record belongs to, where that was left open.
    parents: Vec<String>,
}

impl Download {
    /// # Errors
    /// Names the option that does not fit, or the checkpoint that is none of this call.
    pub fn prepare(
        call: &Call,
        collection: &Collection,
        options: &Options<'_>,
    ) -> Result<Self, Error> {
        let named = options.all("value").map(|value| {
            value.parse().map_err(|_| {
                Error::setting(
                    "option.malformed",
                    format!("the option “value” is “{value}”; it should be an id"),
                )
            })
        });
        let named: Vec<i64> = named.collect::<Result<_, _>>()?;
        if !named.is_empty() {
            under_one_parent(&call.object)?;
        } else if collection.can_list() {
            activities::collection(&call.object)?;
        } else {
            return Err(Error::setting(
                "option.missing",
                "say of which records to download the files",
            )
            .remedy(format!(
                "Coupa has no list of {}: give the option value, once for each id.",
                collection.path
            )));
        }
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
        Ok(Self {
            plan,
            start,
            named,
            below,
            parents: parents(&call.object)
                .map(|name| name.replace('_', "-"))
                .collect(),
        })
    }

    /// What is read, page by page; none where the records are named.
    pub fn plan(&self) -> Option<&Plan> {
        self.named.is_empty().then_some(&self.plan)
    }

    pub fn requests(&self) -> Vec<PlannedRequest> {
        let mut requests = match self.plan() {
            Some(plan) => plan.requests(&self.start),
            None => Vec::new(),
        };
        let path = self.plan.path.replace('{', "<").replace('}', ">");
        requests.push(PlannedRequest {
            method: Method::Get.as_str(),
            path: self.url(&path, "<id>"),
            body: None,
            note: "once for each record that has a file".to_owned(),
        });
        requests
    }

    fn url(&self, path: &str, id: &str) -> String {
        match self.below {
            None => format!("{path}/{id}"),
            Some(below) => format!("{path}/{id}/{below}"),
        }
    }

    /// # Errors
    /// What broke it off. The checkpoints before it stand.
    pub async fn run<H: Host>(
        self,
        client: &Client<H>,
        events: &mut impl Events,
    ) -> Result<Summary, Error> {
        if !self.named.is_empty() {
            return self.run_named(client, events).await;
        }
        let mut succeeded = 0;
        let all_taken = each_page(client, &self.plan, self.start.clone(), async |page| {
            let Page {
                items,
                next,
                warning: said,
                ..
            } = page;
            let mut batch: Vec<Event> = said.map(warning).into_iter().collect();
            let path = self.plan.under(next.parents()).path;
            // A file may take long, so each is told as it is there.
            for item in items {
                let fetched = self.fetch(client, &path, item).await?;
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

    /// Downloads the files of the records that were named.
    async fn run_named<H: Host>(
        &self,
        client: &Client<H>,
        events: &mut impl Events,
    ) -> Result<Summary, Error> {
        let mut succeeded = 0;
        let mut stopped_early = false;
        for id in &self.named {
            let item = Item {
                key: id.to_string(),
                data: json!({ "id": id }).to_string(),
            };
            let fetched = self.fetch(client, &self.plan.path, item).await?;
            succeeded += u64::from(fetched.is_some());
            let told = match fetched {
                Some(item) => Event::Item(item),
                None => warning(format!("the record {id} has no such file")),
            };
            let batch = notices(client.ledger()).chain([told]).collect();
            if events.emit(batch).await.is_err() {
                stopped_early = true;
                break;
            }
        }
        Ok(Summary {
            succeeded,
            stopped_early,
            ..summary(client.ledger())
        })
    }

    /// Downloads the file of one record, and answers the record with what was
    /// kept; the record alone where it is an attachment without a file, none
    /// where it has no file of its own.
    async fn fetch<H: Host>(
        &self,
        client: &Client<H>,
        path: &str,
        item: Item,
    ) -> Result<Option<Item>, Error> {
        let mut record: Map<String, Value> = serde_json::from_str(&item.data).unwrap_or_default();
        let kind = record
            .get("type")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let is_file = kind.is_empty() || kind.to_ascii_lowercase().ends_with("file");
        if self.below.is_none() && !is_file {
            return Ok(Some(item));
        }
        let url = self.url(path, id_in_key(&item.key));
        let fetched = client.download(url, file_name).await;
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
            record.retain(|name, _| name == "id" || self.parents.contains(name));
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

/// The name that an answer gives its file; one of its own where it gives none.
/// What is no part of a name is left out by the host.
fn file_name(response: &Response) -> String {
    let named = response
        .header("content-disposition")
        .and_then(client::file_name);
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
    named.unwrap_or_else(|| format!("file.{end}"))
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
        assert!(name(&[("content-type", "application/pdf")]).ends_with(".pdf"));
        assert!(name(&[]).ends_with(".bin"));
    }
}
