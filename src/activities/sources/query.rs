//! Query: reads the records of an object that meet its filters.

use super::{QUERY, selection};
use crate::activities::{Events, Options, notices, summary, warning};
use crate::client::Client;
use crate::contract::{Activity, Call, Error, Event, PlannedRequest, Summary};
use crate::host::Host;
use crate::query::{Cursor, Page, Pages, Plan};
use coupa_catalog::Collection;
use futures::channel::mpsc;
use futures::{StreamExt, future};

/// Pages read ahead of what the host has taken. Together with the page being
/// fetched and the one being delivered this bounds the memory of a query.
pub(super) const PAGES_AHEAD: usize = 2;

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
        let start = match &call.resume {
            Some(checkpoint) => Cursor::parse(checkpoint, &plan)?,
            None => plan.start(),
        };
        Ok(Self { plan, start })
    }

    /// What is read, page by page.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    pub fn requests(&self) -> Vec<PlannedRequest> {
        self.plan.requests(&self.start)
    }

    /// Reads ahead and delivers at the same time.
    pub async fn run<H: Host>(
        self,
        client: &Client<H>,
        events: &mut impl Events,
    ) -> Result<Summary, Error> {
        let (sender, mut pages) = mpsc::channel(PAGES_AHEAD);
        let reader = Pages {
            client,
            plan: &self.plan,
        };
        let reading = reader.read(self.start, sender);
        let delivering = async {
            let mut delivered = 0;
            while let Some(page) = pages.next().await {
                let Page {
                    items,
                    next,
                    warning: said,
                } = page?;
                delivered += items.len() as u64;
                let mut batch: Vec<Event> = Vec::with_capacity(items.len() + 2);
                batch.extend(notices(client.ledger()));
                batch.extend(said.map(warning));
                batch.extend(items.into_iter().map(Event::Item));
                batch.push(Event::Checkpoint(next.to_text()));
                if events.emit(batch).await.is_err() {
                    // Nobody listens any more. Dropping the channel ends the
                    // reading too.
                    pages.close();
                    return Ok((delivered, true));
                }
            }
            Ok((delivered, false))
        };
        let ((), delivered) = future::join(reading, delivering).await;
        let (succeeded, stopped_early) = delivered?;
        Ok(Summary {
            succeeded,
            stopped_early,
            ..summary(client.ledger())
        })
    }
}
