//! Tries a connection step by step: settings, reachable, token, read.

use crate::client::{
    Client, TokenStore, milliseconds, mint, refusal, refusal_by_a_front, reveal, unreachable,
};
use crate::contract::{Check, Connection, Error, ErrorKind, Outcome};
use crate::host::{Body, Host, Keep, Method, Request};
use crate::settings::{Authentication, Settings, name};
use std::rc::Rc;

/// Which collection to read to try out a scope, best first. An API key may
/// read whatever its user may, so all are tried in turn.
const PROBES: &[(&str, &str)] = &[
    ("core.common", "currencies"),
    ("core.supplier", "suppliers"),
    ("core.user", "users"),
    ("core.purchase_order", "purchase_orders"),
    ("core.invoice", "invoices"),
    ("core.requisition", "requisitions"),
    ("core.accounting", "accounts"),
    ("core.item", "items"),
    ("core.catalog", "supplier_items"),
    ("core.contract", "contracts"),
    ("core.expense", "expense_reports"),
    ("core.approval", "approvals"),
    ("core.integration", "integrations"),
    ("core.inventory", "inventory_transactions"),
    ("core.budget", "budget_lines"),
    ("core.project", "projects"),
    ("core.user_group", "user_groups"),
];
/// Scopes tried one by one to name those that were not granted.
const MOST_SCOPES_TRIED: usize = 40;

/// The steps, in order.
const STEPS: [(&str, &str); 4] = [
    ("settings", "The settings are complete"),
    ("reachable", "The host can be reached"),
    ("token", "A token is granted"),
    ("read", "A read is allowed"),
];

/// Tries the connection. After the first step that fails the rest is skipped.
pub async fn test_connection<H: Host>(host: Rc<H>, connection: &Connection) -> Vec<Check> {
    let mut checks = Checks {
        host: &*host,
        done: Vec::new(),
    };
    let settings = Settings::check(connection);
    let settings = match settings {
        Ok(settings) => {
            checks
                .step(async {
                    secret_is_set(&*host, &settings)
                        .await
                        .map(|()| (settings.origin.to_string(), settings))
                })
                .await
        }
        Err(error) => checks.step(async { Err(error) }).await,
    };
    let Some(settings) = settings else {
        return checks.rest_skipped();
    };

    if checks
        .step(async { reach(&*host, &settings).await.map(|said| (said, ())) })
        .await
        .is_none()
    {
        return checks.rest_skipped();
    }
    let mut tokens = TokenStore::default();
    let mut granted = None;
    match &settings.authentication {
        Authentication::OAuth { scopes, .. } => {
            let token = checks
                .step(async {
                    let token = match mint(&*host, &settings, scopes).await {
                        Err(error) if error.code == "token.scope-not-granted" => {
                            return Err(name_the_scopes(&*host, &settings, scopes, error).await);
                        }
                        other => other?,
                    };
                    let said = match &token.scope {
                        Some(scope) => format!("with the scopes {scope}"),
                        None => "Coupa does not say with which scopes".to_owned(),
                    };
                    Ok((said, token))
                })
                .await;
            let Some(token) = token else {
                return checks.rest_skipped();
            };
            let known = token.scope.clone().unwrap_or_else(|| scopes.join(" "));
            granted = Some(known).filter(|scopes| !scopes.is_empty());
            // It speaks of the settings as they stand, and not of what others were granted.
            tokens = TokenStore::alone(&*host, token);
        }
        Authentication::ApiKey => checks.skip(),
    }
    let client = Client::new(Rc::clone(&host), settings, Rc::new(tokens));
    let _ = checks
        .step(async {
            read(&client, granted.as_deref())
                .await
                .map(|said| (said, ()))
        })
        .await;
    checks.done
}

/// The steps done so far.
struct Checks<'a, H> {
    host: &'a H,
    done: Vec<Check>,
}

impl<H: Host> Checks<'_, H> {
    /// Does the next step; its value is none where it failed.
    async fn step<T>(
        &mut self,
        step: impl Future<Output = Result<(String, T), Error>>,
    ) -> Option<T> {
        let started = self.host.now();
        let ended = step.await;
        let elapsed_ms = milliseconds(self.host.now().saturating_sub(started));
        let (outcome, value) = match ended {
            Ok((said, value)) => (Outcome::Passed(said), Some(value)),
            Err(error) => (Outcome::Failed(error), None),
        };
        self.push(outcome, elapsed_ms);
        value
    }

    fn skip(&mut self) {
        self.push(Outcome::Skipped, 0);
    }

    fn push(&mut self, outcome: Outcome, elapsed_ms: u64) {
        if let Some(&(name, title)) = STEPS.get(self.done.len()) {
            self.done.push(Check {
                name,
                title,
                outcome,
                elapsed_ms,
            });
        }
    }

    fn rest_skipped(mut self) -> Vec<Check> {
        while self.done.len() < STEPS.len() {
            self.skip();
        }
        self.done
    }
}

async fn secret_is_set<H: Host>(host: &H, settings: &Settings) -> Result<(), Error> {
    let secret = match settings.authentication {
        Authentication::ApiKey => name::API_KEY,
        Authentication::OAuth { .. } => name::CLIENT_SECRET,
    };
    reveal(host, secret).await.map(drop)
}

/// Any answer at all will do, so the request carries no credentials.
async fn reach<H: Host>(host: &H, settings: &Settings) -> Result<String, Error> {
    let request = Request {
        method: Method::Get,
        secure: settings.origin.secure,
        authority: settings.origin.authority.clone(),
        path_and_query: "/api/currencies?limit=1".to_owned(),
        headers: vec![("accept", "application/json".to_owned())],
        body: Body::Bytes(Vec::new()),
        timeout: settings.timeout,
        keep: Keep::Whole(1024 * 1024),
    };
    match host.send(request).await {
        Ok(response) if (300..400).contains(&response.status) => {
            Err(refusal(&response, Method::Get))
        }
        Ok(response) => match refusal_by_a_front(&response) {
            Some(error) => Err(error),
            None => Ok(format!("{} answers", settings.origin)),
        },
        Err(error) => Err(unreachable(&error, settings)),
    }
}

/// Coupa refuses a whole list of scopes for one of them. Asking for each by
/// itself tells which.
async fn name_the_scopes<H: Host>(
    host: &H,
    settings: &Settings,
    scopes: &[String],
    whole: Error,
) -> Error {
    if scopes.len() < 2 {
        return whole;
    }
    let mut refused = Vec::new();
    for scope in scopes.iter().take(MOST_SCOPES_TRIED) {
        match mint(host, settings, std::slice::from_ref(scope)).await {
            Ok(_) => {}
            Err(error) if error.code == "token.scope-not-granted" => refused.push(scope.as_str()),
            Err(_) => return whole,
        }
    }
    if refused.is_empty() {
        return whole;
    }
    Error {
        message: format!("the client was not granted: {}", refused.join(" ")),
        ..whole
    }
}

/// Reads one record of something that the credentials may read.
async fn read<H: Host>(client: &Client<H>, granted: Option<&str>) -> Result<String, Error> {
    let may_read = |stem: &str| match granted {
        None => true,
        Some(scopes) => scopes
            .split(' ')
            .filter_map(|scope| scope.strip_suffix(".read"))
            .any(|scope| {
                scope == stem
                    || scope
                        .strip_prefix(stem)
                        .is_some_and(|rest| rest.starts_with('.'))
            }),
    };
    let mut refused = Vec::new();
    for (stem, object) in PROBES.iter().filter(|(stem, _)| may_read(stem)) {
        let url = format!("/api/{object}?limit=1&fields=%5B%22id%22%5D");
        match client.get(url, |_| Ok(())).await {
            Ok(()) => return Ok(format!("read {object}")),
            Err(error) if error.kind == ErrorKind::NotFound => {
                return Ok(format!("read {object}, of which there is none"));
            }
            Err(error) if error.kind == ErrorKind::Permission => refused.push(*stem),
            Err(error) => return Err(error),
        }
    }
    let error = if refused.is_empty() {
        Error::new(
            ErrorKind::Permission,
            "read.no-scope",
            format!(
                "none of the scopes allows a read: {}",
                granted.unwrap_or_default()
            ),
        )
    } else {
        Error::new(
            ErrorKind::Permission,
            "read.forbidden",
            format!(
                "the credentials are good, but Coupa allows none of these reads: {}",
                refused.join(", ")
            ),
        )
    };
    Err(error.remedy("Add a read scope, such as core.supplier.read, to the client in Coupa, and to Scope if it is filled in."))
}
