//! What can go wrong with an OCI registry, and what to do about it.

/// Why an OCI registry could not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OciError {
    /// The settings cannot be.
    #[error("the registry {registry} cannot be used: {why}")]
    Settings {
        /// The registry.
        registry: String,
        /// What is wrong, and what would be right.
        why: String,
    },
    /// No connection came about, or none in time.
    #[error(
        "the registry {registry} cannot be reached ({why}): look at its address and at the \
         network; versions that this agent has keep running meanwhile"
    )]
    Unreachable {
        /// The registry.
        registry: String,
        /// What happened.
        why: String,
    },
    /// Its certificate is not to be trusted.
    #[error(
        "the registry {registry} shows a certificate that is not trusted ({why}): if its \
         authority is a company's own, name that in agent.toml as certificate-authority"
    )]
    Certificate {
        /// The registry.
        registry: String,
        /// What is wrong with it.
        why: String,
    },
    /// It does not take the credentials, or wants some.
    #[error(
        "the registry {registry} does not let {who} in: set user and password, or a token, in \
         agent.toml, and look whether they are still good"
    )]
    Credentials {
        /// The registry.
        registry: String,
        /// Who asked.
        who: String,
    },
    /// Its token server gives no token.
    #[error("the registry {registry} sends to its token server, which gives none: {why}")]
    Token {
        /// The registry.
        registry: String,
        /// What it said.
        why: String,
    },
    /// Whoever asks may not do that.
    #[error("the registry {registry} does not let {who} {what}: its administrator can change that")]
    Forbidden {
        /// The registry.
        registry: String,
        /// Who asked.
        who: String,
        /// What was asked.
        what: String,
    },
    /// It wants to be left alone for a while, and went on wanting that.
    #[error("the registry {registry} has had too many requests (429): try again later")]
    Busy {
        /// The registry.
        registry: String,
    },
    /// It fails.
    #[error("the registry {registry} fails ({status}) at {what}: try again later")]
    Failing {
        /// The registry.
        registry: String,
        /// The HTTP status.
        status: u16,
        /// What was asked.
        what: String,
    },
    /// It has no such thing.
    #[error("the registry {registry} has no {what}")]
    NotFound {
        /// The registry.
        registry: String,
        /// What was asked.
        what: String,
    },
    /// It answers what no registry does.
    #[error("the registry {registry} answers {what} in a way that is not understood: {why}")]
    Unexpected {
        /// The registry.
        registry: String,
        /// What was asked.
        what: String,
        /// What is wrong.
        why: String,
    },
    /// An answer that is larger than such a thing can be.
    #[error("the registry {registry} answers {what} with more than {limit} bytes: not taken")]
    TooLarge {
        /// The registry.
        registry: String,
        /// What was asked.
        what: String,
        /// The most that is taken.
        limit: u64,
    },
    /// A manifest that is not what its digest says.
    #[error(
        "the registry {registry} says that {what} is {said}, and it is {found}: nothing was \
         taken. Try again; if it stays, publish that version again"
    )]
    WrongDigest {
        /// The registry.
        registry: String,
        /// What was asked.
        what: String,
        /// The digest that was said.
        said: String,
        /// The digest of what came.
        found: String,
    },
    /// Something is there that is no connector.
    #[error("{what} in the registry {registry} is no connector: {why}")]
    NotAConnector {
        /// The registry.
        registry: String,
        /// The repository and tag.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// The transfer broke off, again and again.
    #[error(
        "the transfer of {what} from the registry {registry} broke off {attempts} times, the \
         last time after {have} of {size} bytes ({why}): the next attempt goes on from there"
    )]
    BrokenOff {
        /// The registry.
        registry: String,
        /// What was asked.
        what: String,
        /// How often it was tried without a byte more.
        attempts: u32,
        /// The bytes that are there.
        have: u64,
        /// The bytes there should be.
        size: u64,
        /// What happened.
        why: String,
    },
}

impl OciError {
    /// Stable, for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Settings { .. } => "registry.settings",
            Self::Unreachable { .. } => "registry.unreachable",
            Self::Certificate { .. } => "registry.certificate",
            Self::Credentials { .. } => "registry.credentials",
            Self::Token { .. } => "registry.token",
            Self::Forbidden { .. } => "registry.forbidden",
            Self::Busy { .. } => "registry.busy",
            Self::Failing { .. } => "registry.failing",
            Self::NotFound { .. } => "registry.not-found",
            Self::Unexpected { .. } => "registry.unexpected-answer",
            Self::TooLarge { .. } => "registry.too-large",
            Self::WrongDigest { .. } => "registry.wrong-digest",
            Self::NotAConnector { .. } => "registry.not-a-connector",
            Self::BrokenOff { .. } => "registry.broken-off",
        }
    }

    /// Whether it is about what was asked alone, so that the registry may have more to
    /// say of other things.
    pub(crate) const fn is_of_one_thing(&self) -> bool {
        matches!(
            self,
            Self::Credentials { .. }
                | Self::Forbidden { .. }
                | Self::Unexpected { .. }
                | Self::TooLarge { .. }
        )
    }

    /// Whether the registry could not be asked, or had nothing to say.
    pub(crate) const fn is_out_of_reach(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. } | Self::Busy { .. } | Self::Failing { .. }
        )
    }
}
