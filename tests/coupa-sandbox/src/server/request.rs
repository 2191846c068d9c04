//! A request, read and decoded.

use bytes::Bytes;
use http::{HeaderMap, Method, header};

use crate::files::{Upload, UploadError};
use crate::query::Parameters;
use crate::refusal::Refusal;

/// A request, read and decoded.
pub struct Request {
    pub method: Method,
    pub path: String,
    pub headers: HeaderMap,
    pub parameters: Parameters,
    /// Empty where the body was a form.
    pub body: Bytes,
    /// The form in the body.
    pub upload: Option<Result<Upload, UploadError>>,
}

impl Request {
    /// The form in the body, where it was one that could be read.
    pub fn upload(&self) -> Result<Option<&Upload>, Refusal> {
        match &self.upload {
            None => Ok(None),
            Some(Ok(upload)) => Ok(Some(upload)),
            Some(Err(error)) => Err(Refusal::invalid("Base", error.to_string())),
        }
    }

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
