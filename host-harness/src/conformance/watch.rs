//! Keeps an eye on secrets: which were revealed, and where one comes out again.

use super::report::Findings;
use super::rule::Rule;
use crate::runtime::types::{Check, Error, Event};
use crate::runtime::{Redactor, RunLog, SecretError, SecretSource};
use futures::future::BoxFuture;
use secrecy::{ExposeSecret, SecretString};
use std::sync::{Arc, Mutex, PoisonError};

/// Shorter ones may stand in any text by chance.
const SHORTEST: usize = 6;

/// The secrets that were revealed. Gives those of the connection, and, where it
/// has none of a name, one that is made up.
#[derive(Clone)]
pub(super) struct Watch {
    inner: Option<Arc<dyn SecretSource>>,
    revealed: Arc<Mutex<Vec<SecretString>>>,
}

impl Watch {
    /// Watches the secrets of a connection; none: each is made up.
    pub(super) fn over(inner: Option<Arc<dyn SecretSource>>) -> Self {
        Self {
            inner,
            revealed: Arc::default(),
        }
    }

    /// Whether any secret was revealed so far.
    pub(super) fn saw_any(&self) -> bool {
        let revealed = self.revealed.lock().unwrap_or_else(PoisonError::into_inner);
        !revealed.is_empty()
    }

    fn is_in(&self, text: &str) -> bool {
        let revealed = self.revealed.lock().unwrap_or_else(PoisonError::into_inner);
        // The host has taken out of some texts what it knows as secret.
        Redactor::is_marked(text)
            || revealed
                .iter()
                .any(|secret| text.contains(secret.expose_secret()))
    }

    /// Looks for secrets in a text that came out of the connector.
    pub(super) fn look(&self, findings: &mut Findings, place: &str, text: &str) {
        if self.is_in(text) {
            findings.broken(Rule::NoSecretTold, format!("a secret stands in {place}"));
        }
    }

    pub(super) fn look_at_error(&self, findings: &mut Findings, place: &str, error: &Error) {
        let place = format!("the error “{}” of {place}", error.code);
        for text in [
            Some(&error.message),
            Some(&error.code),
            error.remedy.as_ref(),
        ] {
            self.look(findings, &place, text.map_or("", String::as_str));
        }
        for field in &error.fields {
            self.look(findings, &place, &field.message);
        }
    }

    pub(super) fn look_at_checks(&self, findings: &mut Findings, checks: &[Check]) {
        for check in checks {
            let place = format!("the step “{}” of the test", check.name);
            self.look(
                findings,
                &place,
                check.detail.as_deref().unwrap_or_default(),
            );
            if let Some(error) = &check.error {
                self.look_at_error(findings, &place, error);
            }
        }
    }

    pub(super) fn look_at_event(&self, findings: &mut Findings, event: &Event) {
        match event {
            Event::Item(item) => {
                self.look(findings, "a record", &item.data);
                self.look(findings, "a record's key", &item.key);
            }
            Event::Answered(answer) => self.look(findings, "an answer", &answer.data),
            Event::Rejected(rejection) => {
                self.look_at_error(findings, "a rejection", &rejection.error);
            }
            Event::Checkpoint(checkpoint) => self.look(findings, "a checkpoint", checkpoint),
            Event::Notice(notice) => self.look(findings, "a notice", &notice.message),
        }
    }

    pub(super) fn look_at_log(&self, findings: &mut Findings, log: &RunLog) {
        for line in log.lines().0 {
            if line.source != "connector" {
                continue;
            }
            self.look(findings, "a line of its log", &line.message);
            for (name, value) in &line.fields {
                self.look(findings, "a field of its log", name);
                self.look(findings, "a field of its log", value);
            }
        }
    }
}

impl SecretSource for Watch {
    fn reveal<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<SecretString, SecretError>> {
        Box::pin(async move {
            let secret = match &self.inner {
                Some(inner) => inner.reveal(name).await?,
                None => SecretString::from(format!("planted-for-conformance-{name}")),
            };
            if secret.expose_secret().len() >= SHORTEST {
                let mut revealed = self.revealed.lock().unwrap_or_else(PoisonError::into_inner);
                let known = revealed
                    .iter()
                    .any(|known| known.expose_secret() == secret.expose_secret());
                if !known {
                    revealed.push(secret.clone());
                }
            }
            Ok(secret)
        })
    }
}
