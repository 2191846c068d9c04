//! Where a client puts its credentials: the form, HTTP Basic, or the query.
//! All three are in use against Coupa.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use percent_encoding::percent_decode_str;

use crate::query::Parameters;

/// Id and secret as sent.
pub struct Credentials {
    /// The client's id.
    pub id: String,
    /// The client's secret.
    pub secret: String,
    /// Whether they came by HTTP Basic.
    pub basic: bool,
}

/// Finds the credentials; none where one of the two is missing.
pub fn find(headers: &HeaderMap, parameters: &Parameters) -> Option<Credentials> {
    if let Some((id, secret)) = basic(headers) {
        return Some(Credentials {
            id,
            secret,
            basic: true,
        });
    }
    Some(Credentials {
        id: parameters.get("client_id")?.to_owned(),
        secret: parameters.get("client_secret")?.to_owned(),
        basic: false,
    })
}

/// RFC 6749 §2.3.1: both halves are form-encoded before they are joined.
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let header = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    let decode = |half: &str| percent_decode_str(half).decode_utf8_lossy().into_owned();
    Some((decode(id), decode(secret)))
}
