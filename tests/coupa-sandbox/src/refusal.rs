//! Why a request was refused. How a refusal looks is the business of `media`.

use crate::model::words::model_key;
use crate::store::StoreError;

/// Why a request was refused.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// 400: validation, a bad reference, a bad query or an action that the
    /// state does not allow. Coupa never answers 422.
    #[error("{}", messages.join(" "))]
    Invalid {
        /// The key of the envelope, such as `supplier`.
        model: String,
        /// One sentence for each thing that is wrong.
        messages: Vec<String>,
    },
    /// 401.
    #[error("You are not authorized: the credentials are missing, wrong or expired.")]
    Unauthorized,
    /// 403.
    #[error("You are not authorized to perform that action: it needs scope {0}.")]
    Forbidden(String),
    /// 404 for a record or a path.
    #[error("The requested resource was not found.")]
    NotFound,
    /// 404 for an XML list without records.
    #[error("No results match your search criteria.")]
    NoResults,
    /// 405; what Coupa answers is unknown, this is what HTTP says.
    #[error("The method is not allowed for this resource.")]
    MethodNotAllowed,
    /// 406.
    #[error("The requested media type is not available.")]
    NotAcceptable,
    /// 429.
    #[error("Rate limit exceeded.")]
    TooManyRequests,
    /// 500: a bug or a full disk in the sandbox itself.
    #[error("The sandbox failed: {0}")]
    Failed(#[from] StoreError),
}

impl Refusal {
    /// 400 with one sentence.
    pub fn invalid(record_type: &str, message: impl Into<String>) -> Self {
        Self::all_invalid(record_type, vec![message.into()])
    }

    /// 400 with several sentences.
    pub fn all_invalid(record_type: &str, messages: Vec<String>) -> Self {
        Self::Invalid {
            model: model_key(record_type),
            messages,
        }
    }

    /// The status of the answer.
    pub fn status(&self) -> u16 {
        match self {
            Self::Invalid { .. } => 400,
            Self::Unauthorized => 401,
            Self::Forbidden(_) => 403,
            Self::NotFound | Self::NoResults => 404,
            Self::MethodNotAllowed => 405,
            Self::NotAcceptable => 406,
            Self::TooManyRequests => 429,
            Self::Failed(_) => 500,
        }
    }

    /// The key of the envelope and its sentences.
    pub fn parts(&self) -> (&str, Vec<String>) {
        match self {
            Self::Invalid { model, messages } => (model, messages.clone()),
            Self::Unauthorized | Self::Forbidden(_) => ("authorization", vec![self.to_string()]),
            _ => ("base", vec![self.to_string()]),
        }
    }
}
