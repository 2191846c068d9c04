//! Filters held against what jq 1.8 makes by them: `table.jsonl`, whose values come from
//! jq itself. A filter that gives other data without a word is an error here.

use super::{Mapper, Mapping};
use serde_json::Value;

const TABLE: &str = include_str!("table.jsonl");

/// Whether two values are the same: numbers as numbers, to the last digits but one,
/// because mathematical functions differ from machine to machine.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            let number = |number: &serde_json::Number| number.to_string().parse().unwrap_or(0.0);
            let (one, other): (f64, f64) = (number(one), number(other));
            one == other || (one - other).abs() <= other.abs() * 1e-14
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(key, one)| other.get(key).is_some_and(|other| same(one, other)))
        }
        _ => one == other,
    }
}

/// What becomes of a record: all outputs, `refused` or `rejected`.
async fn made(filter: &str, record: &str) -> Result<Value, &'static str> {
    // On lines of its own, so that a comment ends.
    let mapping = Mapping::parse(&format!("{{v: [{filter}\n]}}")).map_err(|_| "refused")?;
    let mapper = Mapper::start(&mapping).map_err(|_| "refused")?;
    let made = mapper.map(record.to_owned()).await;
    let made = made.map_err(|_| "rejected")?;
    let [made] = made.as_slice() else {
        return Err("several records");
    };
    let mut made: Value = serde_json::from_str(made).map_err(|_| "no JSON")?;
    Ok(made["v"].take())
}

#[tokio::test]
async fn filters_give_what_jq_gives_or_say_that_they_do_not() {
    let mut input = String::new();
    let mut filters = 0;
    let mut wrong = Vec::new();
    for line in TABLE.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        if row.get("input").is_some() {
            // As it stands there, with its digits.
            let text = line.strip_prefix("{\"input\":").unwrap();
            input = text.strip_suffix('}').unwrap().to_owned();
        }
        let Some(filter) = row["filter"].as_str() else {
            continue;
        };
        filters += 1;
        let made = made(filter, &input).await;
        let is_right = match (&made, &row["jq"], row["here"].as_str()) {
            (Err(how), _, Some(here)) => *how == here,
            (Err(how), Value::String(_), None) => ["refused", "rejected"].contains(how),
            (Ok(made), jq @ Value::Array(_), None) => same(made, jq),
            _ => false,
        };
        if !is_right {
            wrong.push(format!("{line}\n    here: {made:?}"));
        }
    }
    assert!(filters > 1000, "{filters}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
