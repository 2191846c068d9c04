//! Changes: what is new or changed since the last time.
//!
//! A call reads one window of `updated-at`, whose end is fixed when it begins, in
//! the order of the ids. A record that changes meanwhile moves out of the window
//! and into the next one, whatever page it was on: none is lost. The next window
//! begins a little before the end of this one, and what looks the same as before
//! is left out.

use super::reading::{batch, each_page};
use super::window::{MOST_SEEN, Seen, Sign, Window};
use super::{CHANGES, selection};
use crate::activities::{Events, Options, notices, summary, warning};
use crate::client::Client;
use crate::contract::{
    Activity, Call, Choice, Error, Event, Item, PlannedRequest, Property, PropertyKind, Summary,
};
use crate::fingerprint::fingerprint;
use crate::host::Host;
use crate::query::{Cursor, Filter, Operator, Page, Plan, read_checkpoint};
use crate::time::Moment;
use coupa_catalog::Collection;
use serde::{Deserialize, Serialize};

const DEFAULT_OVERLAP: u64 = 300;

/// The activity.
pub fn activity() -> Activity {
    Activity {
        continues: true,
        ..Activity::source(
            CHANGES,
            "Changes",
            "Reads the records that are new or were changed since the last time, and goes on \
             from there the next time.",
            vec![
                selection::filter(),
                Property::new(
                    "since",
                    "Since",
                    "Where the first time begins: a time such as 2026-01-31T00:00:00Z. Empty: \
                     with all records.",
                    PropertyKind::Text,
                ),
                Property::new(
                    "method",
                    "Method",
                    "By updated-at; or all records each time, for objects whose updated-at does \
                     not tell every change, so that whoever takes them has to compare.",
                    PropertyKind::Choice(&[
                        Choice {
                            value: "updated-at",
                            title: "By updated-at",
                        },
                        Choice {
                            value: "everything",
                            title: "Everything, each time",
                        },
                    ]),
                )
                .default("updated-at"),
                Property::new(
                    "overlap",
                    "Overlap",
                    "Seconds that are looked at again the next time, for changes that became \
                     visible late. What looks the same as before is left out.",
                    PropertyKind::WholeNumber(0, 86_400),
                )
                .default("300"),
                selection::fields(),
                selection::custom_field(),
            ],
        )
    }
}

/// A call of Changes that was checked.
#[derive(Debug)]
pub struct Changes {
    plan: Plan,
    record_type: &'static str,
    since: Option<Moment>,
    everything: bool,
    overlap: u64,
    start: State,
}

/// Where reading stands, as it travels in a checkpoint.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    /// What was asked; a checkpoint of another question is refused.
    of: String,
    /// Up to where everything was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    done: Option<Moment>,
    /// What was emitted of the last part before `done`, and was not met again yet.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    seen: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    under_way: Option<UnderWay>,
}

/// A window that is being read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct UnderWay {
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<Moment>,
    upto: Moment,
    /// None at the beginning of a pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<Cursor>,
    /// 0: by the records' own time; then by those of associations.
    pass: usize,
    #[serde(skip_serializing_if = "String::is_empty", default)]
    seen: String,
}

/// What was told, as it is held against what is read.
struct Memory {
    /// By the windows before.
    before: Seen,
    /// By this one.
    seen: Seen,
    /// Where the window before ended.
    done: Option<Moment>,
}

impl Memory {
    /// Whether a checkpoint could hold one more.
    fn has_room(&self) -> bool {
        self.before.len() + self.seen.len() < MOST_SEEN
    }
}

#[derive(Deserialize)]
struct Times {
    #[serde(rename = "updated-at")]
    updated_at: Option<String>,
}

impl Changes {
    /// # Errors
    /// Names the option that does not fit, or the checkpoint that is none of this call.
    pub fn prepare(
        call: &Call,
        collection: &Collection,
        options: &Options<'_>,
    ) -> Result<Self, Error> {
        let mut plan = selection::plan(call, collection, options)?;
        if let Some(filter) = plan
            .filters
            .iter()
            .find(|f| f.is_on("updated_at") || f.is_on_id())
        {
            return Err(Error::setting(
                "filter.taken",
                format!("Changes filters by “{}” itself", filter.path.join(".")),
            )
            .remedy("Use the option since, or Query."));
        }
        if let Some(fields) = &mut plan.fields {
            fields.ensure("updated_at");
        }
        let since = options
            .text("since")
            .map(|text| {
                Moment::parse(text).ok_or_else(|| {
                    Error::setting(
                        "option.malformed",
                        format!("the option “since” is “{text}”; it should be a time"),
                    )
                    .remedy("Write it with its zone: 2026-01-31T00:00:00Z.")
                })
            })
            .transpose()?;
        let overlap = options.number("overlap").unwrap_or(DEFAULT_OVERLAP);
        let everything = options.text("method") == Some("everything");
        let filters: Vec<_> = plan.filters.iter().map(Filter::to_query).collect();
        let of = fingerprint(&format!("changes {} {}", plan.path, filters.join("&")));
        let start = match &call.resume {
            None => State {
                of,
                ..State::default()
            },
            Some(checkpoint) => State::parse(checkpoint, &of)?,
        };
        Ok(Self {
            plan,
            record_type: collection.record_type,
            since,
            everything,
            overlap,
            start,
        })
    }

    /// What would be read, page by page, if the window ended now.
    pub fn plan(&self, now: Moment) -> Plan {
        let window = self.window(&self.start, now);
        self.pass(&window, 0)
    }

    pub fn requests(&self, now: Moment) -> Vec<PlannedRequest> {
        let window = self.window(&self.start, now);
        let passes = (0..self.passes(&window)).map(|pass| self.pass(&window, pass));
        passes
            .flat_map(|plan| plan.requests(&plan.start()))
            .collect()
    }

    /// What a person should know before running it.
    pub fn warnings(&self) -> Vec<String> {
        let unreliable = coupa_catalog::updated_at_is_unreliable(self.record_type);
        let mut warnings = Vec::new();
        if unreliable && !self.everything {
            let apart = coupa_catalog::changes_apart(self.record_type);
            let apart = match apart.as_slice() {
                [] => String::new(),
                names => format!(
                    " Changes of {} are looked for by their own.",
                    names.join(", ")
                ),
            };
            warnings.push(format!(
                "updated-at of {} is known not to tell every change.{apart} Now and then, read \
                 everything (method=everything).",
                self.record_type
            ));
        }
        warnings
    }

    /// # Errors
    /// What broke it off. The checkpoints before it stand.
    pub async fn run<H: Host>(
        self,
        client: &Client<H>,
        events: &mut impl Events,
    ) -> Result<Summary, Error> {
        let mut state = self.start.clone();
        let mut begun = match state.under_way.take() {
            Some(begun) => begun,
            None => {
                let window = self.window(&state, self.now(client).await?);
                UnderWay {
                    from: window.from,
                    upto: window.upto,
                    at: None,
                    pass: 0,
                    seen: String::new(),
                }
            }
        };
        let window = Window {
            from: begun.from,
            upto: begun.upto,
        };
        let mut delivered = 0;
        let first: Vec<Event> = self.warnings().into_iter().map(warning).collect();
        let mut gone = !first.is_empty() && events.emit(first).await.is_err();
        while !gone && begun.pass < self.passes(&window) {
            let read = self
                .read(client, &window, &mut state, &mut begun, events)
                .await?;
            delivered += read.0;
            gone = read.1;
            begun.pass += 1;
            begun.at = None;
        }
        if !gone {
            let done = State {
                of: state.of,
                done: Some(window.upto),
                seen: begun.seen,
                under_way: None,
            };
            let batch = notices(client.ledger()).chain([Event::Checkpoint(done.text())]);
            gone = events.emit(batch.collect()).await.is_err();
        }
        Ok(Summary {
            succeeded: delivered,
            stopped_early: gone,
            ..summary(client.ledger())
        })
    }

    /// Reads one pass; answers how many records it emitted, and whether nobody
    /// listens any more.
    async fn read<H: Host>(
        &self,
        client: &Client<H>,
        window: &Window,
        state: &mut State,
        begun: &mut UnderWay,
        events: &mut impl Events,
    ) -> Result<(u64, bool), Error> {
        let plan = self.pass(window, begun.pass);
        let cursor = begun.at.clone().unwrap_or_else(|| plan.start());
        let mut memory = Memory {
            before: Seen::parse(&state.seen).unwrap_or_default(),
            seen: Seen::parse(&begun.seen).unwrap_or_default(),
            done: state.done,
        };
        let mut delivered = 0;
        let all_taken = each_page(client, &plan, cursor, async |page| {
            let Page {
                items,
                next,
                warning: said,
                ..
            } = page;
            let mut news = items;
            news.retain(|item| self.is_news(item, window, begun.pass, &mut memory));
            delivered += news.len() as u64;
            begun.at = Some(next);
            begun.seen = memory.seen.text();
            state.seen = memory.before.text();
            let reached = State {
                under_way: Some(begun.clone()),
                ..state.clone()
            };
            let batch = batch(client, said, news, reached.text());
            Ok(events.emit(batch).await.is_ok())
        })
        .await?;
        Ok((delivered, !all_taken))
    }

    fn is_news(&self, item: &Item, window: &Window, pass: usize, memory: &mut Memory) -> bool {
        if self.everything {
            return true;
        }
        let times: Option<Times> = serde_json::from_str(&item.data).ok();
        let updated_at: Option<Moment> = times
            .and_then(|times| times.updated_at)
            .and_then(|text| Moment::parse(&text));
        // What a later pass finds by an association was found before, where its
        // own time lies in the window as well.
        if pass > 0 && updated_at.is_some_and(|time| window.contains(time)) {
            return false;
        }
        let again = updated_at.is_none_or(|time| window.is_in_the_overlap(time, self.overlap));
        let sign = Sign::of(&item.data);
        // What changed after the last window ended was not in it.
        let is_later = updated_at.is_some_and(|time| memory.done.is_none_or(|done| time >= done));
        let was_told = !is_later && memory.before.take(sign);
        if (again || pass > 0) && memory.has_room() {
            memory.seen.add(sign);
        }
        !was_told
    }

    fn passes(&self, window: &Window) -> usize {
        match (self.everything, window.from) {
            (false, Some(_)) => 1 + coupa_catalog::changes_apart(self.record_type).len(),
            _ => 1,
        }
    }

    /// What one pass over a window asks for.
    fn pass(&self, window: &Window, pass: usize) -> Plan {
        let mut plan = self.plan.clone();
        if self.everything {
            return plan;
        }
        let of = pass.checked_sub(1).and_then(|n| {
            coupa_catalog::changes_apart(self.record_type)
                .into_iter()
                .nth(n)
        });
        let path: Vec<String> = of
            .map(|name| name.replace('-', "_"))
            .into_iter()
            .chain(["updated_at".to_owned()])
            .collect();
        let bound = |operator, time: Moment| Filter {
            path: path.clone(),
            operator,
            value: time.to_string(),
        };
        plan.filters.extend(
            window
                .from
                .map(|from| bound(Operator::GreaterOrEqual, from)),
        );
        plan.filters.push(bound(Operator::Less, window.upto));
        plan
    }

    fn window(&self, state: &State, now: Moment) -> Window {
        match (&state.under_way, state.done) {
            (Some(begun), _) => Window {
                from: begun.from,
                upto: begun.upto,
            },
            (None, Some(done)) => Window::after(done, self.overlap, now),
            (None, None) => Window {
                from: self.since,
                upto: self.since.map_or(now, |since| now.max(since)),
            },
        }
    }

    /// The time by Coupa's clock, where it says it; else by this host's.
    async fn now<H: Host>(&self, client: &Client<H>) -> Result<Moment, Error> {
        // Any list tells it: where parents are left open, theirs.
        let path = self.plan.path.split("/{").next().unwrap_or_default();
        let url = format!("{path}?limit=1&fields=%5B%22id%22%5D");
        match client.get(url, |response| Ok(response.answered_at())).await {
            Err(error) if error.code == "coupa.not-found" => {
                Ok(Moment::from_unix(client.host().unix_time()))
            }
            said => said,
        }
    }
}

impl State {
    fn parse(text: &str, of: &str) -> Result<Self, Error> {
        read_checkpoint(text, of, |state: &Self| &state.of)
    }

    fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_checkpoint_fits() {
        let mut seen = Seen::default();
        for n in 0..MOST_SEEN {
            seen.add(Sign::of(&n.to_string()));
        }
        let call = Call {
            activity: CHANGES.to_owned(),
            object: "suppliers/{supplier_id}/addresses".to_owned(),
            ..Call::default()
        };
        let collection = coupa_catalog::find_object(&call.object).unwrap();
        let options = Options::check(&[], &[]).unwrap();
        let plan = selection::plan(&call, &collection, &options).unwrap();
        let cursor = plan.start().after(i64::MAX);
        let state = State {
            of: fingerprint("x"),
            done: Some(Moment::from_unix(i64::MAX)),
            seen: String::new(),
            under_way: Some(UnderWay {
                from: Some(Moment::from_unix(i64::MAX)),
                upto: Moment::from_unix(i64::MAX),
                at: Some(cursor.having(u64::MAX, vec![i64::MAX; 2], u64::MAX)),
                pass: 1,
                seen: seen.text(),
            }),
        };
        println!("{MOST_SEEN} records: {} bytes", state.text().len());
        assert!(state.text().len() <= 4096, "{}", state.text().len());
        let read = State::parse(&state.text(), &state.of).unwrap();
        assert_eq!(read, state);
    }
}
