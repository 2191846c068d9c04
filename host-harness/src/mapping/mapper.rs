//! Running a filter on a thread of its own, because it computes.

use super::sandbox::{self, Sandbox};
use super::{MOST_TIME, Mapping, MappingError};
use std::sync::mpsc;
use std::time::Duration;
use tokio::sync::oneshot;

type Answer = Result<Vec<String>, MappingError>;

/// A filter at work. Its thread ends when it is dropped.
pub struct Mapper {
    records: mpsc::Sender<(String, oneshot::Sender<Answer>)>,
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
        sandbox::thread()
            .spawn(move || {
                // A filter that was ended from outside is started anew.
                let mut kept = None;
                for (record, answer) in waiting {
                    let sandbox = kept.take().map_or_else(|| Sandbox::start(&text, limit), Ok);
                    let made = sandbox.and_then(|sandbox| {
                        let (sandbox, made) = sandbox.apply(&record, limit);
                        kept = sandbox;
                        made
                    });
                    // Nobody waits any more where the run was given up.
                    let _ = answer.send(made);
                }
            })
            .map_err(|error| MappingError::Unusable(error.to_string()))?;
        Ok(Self { records })
    }

    /// What the filter makes of a record.
    ///
    /// # Errors
    /// What went wrong with this record; after [`MappingError::Unusable`] the
    /// mapper is of no more use.
    pub async fn map(&self, record: String) -> Result<Vec<String>, MappingError> {
        let gone = || MappingError::Unusable("its thread is gone".to_owned());
        let (sender, answer) = oneshot::channel();
        self.records.send((record, sender)).map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
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
            Err(error @ (MappingError::TooLong(_) | MappingError::Unusable(_))) => {
                return Err(error);
            }
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
            (
                "def twice: . * 2; {n: (.lines[1].n | twice)}",
                vec![r#"{"n":4}"#],
            ),
            ("{at: (now > 1700000000)}", vec![r#"{"at":true}"#]),
            (
                "{day: (0 | todate), n: (3000000000 + 1)}",
                vec![r#"{"day":"1970-01-01T00:00:00Z","n":3000000001}"#],
            ),
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

    #[test]
    fn a_name_with_a_hyphen_gets_the_hint_that_it_needs_quotes() {
        for (filter, says) in [
            ("{t: .document-type}", "write `.\"document-type\"`"),
            ("{c: .payment-term.code}", "write `.\"payment-term\"`"),
            ("{d: .invoice-date}", "write `.\"invoice-date\"`"),
            ("{d: .a.ship-to-address.b}", "write `.\"ship-to-address\"`"),
            ("{l: .x-length}", "column 5: `.x-length` is a subtraction"),
            ("{s: \"\\(.order-type)\"}", "write `.\"order-type\"`"),
            ("{document-type: 1}", "write `\"document-type\"`"),
            ("{id, invoice-date}", "write `\"invoice-date\"`"),
        ] {
            let error = Mapping::parse(filter).unwrap_err().to_string();
            assert!(error.contains(says), "{filter}: {error}");
        }
        for filter in [
            "{t: .\"document-type\"}",
            "{t: .[\"document-type\"]}",
            "{n: (.a - .b), m: (.a -.b), o: (.a-1), p: (.a-.b), q: (.a - length)}",
            "{n: (3-length)}",
            "# .document-type\n{}",
        ] {
            Mapping::parse(filter).unwrap();
        }
    }

    /// What would take a program down, were it not in a sandbox. Each is told,
    /// and the next record is mapped as if nothing had happened.
    #[tokio::test]
    async fn a_filter_that_goes_too_far_ends_alone() {
        for (harm, ended) in [
            ("last(repeat(.))", "took longer"),
            ("def f: f; f", "took longer"),
            ("def f: 1 + f; f", "too deeply"),
            (
                "reduce range(1000000) as $i (.; [.]) | {n: .}",
                "too deeply",
            ),
            ("{n: [range(1000000000)]}", "more than 512 MiB"),
            ("{n: (\"x\" * 1000000000)}", "more than 512 MiB"),
        ] {
            let filter = format!("if .harm then ({harm}) else . end");
            let mapping = Mapping::parse(&filter).unwrap();
            let mapper = Mapper::start_with(&mapping, Duration::from_secs(2)).unwrap();
            let error = mapper.map(r#"{"harm":true}"#.to_owned()).await.unwrap_err();
            let says = error.to_string();
            // How much can be computed in the time depends on the machine.
            let slow = error == MappingError::TooLong(Duration::from_secs(2));
            assert!(says.contains(ended) || slow, "{harm}: {says}");
            let good = r#"{"harm":false}"#.to_owned();
            assert_eq!(mapper.map(good.clone()).await, Ok(vec![good]), "{harm}");
        }
    }
}
