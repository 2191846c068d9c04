//! Users.

use serde_json::{Map, Value, json};

use super::object;
use super::seeder::Seeder;
use super::words::*;
use crate::random::Random;
use crate::store::StoreError;

/// The values of one user.
pub fn user(
    seeder: &mut Seeder,
    random: &mut Random,
    number: u64,
) -> Result<Map<String, Value>, StoreError> {
    let (first, last) = (random.word(&FIRST_NAMES), random.word(&LAST_NAMES));
    let login = format!("{}{}{number}", &first[..1], last).to_lowercase();
    let phone = random.chance(50).then(|| {
        json!({"country-code": "1", "area-code": "650", "number": format!("555{:04}", random.below(10_000))})
    });
    Ok(object(json!({
        "email": format!("{login}@example.com"),
        "login": login,
        "firstname": first,
        "lastname": last,
        "employee-number": if random.chance(90) { format!("E{number:05}") } else { String::new() },
        "active": random.chance(95),
        "expense-user": random.chance(60),
        "phone-work": phone,
        "roles": [{"name": "User"}],
        "manager": seeder.any(random, "User")?,
        "department": seeder.any(random, "Department")?,
        "default-currency": seeder.any(random, "Currency")?,
        "default-account-type": seeder.any(random, "AccountType")?,
        "content-groups": [{"name": "Everyone"}],
        "custom-fields": {"cost-center": format!("CC{}", random.below(9) * 100 + 100)},
    })))
}
