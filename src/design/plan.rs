//! What a call would send, what it needs to be allowed, and how much there is.

use super::REQUESTS_PER_SECOND;
use crate::activities::{self, Prepared};
use crate::client::{Client, not_json};
use crate::contract::{Call, Error, Extent, Permissions, Plan, Role};
use crate::host::Host;
use crate::query;
use crate::time::Moment;
use serde::de::IgnoredAny;
use std::collections::BTreeSet;

/// Coupa's greatest page.
const PAGE: u64 = 50;
/// Records beyond this are not counted: the offsets would be too costly.
const MOST_COUNTED: u64 = 1 << 24;

/// What a call would do. Only where `look` is true, Coupa is asked.
///
/// # Errors
/// What is wrong with the call, or keeps Coupa from answering.
pub async fn plan<H: Host>(client: &Client<H>, call: &Call, look: bool) -> Result<Plan, Error> {
    let prepared = activities::prepare(call)?;
    let now = Moment::from_unix(client.host().unix_time());
    let requests = match &prepared {
        Prepared::Query(query) => query.requests(),
        Prepared::Get(get) => get.requests(),
        Prepared::Changes(changes) => changes.requests(now),
        Prepared::Export(export) => export.requests(),
        Prepared::Download(download) => download.requests(),
        Prepared::Target(target) => target.requests(),
    };
    let mut notes = Vec::new();
    if let Prepared::Changes(changes) = &prepared {
        notes.extend(changes.warnings());
    }
    let needed = needed(call, requests.iter().map(|request| request.method));
    let held = if look { client.scopes().await? } else { None };
    let permissions = permissions(needed, held);
    if look && permissions.held.is_none() {
        notes.push("Coupa does not say what the credentials allow.".to_owned());
    }
    let extent = match (look, paged(&prepared, now)) {
        (true, Some((plan, each))) => count(client, &plan).await?.map(|records| {
            let requests = records.div_ceil(PAGE) + 1 + records * each;
            Extent {
                records,
                requests,
                time_ms: requests.saturating_mul(1000) / u64::from(REQUESTS_PER_SECOND),
            }
        }),
        _ => None,
    };
    if activities::activity(&call.activity)?.role == Role::Target {
        let each = requests.len().max(1);
        notes.push(format!(
            "At {REQUESTS_PER_SECOND} requests a second, at most {} records a minute.",
            60 * REQUESTS_PER_SECOND as usize / each
        ));
    }
    Ok(Plan {
        requests,
        permissions: Some(permissions),
        extent,
        notes,
    })
}

/// What is read page by page, and the requests for each record beside.
fn paged(prepared: &Prepared, now: Moment) -> Option<(query::Plan, u64)> {
    match prepared {
        Prepared::Query(query) => Some((query.plan().clone(), 0)),
        Prepared::Changes(changes) => Some((changes.plan(now), 0)),
        Prepared::Export(export) => Some((export.plan().clone(), 1)),
        Prepared::Download(download) => Some((download.plan().clone(), 1)),
        Prepared::Get(_) | Prepared::Target(_) => None,
    }
}

/// The scopes that a call needs.
fn needed<'a>(call: &Call, methods: impl Iterator<Item = &'a str>) -> Vec<String> {
    let Some((read, write)) = coupa_catalog::scopes(&call.object) else {
        return Vec::new();
    };
    let needed: BTreeSet<&String> = methods
        .map(|method| if method == "GET" { &read } else { &write })
        .collect();
    needed.into_iter().cloned().collect()
}

fn permissions(needed: Vec<String>, held: Option<Vec<String>>) -> Permissions {
    let (missing, unneeded) = match &held {
        None => (Vec::new(), Vec::new()),
        Some(held) => (
            needed
                .iter()
                .filter(|scope| !held.contains(scope))
                .cloned()
                .collect(),
            held.iter()
                .filter(|scope| !needed.contains(scope))
                .cloned()
                .collect(),
        ),
    };
    Permissions {
        needed,
        held,
        missing,
        unneeded,
    }
}

/// How many records there are: Coupa tells no total, so the last offset at which
/// something stands is searched for, in some twenty requests. None where there are
/// too many to count.
async fn count<H: Host>(client: &Client<H>, plan: &query::Plan) -> Result<Option<u64>, Error> {
    let most = plan.limit.unwrap_or(u64::MAX);
    let is_there = async |offset: u64| -> Result<bool, Error> {
        let found = client
            .get(plan.probe(offset), |response| {
                serde_json::from_slice::<Vec<IgnoredAny>>(&response.body)
                    .map(|records| !records.is_empty())
                    .map_err(|_| not_json(&response, "a list of records"))
            })
            .await;
        match found {
            Err(error) if error.code == "coupa.not-found" => Ok(false),
            found => found,
        }
    };
    // Something stands at `there`, nothing at `gone`.
    if !is_there(0).await? {
        return Ok(Some(0));
    }
    let (mut there, mut gone) = (0, 1);
    while is_there(gone).await? {
        there = gone;
        gone *= 4;
        if there >= most {
            return Ok(Some(most));
        }
        if gone > MOST_COUNTED {
            return Ok(None);
        }
    }
    while gone - there > 1 {
        let middle = there + (gone - there) / 2;
        if is_there(middle).await? {
            there = middle;
        } else {
            gone = middle;
        }
    }
    Ok(Some(gone.min(most)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_list_of_scopes_is_what_is_needed() {
        let call = Call {
            object: "suppliers/83/addresses".to_owned(),
            ..Call::default()
        };
        let needed = needed(&call, ["PUT", "GET", "PUT"].into_iter());
        assert_eq!(needed, ["core.supplier.read", "core.supplier.write"]);
        let held = ["core.supplier.read", "core.invoice.read"];
        let found = permissions(needed, Some(held.map(str::to_owned).to_vec()));
        assert_eq!(found.missing, ["core.supplier.write"]);
        assert_eq!(found.unneeded, ["core.invoice.read"]);
    }
}
