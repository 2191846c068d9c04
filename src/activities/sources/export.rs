//! Export: records that Coupa has not yet marked as exported, marked when they
//! have been taken for good.
//!
//! A checkpoint holds the ids of its page. Whoever acknowledges it marks them, one
//! by one; a second time has no effect. What was not acknowledged comes again with
//! the next call.

use super::reading::{batch, each_page};
use super::{EXPORT, selection};
use crate::activities::{Events, Options, summary};
use crate::client::{Client, Exchange, Repeat, not_json};
use crate::contract::{Activity, Call, Error, ErrorKind, PlannedRequest, Summary};
use crate::fingerprint::fingerprint;
use crate::host::{Host, Method};
use crate::query::{Cursor, Filter, Operator, Page, Plan, id_in_key, read_checkpoint};
use coupa_catalog::Collection;
use futures::{StreamExt, stream};
use serde::{Deserialize, Serialize};

/// Pages read at the same time.
const AT_ONCE: usize = 2;
/// Records marked at the same time.
const MARKED_AT_ONCE: usize = 4;

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
}

/// A page that was emitted, as it travels in a checkpoint.
#[derive(Debug, Serialize, Deserialize)]
struct Reached {
    of: String,
    /// In the order of the records.
    ids: Vec<i64>,
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
        Ok(Self { plan, start, of })
    }

    /// What is read, page by page.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    pub fn requests(&self) -> Vec<PlannedRequest> {
        let mut requests = self.plan.requests(&self.start);
        requests.push(PlannedRequest {
            method: Method::Put.as_str(),
            path: mark(&self.plan.path.replace('{', "<").replace('}', ">"), "<id>"),
            body: None,
            note: "once for each record, when it has arrived".to_owned(),
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
                warning: said,
            } = page;
            succeeded += items.len() as u64;
            let ids = items.iter().map(|item| id_in_key(&item.key));
            let reached = Reached {
                of: self.of.clone(),
                ids: ids.filter_map(|id| id.parse().ok()).collect(),
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

    /// Marks the records of a checkpoint.
    ///
    /// # Errors
    /// The first that could not be marked; the others are tried all the same.
    pub async fn acknowledge<H: Host>(
        &self,
        client: &Client<H>,
        checkpoint: &str,
    ) -> Result<(), Error> {
        let reached = Reached::parse(checkpoint, &self.of)?;
        let path = &self.plan.under(&reached.parents).path;
        let marking = reached.ids.into_iter().map(|id| async move {
            let exchange = Exchange {
                method: Method::Put,
                path_and_query: mark(path, &id.to_string()),
                body: String::new(),
                repeat: Repeat::Freely,
            };
            let marked = client
                .exchange(exchange, |response| {
                    let record: Mark = serde_json::from_slice(&response.body)
                        .map_err(|_| not_json(&response, "the record"))?;
                    Ok(record.exported)
                })
                .await;
            match marked {
                // Whatever cannot be marked any more need not be.
                Err(error) if error.code == "coupa.not-found" => Ok(()),
                Ok(Some(false)) => Err(Error::new(
                    ErrorKind::UnexpectedAnswer,
                    "export.not-marked",
                    format!("Coupa took the mark of the record {id}, and shows it unmarked"),
                )
                .remedy("Look in Coupa whether this object can be marked as exported.")),
                other => other.map(drop),
            }
        });
        let ended: Vec<_> = stream::iter(marking)
            .buffered(MARKED_AT_ONCE)
            .collect()
            .await;
        ended.into_iter().collect()
    }
}

fn mark(path: &str, id: &str) -> String {
    let fields = "fields=%5B%22id%22%2C%22exported%22%5D";
    format!("{path}/{id}?exported=true&{fields}")
}

#[derive(Deserialize)]
struct Mark {
    exported: Option<bool>,
}

impl Reached {
    fn parse(text: &str, of: &str) -> Result<Self, Error> {
        read_checkpoint(text, of, |reached: &Self| &reached.of)
    }

    fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}
