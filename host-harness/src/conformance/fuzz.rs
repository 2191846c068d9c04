//! Anything whatever: names, options, settings, records and checkpoints that no
//! person would write. A connector may refuse all of it, and must not break down.

use super::discovery::Offered;
use super::report::Findings;
use super::rule::Rule;
use super::subject::Subject;
use crate::runtime::call;
use crate::runtime::types::Item;
use futures::StreamExt;
use std::time::Duration;

/// How long a call that was taken is let run.
const LET_RUN: Duration = Duration::from_millis(300);

/// A generator that a seed determines (splitmix64).
pub(super) struct Random(u64);

impl Random {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Less than `most`, which is not zero.
    fn below(&mut self, most: usize) -> usize {
        let most = u64::try_from(most.max(1)).unwrap_or(u64::MAX);
        usize::try_from(self.next() % most).unwrap_or(0)
    }

    fn pick<'a>(&mut self, from: &'a [String]) -> &'a str {
        let place = self.below(from.len());
        from.get(place).map_or("", String::as_str)
    }
}

/// Texts that have broken programs. None of them leads to a server.
fn odd_texts() -> Vec<String> {
    let mut texts: Vec<String> = [
        "",
        " ",
        "\0",
        "\r\n",
        "-1",
        "0",
        "1",
        "18446744073709551616",
        "1e999",
        "NaN",
        "true",
        "null",
        "{}",
        "[]",
        "{\"a\":",
        "\"",
        "'",
        "`",
        "%",
        "%00",
        "%zz",
        "&a=b",
        "?",
        "#",
        "/",
        "//",
        "..",
        "../../etc/passwd",
        "\\",
        "a=b",
        "=",
        "[",
        "]",
        "a[b",
        "a[b[c]]]",
        "a,,b",
        "a.b.c",
        ",",
        ";",
        "|",
        "<script>",
        "{{x}}",
        "${x}",
        "https://",
        "https://conformance.invalid",
        "http://127.0.0.1:1",
        "https://user@conformance.invalid",
        "ftp://conformance.invalid",
        "ü",
        "\u{202e}",
        "\u{feff}",
        "\u{10ffff}",
        "𝒳",
        "İ",
        "ß",
        "2026-13-45",
        "9999-12-31T23:59:60Z",
    ]
    .map(str::to_owned)
    .into();
    texts.push("x".repeat(100_000));
    texts.push("[".repeat(10_000));
    texts.push("ä".repeat(5000));
    texts
}

pub(super) async fn check(
    findings: &mut Findings,
    subject: &Subject,
    offered: &Offered,
    seed: u64,
    rounds: u32,
) {
    let mut random = Random::new(seed);
    let odd = odd_texts();
    let mut activities: Vec<String> = Vec::new();
    let mut options = odd.clone();
    for activity in &offered.activities {
        // Nothing may be written by chance: targets are given no records here,
        // and are tested on their own.
        activities.push(activity.name.clone());
        options.extend(activity.options.iter().map(|option| option.name.clone()));
    }
    let objects: Vec<String> = offered
        .objects
        .iter()
        .map(|object| object.name.clone())
        .collect();
    let properties: Vec<String> = subject
        .connector
        .descriptor()
        .properties
        .iter()
        .map(|property| property.name.clone())
        .collect();
    for round in 0..rounds {
        let mut connection = subject.connection.clone();
        let broken_settings = random.below(3) == 0;
        if broken_settings {
            for _ in 0..=random.below(3) {
                let (name, value) = (random.pick(&properties).to_owned(), random.pick(&odd));
                connection.settings.retain(|(set, _)| *set != name);
                connection.settings.push((name, value.to_owned()));
            }
        }
        let session = subject.connector.session(connection.clone()).await;
        let mut session = match session {
            Ok(session) => session,
            Err(error) => {
                subject.heard(
                    findings,
                    &format!("round {round}: opening a session"),
                    &error,
                );
                continue;
            }
        };
        let mut either = |known: &[String], odds: usize| -> String {
            if random.below(odds) == 0 || known.is_empty() {
                random.pick(&odd).to_owned()
            } else {
                random.pick(known).to_owned()
            }
        };
        let (activity, object) = (either(&activities, 6), either(&objects, 6));
        let mut given = Vec::new();
        for _ in 0..random.below(4) {
            given.push((
                random.pick(&options).to_owned(),
                random.pick(&odd).to_owned(),
            ));
        }
        let mut asked = call(&activity, &object, &given);
        if random.below(3) == 0 {
            asked.resume = Some(random.pick(&odd).to_owned());
        }
        asked.dry_run = random.below(3) == 0;
        let shown = |text: &str| text.chars().take(40).collect::<String>();
        let place = format!(
            "round {round} of seed {seed}: {:?} {:?} with {:?}",
            shown(&activity),
            shown(&object),
            given
                .iter()
                .map(|(name, value)| format!("{}={}", shown(name), shown(value)))
                .collect::<Vec<_>>()
        );
        let answered = match random.below(6) {
            0 => session.test().await.map(|checks| {
                subject.watch.look_at_checks(findings, &checks);
            }),
            1 => session
                .objects(Some(random.pick(&odd).to_owned()))
                .await
                .map(drop),
            2 => session
                .describe_object(&activity, &object, false)
                .await
                .map(drop),
            3 => session.plan(asked, false).await.map(drop),
            _ => {
                let mut execution = session.execute(asked, nothing());
                let log = execution.log().clone();
                let ran = tokio::time::timeout(LET_RUN, async {
                    while execution.next().await.is_some() {}
                    execution.finish().await
                });
                let ended = ran.await;
                subject.watch.look_at_log(findings, &log);
                match ended {
                    Ok(ended) => ended.map(drop),
                    Err(_) => Ok(()),
                }
            }
        };
        if let Err(error) = answered {
            subject.heard(findings, &place, &error);
        }
    }
    findings.ok(
        Rule::NeverTraps,
        format!("{rounds} calls of anything, from the seed {seed}, and all other calls"),
    );
}

fn nothing() -> futures::stream::BoxStream<'static, Item> {
    futures::stream::empty().boxed()
}
