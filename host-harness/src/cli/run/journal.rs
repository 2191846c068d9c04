//! Where `harness run` keeps what it hands over to a target: beside the input, so that
//! the same command finds it again.

use super::RunArguments;
use host_harness::run::JournalPlace;
use host_harness::runtime::Connection;
use std::path::Path;

/// Where is kept what a run into a target hands over.
pub(super) fn place(
    connection: &Connection,
    arguments: &RunArguments,
    input: &Path,
    rejected: &Path,
) -> JournalPlace {
    let (activity, object) = (&arguments.activity, &arguments.object);
    // A pipe has no name of its own, and may be another one each time.
    let shared = !input.is_file();
    let name = match input.file_name() {
        Some(name) if !shared => name.to_string_lossy().into_owned(),
        _ => "input".to_owned(),
    };
    let of = format!("{activity}-{object}").replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let beside = match shared && arguments.rejected.is_none() {
        true => Path::new(""),
        false => rejected.parent().unwrap_or(Path::new("")),
    };
    let path = arguments.journal.clone();
    let mut settings = connection.settings.clone();
    settings.sort();
    let mut options = arguments.option.clone();
    options.sort();
    JournalPlace {
        path: path.unwrap_or_else(|| beside.join(format!("{name}.{of}.journal"))),
        of: serde_json::json!({
            "connection": connection.name,
            "settings": settings,
            "activity": activity,
            "object": object,
            "options": options,
            "output": arguments.output,
        })
        .to_string(),
        resume: arguments.resume,
        shared,
    }
}
