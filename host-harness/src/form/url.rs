//! The URL of a remote system: scheme, host and port, and nothing else.

use super::Stage;
use crate::connection::Environment;
use std::net::{Ipv4Addr, Ipv6Addr};

/// What is wrong with it.
pub(super) struct Problem {
    pub(super) code: &'static str,
    pub(super) message: String,
}

fn problem(code: &'static str, message: impl Into<String>) -> Problem {
    Problem {
        code,
        message: message.into(),
    }
}

/// Checks a whole URL.
pub(super) fn check(text: &str, stage: Stage) -> Result<(), Problem> {
    let (scheme, rest) = text
        .split_once("://")
        .ok_or_else(|| problem("not-a-url", format!("“{text}” has no https:// in front")))?;
    let secure = is_secure(scheme)?;
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    check_rest(authority)?;
    let (host, port) = split_port(authority);
    if port.is_some_and(|port| port.parse::<u16>().map_or(true, |port| port == 0)) {
        return Err(problem(
            "not-a-url",
            format!("the port in “{authority}” is no number from 1 to 65535"),
        ));
    }
    let loopback = is_loopback(host)?;
    if !secure {
        let allowed = loopback
            && match stage {
                Stage::Typed => true,
                Stage::Resolved { environment } => environment == Environment::Development,
            };
        if !allowed {
            return Err(problem(
                "url-not-https",
                if loopback {
                    "plain http is only for an environment of the kind development"
                } else {
                    "http would send secrets in the clear; only https is allowed"
                },
            ));
        }
    }
    Ok(())
}

/// Checks what stands before the first variable.
pub(super) fn check_beginning(text: &str) -> Result<(), Problem> {
    match text.split_once("://") {
        Some((scheme, rest)) => {
            is_secure(scheme)?;
            check_rest(rest)
        }
        None if text.is_empty() || "https://".starts_with(&text.to_ascii_lowercase()) => Ok(()),
        None => Err(problem(
            "not-a-url",
            format!("“{text}…” has no https:// in front"),
        )),
    }
}

fn is_secure(scheme: &str) -> Result<bool, Problem> {
    match scheme.to_ascii_lowercase().as_str() {
        "https" => Ok(true),
        "http" => Ok(false),
        _ => Err(problem(
            "not-a-url",
            format!("the scheme “{scheme}” is not https"),
        )),
    }
}

fn check_rest(authority: &str) -> Result<(), Problem> {
    if authority.contains('@') {
        return Err(problem("url-extra", "there is a user or a password in it"));
    }
    match authority.find(['/', '?', '#']) {
        Some(at) => Err(problem(
            "url-extra",
            format!(
                "“{}” stands after the host",
                authority.get(at..).unwrap_or_default()
            ),
        )),
        None => Ok(()),
    }
}

fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

/// Whether the host is this machine; that it is one at all.
fn is_loopback(host: &str) -> Result<bool, Problem> {
    if host.eq_ignore_ascii_case("localhost") {
        return Ok(true);
    }
    if let Some(inner) = host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        return inner
            .parse::<Ipv6Addr>()
            .map(|address| address.is_loopback())
            .map_err(|_| problem("not-a-url", format!("“{host}” is no address")));
    }
    if let Ok(address) = host.parse::<Ipv4Addr>() {
        return Ok(address.is_loopback());
    }
    let labels: Vec<&str> = host.split('.').collect();
    let fits = labels.iter().all(|label| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    });
    if !fits {
        return Err(problem("not-a-url", format!("“{host}” is no host name")));
    }
    // A name of one word, or a number in an odd spelling, is nobody's instance.
    let last = labels.last().copied().unwrap_or_default();
    if labels.len() < 2 || last.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(problem(
            "not-a-url",
            format!("“{host}” is not the full name of a host"),
        ));
    }
    Ok(false)
}
