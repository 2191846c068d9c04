//! Reading ahead of rows that come and go, of answers in any order, and of servers that
//! know offsets in their own ways.

use super::*;
use crate::client::{Client, TokenStore};
use crate::fake::{Fake, Remote, json, settings};
use crate::host::{Request, Response, SendError};
use crate::query::{Cursor, Plan};
use futures::channel::mpsc;
use futures::future;
use proptest::prelude::*;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

/// What a server makes of an offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Offsets {
    Known,
    Ignored,
    /// Never more than that.
    Capped(usize),
    /// They count from the beginning of the list, whatever the bound on the id.
    BeforeTheFilter,
    /// With a 400.
    Refused,
}

/// A server with one list, whose rows come and go before each answer.
struct Rows {
    ids: BTreeSet<i64>,
    lived: BTreeSet<i64>,
    chance: RefCell<u64>,
    /// Rows that come or go before an answer, at most.
    churn: u64,
    most: i64,
    /// Rows in a page, at most.
    given: usize,
    offsets: Offsets,
    /// Rows with an id from here on are large: no answer holds more than ten.
    large_from: i64,
    latency: Duration,
    requests: usize,
}

impl Rows {
    fn new(count: usize, most: i64, seed: u64) -> Self {
        let mut rows = Self {
            ids: BTreeSet::new(),
            lived: BTreeSet::new(),
            chance: RefCell::new(seed | 1),
            churn: 0,
            most,
            given: 50,
            offsets: Offsets::Known,
            large_from: i64::MAX,
            latency: Duration::from_millis(300),
            requests: 0,
        };
        while rows.ids.len() < count {
            let id = rows.any_id();
            rows.ids.insert(id);
        }
        rows.lived = rows.ids.clone();
        rows
    }

    /// A number below `below` (xorshift).
    fn below(&self, below: u64) -> u64 {
        let mut state = self.chance.borrow_mut();
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *state % below.max(1)
    }

    fn any_id(&self) -> i64 {
        1 + i64::try_from(self.below(self.most.unsigned_abs())).unwrap()
    }

    fn change(&mut self) {
        for _ in 0..self.below(self.churn + 1) {
            let near = self.any_id();
            if self.below(2) == 0 {
                self.ids.insert(near);
            } else if let Some(id) = self.ids.range(near..).next().copied() {
                self.ids.remove(&id);
                self.lived.remove(&id);
            }
        }
    }
}

impl Remote for Rows {
    fn respond(&mut self, request: &Request, _: Duration) -> Result<Response, SendError> {
        if !request.path_and_query.starts_with("/api/") {
            return Ok(json(200, r#"{"access_token":"t","expires_in":86399}"#));
        }
        self.requests += 1;
        self.change();
        let parameter = |name: &str| {
            let (_, query) = request.path_and_query.split_once('?').unwrap();
            let mut parts = query.split('&').filter_map(|part| part.split_once('='));
            let found = parts.find(|(found, _)| *found == name);
            found.map(|(_, value)| value.to_owned())
        };
        let number = |name: &str| parameter(name).map(|value| value.parse::<i64>().unwrap());
        let descending = parameter("dir").as_deref() == Some("desc");
        let offset = usize::try_from(number("offset").unwrap_or(0)).unwrap();
        if offset > 0 && self.offsets == Offsets::Refused {
            return Ok(json(400, r#"{"errors":{"offset":["is not allowed"]}}"#));
        }
        let mut all: Vec<i64> = self.ids.iter().copied().collect();
        if descending {
            all.reverse();
        }
        let meets = |id: &i64| {
            number("id%5Bgt%5D").is_none_or(|bound| *id > bound)
                && number("id%5Blt%5D").is_none_or(|bound| *id < bound)
        };
        let offset = match self.offsets {
            Offsets::Known | Offsets::BeforeTheFilter => offset,
            Offsets::Ignored | Offsets::Refused => 0,
            Offsets::Capped(most) => offset.min(most),
        };
        let rows: Vec<i64> = match self.offsets {
            Offsets::BeforeTheFilter => all.into_iter().skip(offset).filter(meets).collect(),
            _ => all.into_iter().filter(meets).skip(offset).collect(),
        };
        let limit = number("limit").map_or(self.given, |limit| usize::try_from(limit).unwrap());
        let page = &rows[..rows.len().min(limit.min(self.given))];
        let large = page.iter().filter(|id| **id >= self.large_from).count();
        if large > 10 {
            return Err(SendError::TooLarge(1));
        }
        let page: Vec<String> = page.iter().map(|id| format!(r#"{{"id":{id}}}"#)).collect();
        Ok(json(200, format!("[{}]", page.join(","))))
    }

    fn latency(&self) -> Duration {
        // There and back each: answers overtake each other.
        let half = u64::try_from(self.latency.as_millis()).unwrap() / 2;
        Duration::from_millis(half / 2 + self.below(half + 1))
    }
}

fn plan(descending: bool, limit: Option<u64>) -> Plan {
    Plan {
        path: "/api/suppliers".to_owned(),
        filters: Vec::new(),
        order_by: None,
        descending,
        fields: None,
        return_object: None,
        limit,
        has_id: true,
        is_nested: false,
        has_pages: true,
        most_at_once: MOST_AT_ONCE,
    }
}

/// The ids that are delivered, how long it took, and what is left of the server. Each page
/// takes `taking` to be taken. Where `resumes`, each page is the last of a read, and the
/// next goes on at its checkpoint.
fn read(rows: Rows, plan: &Plan, taking: Duration, resumes: bool) -> (Vec<i64>, Duration, Rows) {
    let fake = Fake::new(rows);
    let ids = fake.run(async {
        let set = settings(&[("client-id", "id")]);
        let client = Client::new(Rc::new(fake.clone()), set, Rc::new(TokenStore::default()));
        let mut ids = Vec::new();
        let mut cursor = plan.start();
        loop {
            let (sender, pages) = mpsc::channel(2);
            let reader = Pages {
                client: &client,
                plan,
            };
            let reading = reader.read(cursor.clone(), sender);
            let taking_all = async {
                let mut pages = pages;
                while let Some(page) = pages.next().await {
                    let page = page.unwrap();
                    let keys = page.items.iter().map(|item| &item.key);
                    ids.extend(keys.map(|key| key.parse::<i64>().unwrap()));
                    cursor = Cursor::parse(&page.next.to_text(), plan).unwrap();
                    fake.clock.sleep(taking).await;
                    if resumes {
                        return false;
                    }
                }
                true
            };
            let ((), ended) = future::join(reading, taking_all).await;
            if ended {
                return ids;
            }
        }
    });
    let took = fake.clock.now();
    let Ok(remote) = Rc::try_unwrap(fake.remote).map(RefCell::into_inner) else {
        panic!("somebody still holds the server");
    };
    (ids, took, remote)
}

/// Everything that was there throughout was delivered once, and in order.
fn assert_whole(ids: &[i64], rows: &Rows, descending: bool) {
    let in_order = ids.is_sorted_by(|a, b| is_beyond(*b, *a, descending));
    assert!(in_order, "twice or out of order: {ids:?}");
    let delivered: BTreeSet<i64> = ids.iter().copied().collect();
    let lost: Vec<_> = rows.lived.difference(&delivered).collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
}

fn offsets() -> impl Strategy<Value = Offsets> {
    prop_oneof![
        4 => Just(Offsets::Known),
        1 => Just(Offsets::Ignored),
        1 => Just(Offsets::Capped(60)),
        1 => Just(Offsets::BeforeTheFilter),
        1 => Just(Offsets::Refused),
    ]
}

proptest! {
    #[test]
    fn whatever_was_there_throughout_comes_once_and_in_order(
        seed in any::<u64>(),
        count in 0_usize..500,
        churn in 0_u64..6,
        given in prop_oneof![3 => Just(50_usize), 1 => 1_usize..60],
        offsets in offsets(),
        large_from in prop_oneof![3 => Just(i64::MAX), 1 => 0_i64..2000],
        descending in any::<bool>(),
        resumes in prop::bool::weighted(0.2),
        slow in prop::bool::weighted(0.3),
    ) {
        let mut rows = Rows::new(count, 2000, seed);
        (rows.churn, rows.given, rows.offsets) = (churn, given, offsets);
        rows.large_from = large_from;
        let taking = Duration::from_millis(if slow { 400 } else { 0 });
        let (ids, _, rows) = read(rows, &plan(descending, None), taking, resumes);
        assert_whole(&ids, &rows, descending);
    }

    #[test]
    fn a_limit_is_kept_and_what_comes_is_the_beginning(
        seed in any::<u64>(),
        count in 0_usize..500,
        limit in 1_u64..400,
        given in prop_oneof![3 => Just(50_usize), 1 => 1_usize..60],
    ) {
        let mut rows = Rows::new(count, 2000, seed);
        rows.given = given;
        let all: Vec<i64> = rows.ids.iter().copied().collect();
        let (ids, _, rows) = read(rows, &plan(false, Some(limit)), Duration::ZERO, false);
        let most = all.len().min(usize::try_from(limit).unwrap());
        prop_assert_eq!(&ids, &all[..most]);
        prop_assert!(rows.requests <= most.div_ceil(given.min(50).saturating_sub(1).max(1)) + 33);
    }
}

proptest! {
    #[test]
    fn a_limit_is_kept_while_rows_come_and_go(
        seed in any::<u64>(),
        count in 0_usize..500,
        limit in 1_u64..400,
        churn in 1_u64..6,
    ) {
        let mut rows = Rows::new(count, 2000, seed);
        rows.churn = churn;
        let (ids, _, mut rows) = read(rows, &plan(false, Some(limit)), Duration::ZERO, false);
        prop_assert!(ids.len() as u64 <= limit, "{} of {limit}", ids.len());
        if ids.len() as u64 == limit {
            let last = ids.last().copied().unwrap_or_default();
            rows.lived.retain(|id| *id <= last);
        }
        assert_whole(&ids, &rows, false);
    }
}

#[test]
fn as_many_requests_as_it_takes_and_few_more() {
    for (count, most) in [
        (0, 1),
        (1, 2),
        (49, 2),
        (50, 3),
        (60, 4),
        (100, 4),
        (101, 5),
    ] {
        let rows = Rows::new(count, 5000, 7);
        let (ids, _, rows) = read(rows, &plan(false, None), Duration::ZERO, false);
        assert_eq!(ids.len(), count);
        assert!(rows.requests <= most, "{count}: {}", rows.requests);
    }
    let rows = Rows::new(6_000, 1 << 40, 7);
    let (ids, took, rows) = read(rows, &plan(false, None), Duration::ZERO, false);
    assert_eq!(ids.len(), 6_000);
    assert!(
        rows.requests <= 6_000_usize.div_ceil(49) + MOST_AT_ONCE,
        "{}",
        rows.requests
    );
    // One after the other it would take 120 times 300 ms.
    assert!(took < Duration::from_secs(6), "{took:?}");
    // Whoever takes them slowly has no use for many at once.
    let rows = Rows::new(6_000, 1 << 40, 7);
    let (_, _, rows) = read(rows, &plan(false, None), Duration::from_secs(1), false);
    assert!(
        rows.requests <= 6_000_usize.div_ceil(49) + 4,
        "{}",
        rows.requests
    );
}
