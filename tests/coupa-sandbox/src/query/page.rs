//! Paging: `offset` counts from zero, `limit` is 50 unless it says otherwise,
//! and there is no total, cursor or link.

use super::Parameters;
use crate::refusal::Refusal;
use crate::switches::{OversizedLimit, Switches};

/// The usual page size, by Coupa's integration documentation.
const DEFAULT_LIMIT: u64 = 50;

/// Which part of a list is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// How many records to leave out.
    pub offset: i64,
    /// How many records there can be.
    pub limit: i64,
}

impl Page {
    /// Reads it from the parameters. What a negative number or a word does is
    /// unknown; here it is refused.
    pub fn parse(
        record_type: &str,
        parameters: &Parameters,
        switches: &Switches,
    ) -> Result<Self, Refusal> {
        let number = |name: &str| match parameters.get(name) {
            None | Some("") => Ok(None),
            Some(text) => text
                .parse::<u32>()
                .map(|n| Some(u64::from(n)))
                .map_err(|_| {
                    Refusal::invalid(
                        record_type,
                        format!("{name} must be a number, not \"{text}\"."),
                    )
                }),
        };
        let greatest = switches.page_size;
        let wanted = number("limit")?.unwrap_or(DEFAULT_LIMIT.min(greatest));
        if wanted > greatest && switches.oversized_limit == OversizedLimit::Refuse {
            let message = format!("limit must not be greater than {greatest}.");
            return Err(Refusal::invalid(record_type, message));
        }
        Ok(Self {
            offset: i64::try_from(number("offset")?.unwrap_or(0)).unwrap_or(i64::MAX),
            limit: i64::try_from(wanted.min(greatest)).unwrap_or(i64::MAX),
        })
    }
}
