//! Paths whose answer or body is a file: scans, images, signed documents.

use super::service::Work;
use crate::media::Answer;
use crate::refusal::Refusal;

/// Answers such a path, whose record exists. No record has such a file, and
/// none is kept: the answer is 404 for all of them.
pub fn answer(_work: &Work, _id: i64, _action: &str) -> Result<Answer, Refusal> {
    Err(Refusal::NotFound)
}
