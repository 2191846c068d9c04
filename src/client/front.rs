//! What stands before Coupa: a gateway, a load balancer, a firewall. It may refuse a
//! request by itself, which says nothing about the credentials or the record.

use super::answer::{Said, status_shown};
use crate::contract::{Error, ErrorKind};
use crate::host::Response;

const HTTP1: &str = "set the connection's protocol to http1";

/// The error where the answer is certainly a front's, which refused the request for its
/// form. Coupa has not seen it then.
pub fn refusal(response: &Response) -> Option<Error> {
    match response.status {
        421 => Some(Error::new(
            ErrorKind::UnexpectedAnswer,
            "front.misdirected",
            told(response, "the server that answers says that it is not the one for this host"),
        )
        .remedy(format!(
            "Check the Host Name. If it is right, a gateway in between mixes up connections: {HTTP1}."
        ))),
        505 => Some(Error::new(
            ErrorKind::UnexpectedAnswer,
            "front.http-version",
            told(response, "the server that answers does not take this version of HTTP"),
        )
        .remedy(format!(
            "In most cases a gateway stands in between: {HTTP1}, and check the Host Name."
        ))),
        400 if !Said::of(response).is_of_coupa() => Some(bad_request(response)),
        _ => None,
    }
    .map(|error| error.status(response.status))
}

/// The error for a 400 that is not Coupa's.
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
