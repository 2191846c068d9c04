//! Documents with lines: requisitions, purchase orders and invoices.

use serde_json::{Map, Value, json};

use super::object;
use super::seeder::Seeder;
use super::words::GOODS;
use crate::clock;
use crate::random::Random;
use crate::store::StoreError;

/// The values of one purchase order.
pub fn order(
    seeder: &mut Seeder,
    random: &mut Random,
    number: u64,
) -> Result<Map<String, Value>, StoreError> {
    let supplier = seeder.any(random, "Supplier")?;
    let requester = seeder.any(random, "User")?;
    let mut lines = Vec::new();
    for _ in 0..=random.below(3) {
        let mut line = line(seeder, random)?;
        line.insert("supplier".to_owned(), supplier.clone());
        line.insert("match-type".to_owned(), "3-way".into());
        line.insert("receipt-required".to_owned(), true.into());
        lines.push(line);
    }
    let exported = random.chance(30);
    Ok(object(json!({
        "po-number": format!("{}", 2000 + number),
        "status": random.word(&["issued", "issued", "issued", "closed", "cancelled", "draft"]),
        "transmission-status": "sent_via_email",
        "exported": exported,
        "last-exported-at": exported.then(|| clock::from_seconds(1_704_067_200)),
        "supplier": supplier,
        "ship-to-user": requester,
        "ship-to-attention": requester.get("fullname"),
        "ship-to-address": seeder.any(random, "Address")?,
        "payment-term": seeder.any(random, "PaymentTerm")?,
        "currency": {"code": "USD"},
        "order-lines": lines,
    })))
}

/// The values of one requisition.
pub fn requisition(
    seeder: &mut Seeder,
    random: &mut Random,
    _number: u64,
) -> Result<Map<String, Value>, StoreError> {
    let requester = seeder.any(random, "User")?;
    let supplier = seeder.any(random, "Supplier")?;
    let mut lines = Vec::new();
    for _ in 0..=random.below(3) {
        let mut line = line(seeder, random)?;
        let price = line.remove("price").unwrap_or_default();
        line.insert("unit-price".to_owned(), price);
        line.insert("supplier".to_owned(), supplier.clone());
        line.insert("source-type".to_owned(), "Non-Catalog Request".into());
        lines.push(line);
    }
    Ok(object(json!({
        "req-title": random.word(&GOODS),
        "justification": "",
        "status": random.word(&["draft", "pending_approval", "approved", "ordered", "received"]),
        "currency": {"code": "USD"},
        "department": seeder.any(random, "Department")?,
        "requested-by": requester,
        "ship-to-attention": requester.get("fullname"),
        "ship-to-address": seeder.any(random, "Address")?,
        "requisition-lines": lines,
    })))
}

/// The values of one invoice.
pub fn invoice(
    seeder: &mut Seeder,
    random: &mut Random,
    number: u64,
) -> Result<Map<String, Value>, StoreError> {
    let mut lines = Vec::new();
    for _ in 0..=random.below(3) {
        let mut line = line(seeder, random)?;
        line.insert("status".to_owned(), "matched".into());
        line.remove("supp-aux-part-num");
        lines.push(line);
    }
    let net: f64 = lines.iter().map(amount).sum();
    let gross = format!("{:.2}", net * 1.0825);
    let day = 1_700_000_000 + i64::try_from(random.below(30_000_000)).unwrap_or(0);
    Ok(object(json!({
        "invoice-number": format!("INV-{number:06}"),
        "invoice-date": clock::from_seconds(day - day % 86_400),
        "status": random.word(&["draft", "pending_approval", "approved", "approved", "voided", "on_hold"]),
        "tax-rate": 8.25,
        "tax-amount": format!("{:.2}", net * 0.0825),
        "gross-total": gross,
        "total-with-taxes": gross,
        "amount-due": gross,
        "handling-amount": "0.00",
        "misc-amount": "0.00",
        "shipping-amount": "0.00",
        "payment-notes": "",
        "compliant": true,
        "supplier": seeder.any(random, "Supplier")?,
        "account-type": seeder.any(random, "AccountType")?,
        "payment-term": seeder.any(random, "PaymentTerm")?,
        "bill-to-address": seeder.any(random, "Address")?,
        "requested-by": seeder.any(random, "User")?,
        "currency": {"code": "USD"},
        "invoice-lines": lines,
    })))
}

fn line(seeder: &mut Seeder, random: &mut Random) -> Result<Map<String, Value>, StoreError> {
    Ok(object(json!({
        "description": random.word(&GOODS),
        "price": format!("{}.{:02}", random.below(500) + 1, random.below(100)),
        "quantity": format!("{}.0", random.below(20) + 1),
        "source-part-num": format!("P-{}", random.below(1000)),
        "supp-aux-part-num": "",
        "account": seeder.any(random, "Account")?,
        "commodity": seeder.any(random, "Commodity")?,
        "uom": seeder.any(random, "Uom")?,
        "currency": {"code": "USD"},
    })))
}

fn amount(line: &Map<String, Value>) -> f64 {
    let number = |name: &str| line.get(name)?.as_str()?.parse::<f64>().ok();
    number("price").unwrap_or(0.0) * number("quantity").unwrap_or(0.0)
}
