//! The order of a list: by id unless `order_by` and `dir` say otherwise.

use coupa_catalog::FieldKind;

use super::Parameters;
use crate::model::RecordType;
use crate::refusal::Refusal;
use crate::switches::Unknown;

/// By which field, and which way.
#[derive(Debug, Clone, Copy)]
pub struct Order {
    /// The field.
    pub field: &'static str,
    /// What it holds.
    pub kind: FieldKind,
    /// Greatest first.
    pub descending: bool,
}

impl Order {
    const BY_ID: Self = Self {
        field: "id",
        kind: FieldKind::Integer,
        descending: false,
    };

    /// Reads it from the parameters.
    pub fn parse(
        record_type: &'static RecordType,
        parameters: &Parameters,
        unknown: Unknown,
    ) -> Result<Self, Refusal> {
        let mut order = Self::BY_ID;
        let refuse = |what: String| match unknown {
            Unknown::Refuse => Err(Refusal::invalid(record_type.name, what)),
            Unknown::Ignore => Ok(()),
        };
        if let Some(name) = parameters
            .get("order_by")
            .or_else(|| parameters.get("order-by"))
        {
            match record_type.field(name) {
                Some(field) if record_type.link(field).is_none() => {
                    (order.field, order.kind) = (field.name, field.kind);
                }
                _ => refuse(format!("\"{name}\" is not a valid order_by attribute."))?,
            }
        }
        match parameters.get("dir") {
            None | Some("asc") => {}
            Some("desc") => order.descending = true,
            Some(other) => refuse(format!("dir must be asc or desc, not \"{other}\"."))?,
        }
        Ok(order)
    }
}
