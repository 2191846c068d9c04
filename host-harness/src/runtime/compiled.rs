//! Compiled code on the disk, so that only the first load of a version compiles.

use crate::registry::Digest;
use sha2::{Digest as _, Sha256};
use std::hash::{Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};
use wasmtime::component::Component;

/// A folder of compiled code that only this user can write.
///
/// Loading compiled code is as trusting as loading a shared library, so a file
/// is only loaded when it is, byte for byte, what this cache wrote: its own
/// SHA-256 stands in front of it, and the folder is for its owner alone.
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
        std::fs::create_dir_all(folder)?;
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
        }
        Ok(Self {
            folder: folder.to_owned(),
        })
    }

    /// The component's code, compiled now where it is not in the cache. A cache
    /// that cannot be written slows the next load down and is no error.
    #[expect(unsafe_code, reason = "the proof stands beside it")]
    pub(super) fn load(
        &self,
        engine: &wasmtime::Engine,
        digest: Digest,
        bytes: &[u8],
    ) -> wasmtime::Result<Component> {
        let path = self.path(engine, digest);
        if let Some(component) = read(engine, &path) {
            return Ok(component);
        }
        let code = engine.precompile_component(bytes)?;
        if let Err(error) = write(&path, &code) {
            tracing::warn!(path = %path.display(), %error, "compiled code could not be kept");
        }
        // SAFETY: the code was made by `precompile_component` of this very
        // engine just above, and nothing has touched it since.
        unsafe { Component::deserialize(engine, &code) }
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

const SIGNATURE: usize = 32;

#[expect(unsafe_code, reason = "the proof stands beside it")]
fn read(engine: &wasmtime::Engine, path: &Path) -> Option<Component> {
    let file = std::fs::read(path).ok()?;
    let (signature, code) = file.split_at_checked(SIGNATURE)?;
    if Sha256::digest(code).as_slice() != signature {
        tracing::warn!(path = %path.display(), "compiled code was damaged and is compiled anew");
        return None;
    }
    // SAFETY: the file lies in a folder that only this user can write to, under
    // a name that only `write` makes, and holds the bytes that it wrote: the
    // checksum was compared just above. Those bytes came from
    // `precompile_component`. wasmtime itself refuses another version's.
    unsafe { Component::deserialize(engine, code) }.ok()
}

fn write(path: &Path, code: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(&Sha256::digest(code))?;
    file.write_all(code)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
