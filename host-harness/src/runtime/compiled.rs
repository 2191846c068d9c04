//! Compiled code on the disk, so that only the first load of a version compiles.

use super::compiler::{CompileError, Compiler};
use super::engine::Engine;
use crate::atomic_file::{Access, AtomicFile, AtomicFileError};
use crate::registry::Digest;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use wasmtime::component::Component;

/// A folder of compiled code that only this user can write.
///
/// Loading compiled code is as trusting as loading a shared library, so a file
/// is only loaded when it is, byte for byte, what this cache wrote: its own hash
/// stands in front of it, and the folder is for its owner alone. The hash is BLAKE3:
/// compiled code is five times as long as the component, and SHA-256 of it took half
/// the time of a load.
#[derive(Debug, Clone)]
pub struct CompiledCode {
    folder: PathBuf,
}

impl CompiledCode {
    /// The cache in this folder, which is made where it is missing.
    ///
    /// # Errors
    /// If the folder cannot be made, or others than its owner may write to it.
    pub fn open(folder: &Path) -> std::io::Result<Self> {
        make_private(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
        })
    }

    /// Removes the code of all components but these, for whichever settings it was
    /// compiled, and answers how many bytes that freed. What is running has it in
    /// memory already.
    ///
    /// # Errors
    /// If the folder cannot be read, or a file cannot be removed.
    pub fn retain(&self, kept: &std::collections::BTreeSet<Digest>) -> std::io::Result<u64> {
        let mut freed = 0;
        for file in std::fs::read_dir(&self.folder)? {
            let file = file?;
            let name = file.file_name().to_string_lossy().into_owned();
            let Some(hex) = name
                .strip_suffix(".cwasm")
                .and_then(|name| name.strip_prefix("sha256-"))
                .and_then(|name| name.split('-').next())
            else {
                continue;
            };
            if kept.iter().all(|digest| digest.hex() != hex) {
                freed += file.metadata()?.len();
                std::fs::remove_file(file.path())?;
            }
        }
        Ok(freed)
    }

    /// The component's code, compiled now where it is not in the cache. A cache
    /// that cannot be written slows the next load down and is no error.
    #[expect(unsafe_code, reason = "the proof stands beside it")]
    pub(crate) fn load(
        &self,
        engine: &Engine,
        compiler: &Compiler,
        digest: Digest,
        bytes: &[u8],
    ) -> Result<Component, CompileError> {
        let path = self.path(engine.wasmtime(), digest);
        if let Some(component) = read(engine.wasmtime(), &path) {
            return Ok(component);
        }
        let code = compiler.compile(engine, bytes)?;
        if let Err(error) = write(&path, &code) {
            tracing::warn!(path = %path.display(), %error, "compiled code could not be kept");
        }
        // SAFETY: the code was made by `precompile_component` just above, in this
        // process or in one of this very program that only this one could write
        // to, and nothing has touched it since. wasmtime refuses another engine's.
        let loaded = unsafe { Component::deserialize(engine.wasmtime(), &code) };
        loaded.map_err(|error| CompileError::Broken(format!("{error:#}")))
    }

    /// One file per component and per everything that compiled code depends on:
    /// wasmtime's version and settings, and the processor.
    fn path(&self, engine: &wasmtime::Engine, digest: Digest) -> PathBuf {
        let mut hasher = std::hash::DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        let hex = digest.to_string().replace(':', "-");
        self.folder
            .join(format!("{hex}-{:016x}.cwasm", hasher.finish()))
    }
}

/// Makes a folder for this user alone, and refuses one that others could have
/// written to.
#[cfg(unix)]
fn make_private(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, MetadataExt};
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    let found = std::fs::symlink_metadata(folder)?;
    let own = tempfile::tempfile_in(folder)?.metadata()?;
    if !found.is_dir() || found.uid() != own.uid() || found.mode() & 0o022 != 0 {
        return Err(std::io::Error::new(
            std::io::ErrorKind::PermissionDenied,
            "others than this user can write to it, so that compiled code in it is not to be \
             trusted; remove it, or make it yours alone with chmod 700",
        ));
    }
    Ok(())
}

#[cfg(not(unix))]
fn make_private(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)
}

#[expect(unsafe_code, reason = "the proof stands beside it")]
fn read(engine: &wasmtime::Engine, path: &Path) -> Option<Component> {
    let file = std::fs::read(path).ok()?;
    let (checksum, code) = file.split_at_checked(blake3::OUT_LEN)?;
    if blake3::hash(code).as_slice() != checksum {
        tracing::warn!(path = %path.display(), "compiled code was damaged and is compiled anew");
        return None;
    }
    // SAFETY: the file lies in a folder that only this user can write to, under
    // a name that only `write` makes, and holds the bytes that it wrote: the
    // checksum was compared just above. Those bytes came from
    // `precompile_component`. wasmtime itself refuses another version's.
    unsafe { Component::deserialize(engine, code) }.ok()
}

fn write(path: &Path, code: &[u8]) -> Result<(), AtomicFileError> {
    AtomicFile::create_cached(path, Access::Owner)?
        .append(blake3::hash(code).as_slice())?
        .append(code)?
        .replace()
}
