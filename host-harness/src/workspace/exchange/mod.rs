//! A project as a folder of readable TOML files that can live in git.
//!
//! ```text
//! variables.toml                           the global variables
//! projects/<project>/variables.toml
//! projects/<project>/connections/<name>.<connector>.toml    with its activities
//! projects/<project>/operations/<name>.toml
//! ```
//!
//! No secret is ever in them: not those of connections, and not the values of
//! secret variables. Policies, agents and groups are each installation's own and
//! stay out as well. Names stand inside the files; a file's own name is for
//! people.

mod document;
mod export;
mod import;

pub use export::Exported;
pub use import::Imported;
