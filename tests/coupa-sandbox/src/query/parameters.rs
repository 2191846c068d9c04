//! The query string, decoded.

use percent_encoding::percent_decode_str;

/// Names and values in the order in which they were sent. An unencoded `+` is
/// a space, as everywhere in form encoding; a client that forgets to encode
/// the `+` of a time's offset finds out here.
#[derive(Debug, Clone, Default)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Decodes a query string, or a form.
    pub fn parse(text: &str) -> Self {
        let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        });
        Self(pairs.collect())
    }

    /// The last value with this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().rev().find(|(other, _)| other == name)?;
        Some(&found.1)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Leaves those whose name passes.
    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.0.retain(|(name, _)| keep(name));
    }

    /// Sets one in place of all with its name.
    pub fn set(&mut self, name: &str, value: &str) {
        self.retain(|other| other != name);
        self.0.push((name.to_owned(), value.to_owned()));
    }

    /// Adds the parameters of another.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }
}

fn decode(text: &str) -> String {
    percent_decode_str(&text.replace('+', " "))
        .decode_utf8_lossy()
        .into_owned()
}
