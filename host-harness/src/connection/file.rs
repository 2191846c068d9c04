//! The file with which a person describes a connection.

use std::fs;
use std::path::{Path, PathBuf};

use toml::de::DeValue;

use super::document::{Document, Field, Table};
use super::{ConnectionFileError, Environment, Limit, Limits, SecretReference, Secrets};
use crate::egress::{Certificates, ClientCertificate, Protocol};
use crate::registry::{ConnectorName, Requirement};

/// A connection as it stands in its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectionFile {
    /// Where it was read from.
    pub path: PathBuf,
    /// The name that a person gave it. Not empty, without `/` and `:`.
    pub name: String,
    /// The connector's name in the registry.
    pub connector: ConnectorName,
    /// The version wanted.
    pub version: Requirement,
    /// Whether it is for real.
    pub environment: Environment,
    /// Names and values in the order of the file; a repeated setting stands
    /// several times. Those whose value is empty are left out.
    pub settings: Vec<(String, String)>,
    /// Where the secrets are kept.
    pub secrets: Secrets,
    /// Certificate authorities that are trusted beside the system's.
    pub certificates: Certificates,
    /// What is shown to a server that asks for a certificate.
    pub client_certificate: Option<ClientCertificate>,
    /// Which versions of HTTP are offered over TLS.
    pub protocol: Protocol,
    /// What the connector may use up.
    pub limits: Limits,
}

impl ConnectionFile {
    /// Reads the file at `path`. No secret is read, and none need exist yet.
    ///
    /// # Errors
    /// Where the file cannot be read or is not a connection file. The message
    /// names the file, the line, the key, and what would be right.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, ConnectionFileError> {
        let path = path.as_ref();
        let text = fs::read_to_string(path).map_err(|source| ConnectionFileError::Unreadable {
            path: path.to_owned(),
            source,
        })?;
        parse(path, &text)
    }
}

fn parse(path: &Path, text: &str) -> Result<ConnectionFile, ConnectionFileError> {
    let document = Document { path, text };
    let content = document.parse()?;
    let root = document.root(&content);
    root.only(&[
        "name",
        "connector",
        "version",
        "environment",
        "settings",
        "secrets",
        "certificates",
        "client-certificate",
        "protocol",
        "limits",
    ])?;
    let table = |key| root.get(key).map(|field| field.table()).transpose();
    let settings_table = table("settings")?;
    Ok(ConnectionFile {
        path: path.to_owned(),
        name: name(&root.require("name", "`name = \"Acme test\"`")?)?,
        connector: root
            .require("connector", "`connector = \"acme\"`")?
            .parsed()?,
        version: optional(&root, "version")?,
        environment: optional(&root, "environment")?,
        secrets: match table("secrets")? {
            Some(table) => secrets(path, &table, settings_table.as_ref())?,
            None => Secrets::default(),
        },
        settings: match settings_table {
            Some(table) => settings(&table)?,
            None => Vec::new(),
        },
        certificates: match root.get("certificates") {
            Some(field) => certificates(path, &field)?,
            None => Certificates::default(),
        },
        client_certificate: match table("client-certificate")? {
            Some(table) => Some(client_certificate(path, &table)?),
            None => None,
        },
        protocol: optional(&root, "protocol")?,
        limits: match table("limits")? {
            Some(table) => limits(&table)?,
            None => Limits::default(),
        },
    })
}

/// The authorities in a PEM file beside the connection file.
fn certificates(file: &Path, field: &Field<'_>) -> Result<Certificates, ConnectionFileError> {
    let path = file
        .parent()
        .unwrap_or_else(|| Path::new(""))
        .join(field.text()?);
    let pem = fs::read_to_string(&path)
        .map_err(|error| field.wrong(format!("{} cannot be read: {error}", path.display())))?;
    Certificates::from_pem(&pem)
        .map_err(|error| field.wrong(format!("{}: {error}", path.display())))
}

fn client_certificate(
    file: &Path,
    table: &Table<'_>,
) -> Result<ClientCertificate, ConnectionFileError> {
    table.only(&["certificate", "key"])?;
    let certificate = table.require("certificate", "`certificate = \"client.pem\"`")?;
    let key = table.require("key", "`key = { file = \"client.key\" }`")?;
    let folder = file.parent().unwrap_or_else(|| Path::new(""));
    Ok(ClientCertificate {
        certificate: folder.join(certificate.text()?),
        key: reference(file, &key)?,
    })
}

/// The default where the key is absent.
fn optional<T>(root: &Table<'_>, key: &str) -> Result<T, ConnectionFileError>
where
    T: std::str::FromStr<Err: ToString> + Default,
{
    root.get(key)
        .map_or_else(|| Ok(T::default()), |field| field.parsed())
}

/// `/` and `:` are refused because a connection's name becomes part of paths
/// and of names with parts.
fn name(field: &Field<'_>) -> Result<String, ConnectionFileError> {
    let name = field.text()?;
    if name.trim().is_empty() {
        return Err(field.wrong("a connection needs a name that people know it by"));
    }
    if name.contains(['/', ':']) || name.contains(char::is_control) {
        return Err(field.wrong("a name has no `/`, no `:` and no line break"));
    }
    Ok(name.to_owned())
}

fn settings(table: &Table<'_>) -> Result<Vec<(String, String)>, ConnectionFileError> {
    let mut settings = Vec::new();
    for field in table.fields() {
        for value in values(&field)? {
            if !value.is_empty() {
                settings.push((field.key.to_owned(), value));
            }
        }
    }
    Ok(settings)
}

fn values(field: &Field<'_>) -> Result<Vec<String>, ConnectionFileError> {
    const EXPECTED: &str = "text in quotes, `true` or `false`, a whole number, \
                            or a list of texts for a setting that may be repeated";
    let value = match field.value() {
        DeValue::String(text) => text.to_string(),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_err(|_| field.wrong("this number is too large: put it in quotes"))?
            .to_string(),
        DeValue::Array(items) => {
            return items
                .iter()
                .map(|item| match item.get_ref() {
                    DeValue::String(text) => Ok(text.to_string()),
                    _ => Err(field.wrong("every item of this list must be text in quotes")),
                })
                .collect();
        }
        _ => return Err(field.not(EXPECTED)),
    };
    Ok(vec![value])
}

fn secrets(
    path: &Path,
    table: &Table<'_>,
    settings: Option<&Table<'_>>,
) -> Result<Secrets, ConnectionFileError> {
    table
        .fields()
        .iter()
        .map(|field| {
            if settings.is_some_and(|settings| settings.get(field.key).is_some()) {
                return Err(field.wrong(
                    "stands in `[settings]` too: if it is a secret, remove it there, \
                     and change the secret, because it may have been read",
                ));
            }
            Ok((field.key.to_owned(), reference(path, field)?))
        })
        .collect()
}

fn reference(path: &Path, field: &Field<'_>) -> Result<SecretReference, ConnectionFileError> {
    let DeValue::Table(_) = field.value() else {
        return Err(field.wrong(format!(
            "a secret is never written into this file. Keep it in an environment variable \
             and write `{key} = {{ env = \"ITS_NAME\" }}`, or in a file that only you may read \
             and write `{key} = {{ file = \"secrets/{key}\" }}`",
            key = field.key
        )));
    };
    let table = field.table()?;
    table.only(&["env", "file"])?;
    match (table.get("env"), table.get("file")) {
        (Some(env), None) => Ok(SecretReference::Env(variable(&env)?)),
        (None, Some(file)) => {
            let name = file.text()?;
            if name.is_empty() {
                return Err(file.wrong("name the file that holds the secret"));
            }
            let folder = path.parent().unwrap_or(Path::new(""));
            Ok(SecretReference::File(folder.join(name)))
        }
        _ => Err(field.wrong("write either `env` or `file`")),
    }
}

/// Whatever cannot be a variable's name may be the secret itself, so it must not
/// get into a later message.
fn variable(field: &Field<'_>) -> Result<String, ConnectionFileError> {
    let name = field.text()?;
    let fits = !name.is_empty()
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if fits {
        Ok(name.to_owned())
    } else {
        Err(field.wrong(
            "this is the name of an environment variable, not the secret: \
             letters, digits and `_`, as in `ACME_CLIENT_SECRET`",
        ))
    }
}

fn limits(table: &Table<'_>) -> Result<Limits, ConnectionFileError> {
    table.only(&Limit::ALL.map(|limit| limit.form().name))?;
    let mut limits = Limits::default();
    for limit in Limit::ALL {
        let form = limit.form();
        if let Some(field) = table.get(form.name) {
            let number = field.within(&form)?;
            limits
                .set(limit, number.into())
                .map_err(|error| field.wrong(error.to_string()))?;
        }
    }
    Ok(limits)
}

#[cfg(test)]
mod tests;
