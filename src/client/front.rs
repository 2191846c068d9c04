//! What stands before Coupa: a gateway, a load balancer, a firewall. It may refuse a
//! request by itself, which says nothing about the credentials or the record.

use super::answer::{Said, status_shown};
use crate::contract::{Error, ErrorKind};
use crate::host::Response;

const HTTP1: &str = "set the connection's protocol to http1";

/// The error where the answer is certainly a front's, which refused the request for its
/// form, or did not get it through. Coupa has not seen it then.
pub fn refusal(response: &Response) -> Option<Error> {
    let said = Said::of(response);
    let (kind, code, what, remedy) = match response.status {
        407 | 511 => (
            ErrorKind::UnexpectedAnswer,
            "front.sign-in",
            "a proxy or a network in between wants to be signed in to first",
            "Check the proxy that this machine goes through, with its user and password."
                .to_owned(),
        ),
        411 | 417 | 426 | 463 | 464 | 495..=497 => (
            ErrorKind::UnexpectedAnswer,
            "front.refused",
            "the server that answers refuses the form of the request",
            "A gateway stands in between that does not take requests as they are sent: check the \
             Host Name, and set the connection's protocol to http1, or to auto where it is http1."
                .to_owned(),
        ),
        421 => (
            ErrorKind::UnexpectedAnswer,
            "front.misdirected",
            "the server that answers says that it is not the one for this host",
            format!(
                "Check the Host Name. If it is right, a gateway in between mixes up connections: {HTTP1}."
            ),
        ),
        431 | 494 => (
            ErrorKind::UnexpectedAnswer,
            "front.headers-too-large",
            "the server that answers does not take headers of this size",
            "A token grows with its scopes: name in Scope those that are needed, and no others. \
             Or have the limit of the gateway in between raised."
                .to_owned(),
        ),
        505 => (
            ErrorKind::UnexpectedAnswer,
            "front.http-version",
            "the server that answers does not take this version of HTTP",
            format!("In most cases a gateway stands in between: {HTTP1}, and check the Host Name."),
        ),
        521 | 523 | 525 | 526 => (
            ErrorKind::RemoteFailure,
            "front.no-server",
            "what stands before Coupa does not get through to it",
            "Try again later.".to_owned(),
        ),
        400 if !said.is_of_coupa() => return Some(bad_request(response)),
        // As firewalls refuse.
        406 if said.is_a_page() => return Some(bad_request(response)),
        _ => return None,
    };
    let error = Error::new(kind, code, told(response, what)).remedy(remedy);
    Some(error.status(response.status))
}

/// The error for a 400 or a 406 that is not Coupa's.
pub fn bad_request(response: &Response) -> Error {
    Error::new(
        ErrorKind::UnexpectedAnswer,
        "front.bad-request",
        told(
            response,
            "the server that answers refuses the form of the request, and not in Coupa's way",
        ),
    )
    .remedy(format!(
        "In most cases a gateway stands in between that does not take HTTP/2 as it is sent: \
         {HTTP1}, and check the Host Name."
    ))
    .status(response.status)
}

/// The error for a 403 where nobody but a front says 403.
pub fn forbidden(response: &Response) -> Error {
    Error::new(
        ErrorKind::UnexpectedAnswer,
        "front.forbidden",
        told(response, "the server that answers lets nobody in from here"),
    )
    .remedy(
        "A firewall or gateway before Coupa may know only some addresses: have it let this \
         machine in, and check the Host Name.",
    )
    .status(response.status)
}

fn told(response: &Response, what: &str) -> String {
    status_shown(Said::of(response).beside(what), response.status)
}
