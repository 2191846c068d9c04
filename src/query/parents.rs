//! Reads what is nested, such as `suppliers/{supplier_id}/addresses`, under every
//! parent: the parents' ids are read in their order, some pages of several parents are
//! on their way at once, and what is delivered comes parent by parent.

use super::Fields;
use super::pages::{Cursor, Fetched, PAGE, Page, Pages, Plan};
use crate::client::Client;
use crate::contract::{Error, Item};
use crate::host::Host;
use crate::time::Moment;
use futures::SinkExt;
use futures::channel::mpsc::{self, Receiver, Sender};
use futures::future::{Either, select};
use futures::stream::{FuturesUnordered, StreamExt};
use serde_json::{Map, Value};
use std::collections::VecDeque;

/// Parents under which is read at once.
const AT_ONCE: usize = 4;
/// Pages that are read at once under one of them.
const MOST_UNDER_ONE: usize = 8;
/// Parents without records after which a checkpoint is told all the same.
const SILENT: u32 = 50;

impl Plan {
    /// Where in the path a parent's id is left open: the places of the braces.
    pub fn levels(&self) -> Vec<usize> {
        let braces = self.path.match_indices("/{");
        braces.map(|(at, _)| at).collect()
    }

    /// The plan that reads the parents whose id belongs at a place of the path.
    pub fn parents_below(&self, level: usize) -> Self {
        let path = self.path.get(..level).unwrap_or_default().to_owned();
        Self {
            // Of what lies on top, 404 says that there is nothing.
            is_nested: path.split('/').any(|part| part.parse::<i64>().is_ok()),
            path,
            filters: Vec::new(),
            order_by: None,
            descending: false,
            fields: Some(Fields::id()),
            return_object: None,
            limit: None,
            has_id: true,
            has_pages: true,
            most_at_once: 1,
        }
    }

    /// The same with the first of the open ids filled in.
    pub fn under(&self, ids: &[i64]) -> Self {
        let mut path = self.path.clone();
        for id in ids {
            if let Some((before, rest)) = path.split_once("/{")
                && let Some((_, after)) = rest.split_once('}')
            {
                path = format!("{before}/{id}{after}");
            }
        }
        Self {
            path,
            // It was there a moment ago: 404 says that nothing is below it.
            is_nested: false,
            most_at_once: self.most_at_once.min(MOST_UNDER_ONE),
            ..self.clone()
        }
    }

    /// Has a record that was read under parents say so, as when all of them are read.
    pub fn say_parents(&self, item: &mut Item, parents: &[i64]) {
        say_parents(item, &self.parent_names(), parents);
    }

    /// The names in the braces, as fields: `supplier-id`.
    fn parent_names(&self) -> Vec<String> {
        let names = self.path.split('/').filter_map(|segment| {
            let name = segment.strip_prefix('{')?.strip_suffix('}')?;
            Some(name.replace('_', "-"))
        });
        names.collect()
    }
}

/// The ids of the parents, each with those of its own parents before it, in order.
struct Parents<'a, H> {
    client: &'a Client<H>,
    plan: &'a Plan,
    levels: Vec<Level>,
    /// The ids above the level that is being read.
    above: Vec<i64>,
}

#[derive(Default)]
struct Level {
    ids: VecDeque<i64>,
    after: Option<i64>,
    ended: bool,
}

impl<'a, H: Host> Parents<'a, H> {
    /// Those that come after a parent; all where there is none.
    fn after(client: &'a Client<H>, plan: &'a Plan, parent: &[i64]) -> Self {
        let after = parent.iter().map(|id| Some(*id));
        let depth = plan.levels().len();
        let levels = after.chain(std::iter::repeat(None)).take(depth);
        let mut above = parent.to_vec();
        above.truncate(depth.saturating_sub(1).min(parent.len().saturating_sub(1)));
        Self {
            client,
            plan,
            levels: levels
                .map(|after| Level {
                    after,
                    ..Level::default()
                })
                .collect(),
            above,
        }
    }

    async fn next(&mut self) -> Result<Option<Vec<i64>>, Error> {
        loop {
            let (at, depth) = (self.above.len(), self.levels.len());
            let Some(level) = self.levels.get_mut(at) else {
                return Ok(None);
            };
            if let Some(id) = level.ids.pop_front() {
                let mut whole = self.above.clone();
                whole.push(id);
                if at + 1 == depth {
                    return Ok(Some(whole));
                }
                self.above = whole;
                if let Some(below) = self.levels.get_mut(at + 1) {
                    *below = Level::default();
                }
                continue;
            }
            if level.ended {
                if at == 0 {
                    return Ok(None);
                }
                self.above.pop();
                continue;
            }
            let after = level.after;
            let found = self.read(at, after).await?;
            if let Some(level) = self.levels.get_mut(at) {
                level.ended = found.is_empty();
                level.after = found.last().copied().or(after);
                level.ids.extend(found);
            }
        }
    }

    /// One page of ids.
    async fn read(&self, at: usize, after: Option<i64>) -> Result<Vec<i64>, Error> {
        let plan = self.plan.under(&self.above);
        let Some(level) = plan.levels().first().copied() else {
            return Ok(Vec::new());
        };
        let parents = Plan {
            // Only what was just listed may be gone again.
            is_nested: at == 0 && plan.parents_below(level).is_nested,
            ..plan.parents_below(level)
        };
        let start = match after {
            Some(id) => parents.start().after(id),
            None => parents.start(),
        };
        let pages = Pages {
            client: self.client,
            plan: &parents,
        };
        let fetched: Fetched = pages.page_or_whole(&start, 0, PAGE).await?;
        fetched.last_id(false, after)?;
        Ok(fetched.ids.into_iter().flatten().collect())
    }
}

/// A parent under which is being read.
struct Under {
    ids: Vec<i64>,
    pages: Receiver<Result<Page, Error>>,
}

impl<H: Host> Pages<'_, H> {
    /// Reads under each parent, from `start` on.
    pub(super) async fn under_each_parent(
        &self,
        start: Cursor,
        out: &mut Sender<Result<Page, Error>>,
    ) -> Result<(), Error> {
        let names = self.plan.parent_names();
        let of = self.plan.start();
        let mut before = start.before();
        let mut parents = Parents::after(self.client, self.plan, start.parents());
        let mut resumed = (!start.parents().is_empty()).then(|| start.clone());
        let mut all_known = false;
        let mut reading = FuturesUnordered::new();
        let mut queue: VecDeque<Under> = VecDeque::new();
        let (mut silent, mut warned) = (0, false);
        loop {
            while queue.len() < AT_ONCE && !all_known {
                let cursor = match resumed.take() {
                    Some(cursor) => Some((cursor.parents().to_vec(), cursor)),
                    None => parents.next().await?.map(|ids| (ids, of.clone())),
                };
                let Some((ids, cursor)) = cursor else {
                    all_known = true;
                    break;
                };
                let (sender, pages) = mpsc::channel(0);
                let plan = self.plan.under(&ids);
                let client = self.client;
                // What was delivered before counts here, not under each parent.
                let cursor = cursor.clone().having(cursor.taken(), Vec::new(), 0);
                reading.push(async move {
                    let pages = Pages {
                        client,
                        plan: &plan,
                    };
                    pages.read_one(cursor, sender).await;
                });
                queue.push_back(Under { ids, pages });
            }
            let Some(mut under) = queue.pop_front() else {
                return Ok(());
            };
            let mut taken = if before == start.before() && under.ids == start.parents() {
                start.taken()
            } else {
                0
            };
            let mut was_silent = true;
            loop {
                let page = loop {
                    if reading.is_empty() {
                        break under.pages.next().await;
                    }
                    match select(under.pages.next(), reading.next()).await {
                        Either::Left((page, _)) => break page,
                        Either::Right(_) => {}
                    }
                };
                let Some(page) = page else { break };
                let mut page = page?;
                if page.warning.is_some() && std::mem::replace(&mut warned, true) {
                    page.warning = None;
                }
                let read = page.next.taken();
                page.next = page.next.having(taken, under.ids.clone(), before);
                let left = self.plan.left(&page.next);
                page.items
                    .truncate(usize::try_from(left).unwrap_or(usize::MAX));
                let is_full = left <= read.saturating_sub(taken);
                taken += page.items.len() as u64;
                page.next = page.next.having(taken, under.ids.clone(), before);
                for item in &mut page.items {
                    say_parents(item, &names, &under.ids);
                }
                was_silent &= page.items.is_empty();
                if out.send(Ok(page)).await.is_err() || is_full {
                    return Ok(());
                }
            }
            before += taken;
            silent = if was_silent { silent + 1 } else { 0 };
            if silent == SILENT {
                silent = 0;
                let page = Page {
                    items: Vec::new(),
                    next: of.clone().having(0, under.ids, before),
                    at: Moment::default(),
                    warning: None,
                };
                if out.send(Ok(page)).await.is_err() {
                    return Ok(());
                }
            }
        }
    }
}

/// Puts into a record what it belongs to, where it does not say that itself, and
/// before its key.
fn say_parents(item: &mut Item, names: &[String], ids: &[i64]) {
    for (name, id) in names.iter().zip(ids).rev() {
        item.key = format!("{id}/{}", item.key);
        if !has(&item.data, name)
            && let Some(rest) = item.data.strip_prefix('{')
        {
            let comma = if rest.trim_start().starts_with('}') {
                ""
            } else {
                ","
            };
            item.data = format!("{{\"{name}\":{id}{comma}{rest}");
        }
    }
}

fn has(record: &str, name: &str) -> bool {
    // Most records do not: then nothing has to be read.
    record.contains(name)
        && serde_json::from_str::<Map<String, Value>>(record)
            .is_ok_and(|fields| fields.contains_key(name))
}

/// A record's own id in its key, before which those of its parents may stand.
pub fn id_in_key(key: &str) -> &str {
    key.rsplit('/').next().unwrap_or(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(record: &str) -> (String, String) {
        let mut item = Item {
            key: "7".to_owned(),
            data: record.to_owned(),
        };
        let names = ["report-id".to_owned(), "line-id".to_owned()];
        say_parents(&mut item, &names, &[1, 2]);
        (item.key, item.data)
    }

    #[test]
    fn records_say_what_they_belong_to() {
        let (key, data) = said(r#"{"id":7,"x":"line-id"}"#);
        assert_eq!(key, "1/2/7");
        assert_eq!(id_in_key(&key), "7");
        assert_eq!(data, r#"{"report-id":1,"line-id":2,"id":7,"x":"line-id"}"#);
        assert_eq!(
            said(r#"{"id":7,"line-id":2}"#).1,
            r#"{"report-id":1,"id":7,"line-id":2}"#
        );
        assert_eq!(said("{}").1, r#"{"report-id":1,"line-id":2}"#);
    }
}
