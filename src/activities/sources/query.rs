//! Query: reads the records of an object that meet its filters.

use super::reading::{batch, each_page};
use super::{QUERY, selection};
use crate::activities::{Events, Options, summary, warning};
use crate::client::Client;
use crate::contract::{Activity, Call, Error, Event, PlannedRequest, Summary};
use crate::host::Host;
use crate::query::{Cursor, Page, Plan};
use coupa_catalog::Collection;

/// The activity.
pub fn activity() -> Activity {
    Activity::source(
        QUERY,
        "Query",
        "Reads all records of an object that meet the filters, page after page.",
        vec![
            selection::filter(),
            selection::fields(),
            selection::custom_field(),
            selection::order_by(),
            selection::dir(),
            selection::return_object(),
            selection::limit(),
        ],
    )
}

/// A query that was checked.
#[derive(Debug)]
pub struct Query {
    plan: Plan,
    start: Cursor,
}

impl Query {
    /// # Errors
    /// Names the option that does not fit, or the checkpoint that is none of this call.
    pub fn prepare(
        call: &Call,
        collection: &Collection,
        options: &Options<'_>,
    ) -> Result<Self, Error> {
        let plan = selection::plan(call, collection, options)?;
        let start = plan.start_at(call.resume.as_deref())?;
        Ok(Self { plan, start })
    }

    /// What is read, page by page.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    pub fn requests(&self) -> Vec<PlannedRequest> {
        self.plan.requests(&self.start)
    }

    /// What a person should know before running it.
    pub fn warnings(&self) -> Vec<String> {
        let asks = !self.plan.filters.is_empty() || self.plan.order_by.is_some();
        let is_unsure = asks && !self.plan.has_pages;
        let said = is_unsure.then(|| {
            format!(
                "whether {} takes filters and an order is not documented: more may come than \
                 was asked for",
                self.plan.path
            )
        });
        said.into_iter().collect()
    }

    /// Reads ahead and delivers at the same time.
    pub async fn run<H: Host>(
        self,
        client: &Client<H>,
        events: &mut impl Events,
    ) -> Result<Summary, Error> {
        let mut succeeded = 0;
        let first: Vec<Event> = self.warnings().into_iter().map(warning).collect();
        if !first.is_empty() && events.emit(first).await.is_err() {
            return Ok(Summary {
                stopped_early: true,
                ..summary(client.ledger())
            });
        }
        let all_taken = each_page(client, &self.plan, self.start, async |page| {
            let Page {
                items,
                next,
                warning: said,
                ..
            } = page;
            succeeded += items.len() as u64;
            let batch = batch(client, said, items, next.to_text());
            Ok(events.emit(batch).await.is_ok())
        })
        .await?;
        Ok(Summary {
            succeeded,
            stopped_early: !all_taken,
            ..summary(client.ledger())
        })
    }
}
