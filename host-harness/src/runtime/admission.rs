//! Looks at a component before anything of it is compiled: what it imports and
//! exports, by name, against what this host links and needs.

use wasmparser::{ComponentTypeRef, Parser, Payload};

/// The version of the contract that this host serves: every `0.2.x`.
pub const CONTRACT: &str = "integration:connector";
const CONTRACT_MINOR: (u64, u64) = (0, 2);
const WASI_MINOR: (u64, u64) = (0, 3);

/// Interfaces of the contract that a connector may import.
const HOST_INTERFACES: [&str; 5] = ["types", "secrets", "cache", "files", "log"];
/// Interfaces that a connector has to export.
const CONNECTOR_INTERFACES: [&str; 2] = ["connector", "design"];
/// What else it may import.
const WASI_INTERFACES: [&str; 5] = [
    "wasi:http/types",
    "wasi:http/client",
    "wasi:clocks/types",
    "wasi:clocks/monotonic-clock",
    "wasi:clocks/system-clock",
];

/// What a component imports and exports, by name with version.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Interfaces {
    /// Names such as `wasi:http/client@0.3.0`, in the component's order.
    pub imports: Vec<String>,
    /// Likewise.
    pub exports: Vec<String>,
}

/// Reads the names of a component's imports and exports.
///
/// # Errors
/// If the bytes are no well-formed component.
pub fn interfaces(bytes: &[u8]) -> Result<Interfaces, String> {
    let mut found = Interfaces::default();
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(|error| format!("it is no WebAssembly that can be read: {error}"))? {
            Payload::Version { encoding, .. } => {
                if depth == 0 && encoding != wasmparser::Encoding::Component {
                    return Err("it is a core module and not a component".to_owned());
                }
                depth += 1;
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section {
                    let import = import.map_err(|error| error.to_string())?;
                    if matches!(import.ty, ComponentTypeRef::Instance(_)) {
                        found.imports.push(import.name.name.to_owned());
                    } else {
                        return Err(format!(
                            "it imports “{}”, which is no interface",
                            import.name.name
                        ));
                    }
                }
            }
            Payload::ComponentExportSection(section) if depth == 1 => {
                for export in section {
                    let export = export.map_err(|error| error.to_string())?;
                    found.exports.push(export.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok(found)
}

/// Whether this host can run a component, and if not, why.
///
/// # Errors
/// One sentence for a person.
pub fn check(bytes: &[u8]) -> Result<(), String> {
    let found = interfaces(bytes)?;
    for import in &found.imports {
        let (name, version) = split(import);
        let allowed = match name.split_once('/') {
            Some((CONTRACT, interface)) if HOST_INTERFACES.contains(&interface) => {
                check_version(import, version, CONTRACT_MINOR)?;
                true
            }
            _ if WASI_INTERFACES.contains(&name) => {
                check_version(import, version, WASI_MINOR)?;
                true
            }
            _ => false,
        };
        if !allowed {
            return Err(format!(
                "it imports {import}, which no connector may: only {CONTRACT}, wasi:http and \
                 wasi:clocks. Build it for wasm32-unknown-unknown, whose standard library \
                 imports nothing"
            ));
        }
    }
    for interface in CONNECTOR_INTERFACES {
        let name = format!("{CONTRACT}/{interface}");
        let export = found.exports.iter().find(|export| split(export).0 == name);
        match export {
            Some(export) => check_version(export, split(export).1, CONTRACT_MINOR)?,
            None => return Err(format!("it does not export {name}")),
        }
    }
    Ok(())
}

/// The version of the contract that these exports keep to; absent where they are
/// not those of a connector.
#[must_use]
pub fn contract_of(exports: &[String]) -> Option<semver::Version> {
    let name = format!("{CONTRACT}/{}", CONNECTOR_INTERFACES[0]);
    let export = exports.iter().find(|export| split(export).0 == name)?;
    split(export).1.parse().ok()
}

/// Whether this host serves a version of the contract.
#[must_use]
pub fn serves(contract: &semver::Version) -> bool {
    (contract.major, contract.minor) == CONTRACT_MINOR && contract.pre.is_empty()
}

/// The versions of the contract that this host serves, for messages.
#[must_use]
pub fn served() -> String {
    format!("{}.{}.x", CONTRACT_MINOR.0, CONTRACT_MINOR.1)
}

fn split(name: &str) -> (&str, &str) {
    name.split_once('@').unwrap_or((name, ""))
}

fn check_version(name: &str, version: &str, serves: (u64, u64)) -> Result<(), String> {
    let parsed = semver::Version::parse(version)
        .map_err(|_| format!("it names {name} without a version"))?;
    if (parsed.major, parsed.minor) != serves || !parsed.pre.is_empty() {
        return Err(format!(
            "it needs {name}, and this host serves {}.{}.x: use a host or a version of the \
             connector that fits",
            serves.0, serves.1
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_component_is_refused() {
        assert!(check(b"").unwrap_err().contains("read") || check(b"").is_err());
        assert!(check(b"\x7fELF").unwrap_err().contains("no WebAssembly"));
        assert!(
            check(b"\0asm\x01\0\0\0")
                .unwrap_err()
                .contains("core module")
        );
        assert!(
            check(b"\0asm\x0d\0\x01\0")
                .unwrap_err()
                .contains("does not export")
        );
    }

    #[test]
    fn versions_are_served_within_a_minor() {
        assert!(check_version("x", "0.2.7", CONTRACT_MINOR).is_ok());
        assert!(check_version("x", "0.1.0", CONTRACT_MINOR).is_err());
        assert!(check_version("x", "0.2.0-rc.1", CONTRACT_MINOR).is_err());
        assert!(check_version("x", "", CONTRACT_MINOR).is_err());
    }
}
