//! Export: records that Coupa has not yet marked as exported, marked when they
//! have been taken for good.
//!
//! A checkpoint holds the ids of its page, and of each which version was delivered.
//! Whoever acknowledges it marks those that are still as they were, one by one
//! (`marking`); a second time has no effect. What was not acknowledged comes again
//! with the next call.

use super::marking::{self, Marking, Told};
use super::reading::{batch, each_page};
use super::version::Delivered;
use super::{EXPORT, selection};
use crate::activities::{Events, Options, summary};
use crate::client::Client;
use crate::contract::{Activity, Call, Error, Item, PlannedRequest, Summary};
use crate::fingerprint::fingerprint;
use crate::host::{Host, Method};
use crate::query::{Cursor, Fields, Filter, Operator, Page, Plan, id_in_key, read_checkpoint};
use crate::time::Moment;
use coupa_catalog::Collection;
use serde::{Deserialize, Serialize};

/// Pages read at the same time.
const AT_ONCE: usize = 2;

/// The activity.
pub fn activity() -> Activity {
    Activity {
        acknowledged: true,
        ..Activity::source(
            EXPORT,
            "Export",
            "Reads the records that are not yet marked as exported, and marks them when they \
             have arrived.",
            vec![
                selection::filter(),
                selection::fields(),
                selection::custom_field(),
                selection::limit(),
            ],
        )
    }
}

/// A call of Export that was checked.
#[derive(Debug)]
pub struct Export {
    plan: Plan,
    start: Cursor,
    of: String,
    /// What a mark answers.
    marked: Fields,
}

/// A page that was emitted, as it travels in a checkpoint.
#[derive(Debug, Serialize, Deserialize)]
struct Reached {
    of: String,
    /// In the order of the records.
    ids: Vec<i64>,
    /// What was delivered of each, with blanks between. Earlier versions of this connector
    /// had none.
    #[serde(default)]
    delivered: String,
    taken: u64,
    /// What they belong to, where that was left open.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    parents: Vec<i64>,
    /// Records under the parents before.
    #[serde(default)]
    before: u64,
}

impl Export {
    /// # Errors
    /// Names the option that does not fit, or the checkpoint that is none of this call.
    pub fn prepare(
        call: &Call,
        collection: &Collection,
        options: &Options<'_>,
    ) -> Result<Self, Error> {
        let mut plan = selection::plan(call, collection, options)?;
        if let Some(filter) = plan.filters.iter().find(|filter| filter.is_on("exported")) {
            return Err(Error::setting(
                "filter.taken",
                format!("Export filters by “{}” itself", filter.path.join(".")),
            )
            .remedy("Use Query to read records that were exported before."));
        }
        // What is marked no longer meets the filter, and shifts what was asked for ahead.
        plan.most_at_once = AT_ONCE;
        if let Some(fields) = &mut plan.fields {
            marking::ensure_versions(fields, collection.record_type);
        }
        let filters: Vec<_> = plan.filters.iter().map(Filter::to_query).collect();
        let of = fingerprint(&format!("export {} {}", plan.path, filters.join("&")));
        plan.filters.push(Filter {
            path: vec!["exported".to_owned()],
            operator: Operator::Equal,
            value: "false".to_owned(),
        });
        let mut start = plan.start();
        if let Some(checkpoint) = &call.resume {
            let reached = Reached::parse(checkpoint, &of)?;
            if let Some(last) = reached.ids.last() {
                start = start.after(*last);
            }
            start = start.having(reached.taken, reached.parents, reached.before);
        }
        Ok(Self {
            plan,
            start,
            of,
            marked: marking::fields(collection.record_type),
        })
    }

    /// What is read, page by page.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    pub fn requests(&self) -> Vec<PlannedRequest> {
        let mut requests = self.plan.requests(&self.start);
        let path = self.plan.path.replace('{', "<").replace('}', ">");
        requests.push(PlannedRequest {
            method: Method::Get.as_str(),
            path: format!("{path}?id%5Bin%5D=<ids>&{}", self.marked.to_query()),
            body: None,
            note: "once for each page, when it has arrived: whether the records are still as they \
                   were delivered"
                .to_owned(),
        });
        requests.push(PlannedRequest {
            method: Method::Put.as_str(),
            path: marking::url(&path, "<id>", true, &self.marked),
            body: None,
            note: "once for each record that is; where one was changed in between, its mark is \
                   taken back"
                .to_owned(),
        });
        requests
    }

    /// # Errors
    /// What broke it off. The checkpoints before it stand.
    pub async fn run<H: Host>(
        self,
        client: &Client<H>,
        events: &mut impl Events,
    ) -> Result<Summary, Error> {
        let mut succeeded = 0;
        let all_taken = each_page(client, &self.plan, self.start, async |page| {
            let Page {
                items,
                next,
                at,
                warning: said,
            } = page;
            succeeded += items.len() as u64;
            let (ids, delivered) = told(&items, at);
            let reached = Reached {
                of: self.of.clone(),
                ids,
                delivered,
                taken: next.taken(),
                parents: next.parents().to_vec(),
                before: next.before(),
            };
            let batch = batch(client, said, items, reached.text());
            Ok(events.emit(batch).await.is_ok())
        })
        .await?;
        Ok(Summary {
            succeeded,
            stopped_early: !all_taken,
            ..summary(client.ledger())
        })
    }

    /// Marks the records of a checkpoint that are still as they were delivered.
    ///
    /// # Errors
    /// The first that could not be marked; the others are tried all the same.
    pub async fn acknowledge<H: Host>(
        &self,
        client: &Client<H>,
        checkpoint: &str,
    ) -> Result<(), Error> {
        let reached = Reached::parse(checkpoint, &self.of)?;
        let marking = Marking {
            client,
            plan: &self.plan,
            parents: &reached.parents,
            fields: &self.marked,
        };
        marking.mark(&reached.told()).await
    }
}

impl Reached {
    fn parse(text: &str, of: &str) -> Result<Self, Error> {
        read_checkpoint(text, of, |reached: &Self| &reached.of)
    }

    fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    fn told(&self) -> Vec<Told> {
        let mut delivered = self.delivered.split(' ');
        let told = self.ids.iter().map(|id| Told {
            id: *id,
            delivered: delivered.next().and_then(Delivered::read),
        });
        told.collect()
    }
}

/// The ids of a page, and what was delivered of each.
fn told(items: &[Item], at: Moment) -> (Vec<i64>, String) {
    let (mut ids, mut delivered) = (Vec::new(), String::new());
    for item in items {
        if let Ok(id) = id_in_key(&item.key).parse() {
            ids.push(id);
            delivered.push_str(&Delivered::of(&item.data, at).text());
            delivered.push(' ');
        }
    }
    (ids, delivered)
}
