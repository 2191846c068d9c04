//! Asking for a token, and what it means where none is granted.

use super::Token;
use super::granted::{Granted, NotGranted};
use crate::client::{answer, fate, front, milliseconds, reveal, unsent};
use crate::contract::{Error, ErrorKind};
use crate::host::{Body, Host, Keep, LogLevel, Method, Request, Response};
use crate::settings::{Authentication, Settings, name};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};

const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// Asks Coupa for a new token with these scopes.
///
/// # Errors
/// Tells apart, as far as Coupa does, a wrong secret, an unknown client and a
/// scope that was not granted.
pub async fn mint<H: Host>(
    host: &H,
    settings: &Settings,
    scopes: &[String],
) -> Result<Token, Error> {
    let Authentication::OAuth { client_id, .. } = &settings.authentication else {
        return Err(Error::new(
            ErrorKind::Internal,
            "internal.no-oauth",
            "no token is needed with an API key",
        ));
    };
    let secret = reveal(host, name::CLIENT_SECRET).await?;
    let mut body = format!(
        "grant_type=client_credentials&client_id={}&client_secret={}",
        encode(client_id),
        encode(&secret)
    );
    if !scopes.is_empty() {
        body.push_str("&scope=");
        body.push_str(&encode(&scopes.join(" ")));
    }
    let asked_at = host.now();
    let sent = host
        .send(Request {
            method: Method::Post,
            secure: settings.origin.secure,
            authority: settings.origin.authority.clone(),
            path_and_query: "/oauth2/token".to_owned(),
            headers: vec![
                ("accept", "application/json".to_owned()),
                (
                    "content-type",
                    "application/x-www-form-urlencoded".to_owned(),
                ),
            ],
            body: Body::Bytes(body.into_bytes()),
            timeout: settings.timeout,
            keep: Keep::Whole(MAX_ANSWER_BYTES),
        })
        .await;
    let response = sent.map_err(|error| unsent::not_sent(&error, settings))?;
    let Granted {
        access_token,
        scope,
        life,
    } = granted(&response, settings, client_id, scopes)?;
    host.log(
        LogLevel::Info,
        "token granted",
        &[("expires-in-ms", milliseconds(life).to_string())],
    );
    Ok(Token::new(access_token, scope, asked_at, life))
}

/// What an answer grants.
fn granted(
    response: &Response,
    settings: &Settings,
    client_id: &str,
    scopes: &[String],
) -> Result<Granted, Error> {
    if !(200..300).contains(&response.status) {
        return Err(refused(response, client_id, scopes));
    }
    Granted::read(response).map_err(|why| match why {
        NotGranted::Refused => refused(response, client_id, scopes),
        why => no_token(&why, response, settings),
    })
}

/// The error for a good answer without a token that can be used.
fn no_token(why: &NotGranted, response: &Response, settings: &Settings) -> Error {
    let (message, remedy) = match why {
        NotGranted::Field(what) => (
            format!(
                "{} answered a request for a token with one that cannot be used: {what}",
                settings.origin
            ),
            "Check that the Host Name is that of a Coupa instance. If it is, a gateway in between \
             may alter what Coupa answers at /oauth2/token.",
        ),
        NotGranted::NoObject | NotGranted::Refused => (
            format!("{} answered no token to a request for one", settings.origin),
            "Check that the Host Name is that of a Coupa instance.",
        ),
    };
    Error::new(
        ErrorKind::UnexpectedAnswer,
        "token.unexpected-answer",
        message,
    )
    .status(response.status)
    .remedy(remedy)
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// What a refusal by the token endpoint means (RFC 6749, section 5.2). Whether
/// Coupa describes an `invalid_client` further is not documented, so the
/// description only ever sharpens the message.
fn refused(response: &Response, client_id: &str, scopes: &[String]) -> Error {
    let body: Map<String, Value> = serde_json::from_slice(&response.body).unwrap_or_default();
    let field = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
    let said = field("error_description").to_ascii_lowercase();
    let error = match field("error") {
        "invalid_client" if said.contains("secret") && !said.contains("unknown") => Error::new(
            ErrorKind::Authentication,
            "token.wrong-secret",
            format!("Coupa knows the client “{client_id}” but not this Client Secret"),
        )
        .remedy("Copy the Secret of the client from Coupa again; it may have been renewed."),
        "invalid_client" if said.contains("unknown") && !said.contains("secret") => Error::new(
            ErrorKind::Authentication,
            "token.unknown-client",
            format!("Coupa does not know the client “{client_id}”"),
        )
        .remedy(
            "Check the Client ID, and that the Host Name is of the instance that has the client.",
        ),
        "invalid_client" | "unauthorized_client" => Error::new(
            ErrorKind::Authentication,
            "token.client-refused",
            format!(
                "Coupa does not accept the client “{client_id}” with this Client Secret, \
                 and does not say which of the two is wrong"
            ),
        )
        .remedy(
            "Check the Client ID first, then copy the Secret again; both are at \
             Setup > Integrations > OAuth2/OpenID Connect Clients of this instance.",
        ),
        "invalid_scope" => Error::new(
            ErrorKind::Permission,
            "token.scope-not-granted",
            format!(
                "the client “{client_id}” was not granted all of: {}",
                scopes.join(" ")
            ),
        )
        .remedy(
            "Take the scope out of the connection, or add it to the client in Coupa. \
             Coupa refuses the whole request for one scope that is missing.",
        ),
        "unsupported_grant_type" => Error::new(
            ErrorKind::Authentication,
            "token.grant-not-allowed",
            format!("the client “{client_id}” may not use the grant type Client Credentials"),
        )
        .remedy("Set the client's Grant Type to Client Credentials in Coupa."),
        "" => unexplained(response),
        _ => refused_otherwise(
            answer::refusal(response, Method::Post),
            "Check the Host Name, the Client ID and the Client Secret.",
        ),
    };
    error.status(response.status)
}

/// What a refusal means that is not of OAuth's form: most likely it is by something that
/// stands before Coupa, and says nothing about the client.
fn unexplained(response: &Response) -> Error {
    let refusal = answer::refusal(response, Method::Post);
    let remedy = match response.status {
        400 => return front::bad_request(response),
        403 => return front::forbidden(response),
        401 => {
            "Check the Client ID and the Client Secret. Coupa is not known to answer in this way, \
             so check the Host Name too: a gateway may want credentials of its own."
        }
        _ => "Check the Host Name: what answers there grants no tokens.",
    };
    refused_otherwise(refusal, remedy)
}

/// Whatever else is answered, it is about signing in and about no record; unless it
/// passes, or something in between said it.
fn refused_otherwise(refusal: Error, remedy: &str) -> Error {
    if fate::is_passing(&refusal)
        || refusal.code == "coupa.redirect"
        || refusal.code.starts_with("front.")
    {
        return refusal;
    }
    Error::new(
        ErrorKind::Authentication,
        "token.refused",
        format!("no token was granted: {}", refusal.message),
    )
    .remedy(remedy)
}
