//! What the files hold. Everything is referred to by name.

use crate::egress::Protocol;
use crate::records::Format;
use crate::workspace::Setting;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Variables {
    #[serde(default)]
    pub(super) variables: Vec<Variable>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Variable {
    pub(super) name: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) description: String,
    #[serde(default)]
    pub(super) secret: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) value: Option<String>,
    /// By the name of the environment.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) environments: BTreeMap<String, String>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Connection {
    pub(super) name: String,
    pub(super) connector: String,
    pub(super) version: String,
    #[serde(default)]
    pub(super) use_proxy: bool,
    #[serde(default)]
    pub(super) protocol: Protocol,
    #[serde(default)]
    pub(super) settings: Vec<Setting>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) limits: Vec<Setting>,
    #[serde(default)]
    pub(super) activities: Vec<Activity>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Activity {
    pub(super) name: String,
    pub(super) activity: String,
    pub(super) role: String,
    pub(super) object: String,
    #[serde(default)]
    pub(super) options: Vec<Setting>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Operation {
    pub(super) name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) mapping: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) on_success: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) on_failure: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) only_changed: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) source: Option<End>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) target: Option<End>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub(super) enum End {
    Activity {
        connector: String,
        connection: String,
        activity: String,
        name: String,
    },
    File {
        path: String,
        format: Format,
    },
    Rejected,
}
