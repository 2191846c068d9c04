//! Forms with a file (RFC 7578), as Coupa takes attachments and scans.

use crate::fingerprint::fingerprint;
use crate::host::Body;

/// A form: fields, and a file that is streamed.
#[derive(Debug, Clone)]
pub struct Multipart {
    boundary: String,
    fields: Vec<(String, String)>,
    file: Option<(String, String)>,
}

impl Multipart {
    /// An empty form. `chance` is anything that differs from form to form: what
    /// is sent must not hold the line that parts it, and cannot be searched for it.
    pub fn new(chance: &str) -> Self {
        let (one, other) = (fingerprint(chance), fingerprint(&format!("{chance} again")));
        Self {
            boundary: format!("form-{one}{other}"),
            fields: Vec::new(),
            file: None,
        }
    }

    #[must_use]
    pub fn field(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A file of the run.
    #[must_use]
    pub fn file(mut self, field: &str, name: &str) -> Self {
        self.file = Some((field.to_owned(), name.to_owned()));
        self
    }

    pub fn content_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    pub fn body(&self) -> Body {
        let mut before = String::new();
        for (name, value) in &self.fields {
            before.push_str(&format!(
                "--{}\r\nContent-Disposition: form-data; name=\"{}\"\r\n\r\n{value}\r\n",
                self.boundary,
                quoted(name)
            ));
        }
        let end = format!("--{}--\r\n", self.boundary);
        match &self.file {
            None => Body::Bytes((before + &end).into_bytes()),
            Some((field, name)) => {
                before.push_str(&format!(
                    "--{}\r\nContent-Disposition: form-data; name=\"{}\"; filename=\"{}\"\r\n\
                     Content-Type: {}\r\n\r\n",
                    self.boundary,
                    quoted(field),
                    quoted(name),
                    media_type(name)
                ));
                Body::File {
                    before: before.into_bytes(),
                    name: name.clone(),
                    after: format!("\r\n{end}").into_bytes(),
                }
            }
        }
    }
}

/// As browsers write names in a form.
fn quoted(text: &str) -> String {
    text.replace('"', "%22")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// The media type that the end of a file's name stands for.
pub fn media_type(name: &str) -> &'static str {
    let end = name.rsplit_once('.').map_or("", |(_, end)| end);
    match end.to_ascii_lowercase().as_str() {
        "pdf" => "application/pdf",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "tif" | "tiff" => "image/tiff",
        "xml" => "application/xml",
        "json" => "application/json",
        "csv" => "text/csv",
        "txt" => "text/plain",
        "zip" => "application/zip",
        "docx" => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "xlsx" => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_out_of_a_form() {
        let form = Multipart::new("x")
            .field("attachment[type]", "file")
            .file("attachment[file]", "a\"\r\nX: y.pdf");
        let Body::File { before, after, .. } = form.body() else {
            panic!("no file");
        };
        let text = String::from_utf8(before).unwrap();
        assert!(text.contains("filename=\"a%22%0D%0AX: y.pdf\""));
        assert!(text.contains("Content-Type: application/pdf\r\n\r\n"));
        assert!(String::from_utf8(after).unwrap().ends_with("--\r\n"));
    }
}
