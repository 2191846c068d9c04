//! What a call would do.

/// A request as a call would send it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedRequest {
    pub method: &'static str,
    pub path: String,
    pub body: Option<String>,
    pub note: String,
}

/// How much there is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    pub records: u64,
    pub requests: u64,
    pub time_ms: u64,
}

/// What the credentials allow, against what a call needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permissions {
    pub needed: Vec<String>,
    /// None: Coupa does not say.
    pub held: Option<Vec<String>>,
    pub missing: Vec<String>,
    pub unneeded: Vec<String>,
}

/// What a call would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    pub requests: Vec<PlannedRequest>,
    pub permissions: Option<Permissions>,
    pub extent: Option<Extent>,
    pub notes: Vec<String>,
}
