//! What was received of an order line, by the transactions that receive it.

use serde_json::{Map, Value};

use super::Writer;
use super::values::text;
use crate::model::{RecordType, facts, model};
use crate::refusal::Refusal;

/// Whether a transaction counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receipt {
    /// It is new.
    Made,
    /// It was voided.
    Voided,
}

impl Writer<'_> {
    /// Adds the quantity of a receiving transaction to what was received of its
    /// order line, or takes it back. Other records are left alone.
    pub(super) fn receive(
        &self,
        record_type: &RecordType,
        transaction: &Map<String, Value>,
        receipt: Receipt,
    ) -> Result<(), Refusal> {
        if record_type.name != "InventoryTransaction" {
            return Ok(());
        }
        let kind = transaction.get("type").and_then(Value::as_str);
        let receives = facts::subset("receiving_transactions")
            .is_some_and(|receiving| kind.is_some_and(|kind| receiving.values.contains(&kind)));
        let line = transaction
            .get("order-line")
            .and_then(|line| line.get("id")?.as_i64());
        let (true, Some(id), Some(lines)) = (receives, line, model().record_type("OrderLine"))
        else {
            return Ok(());
        };
        let mut line = self.existing(lines, id)?;
        let before = number(&line, "received");
        let by = number(transaction, "quantity");
        let received = match receipt {
            Receipt::Made => before + by,
            Receipt::Voided => (before - by).max(0.0),
        };
        line.insert("received".to_owned(), format!("{received:?}").into());
        // A line that was closed stays closed, whatever arrives.
        let status = line.get("status").map(text).unwrap_or_default();
        if ["created", "partially_received", "received"].contains(&status.as_str()) {
            let status = match received {
                none if none <= 0.0 => "created",
                part if part < number(&line, "quantity") => "partially_received",
                _ => "received",
            };
            line.insert("status".to_owned(), status.into());
        }
        self.touch(&mut line);
        self.store(lines, line, None)?;
        Ok(())
    }
}

fn number(record: &Map<String, Value>, name: &str) -> f64 {
    let value = record.get(name).map(text).unwrap_or_default();
    value.parse().unwrap_or(0.0)
}
