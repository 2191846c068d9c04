//! Records that an earlier call was given, and that Coupa may have taken.

use crate::contract::{Error, ErrorKind};
use std::collections::BTreeSet;
use std::time::Duration;

/// What is known of a record before it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It was never sent.
    New,
    /// It may have been, before this call began: when that was, by the host's clock.
    Unknown(Duration),
}

/// The keys of input whose fate is unknown, as a call names them in `resume`.
///
/// # Errors
/// If they are no JSON array of texts.
pub fn keys(resume: Option<&str>) -> Result<BTreeSet<String>, Error> {
    let Some(text) = resume else {
        return Ok(BTreeSet::new());
    };
    serde_json::from_str(text).map_err(|_| {
        Error::setting(
            "resume.malformed",
            "a target goes on with the keys of input whose fate is unknown, as a JSON array of \
             texts; this is none",
        )
    })
}

/// Why a record that may have been written is not sent again.
pub fn doubt() -> Error {
    Error::new(
        ErrorKind::Uncertain,
        "write.uncertain",
        "an earlier run was about to send it and broke off before there was an answer; whether \
         Coupa took it is not known",
    )
    .remedy("Look in Coupa before sending it again: a second time may make a duplicate.")
}
