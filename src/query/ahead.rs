//! Reads by id, several pages at once.
//!
//! Waiting for each page before the next can be asked for makes the answer time the
//! pace: 300 ms for 50 records. So pages are asked for ahead, after the last id that was
//! delivered and at offsets of it which let each page begin with the record that the one
//! before ends with. Rows come and go meanwhile, and answers come in any order; what holds
//! is that each page is an unbroken run of the order by id at its moment:
//!
//! - one that begins at or before the last id delivered goes on from there without a gap:
//!   what lies beyond that id is delivered;
//! - one that begins later leaves a gap, which is filled by asking after the last id, until
//!   the page's beginning is reached;
//! - neither a short page nor an empty one at an offset ends anything: an empty answer
//!   after the last id does.
//!
//! So whatever was there throughout is delivered once, and in order.

use super::pages::{Cursor, Fetched, PAGE, Page, Pages, deliver, send_warning};
use super::width::Width;
use crate::client::is_about_the_question;
use crate::contract::Error;
use crate::host::Host;
use futures::channel::mpsc::Sender;
use futures::stream::{FuturesOrdered, StreamExt};

/// Pages on their way, or waiting to be delivered, at most.
pub const MOST_AT_ONCE: usize = 32;
/// The same in bytes of the largest page so far: half of what a connector may have, which
/// is 256 MiB unless a connection says otherwise.
const MOST_BYTES: usize = 128 << 20;
/// A page that holds fewer cannot overlap with the next and still bring something.
const LEAST_TO_OVERLAP: u64 = 3;

/// Whole pages that brought nothing, after which pages are read one at a time.
const MOST_USELESS: u32 = 2;

/// Where a page was asked for.
struct Asked {
    /// After this id,
    base: Option<i64>,
    /// so many records on.
    offset: u64,
    size: u64,
}

/// What is on its way, as far as it can be told beforehand.
struct Course {
    /// Records after the last id delivered that pages were asked for.
    covered: u64,
    /// Records that a page holds.
    holds: Option<u64>,
    /// Records that a page is asked to hold.
    size: u64,
    /// It is asked for without a number: Coupa refuses the number.
    unasked: bool,
}

impl Course {
    /// Where the next page lies, if any is left to be asked for.
    fn next(&self, cursor: &Cursor, left: u64) -> Option<Asked> {
        let offset = match self.covered {
            0 => 0,
            // It overlaps with the one before.
            covered => covered - 1,
        };
        (self.covered < left).then(|| Asked {
            base: cursor.last(),
            offset,
            size: self.size.min(left - offset),
        })
    }

    /// Whether an error can be avoided by asking otherwise, which is done from now on.
    fn avoids(&mut self, error: &Error, asked: &Asked) -> bool {
        if self.unasked {
            return false;
        }
        if is_about_the_question(error) {
            self.unasked = true;
            return true;
        }
        // Records can be megabytes each: ask for fewer at once.
        let is_too_large = error.code == "coupa.answer-too-large" && asked.size > 1;
        if is_too_large {
            self.size = asked.size / 2;
            self.holds = None;
        }
        is_too_large
    }
}

impl<H: Host> Pages<'_, H> {
    pub(super) async fn by_id(
        &self,
        mut cursor: Cursor,
        out: &mut Sender<Result<Page, Error>>,
    ) -> Result<(), Error> {
        let plan = self.plan;
        let now = || self.client.host().now();
        let mut width = Width::new(plan.most_at_once, now());
        let mut course = Course {
            covered: 0,
            holds: None,
            size: PAGE,
            unasked: false,
        };
        let mut useless = 0;
        let mut ahead = FuturesOrdered::new();
        loop {
            if ahead.is_empty() {
                course.covered = 0;
            }
            while ahead.len() < width.get()
                && let Some(asked) = course.next(&cursor, plan.left(&cursor))
            {
                course.covered = asked.offset + course.holds.unwrap_or(asked.size);
                let said = (!course.unasked).then_some(asked.size);
                let url = plan.url(&cursor, asked.offset, said);
                let taken = cursor.taken();
                ahead.push_back(async move { (asked, self.fetch(url, taken).await) });
            }
            let Some((asked, fetched)) = ahead.next().await else {
                // As many as were wanted.
                return Ok(());
            };
            let mut fetched = match fetched {
                Ok(fetched) => fetched,
                Err(error) if asked.offset == 0 && !course.avoids(&error, &asked) => {
                    return Err(error);
                }
                Err(_) => {
                    if asked.offset > 0 {
                        // It may be about the offset. If not, it comes again without one.
                        width.at_most(1, now());
                    }
                    ahead = FuturesOrdered::new();
                    continue;
                }
            };
            fetched.keep(asked.size);
            let held = fetched.items.len() as u64;
            if fetched.last_id(plan.descending, asked.base)?.is_none() {
                if asked.offset == 0 {
                    return send_warning(fetched, cursor, out).await;
                }
                // It lies beyond the end, as it was then.
                width.fell_short(now());
                continue;
            }
            width.at_most(MOST_BYTES / fetched.bytes().max(1), now());
            if asked.offset > 0 {
                let filling = self.fill_up_to(&fetched, &mut cursor, &mut course, out);
                match filling.await {
                    Ok(true) => {}
                    Ok(false) => return Ok(()),
                    // It comes again where the page after the last id is asked for.
                    Err(_) => {
                        width.fell_short(now());
                        ahead = FuturesOrdered::new();
                        continue;
                    }
                }
            }
            let mut new = fetched.beyond(cursor.last(), plan.descending);
            // What filled the gap counts as well.
            new.keep(plan.left(&cursor));
            course.covered = course.covered.saturating_sub(new.items.len() as u64);
            let is_whole = held == asked.size || Some(held) == course.holds;
            if asked.offset == 0 {
                course.holds = Some(held);
            }
            if is_whole && !new.items.is_empty() && held >= LEAST_TO_OVERLAP {
                width.delivered(now());
            } else {
                width.fell_short(now());
            }
            // A whole page that brings nothing: offsets seem not to be known there.
            if is_whole && new.items.is_empty() {
                useless += 1;
            }
            if useless == MOST_USELESS {
                width.at_most(1, now());
            }
            if let Some(last) = new.last_of_all() {
                cursor = cursor.after(last);
                if !deliver(new, &mut cursor, out).await {
                    return Ok(());
                }
            }
        }
    }

    /// Delivers what lies between the last id and the beginning of a page, if there is
    /// anything. False where nobody takes pages any more, or there are as many as were
    /// wanted.
    async fn fill_up_to(
        &self,
        page: &Fetched,
        cursor: &mut Cursor,
        course: &mut Course,
        out: &mut Sender<Result<Page, Error>>,
    ) -> Result<bool, Error> {
        let plan = self.plan;
        while let Some(first) = page.first_id()
            && cursor
                .last()
                .is_none_or(|last| is_beyond(first, last, plan.descending))
        {
            let size = course.size.min(plan.left(cursor));
            if size == 0 {
                return Ok(false);
            }
            let mut filling = self.page_or_whole(cursor, 0, size).await?;
            filling.keep(size);
            let Some(last) = filling.last_id(plan.descending, cursor.last())? else {
                // What lay between is gone.
                return Ok(true);
            };
            course.covered = course.covered.saturating_sub(filling.items.len() as u64);
            *cursor = cursor.clone().after(last);
            if !deliver(filling, cursor, out).await {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Whether an id comes later in the order than another.
pub(super) fn is_beyond(id: i64, other: i64, descending: bool) -> bool {
    if descending { id < other } else { id > other }
}

#[cfg(test)]
mod tests;
