//! A request, read and decoded.

use bytes::Bytes;
use http::{HeaderMap, Method, header};

use crate::query::Parameters;

/// A request, read and decoded.
pub struct Request {
    pub method: Method,
    pub path: String,
    pub headers: HeaderMap,
    pub parameters: Parameters,
    pub body: Bytes,
}

impl Request {
    /// The parameters of the query and of a form in the body.
    pub fn form(&self) -> Parameters {
        let mut parameters = self.parameters.clone();
        let is_form = self
            .headers
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.starts_with("application/x-www-form-urlencoded"));
        if is_form {
            parameters.extend(Parameters::parse(&String::from_utf8_lossy(&self.body)));
        }
        parameters
    }
}
