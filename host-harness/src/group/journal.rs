//! The journal of a job's writes, as its reports tell it.
//!
//! It lies among the reports, in their order, and under the same fence: what an
//! agent that has lost the run would add to it is refused.

use super::report::{Batch, Report};
use crate::registry::Digest;
use crate::run::{Handed, Known};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A record that was handed to the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Entry {
    /// The key of its item.
    pub id: u64,
    /// Its number among the records of the agent that has the run; none where that
    /// has not met it yet.
    pub number: Option<u64>,
    /// The source's key of it.
    pub key: String,
    /// The SHA-256 of the record as it was handed over.
    pub digest: String,
    /// The record, until it is answered; the source's, and what was made of it.
    pub records: Option<(String, String)>,
}

impl From<&Handed> for Entry {
    fn from(handed: &Handed) -> Self {
        Self {
            id: handed.id,
            number: Some(handed.number),
            key: handed.key.clone(),
            digest: digest(&handed.record),
            records: Some((handed.source_record.clone(), handed.record.clone())),
        }
    }
}

fn digest(record: &str) -> String {
    Digest::of(record.as_bytes()).hex()
}

/// What is known of the records after the last place.
#[derive(Debug, Clone, Default)]
pub(super) struct Entries(BTreeMap<u64, Entry>);

impl Entries {
    /// What an earlier job has left.
    pub(super) fn starting_with(left: &[Entry]) -> Self {
        Self(left.iter().map(|entry| (entry.id, entry.clone())).collect())
    }

    /// All there are.
    pub(super) fn all(&self) -> Vec<Entry> {
        self.0.values().cloned().collect()
    }

    /// Takes in what a report tells.
    pub(super) fn apply(&mut self, report: &Report) {
        match report {
            // Whoever takes the run counts anew, and has met none.
            Report::Taken => {
                for entry in self.0.values_mut() {
                    entry.number = None;
                }
            }
            Report::Reached(_, kept) => {
                self.0 = kept.iter().map(|entry| (entry.id, entry.clone())).collect();
            }
            Report::Begun(entries) => {
                let entries = entries.iter().cloned();
                self.0.extend(entries.map(|entry| (entry.id, entry)));
            }
            Report::Met(entry) => {
                self.0.insert(entry.id, (**entry).clone());
            }
            Report::Answered(ids) => {
                for id in ids {
                    if let Some(entry) = self.0.get_mut(id) {
                        entry.records = None;
                    }
                }
            }
            Report::Withdrawn(ids) => {
                for id in ids {
                    self.0.remove(id);
                }
            }
            Report::Notice(_)
            | Report::Rejected(_)
            | Report::Delivered(_)
            | Report::Differs(_)
            | Report::HandedBack
            | Report::Ended(_) => {}
        }
    }

    pub(super) fn apply_all(&mut self, batch: &Batch) {
        for report in &batch.reports {
            self.apply(report);
        }
    }

    /// What is left when the records up to this number are forgotten.
    pub(super) fn beyond(&self, number: u64) -> Vec<Entry> {
        let beyond = |entry: &&Entry| entry.number.is_none_or(|at| at > number);
        self.0.values().filter(beyond).cloned().collect()
    }

    /// The ids that were not met yet.
    pub(super) fn earlier(&self) -> Vec<u64> {
        let unmet = self.0.values().filter(|entry| entry.number.is_none());
        unmet.map(|entry| entry.id).collect()
    }

    /// The greatest id; 0 where there is none.
    pub(super) fn last_id(&self) -> u64 {
        self.0.last_key_value().map_or(0, |(id, _)| *id)
    }

    /// What is known of the next record of the source, and the entry as it is then.
    pub(super) fn meet(&self, record: &Handed) -> (Known, Option<Entry>) {
        let found = self
            .0
            .values()
            .find(|entry| entry.number.is_none() && entry.key == record.key);
        let Some(found) = found else {
            return (Known::Nothing, None);
        };
        let mut met = Entry {
            id: found.id,
            ..Entry::from(record)
        };
        if found.records.is_none() && found.digest == met.digest {
            met.records = None;
            return (Known::Answered, Some(met));
        }
        (Known::Uncertain(found.id), Some(met))
    }

    /// Those of unknown fate that were not met.
    pub(super) fn left(&self) -> Vec<Handed> {
        let unmet = self.0.values().filter(|entry| entry.number.is_none());
        unmet
            .filter_map(|entry| {
                let (source_record, record) = entry.records.clone()?;
                Some(Handed {
                    id: entry.id,
                    number: 0,
                    key: entry.key.clone(),
                    source_record,
                    record,
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::Place;

    fn record(number: u64, text: &str) -> Handed {
        Handed {
            id: 100 + number,
            number,
            key: "k".to_owned(),
            source_record: text.to_owned(),
            record: text.to_owned(),
        }
    }

    #[test]
    fn whoever_goes_on_knows_what_was_answered_and_what_was_not() {
        let mut entries = Entries::default();
        let begun: Vec<Entry> = (1..=4)
            .map(|number| Entry::from(&record(number, &format!("{number}"))))
            .collect();
        entries.apply(&Report::Begun(begun));
        entries.apply(&Report::Answered(vec![101, 103]));
        entries.apply(&Report::Withdrawn(vec![104]));
        // A place after the first: an answer beyond it is not forgotten.
        let place = Place {
            checkpoint: "p".to_owned(),
            bytes: None,
        };
        entries.apply(&Report::Reached(place, entries.beyond(1)));
        entries.apply(&Report::Taken);
        assert_eq!(entries.earlier(), [102, 103]);
        assert_eq!(entries.last_id(), 103);
        assert_eq!(entries.left()[0].record, "2");
        let mut meet = |text: &str| {
            let (known, entry) = entries.meet(&record(1, text));
            if let Some(entry) = entry {
                entries.apply(&Report::Met(Box::new(entry)));
            }
            known
        };
        assert_eq!(meet("2"), Known::Uncertain(102));
        assert_eq!(meet("3"), Known::Answered);
        assert_eq!(meet("4"), Known::Nothing);
    }
}
