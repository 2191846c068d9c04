//! Believable text by what a field is called.

use super::words::*;
use crate::model::RecordType;
use crate::random::Random;

/// A text for a field; none where it is better left out.
pub fn text(
    random: &mut Random,
    record_type: &RecordType,
    name: &str,
    number: u64,
) -> Option<String> {
    // One record is in one place.
    let place = PLACES.get(usize::try_from(number).unwrap_or(0) % PLACES.len());
    let (city, state, postal_code, _) = place.copied().unwrap_or_default();
    Some(match name {
        // Left to the defaults, or null.
        "status" | "state" | "type" if !record_type.shape.contains(&"city") => return None,
        "code" => format!("C{number:05}"),
        "name" | "title" => titled(random, record_type.name, number),
        "description" | "item-description" => random.word(&GOODS).to_owned(),
        "street1" => format!("{} {}", random.below(200) + 1, random.word(&STREETS)),
        "city" => city.to_owned(),
        "state" => state.to_owned(),
        "postal-code" => postal_code.to_owned(),
        "remit-to-code" => format!("R{number}"),
        "firstname" | "first-name" | "name-given" => random.word(&FIRST_NAMES).to_owned(),
        "lastname" | "last-name" | "name-family" => random.word(&LAST_NAMES).to_owned(),
        "contact-name" | "attention" => {
            format!("{} {}", random.word(&FIRST_NAMES), random.word(&LAST_NAMES))
        }
        "merchant" | "carrier" | "company" | "manufacturer" | "manufacturer-name"
        | "display-name" | "supplier-name" => company(random),
        "uom" => "EA".to_owned(),
        "locale" | "default-locale" => "en".to_owned(),
        "website" | "url" | "corporate-url" => "https://www.example.com".to_owned(),
        "tag" => format!("TAG-{number:05}"),
        "aisle" | "bin" | "level" => {
            format!("{}{}", random.word(&["A", "B", "C"]), number % 20 + 1)
        }
        "key" => "name".to_owned(),
        "notes" | "note" | "comments" | "comment" | "message" | "justification" | "reason"
        | "subject" | "value" => random.word(&REMARKS).to_owned(),
        _ if name.starts_with("segment-") => match name {
            "segment-1" => format!("{:02}", number % 20 + 1),
            "segment-2" => format!("{:03}", number % 1000),
            "segment-3" => format!("{}", 6000 + number),
            _ => return None,
        },
        _ if name.ends_with("content-type") => "application/pdf".to_owned(),
        _ if name.ends_with("file-name") => format!("document-{number}.pdf"),
        _ if name.ends_with("file-size") => format!("{}", random.below(900_000) + 1000),
        _ if name.contains("email") => format!("contact{number}@example.com"),
        _ if has_number(name) => format!("{}-{number:06}", initials(name)),
        _ => return None,
    })
}

fn has_number(name: &str) -> bool {
    name.contains("number")
        || ["-num", "-ref", "-reference", "-identifier"]
            .iter()
            .any(|e| name.ends_with(e))
}

/// `TN` for `tracking-number`.
fn initials(name: &str) -> String {
    let letters = name.split('-').filter_map(|word| word.chars().next());
    letters.map(|letter| letter.to_ascii_uppercase()).collect()
}

fn company(random: &mut Random) -> String {
    let (first, second) = (random.word(&COMPANY_FIRST), random.word(&COMPANY_SECOND));
    format!("{first} {second} {}", random.word(&COMPANY_FORM))
}

/// A name with a number, since many names have to be unique.
fn titled(random: &mut Random, record_type: &str, number: u64) -> String {
    let what = match record_type {
        "Project" | "Task" | "QuoteRequest" | "OrderPad" => random.word(&INITIATIVES).to_owned(),
        "ExpenseReport" => format!("Trip to {}", random.pick(&PLACES).unwrap_or_default().0),
        "Department" => random.word(&DEPARTMENTS).to_owned(),
        "Item" => random.word(&GOODS).to_owned(),
        "Contract" | "ContractTemplate" => format!("{} framework", random.word(&COMPANY_FIRST)),
        "Warehouse" | "Address" | "RemitToAddress" => {
            format!(
                "{} {}",
                random.pick(&PLACES).unwrap_or_default().0,
                random.word(&SITES)
            )
        }
        "JobTitle" | "JobCategory" | "JobLevel" => random.word(&JOBS).to_owned(),
        "BusinessGroup" | "UserGroup" | "AccountGroup" => {
            format!("{} group", random.word(&DEPARTMENTS))
        }
        "LegalEntity"
        | "BusinessEntity"
        | "FinancialCounterparty"
        | "SupplierInformation"
        | "SupplierInformationSite"
        | "SupplierSite"
        | "QuoteSupplier" => company(random),
        _ => random.word(&COMPANY_SECOND).to_owned(),
    };
    format!("{what} {number}")
}
