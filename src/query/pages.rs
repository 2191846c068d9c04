//! Reads a collection page by page, in order, ahead of what is taken.
//!
//! Coupa has no cursor and no total. Where the order is by id, pages are asked for as the
//! records after the last id (keyset), so that rows that come or go meanwhile lose nothing,
//! several at once (`ahead`). Any other order has only offsets.
//!
//! The end is an empty page, never a short one: how Coupa treats a `limit` is
//! not certain enough to lose records over, and one more request is cheap. For the
//! same reason a page that is refused is asked for once more without any `limit`:
//! an instance may have smaller pages than documented, and refuse what is over them.
//!
//! Where parents' ids are left open in the path, the same is read under each parent
//! (`parents`).

use super::ahead::is_beyond;
use super::{Fields, Filter, Operator, encode, read_checkpoint};
use crate::client::{Client, is_about_the_question, not_json};
use crate::contract::{Error, ErrorKind, Item, PlannedRequest};
use crate::fingerprint::fingerprint;
use crate::host::{Host, Response};
use crate::time::Moment;
use futures::SinkExt;
use futures::channel::mpsc::Sender;
use futures::stream::{FuturesOrdered, StreamExt};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// Coupa's greatest page.
pub const PAGE: u64 = 50;
/// Pages asked for at once where the order is not by id.
const AT_ONCE: u64 = 4;

/// What to read: everything but where to start.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Such as `/api/suppliers`.
    pub path: String,
    pub filters: Vec<Filter>,
    /// The field to order by, in snake case; none: by id.
    pub order_by: Option<String>,
    pub descending: bool,
    pub fields: Option<Fields>,
    pub return_object: Option<String>,
    /// Records, at most.
    pub limit: Option<u64>,
    /// Whether the records have an id, as nearly all do.
    pub has_id: bool,
    /// Whether the path holds the id of a parent, which may not exist.
    pub is_nested: bool,
    /// Whether it is known that there are pages, and an order by id.
    pub has_pages: bool,
    /// Pages that are read at once, at most, where the order is by id.
    pub most_at_once: usize,
}

/// Where to go on, as it travels in a checkpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The last id delivered; in keyset reading only.
    #[serde(skip_serializing_if = "Option::is_none")]
    after: Option<i64>,
    /// Records delivered so far, which is the offset where there is no keyset; under
    /// this parent, where there are several.
    taken: u64,
    /// The parent that is being read, by its id and before it those of its own
    /// parents. Empty where the path leaves none open, or none has been read yet.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    parents: Vec<i64>,
    /// Records delivered under the parents before.
    #[serde(skip_serializing_if = "is_zero", default)]
    before: u64,
    /// What was asked; a checkpoint of another question is refused.
    of: String,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Cursor {
    /// Reads a checkpoint of this plan.
    ///
    /// # Errors
    /// If it is not one, or is of another object or other options.
    pub fn parse(text: &str, plan: &Plan) -> Result<Self, Error> {
        read_checkpoint(text, &plan.fingerprint(), |cursor: &Self| &cursor.of)
    }

    /// Right after a record, in keyset reading.
    #[must_use]
    pub fn after(mut self, id: i64) -> Self {
        self.after = Some(id);
        self
    }

    /// With so many records that were delivered before, under a parent or none.
    #[must_use]
    pub fn having(mut self, taken: u64, parents: Vec<i64>, before: u64) -> Self {
        self.taken = taken;
        self.parents = parents;
        self.before = before;
        self
    }

    /// The last record delivered, in keyset reading.
    pub(super) fn last(&self) -> Option<i64> {
        self.after
    }

    /// Records delivered so far; under this parent, where there are several.
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// The parent that is being read, and before it its own parents.
    pub fn parents(&self) -> &[i64] {
        &self.parents
    }

    /// Records delivered under the parents before.
    pub fn before(&self) -> u64 {
        self.before
    }

    /// As it travels.
    pub fn to_text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Some records and where to go on after them.
#[derive(Debug)]
pub struct Page {
    pub items: Vec<Item>,
    pub next: Cursor,
    /// When Coupa answered it.
    pub at: Moment,
    /// Something that a person should know.
    pub warning: Option<String>,
}

impl Plan {
    fn is_keyset(&self) -> bool {
        self.has_pages && self.has_id && self.order_by.as_deref().is_none_or(|field| field == "id")
    }

    /// Where a read starts that resumes nothing.
    pub fn start(&self) -> Cursor {
        // A caller's own bound on the id and the keyset's would be the same
        // parameter twice, so it becomes where the keyset starts.
        let bounds = self.filters.iter().filter(|filter| self.is_start(filter));
        let ids = bounds.filter_map(|filter| filter.value.parse::<i64>().ok());
        Cursor {
            after: if self.descending {
                ids.min()
            } else {
                ids.max()
            },
            of: self.fingerprint(),
            ..Cursor::default()
        }
    }

    /// The first page, and how the others follow; before it, where the parents are
    /// found.
    pub fn requests(&self, start: &Cursor) -> Vec<PlannedRequest> {
        let size = PAGE.min(self.left(start));
        let offset = if self.is_keyset() { 0 } else { start.taken };
        let note = match (self.has_pages, self.is_keyset()) {
            (true, true) => {
                "for the first page; further pages begin after the last id, or some records on, \
                 until one is empty"
            }
            (true, false) => {
                "for the first page; each further page begins at the next offset, until one is empty"
            }
            (false, _) => {
                "for the first page; whether there are more is not documented: the next offset \
                 is asked for until nothing new comes"
            }
        };
        let levels = self.levels();
        let mut note = note.to_owned();
        if !levels.is_empty() {
            note = format!("under each of them, at least once: {note}");
        }
        let shown = |path: String| path.replace('{', "<").replace('}', ">");
        let walk = levels.into_iter().map(|level| {
            let parents = self.parents_below(level);
            PlannedRequest {
                method: "GET",
                path: shown(parents.url(&parents.start(), 0, Some(PAGE))),
                body: None,
                note: format!("for the ids of the parents, {PAGE} at a time"),
            }
        });
        let own = PlannedRequest {
            method: "GET",
            path: shown(self.url(start, offset, Some(size))),
            body: None,
            note,
        };
        walk.chain([own]).collect()
    }

    /// The URL of what stands at an offset, and no more of it than that it is there.
    pub fn probe(&self, offset: u64) -> String {
        let mut parts: Vec<_> = self.filters.iter().map(Filter::to_query).collect();
        if self.has_id {
            parts.push("fields=%5B%22id%22%5D&order_by=id&dir=asc".to_owned());
        }
        parts.push(format!("offset={offset}&limit=1"));
        format!("{}?{}", self.path, parts.join("&"))
    }

    /// Where a read starts that may resume an earlier one.
    ///
    /// # Errors
    /// If the checkpoint is none of this plan.
    pub fn start_at(&self, resume: Option<&str>) -> Result<Cursor, Error> {
        match resume {
            Some(checkpoint) => Cursor::parse(checkpoint, self),
            None => Ok(self.start()),
        }
    }

    /// Whether a filter only says where a keyset starts.
    fn is_start(&self, filter: &Filter) -> bool {
        let operator = if self.descending {
            Operator::Less
        } else {
            Operator::Greater
        };
        self.is_keyset() && filter.is_on_id() && filter.operator == operator
    }

    /// A filter as a part of a URL. Equality on the id becomes `in`: beside the
    /// keyset's own `id[gt]`, a plain `id` would be one parameter of two forms,
    /// which servers such as Coupa's refuse.
    fn filter_query(&self, filter: &Filter) -> String {
        if self.is_keyset() && filter.is_on_id() && filter.operator == Operator::Equal {
            let one_of = Filter {
                operator: Operator::In,
                ..filter.clone()
            };
            return one_of.to_query();
        }
        filter.to_query()
    }

    /// The URL of a page of `size` records; without one, of as many as Coupa gives.
    pub(super) fn url(&self, cursor: &Cursor, offset: u64, size: Option<u64>) -> String {
        let mut parts: Vec<String> = self
            .filters
            .iter()
            .filter(|filter| !self.is_start(filter))
            .map(|filter| self.filter_query(filter))
            .collect();
        let direction = if self.descending { "desc" } else { "asc" };
        if self.is_keyset() {
            parts.push(format!("order_by=id&dir={direction}"));
            if let Some(id) = cursor.after {
                let operator = if self.descending { "lt" } else { "gt" };
                parts.push(format!("id%5B{operator}%5D={id}"));
            }
            if offset > 0 {
                parts.push(format!("offset={offset}"));
            }
        } else {
            if let Some(field) = &self.order_by {
                parts.push(format!("order_by={}&dir={direction}", encode(field)));
            }
            parts.push(format!("offset={offset}"));
        }
        parts.extend(size.map(|size| format!("limit={size}")));
        parts.extend(self.fields.as_ref().map(Fields::to_query));
        parts.extend(
            self.return_object
                .as_ref()
                .map(|value| format!("return_object={value}")),
        );
        format!("{}?{}", self.path, parts.join("&"))
    }

    /// A short sign of everything that decides which records come in which order.
    fn fingerprint(&self) -> String {
        let filters: Vec<_> = self.filters.iter().map(Filter::to_query).collect();
        let question = format!(
            "{} {} {:?} {}",
            self.path,
            filters.join("&"),
            self.order_by,
            self.descending
        );
        fingerprint(&question)
    }

    pub(super) fn left(&self, cursor: &Cursor) -> u64 {
        self.limit.map_or(u64::MAX, |limit| {
            limit.saturating_sub(cursor.taken.saturating_add(cursor.before))
        })
    }
}

/// The pages of a plan.
pub struct Pages<'a, H> {
    pub client: &'a Client<H>,
    pub plan: &'a Plan,
}

impl<H: Host> Pages<'_, H> {
    /// Reads from `cursor` to the end into `out`, whose capacity bounds how far
    /// it reads ahead. An error is the last thing sent. Ends quietly when
    /// nobody takes pages any more.
    pub async fn read(&self, cursor: Cursor, mut out: Sender<Result<Page, Error>>) {
        if self.plan.levels().is_empty() {
            return self.read_one(cursor, out).await;
        }
        if let Err(error) = self.under_each_parent(cursor, &mut out).await {
            let _ = out.send(Err(error)).await;
        }
    }

    /// The same, of a path that leaves no parent open.
    pub(super) async fn read_one(&self, cursor: Cursor, mut out: Sender<Result<Page, Error>>) {
        let ended = if self.plan.is_keyset() {
            self.by_id(cursor, &mut out).await
        } else if self.plan.has_pages {
            self.by_offset(cursor, &mut out).await
        } else {
            self.while_new(cursor, &mut out).await
        };
        if let Err(error) = ended {
            let _ = out.send(Err(error)).await;
        }
    }

    async fn by_offset(
        &self,
        mut cursor: Cursor,
        out: &mut Sender<Result<Page, Error>>,
    ) -> Result<(), Error> {
        let mut size = PAGE;
        let mut unasked = false;
        let mut before: Vec<Option<i64>> = Vec::new();
        'anew: loop {
            let mut ahead = FuturesOrdered::new();
            let mut next_offset = cursor.taken;
            loop {
                let left = self
                    .plan
                    .limit
                    .map_or(u64::MAX, |limit| limit.saturating_sub(next_offset));
                if (ahead.len() as u64) < AT_ONCE && left > 0 {
                    let asked = size.min(left);
                    let said = (!unasked).then_some(asked);
                    let url = self.plan.url(&cursor, next_offset, said);
                    let taken = cursor.taken;
                    ahead.push_back(async move { (asked, self.fetch(url, taken).await) });
                    next_offset += asked;
                    continue;
                }
                let Some((asked, fetched)) = ahead.next().await else {
                    return Ok(());
                };
                let mut fetched = match fetched {
                    Err(error) if is_about_the_question(&error) && !unasked => {
                        unasked = true;
                        continue 'anew;
                    }
                    fetched => fetched?,
                };
                fetched.keep(asked);
                if !fetched.ids.is_empty() && fetched.ids == before {
                    return Err(Error::new(
                        ErrorKind::UnexpectedAnswer,
                        "coupa.page-repeated",
                        "Coupa answered the same page again, as if it did not know offsets",
                    )
                    .remedy("What was delivered so far stands. Order by id."));
                }
                before.clone_from(&fetched.ids);
                let found = fetched.items.len() as u64;
                if found == 0 {
                    return send_warning(fetched, cursor, out).await;
                }
                if !deliver(fetched, &mut cursor, out).await {
                    return Ok(());
                }
                if found < asked {
                    // The last page, or Coupa gives smaller ones than it was
                    // asked for. What was asked for ahead does not fit then.
                    size = found;
                    continue 'anew;
                }
            }
        }
    }

    /// A page of `size` records, or of as many as Coupa gives where it refuses that.
    pub(super) async fn page_or_whole(
        &self,
        cursor: &Cursor,
        offset: u64,
        size: u64,
    ) -> Result<Fetched, Error> {
        let url = self.plan.url(cursor, offset, Some(size));
        match self.fetch(url, cursor.taken).await {
            Err(error) if is_about_the_question(&error) => {
                let url = self.plan.url(cursor, offset, None);
                self.fetch(url, cursor.taken).await
            }
            fetched => fetched,
        }
    }

    /// Reads a list of which nobody says whether it has pages: it may be answered
    /// whole whatever is asked for, and then the same comes again and again. A list of
    /// exactly a page that comes again could have more than can be had.
    async fn while_new(
        &self,
        mut cursor: Cursor,
        out: &mut Sender<Result<Page, Error>>,
    ) -> Result<(), Error> {
        let mut first: Option<Vec<String>> = None;
        loop {
            let size = PAGE.min(self.plan.left(&cursor));
            if size == 0 {
                return Ok(());
            }
            let mut fetched = self.page_or_whole(&cursor, cursor.taken, size).await?;
            let found = fetched.items.len() as u64;
            if found == 0 {
                return send_warning(fetched, cursor, out).await;
            }
            if first.as_ref().is_some_and(|first| {
                fetched
                    .signs()
                    .all(|sign| first.iter().any(|known| known == sign))
            }) {
                fetched.items.clear();
                if cursor.taken == PAGE {
                    fetched.warning = Some(format!(
                        "{} answers the same {PAGE} records at every offset: if there are more, \
                         they cannot be read",
                        self.plan.path
                    ));
                }
                return send_warning(fetched, cursor, out).await;
            }
            if first.is_none() {
                first = Some(fetched.signs().map(str::to_owned).collect());
            }
            fetched.keep(self.plan.left(&cursor));
            // More than was asked for: it is the whole list.
            if !deliver(fetched, &mut cursor, out).await || found > size {
                return Ok(());
            }
        }
    }

    pub(super) async fn fetch(&self, url: String, taken: u64) -> Result<Fetched, Error> {
        let plan = self.plan;
        let answered = self
            .client
            .get(url, |response| Fetched::parse(&response))
            .await;
        match answered {
            // In XML an empty list is a 404, and some paths answer so in JSON. A
            // page of HTML in the middle of a read is something else, and below a
            // parent it may be that which is not there.
            Err(error) if error.code == "coupa.not-found" => {
                let said = error.message.to_ascii_lowercase();
                let is_empty = said.contains("no results");
                let may_be_empty = match taken {
                    0 => is_empty || !plan.is_nested,
                    _ => !said.contains("html page"),
                };
                if !may_be_empty {
                    return Err(error);
                }
                let warning = (!is_empty).then(|| {
                    let what = if taken == 0 {
                        "there are no records"
                    } else {
                        "there are no more"
                    };
                    format!("{} answered 404, which was read as: {what}", plan.path)
                });
                Ok(Fetched {
                    warning,
                    ..Fetched::default()
                })
            }
            other => other,
        }
    }
}

/// A page as it came.
#[derive(Default)]
pub(super) struct Fetched {
    pub(super) items: Vec<Item>,
    /// In the order of the items; none for one that has no id.
    pub(super) ids: Vec<Option<i64>>,
    at: Moment,
    warning: Option<String>,
}

impl Fetched {
    fn parse(response: &Response) -> Result<Self, Error> {
        let records: Vec<&RawValue> = serde_json::from_slice(&response.body)
            .map_err(|_| not_json(response, "a list of records"))?;
        let mut items = Vec::with_capacity(records.len());
        let mut ids = Vec::with_capacity(records.len());
        for record in records {
            let text = record.get();
            if !text.starts_with('{') {
                return Err(not_json(response, "a list of records"));
            }
            let id = record_id(text);
            items.push(Item {
                key: id.map_or_else(String::new, |id| id.to_string()),
                data: text.to_owned(),
            });
            ids.push(id);
        }
        Ok(Self {
            items,
            ids,
            at: response.answered_at(),
            warning: None,
        })
    }

    /// What tells its records apart: their ids, and where they have none all they say.
    fn signs(&self) -> impl Iterator<Item = &str> {
        self.items.iter().map(|item| match item.key.as_str() {
            "" => item.data.as_str(),
            key => key,
        })
    }

    /// What it takes in memory, more or less.
    pub(super) fn bytes(&self) -> usize {
        self.items.iter().map(|item| item.data.len()).sum()
    }

    /// The id of its first record.
    pub(super) fn first_id(&self) -> Option<i64> {
        self.ids.first().copied().flatten()
    }

    /// The id of its last record.
    pub(super) fn last_of_all(&self) -> Option<i64> {
        self.ids.last().copied().flatten()
    }

    /// What comes after an id, of a page in the order of ids.
    pub(super) fn beyond(mut self, last: Option<i64>, descending: bool) -> Self {
        if let Some(last) = last {
            let is_known = |id: &Option<i64>| id.is_none_or(|id| !is_beyond(id, last, descending));
            let known = self.ids.iter().take_while(|id| is_known(id)).count();
            self.items.drain(..known);
            self.ids.drain(..known);
        }
        self
    }

    /// Drops what is more than was asked for.
    pub(super) fn keep(&mut self, asked: u64) {
        let asked = usize::try_from(asked).unwrap_or(usize::MAX);
        self.items.truncate(asked);
        self.ids.truncate(asked);
    }

    /// The id to go on after; none where the page is empty. Every id has to lie
    /// beyond the one before, or reading on could lose records or never end.
    pub(super) fn last_id(
        &self,
        descending: bool,
        mut before: Option<i64>,
    ) -> Result<Option<i64>, Error> {
        let mut last = None;
        for id in &self.ids {
            let Some(id) = id else {
                return Err(Error::new(
                    ErrorKind::UnexpectedAnswer,
                    "coupa.no-id",
                    "Coupa answered a record without its id, so that reading on is not safe",
                )
                .remedy("An API response filter may be taking the id away: choose fields, or change the filter in Coupa."));
            };
            let beyond = before.is_none_or(|before| is_beyond(*id, before, descending));
            if !beyond {
                return Err(Error::new(
                    ErrorKind::UnexpectedAnswer,
                    "coupa.out-of-order",
                    format!(
                        "Coupa answered the record {id} where one {} {} was asked for",
                        if descending { "before" } else { "after" },
                        before.unwrap_or_default()
                    ),
                )
                .remedy("What was delivered so far stands. Try again; if it stays so, order by another field."));
            }
            before = Some(*id);
            last = before;
        }
        Ok(last)
    }
}

/// Sends a page's records. False where nobody takes them any more.
pub(super) async fn deliver(
    fetched: Fetched,
    cursor: &mut Cursor,
    out: &mut Sender<Result<Page, Error>>,
) -> bool {
    cursor.taken += fetched.items.len() as u64;
    let page = Page {
        items: fetched.items,
        next: cursor.clone(),
        at: fetched.at,
        warning: fetched.warning,
    };
    out.send(Ok(page)).await.is_ok()
}

pub(super) async fn send_warning(
    fetched: Fetched,
    cursor: Cursor,
    out: &mut Sender<Result<Page, Error>>,
) -> Result<(), Error> {
    if fetched.warning.is_some() {
        let page = Page {
            items: Vec::new(),
            next: cursor,
            at: fetched.at,
            warning: fetched.warning,
        };
        let _ = out.send(Ok(page)).await;
    }
    Ok(())
}

/// The id of a record. Coupa writes it first, so that the rest need not be
/// looked at; anywhere else it is found too.
fn record_id(record: &str) -> Option<i64> {
    #[derive(Deserialize)]
    struct Identified {
        id: Option<i64>,
    }
    if let Some(rest) = record.strip_prefix("{\"id\":") {
        let end = rest.bytes().position(|b| !b.is_ascii_digit()).unwrap_or(0);
        if let Some(id) = rest.get(..end).and_then(|digits| digits.parse().ok())
            && matches!(rest.as_bytes().get(end), Some(b',' | b'}'))
        {
            return Some(id);
        }
    }
    serde_json::from_str::<Identified>(record).ok()?.id
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::MOST_AT_ONCE;

    fn plan(filters: &[&str], order_by: Option<&str>, descending: bool) -> Plan {
        let suppliers = coupa_catalog::find_collection("suppliers").unwrap();
        Plan {
            path: "/api/suppliers".to_owned(),
            filters: filters
                .iter()
                .map(|f| Filter::parse(f, &suppliers, &[]).unwrap())
                .collect(),
            order_by: order_by.map(str::to_owned),
            descending,
            fields: None,
            return_object: None,
            limit: None,
            has_id: true,
            is_nested: false,
            has_pages: true,
            most_at_once: MOST_AT_ONCE,
        }
    }

    #[test]
    fn a_bound_on_the_id_becomes_the_start() {
        let up = plan(
            &["id[gt]=5", "id[gt]=9", "id[lt]=100", "status=active"],
            None,
            false,
        );
        assert_eq!(up.start().after, Some(9));
        assert_eq!(
            up.url(&up.start(), 0, Some(50)),
            "/api/suppliers?id%5Blt%5D=100&status=active&order_by=id&dir=asc&id%5Bgt%5D=9&limit=50"
        );
        let down = plan(&["id[gt]=5", "id[lt]=100"], Some("id"), true);
        assert_eq!(down.start().after, Some(100));
        let by_name = plan(&["id[gt]=5"], Some("name"), false);
        assert_eq!(
            by_name.url(&by_name.start(), 150, Some(50)),
            "/api/suppliers?id%5Bgt%5D=5&order_by=name&dir=asc&offset=150&limit=50"
        );
    }

    #[test]
    fn ids_are_found_wherever_they_stand() {
        assert_eq!(record_id(r#"{"id":42,"name":"x"}"#), Some(42));
        assert_eq!(record_id(r#"{"id":42}"#), Some(42));
        assert_eq!(record_id(r#"{ "name":"id", "id" : 7 }"#), Some(7));
        assert_eq!(record_id(r#"{"id":"7"}"#), None);
        assert_eq!(record_id(r#"{"id":1.5,"x":0}"#), None);
        assert_eq!(record_id(r#"{"name":1}"#), None);
    }

    #[test]
    fn checkpoints_belong_to_their_question() {
        let plan_a = plan(&["status=active"], None, false);
        let text = plan_a.start().to_text();
        assert!(Cursor::parse(&text, &plan_a).is_ok());
        let other = plan(&["status=inactive"], None, false);
        assert_eq!(
            Cursor::parse(&text, &other).unwrap_err().code,
            "resume.of-another-call"
        );
        assert_eq!(
            Cursor::parse("{", &plan_a).unwrap_err().code,
            "resume.malformed"
        );
    }
}
