//! The answer that grants a token (RFC 6749, section 5.1).
//!
//! Only the token itself has to be as it should: whatever else stands beside it is taken
//! where it can be read, in any form in which servers are known to write it, and is as if
//! it had not been said where it cannot.

use crate::host::Response;
use serde_json::Value;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::time::Duration;

/// Where an answer does not say how long the token lives.
const ASSUMED_LIFE: Duration = Duration::from_secs(3600);
/// A token that lives longer is asked for anew after so long all the same: a year.
const LONGEST_LIFE: f64 = 365.0 * 86_400.0;

/// A token, as it was granted.
#[derive(Debug, PartialEq)]
pub struct Granted {
    pub access_token: String,
    /// What it may be used for, with blanks between; where that was said.
    pub scope: Option<String>,
    pub life: Duration,
}

/// Why an answer grants none.
#[derive(Debug, PartialEq)]
pub enum NotGranted {
    /// It is no JSON object.
    NoObject,
    /// It says why not, in place of a token.
    Refused,
    /// What is wrong with the field that should hold the token.
    Field(&'static str),
}

impl Granted {
    pub fn read(response: &Response) -> Result<Self, NotGranted> {
        // Each field by itself: one that cannot be read takes no other along.
        let fields: BTreeMap<String, &RawValue> =
            serde_json::from_slice(&response.body).map_err(|_| NotGranted::NoObject)?;
        let field = |name: &str| -> Option<Value> {
            let value = fields.get(name)?;
            Some(serde_json::from_str(value.get()).unwrap_or_default())
        };
        let access_token = match field("access_token") {
            None if fields.contains_key("error") => return Err(NotGranted::Refused),
            None => return Err(NotGranted::Field("there is no access_token in it")),
            Some(Value::Null) => return Err(NotGranted::Field("its access_token is null")),
            Some(Value::String(token)) => token,
            Some(_) => return Err(NotGranted::Field("its access_token is no text")),
        };
        let access_token = access_token.trim();
        if access_token.is_empty() {
            return Err(NotGranted::Field("its access_token is empty"));
        }
        if !access_token
            .bytes()
            .all(|byte| (0x21..0x7f).contains(&byte))
        {
            return Err(NotGranted::Field(
                "its access_token has a blank or a character that no header takes",
            ));
        }
        Ok(Self {
            access_token: access_token.to_owned(),
            scope: field("scope").and_then(scope),
            life: field("expires_in").and_then(life).unwrap_or(ASSUMED_LIFE),
        })
    }
}

/// Seconds, whole or not, as a number or as text. None at all, or fewer, is no life.
fn life(said: Value) -> Option<Duration> {
    let seconds: f64 = match said {
        Value::Number(seconds) => seconds.as_f64()?,
        Value::String(seconds) => seconds.trim().parse().ok()?,
        _ => return None,
    };
    (seconds > 0.0).then(|| {
        let seconds = seconds.min(LONGEST_LIFE);
        Duration::from_millis((seconds * 1000.0) as u64)
    })
}

/// Names with blanks between, or with commas, or in a list.
fn scope(said: Value) -> Option<String> {
    let said = match said {
        Value::String(names) => names,
        Value::Array(names) => {
            let names: Vec<_> = names.iter().filter_map(Value::as_str).collect();
            names.join(" ")
        }
        _ => return None,
    };
    Some(said.replace(',', " ")).filter(|said| !said.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::json;

    fn read(body: &str) -> Result<Granted, NotGranted> {
        Granted::read(&json(200, body))
    }

    #[test]
    fn what_stands_beside_a_token_makes_it_none_the_worse() {
        let hour = ASSUMED_LIFE;
        let day = Duration::from_secs(86_399);
        for (beside, life) in [
            ("", hour),
            (r#","expires_in":86399"#, day),
            (r#","expires_in":86399.0"#, day),
            (r#","expires_in":"86399""#, day),
            (r#","expires_in":" 86399.0 ""#, day),
            (r#","expires_in":0.5"#, Duration::from_millis(500)),
            (r#","expires_in":0"#, hour),
            (r#","expires_in":-1"#, hour),
            (r#","expires_in":null"#, hour),
            (r#","expires_in":"""#, hour),
            (r#","expires_in":"NaN""#, hour),
            (r#","expires_in":"a day""#, hour),
            (r#","expires_in":[86399]"#, hour),
            (r#","expires_in":{"seconds":1}"#, hour),
            (r#","expires_in":true"#, hour),
            (r#","expires_in":1e999"#, hour),
            (r#","expires_in":1e300"#, Duration::from_secs(31_536_000)),
            (r#","expires_in":"inf""#, Duration::from_secs(31_536_000)),
            (r#","token_type":null"#, hour),
            (r#","token_type":"BEARER","refresh_token":7"#, hour),
            (
                r#","token_type":["bearer"],"id_token":{},"error":null"#,
                hour,
            ),
            (r#","access_token":"t","x":-1e999"#, hour),
        ] {
            let granted = read(&format!(r#"{{"access_token":"t"{beside}}}"#));
            let expected = Granted {
                access_token: "t".to_owned(),
                scope: None,
                life,
            };
            assert_eq!(granted, Ok(expected), "{beside}");
        }
        for (scope, said) in [
            (r#""a b""#, Some("a b")),
            (r#""a,b""#, Some("a b")),
            (r#"["a","b"]"#, Some("a b")),
            (r#"["a",1,null]"#, Some("a")),
            ("[]", None),
            (r#""""#, None),
            ("null", None),
            ("7", None),
            (r#"{"a":true}"#, None),
        ] {
            let granted = read(&format!(r#"{{"scope":{scope},"access_token":" t\n"}}"#)).unwrap();
            assert_eq!(granted.scope.as_deref(), said, "{scope}");
            assert_eq!(granted.access_token, "t");
        }
    }

    #[test]
    fn the_field_that_makes_a_token_unusable_is_named() {
        for body in [
            "{}",
            r#"{"expires_in":5}"#,
            r#"{"token":"t"}"#,
            r#"{"access_token":null}"#,
            r#"{"access_token":""}"#,
            r#"{"access_token":"  "}"#,
            r#"{"access_token":7}"#,
            r#"{"access_token":["t"]}"#,
            r#"{"access_token":"two words"}"#,
            r#"{"access_token":"tökén"}"#,
            r#"{"access_token":"t\u0000"}"#,
        ] {
            let Err(NotGranted::Field(why)) = read(body) else {
                panic!("{body}: {:?}", read(body));
            };
            assert!(why.contains("access_token"), "{body}: {why}");
        }
        assert_eq!(read(r#"{"error":"x"}"#), Err(NotGranted::Refused));
        for body in [
            "",
            "null",
            "[]",
            "\"t\"",
            "<html>",
            r#"{"access_token":"t""#,
        ] {
            assert_eq!(read(body), Err(NotGranted::NoObject), "{body}");
        }
    }
}
