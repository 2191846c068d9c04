//! Spellings: a name's forms in paths, keys, elements and sentences.

/// The kebab form of a name given in snake, kebab or camel case.
pub fn kebab(name: &str) -> String {
    let mut kebab = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        match letter {
            '_' => kebab.push('-'),
            upper if upper.is_ascii_uppercase() => {
                if !kebab.is_empty() && !kebab.ends_with('-') {
                    kebab.push('-');
                }
                kebab.push(upper.to_ascii_lowercase());
            }
            other => kebab.push(other),
        }
    }
    kebab
}

/// The camel form of a kebab or snake name, or of a path.
pub fn camel(name: &str) -> String {
    let mut camel = String::with_capacity(name.len());
    let mut begins = false;
    for letter in name.chars() {
        match letter {
            '-' | '_' | '/' => begins = true,
            other if begins => {
                camel.push(other.to_ascii_uppercase());
                begins = false;
            }
            other => camel.push(other),
        }
    }
    camel
}

/// The snake form of a kebab name.
pub fn snake(name: &str) -> String {
    name.replace('-', "_")
}

/// A record type as the key of an error envelope: `order_header`.
pub fn model_key(record_type: &str) -> String {
    snake(&kebab(record_type)).replace("__", "_")
}

/// A record type in a sentence: `Order header`.
pub fn model_words(record_type: &str) -> String {
    sentence_case(&kebab(record_type))
}

/// A field in a sentence: `PO method`, `Invoice number`.
pub fn field_words(name: &str) -> String {
    match name.strip_prefix("po-") {
        Some(rest) => format!("PO {}", rest.replace('-', " ")),
        None => sentence_case(name),
    }
}

/// The singular of a plural name, by the endings that Coupa's names have.
pub fn singular(plural: &str) -> String {
    const ES: [&str; 5] = ["sses", "shes", "ches", "xes", "uses"];
    if let Some(stem) = plural.strip_suffix("ies") {
        return format!("{stem}y");
    }
    if ES.iter().any(|ending| plural.ends_with(ending)) {
        return plural[..plural.len() - 2].to_owned();
    }
    match plural.strip_suffix('s') {
        Some(stem) if !plural.ends_with("ss") => stem.to_owned(),
        _ => plural.to_owned(),
    }
}

fn sentence_case(kebab: &str) -> String {
    let words = kebab.replace('-', " ");
    let mut letters = words.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_their_forms() {
        assert_eq!(kebab("createdAt"), "created-at");
        assert_eq!(kebab("order_lines"), "order-lines");
        assert_eq!(camel("coupa_pay/payments"), "coupaPayPayments");
        assert_eq!(camel("level-10-name"), "level10Name");
        assert_eq!(model_key("OrderHeader"), "order_header");
        assert_eq!(model_key("CoupaPay-Payment"), "coupa_pay_payment");
        assert_eq!(field_words("po-method"), "PO method");
        assert_eq!(field_words("invoice-number"), "Invoice number");
    }

    #[test]
    fn plurals_have_singulars() {
        for (plural, one) in [
            ("currencies", "currency"),
            ("addresses", "address"),
            ("order-headers", "order-header"),
            ("taxes", "tax"),
            ("statuses", "status"),
            ("supplier-information", "supplier-information"),
            ("exchange-rates", "exchange-rate"),
        ] {
            assert_eq!(singular(plural), one);
        }
    }
}
