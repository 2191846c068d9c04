//! Errors as the API answers them.

use crate::form::Finding;
use crate::workspace::{Dependent, WorkspaceError};
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// Why something was not done.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ErrorBody {
    /// What went wrong.
    error: Problem,
}

#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Problem {
    /// Stable, for programs.
    code: &'static str,
    /// For people.
    message: String,
    /// Field by field.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    findings: Vec<Finding>,
    /// What uses the thing that was to be deleted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dependents: Vec<Dependent>,
    /// The secrets that have to be typed again.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    secrets: Vec<String>,
}

/// An error on its way to the client.
#[derive(Debug)]
pub(super) struct ApiError(StatusCode, Problem);

impl ApiError {
    pub(super) fn nowhere() -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not-found",
            "the API has no such address",
        )
    }

    pub(super) fn new(status: StatusCode, code: &'static str, message: &str) -> Self {
        Self(
            status,
            Problem {
                code,
                message: message.to_owned(),
                findings: Vec::new(),
                dependents: Vec::new(),
                secrets: Vec::new(),
            },
        )
    }
}

impl From<WorkspaceError> for ApiError {
    fn from(error: WorkspaceError) -> Self {
        let status = match &error {
            WorkspaceError::NotFound { .. } => StatusCode::NOT_FOUND,
            WorkspaceError::Stale { .. }
            | WorkspaceError::Taken { .. }
            | WorkspaceError::InUse { .. }
            | WorkspaceError::Busy { .. } => StatusCode::CONFLICT,
            WorkspaceError::Open { .. }
            | WorkspaceError::Database(_)
            | WorkspaceError::Newer { .. }
            | WorkspaceError::Damaged(_)
            | WorkspaceError::Key(_)
            | WorkspaceError::Io { .. } => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        let mut answer = Self::new(status, error.code(), &error.to_string());
        match error {
            WorkspaceError::Invalid(findings) => answer.1.findings = findings,
            WorkspaceError::InUse { dependents, .. }
            | WorkspaceError::Busy {
                runs: dependents, ..
            } => answer.1.dependents = dependents,
            WorkspaceError::Reauthenticate { secrets, .. } => answer.1.secrets = secrets,
            _ => {}
        }
        answer
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.0, Json(ErrorBody { error: self.1 })).into_response()
    }
}
