//! Names that nobody can guess, and that nobody else draws.

use super::SealError;

/// `BYTES` random bytes, as text.
pub(crate) fn random_name<const BYTES: usize>() -> Result<String, SealError> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(SealError::NoRandomness)?;
    Ok(hex::encode(bytes))
}
