//! Checkpoints as they come back.

use crate::contract::Error;
use serde::de::DeserializeOwned;

/// Reads a checkpoint. `of` says what it was a checkpoint of, which has to be what
/// is asked for now.
///
/// # Errors
/// If it is none, or is of another object or other options.
pub fn read_checkpoint<T: DeserializeOwned>(
    text: &str,
    asked: &str,
    of: impl FnOnce(&T) -> &str,
) -> Result<T, Error> {
    let checkpoint: T = serde_json::from_str(text).map_err(|_| {
        Error::setting("resume.malformed", "the checkpoint cannot be read")
            .remedy("Give it exactly as it was printed, or start anew without it.")
    })?;
    if of(&checkpoint) != asked {
        return Err(Error::setting(
            "resume.of-another-call",
            "the checkpoint is of another object, or of other options",
        )
        .remedy("Repeat the call with the options it had, or start anew without the checkpoint."));
    }
    Ok(checkpoint)
}
