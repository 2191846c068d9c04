//! Suppliers.

use serde_json::{Map, Value, json};

use super::object;
use super::seeder::Seeder;
use super::words::*;
use crate::random::Random;
use crate::store::StoreError;

/// The values of one supplier.
pub fn supplier(
    seeder: &mut Seeder,
    random: &mut Random,
    number: u64,
) -> Result<Map<String, Value>, StoreError> {
    let display = format!(
        "{} {}",
        random.word(&COMPANY_FIRST),
        random.word(&COMPANY_SECOND)
    );
    let name = format!("{display} {} {number}", random.word(&COMPANY_FORM));
    let domain = display.to_lowercase().replace(' ', "");
    let (city, state, postal_code, country) = random.pick(&PLACES).unwrap_or_default();
    let address = random.chance(25).then(|| {
        json!({
            "name": name, "street1": format!("{} {}", random.below(200) + 1, random.word(&STREETS)),
            "street2": "", "city": city, "state": state, "postal-code": postal_code,
            "country": {"code": country}, "active": true,
        })
    });
    let contact = random.chance(25).then(|| {
        json!({
            "email": format!("{}@{domain}.example", random.word(&FIRST_NAMES).to_lowercase()),
            "name-given": random.word(&FIRST_NAMES), "name-family": random.word(&LAST_NAMES),
            "active": true,
        })
    });
    let mut supplier = object(json!({
        "name": name,
        "display-name": display,
        "number": format!("S-{number:06}"),
        "status": if random.chance(92) { "active" } else { "inactive" },
        "po-method": "email",
        "po-email": format!("orders@{domain}.example"),
        "account-number": if random.chance(50) { format!("{}", 1000 + random.below(9000)) } else { String::new() },
        "tax-id": format!("{:02}-{:07}", random.below(90) + 10, random.below(10_000_000)),
        "invoice-matching-level": random.word(&["2-way", "3-way", "none"]),
        "savings-pct": format!("{}.0", random.below(10)),
        "primary-contact": contact,
        "primary-address": address,
        "payment-term": seeder.any(random, "PaymentTerm")?,
        "shipping-term": if random.chance(40) { seeder.any(random, "ShippingTerm")? } else { Value::Null },
        "custom-fields": {
            "erp-vendor-id": format!("{}", 100_000 + number),
            "region": random.word(&["EMEA", "AMER", "APAC"]),
        },
    }));
    if random.chance(10) {
        let remit_to = json!([{
            "remit-to-code": format!("R{number}"), "name": "AP", "street1": "PO Box 9",
            "city": city, "state": state, "postal-code": postal_code,
            "country": {"code": country}, "active": true,
        }]);
        supplier.insert("remit-to-addresses".to_owned(), remit_to);
    }
    Ok(supplier)
}
