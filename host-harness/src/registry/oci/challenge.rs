//! What a registry that refuses wants to be told: the challenges of
//! `WWW-Authenticate` (RFC 9110, section 11.6.1), several in a header and in
//! several headers.

use http_auth::parser::ChallengeParser;
use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};

/// A way to say who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// User and password.
    Basic,
    /// A token that somebody else gives.
    Bearer(TokenServer),
    /// A scheme that is not spoken here, by its name.
    Other(String),
}

/// Where there are tokens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct TokenServer {
    /// Its address; empty where the challenge has none.
    pub(super) realm: String,
    /// For whom the token is.
    pub(super) service: Option<String>,
    /// What it is for, several with spaces between.
    pub(super) scope: Option<String>,
}

/// The challenges of an answer, those with tokens first: a registry that offers both
/// wants the password to go to its token server.
pub(super) fn challenges(headers: &HeaderMap) -> Vec<Challenge> {
    let mut found = Vec::new();
    for value in headers.get_all(WWW_AUTHENTICATE) {
        let text = String::from_utf8_lossy(value.as_bytes());
        // Where a header is none, the others count.
        found.extend(ChallengeParser::new(&text).map_while(Result::ok).map(|it| {
            let said = |name: &str| {
                let (_, value) = it
                    .params
                    .iter()
                    .find(|(key, _)| key.eq_ignore_ascii_case(name))?;
                Some(value.to_unescaped()).filter(|value| !value.is_empty())
            };
            if it.scheme.eq_ignore_ascii_case("basic") {
                Challenge::Basic
            } else if it.scheme.eq_ignore_ascii_case("bearer") {
                Challenge::Bearer(TokenServer {
                    realm: said("realm").unwrap_or_default(),
                    service: said("service"),
                    scope: said("scope"),
                })
            } else {
                Challenge::Other(it.scheme.to_owned())
            }
        }));
    }
    found.sort_by_key(|challenge| !matches!(challenge, Challenge::Bearer(_)));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderValue;

    fn of(values: &[&str]) -> Vec<Challenge> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(WWW_AUTHENTICATE, HeaderValue::from_str(value).unwrap());
        }
        challenges(&headers)
    }

    #[test]
    fn every_challenge_is_found_and_tokens_come_first() {
        let bearer = Challenge::Bearer(TokenServer {
            realm: "https://a.example/token?x=1,2".to_owned(),
            service: Some("r".to_owned()),
            scope: Some("repository:a/b:pull,push".to_owned()),
        });
        let said = r#"Bearer realm="https://a.example/token?x=1,2",service=r, scope="repository:a/b:pull,push""#;
        let both = vec![bearer.clone(), Challenge::Basic];
        assert_eq!(of(&[said]), [bearer]);
        assert_eq!(of(&["Basic realm=\"x\"", said]), both);
        assert_eq!(of(&[said, "basic realm=\"x\""]), both);
        assert_eq!(of(&[&format!("Basic realm=\"Bearer\", {said}")]), both);
        assert_eq!(of(&[&format!("{said}, BASIC")]), both);
        let other = Challenge::Other("Negotiate".to_owned());
        assert_eq!(of(&["Negotiate, Basic"]), [other, Challenge::Basic]);
        assert_eq!(of(&["=", "Basic realm=\"x\""]), [Challenge::Basic]);
        assert_eq!(of(&["", "="]), []);
        assert_eq!(of(&["Bearer"]), [Challenge::Bearer(TokenServer::default())]);
    }
}
