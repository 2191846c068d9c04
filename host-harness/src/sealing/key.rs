//! The key under which secrets are sealed.

use std::fmt;
use std::io;
use std::path::Path;

use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretBox};

use super::KeyError;
use crate::atomic_file::{self, Access};
use crate::connection::{PrivateFileError, read_private_file};

/// The bytes of a key.
pub(super) const KEY_BYTES: usize = 32;

/// 32 random bytes. Never shown, and wiped from memory when dropped.
pub struct SealingKey(SecretBox<[u8; KEY_BYTES]>);

impl SealingKey {
    /// The key in the file at `path`. Where there is no file, one is made with a
    /// new key, readable by its owner alone. Of several who do so at the same
    /// time one makes it, and all get the same key.
    ///
    /// # Errors
    /// Where the file is open to others than its owner, is no key, or cannot be
    /// read or made.
    pub fn load_or_create(path: impl AsRef<Path>) -> Result<Self, KeyError> {
        let path = path.as_ref();
        match load(path) {
            Err(KeyError::File(PrivateFileError::Io { source, .. }))
                if source.kind() == io::ErrorKind::NotFound =>
            {
                create(path)?;
                load(path)
            }
            loaded => loaded,
        }
    }

    /// The key in the environment variable `variable`, as 64 hexadecimal digits;
    /// none where it is not set.
    ///
    /// # Errors
    /// Where it is set to something else.
    pub fn from_environment(variable: &str) -> Result<Option<Self>, KeyError> {
        let Some(text) = std::env::var_os(variable) else {
            return Ok(None);
        };
        let text = Zeroizing::new(text.into_encoded_bytes());
        let wrong = || KeyError::Variable {
            variable: variable.to_owned(),
        };
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        hex::decode_to_slice(&*text, &mut *key).map_err(|_| wrong())?;
        Ok(Some(Self(SecretBox::init_with_mut(
            |exposed: &mut [u8; KEY_BYTES]| exposed.copy_from_slice(key.as_ref()),
        ))))
    }

    pub(super) fn expose(&self) -> &[u8; KEY_BYTES] {
        self.0.expose_secret()
    }
}

fn load(path: &Path) -> Result<SealingKey, KeyError> {
    let content = read_private_file(path, KEY_BYTES)?;
    if content.len() != KEY_BYTES {
        return Err(KeyError::WrongSize {
            path: path.to_owned(),
            size: content.len(),
        });
    }
    Ok(SealingKey(SecretBox::init_with_mut(
        |key: &mut [u8; KEY_BYTES]| key.copy_from_slice(&content),
    )))
}

/// Makes the file with a new key, unless it exists by then.
fn create(path: &Path) -> Result<(), KeyError> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    getrandom::fill(key.as_mut()).map_err(KeyError::NoRandomness)?;
    if let Some(folder) = path.parent().filter(|folder| *folder != Path::new("")) {
        atomic_file::create_folder(folder, Access::Owner)?;
    }
    // Where another process was faster, its key is the one that counts.
    atomic_file::write_new(path, key.as_ref(), Access::Owner)?;
    Ok(())
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealingKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_made_once_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agent").join("sealing.key");
        let keys: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| SealingKey::load_or_create(&path).unwrap()))
                .collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        for key in &keys {
            assert_eq!(key.expose(), keys[0].expose());
        }
        assert_ne!(keys[0].expose(), &[0; KEY_BYTES]);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn a_key_open_to_others_or_of_another_size_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sealing.key");
        SealingKey::load_or_create(&path).unwrap();

        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let message = SealingKey::load_or_create(&path).unwrap_err().to_string();
        assert!(message.contains("chmod 600"), "{message}");

        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        for content in [vec![1; 31], vec![1; 33], vec![]] {
            fs::write(&path, content).unwrap();
            assert!(SealingKey::load_or_create(&path).is_err());
        }
    }
}
