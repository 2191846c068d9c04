//! `harness replay`.

use super::{Failed, print};
use clap::Args;
use flate2::read::GzDecoder;
use host_harness::agent::Agent;
use host_harness::registry::Digest;
use host_harness::runtime::recording::{RecordedCall, replay};
use host_harness::workspace::{BUNDLE_FORMAT, BundleManifest};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Args)]
pub struct ReplayArguments {
    /// The bundle, of `harness run bundle`.
    bundle: PathBuf,
    /// Another component than the one that was recorded, a .wasm file.
    #[arg(long, value_name = "FILE")]
    component: Option<PathBuf>,
}

/// The most that one file of a bundle may hold: more than a recording can.
const MOST_BYTES: u64 = 1 << 30;

/// Runs what is recorded in a bundle again, without any network. Answers whether
/// all was the same.
pub async fn run(agent: &Agent, arguments: ReplayArguments) -> Result<ExitCode, Failed> {
    let (manifest, recordings) = open(&arguments.bundle)?;
    print(&format!(
        "run {} of “{}”, recorded by version {}",
        manifest.run.id, manifest.run.operation_name, manifest.program
    ))?;
    if recordings.is_empty() {
        return Err(
            "the run was not recorded: run the operation with --record, and make a bundle of that \
             run"
            .into(),
        );
    }
    let mut same = true;
    for (name, recording) in recordings {
        let call = first_line(&recording)?;
        let connector = match &arguments.component {
            Some(path) => {
                let bytes = std::fs::read(path)
                    .map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
                agent.load(Digest::of(&bytes), bytes).await?
            }
            None => agent
                .load_stored(call.digest.parse()?)
                .await
                .map_err(|error| {
                    format!(
                        "{error}\nTo replay with the component of another place: --component FILE"
                    )
                })?,
        };
        let replayed = replay(BufReader::new(recording.as_slice()), &connector).await?;
        let what = format!(
            "{name}: {} of {} with {}, {} events",
            call.activity,
            call.object,
            connector.digest(),
            replayed.events
        );
        match replayed.difference {
            None => print(&format!("{what}: the same"))?,
            Some(difference) => {
                same = false;
                print(&format!("{what}: not the same\n  {difference}"))?;
            }
        }
    }
    Ok(if same {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn first_line(recording: &[u8]) -> Result<RecordedCall, Failed> {
    use host_harness::runtime::recording::Entry;
    let line = recording.lines().next().ok_or("a recording is empty")??;
    match serde_json::from_str(&line)? {
        Entry::Call(call) => Ok(call),
        _ => Err("a recording does not begin with a call".into()),
    }
}

/// Reads a bundle, and believes nothing of it but what its manifest says of the
/// files in it.
fn open(path: &Path) -> Result<(BundleManifest, BTreeMap<String, Vec<u8>>), Failed> {
    let unreadable =
        |error: std::io::Error| format!("the bundle {} cannot be read: {error}", path.display());
    let file = File::open(path).map_err(unreadable)?;
    let mut archive = tar::Archive::new(GzDecoder::new(BufReader::new(file)));
    let mut files = BTreeMap::new();
    for entry in archive.entries().map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.path().map_err(unreadable)?.display().to_string();
        let mut bytes = Vec::new();
        entry
            .take(MOST_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(unreadable)?;
        if bytes.len() as u64 > MOST_BYTES {
            return Err(format!("{name} in the bundle is longer than {MOST_BYTES} bytes").into());
        }
        files.insert(name, bytes);
    }
    let manifest = files
        .remove("manifest.json")
        .ok_or("the bundle has no manifest.json")?;
    let manifest: BundleManifest = serde_json::from_slice(&manifest)
        .map_err(|error| format!("the bundle's manifest cannot be read: {error}"))?;
    if manifest.format != BUNDLE_FORMAT {
        return Err(format!(
            "the bundle has form {}, and this program reads form {BUNDLE_FORMAT}",
            manifest.format
        )
        .into());
    }
    for (name, expected) in &manifest.files {
        let found = files.get(name).map(|bytes| Digest::of(bytes).hex());
        if found.as_ref() != Some(expected) {
            return Err(format!("{name} in the bundle is not what its manifest says").into());
        }
    }
    files.retain(|name, _| manifest.files.contains_key(name));
    Ok((manifest, files))
}
