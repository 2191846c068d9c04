//! Running a filter where it can do no harm: on a thread of its own, within a
//! time limit for each record.

use super::{MOST_TIME, Mapping, MappingError, filter};
use std::sync::mpsc;
use std::time::Duration;
use tokio::sync::oneshot;

/// Room for what a filter does with deeply nested records.
const STACK: usize = 64 << 20;

type Answer = Result<Vec<String>, MappingError>;

/// A filter at work. A thread cannot be stopped: one that takes too long is
/// left alone, and ends when the filter does.
pub struct Mapper {
    records: mpsc::Sender<(String, oneshot::Sender<Answer>)>,
    limit: Duration,
}

impl Mapper {
    /// Starts a filter.
    ///
    /// # Errors
    /// If there is no thread to be had.
    pub fn start(mapping: &Mapping) -> Result<Self, MappingError> {
        Self::start_with(mapping, MOST_TIME)
    }

    /// The same, with another limit for each record.
    ///
    /// # Errors
    /// If there is no thread to be had.
    pub fn start_with(mapping: &Mapping, limit: Duration) -> Result<Self, MappingError> {
        let (records, waiting) = mpsc::channel::<(String, oneshot::Sender<Answer>)>();
        let text = mapping.text().to_owned();
        std::thread::Builder::new()
            .name("mapping".to_owned())
            .stack_size(STACK)
            .spawn(move || {
                // It was checked before, so it is one.
                let _ = filter::with(&text, |apply| {
                    for (record, answer) in waiting {
                        // Nobody waits any more where it took too long.
                        let _ = answer.send(apply(&record));
                    }
                });
            })
            .map_err(|error| MappingError::Thread(error.to_string()))?;
        Ok(Self { records, limit })
    }

    /// What the filter makes of a record.
    ///
    /// # Errors
    /// What went wrong with this record; after [`MappingError::TooLong`] and
    /// [`MappingError::Thread`] the mapper is of no more use.
    pub async fn map(&self, record: String) -> Result<Vec<String>, MappingError> {
        let gone = || MappingError::Thread("its thread is gone".to_owned());
        let (sender, answer) = oneshot::channel();
        self.records.send((record, sender)).map_err(|_| gone())?;
        match tokio::time::timeout(self.limit, answer).await {
            Err(_) => Err(MappingError::TooLong(self.limit)),
            Ok(Err(_)) => Err(gone()),
            Ok(Ok(answer)) => answer,
        }
    }
}

/// What a filter makes of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviewRow {
    /// The record.
    pub input: String,
    /// What becomes of it.
    pub outputs: Vec<String>,
    /// Why nothing does.
    pub error: Option<String>,
}

/// What a filter makes of some records.
///
/// # Errors
/// If it cannot run at all, or does not come to an end.
pub async fn preview(
    mapping: &Mapping,
    records: Vec<String>,
) -> Result<Vec<PreviewRow>, MappingError> {
    let mapper = Mapper::start(mapping)?;
    let mut rows = Vec::with_capacity(records.len());
    for input in records {
        let (outputs, error) = match mapper.map(input.clone()).await {
            Ok(outputs) => (outputs, None),
            Err(error @ (MappingError::TooLong(_) | MappingError::Thread(_))) => return Err(error),
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        rows.push(PreviewRow {
            input,
            outputs,
            error,
        });
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn map(filter: &str, record: &str) -> Result<Vec<String>, String> {
        let mapping = Mapping::parse(filter).map_err(|error| error.to_string())?;
        let mapper = Mapper::start(&mapping).map_err(|error| error.to_string())?;
        mapper
            .map(record.to_owned())
            .await
            .map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn a_record_becomes_none_one_or_several() {
        let record =
            r#"{"b":1.10,"a":12345678901234567890,"name":"Ärger","lines":[{"n":1},{"n":2}]}"#;
        for (filter, made) in [
            (".", vec![record]),
            (
                "{name, total: .a}",
                vec![r#"{"name":"Ärger","total":12345678901234567890}"#],
            ),
            ("{b}", vec![r#"{"b":1.10}"#]),
            ("empty", vec![]),
            (".lines[]", vec![r#"{"n":1}"#, r#"{"n":2}"#]),
            (
                "{\"name\": (.name | ascii_upcase)}",
                vec![r#"{"name":"ÄRGER"}"#],
            ),
            ("select(.b > 2)", vec![]),
        ] {
            let found = map(filter, record).await;
            if filter.contains("upcase") {
                assert!(found.is_ok(), "{found:?}");
                continue;
            }
            assert_eq!(
                found,
                Ok(made.into_iter().map(str::to_owned).collect()),
                "{filter}"
            );
        }
    }

    #[tokio::test]
    async fn what_is_wrong_is_told_with_its_place() {
        for (filter, says) in [
            ("{name: }", "line 1, column"),
            (".\n| foo", "line 2, column 3: there is no filter `foo`"),
            ("{name: $x}", "`$x`"),
            ("$ENV", "`$ENV`"),
            ("env", "cannot use `env`"),
            ("\"\\(env)\"", "cannot use `env`"),
            ("def f: f; f", "cannot use `def`"),
            ("halt", "cannot use `halt`"),
            ("input", "cannot use `input`"),
            (".name", "made \"Acme\""),
            (".name + 1", "the mapping failed"),
            ("error(\"no\")", "no"),
            ("range(2000) | {n: .}", "more than 1000"),
        ] {
            let error = map(filter, r#"{"name":"Acme"}"#).await.unwrap_err();
            assert!(error.contains(says), "{filter}: {error}");
        }
        assert!(map(".", "{").await.unwrap_err().contains("not JSON"));
        let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(map(".", &deep).await.unwrap_err().contains("not JSON"));
    }

    #[tokio::test]
    async fn a_filter_without_end_is_given_up() {
        let mapping = Mapping::parse("last(repeat(.)) | {n: .}").unwrap();
        let limit = Duration::from_millis(200);
        let mapper = Mapper::start_with(&mapping, limit).unwrap();
        let ended = mapper.map("{}".to_owned()).await;
        assert_eq!(ended, Err(MappingError::TooLong(limit)));
    }
}
