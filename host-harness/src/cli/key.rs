//! `harness key`, and signing when publishing.

use super::workspace::{SecretPlace, secret_place};
use super::{Failed, print};
use clap::{Args, Subcommand};
use host_harness::connection::SecretReference;
use host_harness::registry::SigningKey;
use jiff::SignedDuration;
use secrecy::SecretString;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Subcommand)]
pub enum KeyCommand {
    /// Make a pair of keys to sign versions with: the secret key in FILE, the
    /// public one in FILE.pub.
    New {
        /// The file of the secret key; not written over.
        file: PathBuf,
        /// Put it under a password: env:VARIABLE or file:PATH.
        #[arg(long, value_name = "PLACE", value_parser = secret_place)]
        key_password: Option<SecretPlace>,
    },
}

/// How to sign.
#[derive(Args)]
pub struct Signing {
    /// Sign it with the secret key in this file.
    #[arg(long = "sign", value_name = "KEY")]
    sign: Option<PathBuf>,
    /// The password of that key: env:VARIABLE or file:PATH.
    #[arg(long, value_name = "PLACE", requires = "sign", value_parser = secret_place)]
    key_password: Option<SecretPlace>,
    /// For how many days the signature holds; without end unless given.
    #[arg(long, value_name = "DAYS", requires = "sign", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    expires: Option<u32>,
}

fn password(place: Option<&SecretPlace>) -> Result<Option<SecretString>, Failed> {
    place.map(SecretPlace::read).transpose()
}

impl KeyCommand {
    pub fn run(self) -> Result<ExitCode, Failed> {
        let Self::New { file, key_password } = self;
        let public = SigningKey::create(&file, password(key_password.as_ref())?.as_ref())?;
        print(&format!(
            "secret key: {} (keep it to yourself)\npublic key: {}.pub\n\nin an agent's trust.toml:\n\n\
             [[key]]\npublic = \"{public}\"\nnames = [\"*\"]",
            file.display(),
            file.display(),
        ))?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Signing {
    /// The key, where there is one to sign with.
    pub fn key(&self) -> Result<Option<SigningKey>, Failed> {
        let Some(file) = &self.sign else {
            return Ok(None);
        };
        // The key's file is as secret as any other.
        let text = SecretReference::File(file.clone()).resolve()?;
        let password = password(self.key_password.as_ref())?;
        Ok(Some(SigningKey::parse(&text, password.as_ref())?))
    }

    /// For how long the signature holds.
    pub fn holds_for(&self) -> Option<SignedDuration> {
        self.expires
            .map(|days| SignedDuration::from_hours(i64::from(days) * 24))
    }
}
