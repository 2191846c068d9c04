//! What a call would send, what it needs to be allowed, and how much there is.

use super::REQUESTS_PER_SECOND;
use crate::activities::{self, Prepared};
use crate::client::{Client, not_json};
use crate::contract::{Call, Error, Extent, Permissions, Plan, Role};
use crate::host::Host;
use crate::query::{self, PAGE};
use crate::time::Moment;
use serde::de::IgnoredAny;
use std::collections::BTreeSet;

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
    match &prepared {
        Prepared::Changes(changes) => notes.extend(changes.warnings()),
        Prepared::Query(query) => notes.extend(query.warnings()),
        _ => {}
    }
    let needed = needed(call, requests.iter().map(|request| request.method));
    let held = if look { client.scopes().await? } else { None };
    let permissions = permissions(needed, held);
    if look && permissions.held.is_none() {
        notes.push("Coupa does not say what the credentials allow.".to_owned());
    }
    let paged = paged(&prepared, now).filter(|(plan, _)| plan.has_pages);
    let extent = match (look, paged) {
        (true, Some((plan, _))) if !plan.levels().is_empty() => {
            notes.extend(walk(client, &plan).await?);
            None
        }
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
        Prepared::Download(download) => download.plan().map(|plan| (plan.clone(), 1)),
        Prepared::Get(_) | Prepared::Target(_) => None,
    }
}

/// How much it is to read under every parent. How many records each has, nothing but
/// the reading tells.
async fn walk<H: Host>(client: &Client<H>, plan: &query::Plan) -> Result<Option<String>, Error> {
    let Some(level) = plan.levels().first().copied() else {
        return Ok(None);
    };
    let parents = plan.parents_below(level);
    let found = count(client, &parents).await?;
    Ok(found.map(|found| {
        let requests = found.div_ceil(PAGE) + 1 + found;
        format!(
            "There are {found} records at {}: reading under each takes at least {requests} requests, \
             {} s, and one more for each {PAGE} records and each parent that has any.",
            parents.path,
            requests / u64::from(REQUESTS_PER_SECOND)
        )
    }))
}

/// The scopes that a call needs, those for its parents among them where it goes
/// through them.
fn needed<'a>(call: &Call, methods: impl Iterator<Item = &'a str>) -> Vec<String> {
    let Some((read, write)) = coupa_catalog::scopes(&call.object) else {
        return Vec::new();
    };
    let is_source = activities::activity(&call.activity).is_ok_and(|a| a.role == Role::Source);
    let parents = call
        .object
        .match_indices("/{")
        .filter(|_| is_source)
        .filter_map(|(at, _)| Some(coupa_catalog::scopes(call.object.get(..at)?)?.0))
        .collect::<Vec<String>>();
    let needed: BTreeSet<&String> = methods
        .map(|method| if method == "GET" { &read } else { &write })
        .chain(&parents)
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
        let walk = Call {
            activity: "query".to_owned(),
            object: "uoms/{uom_id}/translations".to_owned(),
            ..Call::default()
        };
        assert_eq!(
            super::needed(&walk, ["GET"].into_iter()),
            ["core.object_translations.read", "core.uom.read"]
        );
        let held = ["core.supplier.read", "core.invoice.read"];
        let found = permissions(needed, Some(held.map(str::to_owned).to_vec()));
        assert_eq!(found.missing, ["core.supplier.write"]);
        assert_eq!(found.unneeded, ["core.invoice.read"]);
    }
}
