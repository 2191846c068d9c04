//! Reading ahead while what was read is handed over.

use crate::activities::{notices, warning};
use crate::client::Client;
use crate::contract::{Error, Event, Item};
use crate::host::Host;
use crate::query::{Cursor, Page, Pages, Plan};
use futures::channel::mpsc;
use futures::{StreamExt, future};

/// Pages read ahead of what the host has taken. Together with the page being
/// fetched and the one being delivered this bounds the memory of a source.
const PAGES_AHEAD: usize = 2;

/// Gives `take` each page in order, until it answers that nobody listens any more.
/// Answers whether all were taken.
///
/// # Errors
/// What broke off the reading, or that of `take`, which ends the reading as well.
pub async fn each_page<H: Host>(
    client: &Client<H>,
    plan: &Plan,
    start: Cursor,
    mut take: impl AsyncFnMut(Page) -> Result<bool, Error>,
) -> Result<bool, Error> {
    let (sender, mut pages) = mpsc::channel(PAGES_AHEAD);
    let reader = Pages { client, plan };
    let reading = reader.read(start, sender);
    let delivering = async {
        while let Some(page) = pages.next().await {
            let goes_on = match page {
                Ok(page) => take(page).await,
                Err(error) => Err(error),
            };
            if !matches!(goes_on, Ok(true)) {
                // Whoever reads ahead must not wait for room that never comes.
                pages.close();
                return goes_on;
            }
        }
        Ok(true)
    };
    let ((), all_taken) = future::join(reading, delivering).await;
    all_taken
}

/// What is told of a page: notices, what a person should know, the records, and the
/// checkpoint after them.
pub fn batch<H: Host>(
    client: &Client<H>,
    said: Option<String>,
    items: impl IntoIterator<Item = Item>,
    checkpoint: String,
) -> Vec<Event> {
    notices(client.ledger())
        .chain(said.map(warning))
        .chain(items.into_iter().map(Event::Item))
        .chain([Event::Checkpoint(checkpoint)])
        .collect()
}
