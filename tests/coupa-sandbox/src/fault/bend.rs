//! Faults that bend what a list is asked for, so that the answer is not what
//! the client meant.

use super::Fault;
use crate::query::Parameters;

/// Changes the parameters of a request as the fault says.
pub fn bend(fault: &Fault, parameters: &mut Parameters) {
    match fault {
        Fault::SamePage => {
            parameters.retain(|name| name != "offset" && !name.starts_with("id["));
        }
        Fault::ShortPage { records } => {
            let asked = number(parameters, "limit").unwrap_or(u64::MAX);
            parameters.set("limit", &asked.min(*records).to_string());
        }
        Fault::OffsetDrift { rows } => {
            if let Some(offset) = number(parameters, "offset").filter(|offset| *offset > 0) {
                let moved = offset.saturating_add_signed(*rows);
                parameters.set("offset", &moved.to_string());
            }
        }
        _ => {}
    }
}

fn number(parameters: &Parameters, name: &str) -> Option<u64> {
    parameters.get(name)?.parse().ok()
}
