//! What can go wrong between a group's agents and its workspace.

use super::name::InvalidGroupName;
use super::streams::LEAST_PAYLOAD;
use crate::sealing::{KeyError, SealError};

/// Why something could not be done with a group.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GroupError {
    /// The server cannot be reached, or does not let us in.
    #[error(
        "the NATS server {server} cannot be used: {why}. Look whether it runs, with JetStream \
         switched on (`nats-server -js`), and whether the user, the password or the key is right"
    )]
    Connect {
        /// Its address, without credentials.
        server: String,
        /// What the client says.
        why: String,
    },
    /// A file with credentials or certificates.
    #[error("{what} cannot be used: {why}")]
    Credentials {
        /// Which.
        what: String,
        /// Why.
        why: String,
    },
    /// The server did not do what it was asked.
    #[error("NATS did not {what}: {why}")]
    Server {
        /// What it was asked.
        what: &'static str,
        /// What it says.
        why: String,
    },
    /// The name of a group or an agent.
    #[error(transparent)]
    Name(#[from] InvalidGroupName),
    /// Something could not be sealed.
    #[error("it could not be sealed for the group: {0}")]
    Seal(#[from] SealError),
    /// The group's key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Something that does not open.
    #[error(
        "{what} does not open: it was sealed under another key, or altered. The workspace and all \
         agents of a group need the same group key"
    )]
    Sealed {
        /// What.
        what: &'static str,
    },
    /// Something that opens and cannot be understood.
    #[error("{what} cannot be understood: {why}")]
    Malformed {
        /// What.
        what: &'static str,
        /// Why.
        why: String,
    },
    /// It is more than the server takes in one message.
    #[error(
        "the job has {bytes} bytes, and the NATS server takes at most {most} in one message: \
         raise the server's max_payload"
    )]
    TooLarge {
        /// How large it is.
        bytes: usize,
        /// How large it may be.
        most: usize,
    },
    /// The server takes hardly anything in one message.
    #[error(
        "the NATS server takes at most {most} bytes in one message, and a group needs {LEAST_PAYLOAD}: raise the \
         server's max_payload"
    )]
    SmallMessages {
        /// How much it takes.
        most: usize,
    },
    /// An input is more than is put on the server.
    #[error(
        "the input has more than {most} bytes, which is the most that is put on the NATS server \
         for its agents: start the workspace with a larger --group-input, or divide the input"
    )]
    InputTooLarge {
        /// How large it may be.
        most: u64,
    },
    /// An input cannot be read, where it is put on the server.
    #[error("the input cannot be read: {0}")]
    Input(#[source] std::io::Error),
    /// An input is not on the server any more.
    #[error(
        "the input of the run is not on the NATS server any more, which keeps it for 14 days: \
         start the run anew"
    )]
    InputGone,
    /// An input is not what was put on the server.
    #[error("the input of the run is not what the workspace put on the NATS server")]
    InputAltered,
    /// Another agent has the job.
    #[error("another agent has taken this run over")]
    Fenced,
    /// Another agent of the group has the name.
    #[error(
        "an agent called “{0}” is in the group already: stop that one, or give this one another \
         --name"
    )]
    NameTaken(String),
}

impl GroupError {
    /// For what NATS answers.
    pub(super) fn server<E: std::fmt::Display>(what: &'static str) -> impl Fn(E) -> Self {
        move |error| Self::Server {
            what,
            why: error.to_string(),
        }
    }
}
