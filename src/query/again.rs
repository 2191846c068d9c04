//! Looks again at records that were read: as they are now, by their ids.

use super::pages::{Pages, Plan};
use super::{Filter, Operator, PAGE};
use crate::client::Client;
use crate::contract::{Error, Item};
use crate::host::Host;

/// The records of these ids, which lie close to each other, with the fields of `plan`;
/// without those that are there no more.
///
/// What a Coupa makes of `id[in]` is not relied on: it only makes the answer smaller.
///
/// # Errors
/// As of reading a page.
pub async fn read_again<H: Host>(
    client: &Client<H>,
    plan: &Plan,
    ids: &[i64],
) -> Result<Vec<Item>, Error> {
    let mut found = Vec::new();
    let (Some(first), Some(last)) = (ids.iter().min(), ids.iter().max()) else {
        return Ok(found);
    };
    let texts: Vec<_> = ids.iter().map(i64::to_string).collect();
    let plan = &Plan {
        filters: vec![Filter {
            path: vec!["id".to_owned()],
            operator: Operator::In,
            value: texts.join(","),
        }],
        limit: None,
        ..plan.clone()
    };
    let pages = Pages { client, plan };
    let mut cursor = plan.start().after(first.saturating_sub(1));
    let mut size = PAGE.min(ids.len() as u64);
    loop {
        let page = match pages.page_or_whole(&cursor, 0, size).await {
            // They may have grown since they were read.
            Err(error) if error.code == "coupa.answer-too-large" && size > 1 => {
                size /= 2;
                continue;
            }
            // What they belong to is gone.
            Err(error) if error.code == "coupa.not-found" => return Ok(found),
            page => page?,
        };
        let Some(reached) = page.last_id(false, cursor.last())? else {
            return Ok(found);
        };
        let wanted = |item: &Item| texts.contains(&item.key);
        found.extend(page.items.into_iter().filter(wanted));
        if reached >= *last {
            return Ok(found);
        }
        cursor = cursor.after(reached);
    }
}
