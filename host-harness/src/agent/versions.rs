//! Which version an agent runs, and how it comes to have it.

use super::guard::{Guard, count};
use super::stages::{Lap, Stages};
use super::{Agent, AgentError, Downloaded};
use crate::registry::{
    Candidate, ConnectorName, Digest, Entry, Lease, PassedOver, Pulled, QuarantinedVersion,
    Receipt, RegistryError, Requirement, Rollback, StoreError, TrustError,
};
use crate::runtime::{self, Connector, RuntimeError};
use jiff::Timestamp;
use semver::Version;
use std::sync::Arc;

/// A version that an agent settled on.
struct Chosen {
    entry: Entry,
    /// What the agent kept of it, where it has it already.
    receipt: Option<Receipt>,
    /// Where they were looked at already, its bytes as they lie in the store, which
    /// holds on to them.
    here: Option<(Lease, Vec<u8>)>,
    passed_over: Vec<QuarantinedVersion>,
    /// What is no connector.
    beside: Vec<PassedOver>,
    offline: Option<String>,
}

impl Agent {
    /// Makes a version ready to run, and downloads it where it is not here. What
    /// is asked for exactly and is here, is not asked for at the registry again;
    /// what floats is the newest that this host serves and that is not in
    /// quarantine, and where the registry is out of reach, the newest that is
    /// here. Its bytes are compared with the digest, and its signatures with the
    /// trust policy, each time that it is loaded.
    ///
    /// # Errors
    /// If there is no such version, its bytes are not what was published, nobody
    /// who counts vouches for it, or it is no connector that this host can run.
    pub async fn download(
        &self,
        name: &ConnectorName,
        version: &Requirement,
    ) -> Result<Downloaded, AgentError> {
        // For versions whose publisher did not say which contract they keep to.
        let mut unserved: Vec<(Version, Version)> = Vec::new();
        let mut stages = Stages::default();
        loop {
            let mut lap = Lap::start();
            let chosen = match version {
                Requirement::Exact(version) => self.exactly(name, version).await?,
                floating => self.floating(name, floating, &unserved).await?,
            };
            stages.asked += lap.next();
            let wanted = chosen.entry.version.clone();
            let contract = match self.take(chosen, &mut stages).await? {
                Taken::Ready(downloaded) => return Ok(*downloaded),
                Taken::Unserved(contract) => contract,
            };
            if unserved.iter().any(|(version, _)| *version == wanted)
                || matches!(version, Requirement::Exact(_))
            {
                return Err(none_served(name, vec![(wanted, contract)]));
            }
            unserved.push((wanted, contract));
        }
    }

    async fn exactly(&self, name: &ConnectorName, version: &Version) -> Result<Chosen, AgentError> {
        let receipt = self.store.receipts().get(name, version)?;
        let here = match &receipt {
            Some(receipt) => self.here(&receipt.entry.digest)?,
            None => None,
        };
        let (entry, receipt) = match receipt {
            Some(receipt) if here.is_some() => (receipt.entry.clone(), Some(receipt)),
            receipt => {
                let entry = self.entry(name, version).await?;
                unchanged(receipt.as_ref(), &entry)?;
                (entry, None)
            }
        };
        if let Some(held) = self.quarantine().holds(&entry.digest)? {
            return Err(AgentError::Quarantined {
                held: Box::new(held),
            });
        }
        Ok(Chosen {
            entry,
            receipt,
            here,
            passed_over: Vec::new(),
            beside: Vec::new(),
            offline: None,
        })
    }

    async fn entry(&self, name: &ConnectorName, version: &Version) -> Result<Entry, AgentError> {
        if let Some(entry) = self.registry.entry(name, version).await? {
            return Ok(entry);
        }
        let published = self.registry.versions(name).await?;
        let required = Requirement::Exact(version.clone());
        Err(self
            .registry
            .nothing_fits(name, &required, published)
            .await
            .into())
    }

    async fn floating(
        &self,
        name: &ConnectorName,
        required: &Requirement,
        unserved: &[(Version, Version)],
    ) -> Result<Chosen, AgentError> {
        let receipts = self.store.receipts().of(name)?;
        let (published, offline) = match self.registry.versions(name).await {
            Ok(published) => (published, None),
            Err(error) if error.is_out_of_reach() && !receipts.is_empty() => {
                tracing::warn!(%error, "what is here is used");
                let here = receipts.iter().map(|r| r.entry.version.clone()).collect();
                (here, Some(error.to_string()))
            }
            Err(error) => return Err(error.into()),
        };
        let candidates = required.in_order(&published);
        if candidates.is_empty() {
            return Err(self
                .registry
                .nothing_fits(name, required, published)
                .await
                .into());
        }
        let mut passed_over = Vec::new();
        let mut others: Vec<(Version, Version)> = Vec::new();
        let (mut beside, mut no_connector) = (Vec::new(), None);
        for version in candidates {
            if let Some(found) = unserved.iter().find(|(known, _)| *known == version) {
                others.push(found.clone());
                continue;
            }
            let receipt = receipts.iter().find(|r| r.entry.version == version);
            // Which digest a version has is only believed from the registry where
            // that can be asked.
            let entry = match (receipt, &offline) {
                (Some(receipt), Some(_)) => receipt.entry.clone(),
                _ => match self.registry.entry(name, &version).await {
                    Ok(Some(entry)) => entry,
                    // It went away just now.
                    Ok(None) => continue,
                    // What was a connector once does not become something else.
                    Err(error) if receipt.is_none() && error.beside().is_some() => {
                        tracing::info!(%error, "it is passed over");
                        beside.extend(error.beside());
                        no_connector.get_or_insert(error);
                        continue;
                    }
                    Err(error) => return Err(error.into()),
                },
            };
            if let Some(contract) = contract_of(&entry).filter(|said| !runtime::serves(said)) {
                others.push((version, contract));
                continue;
            }
            if let Some(held) = self.quarantine().holds(&entry.digest)? {
                passed_over.push(held);
                continue;
            }
            unchanged(receipt, &entry)?;
            if *required == Requirement::Newest {
                self.not_rolled_back(name, &version, &passed_over)?;
            }
            return Ok(Chosen {
                receipt: receipt.cloned(),
                entry,
                here: None,
                passed_over,
                beside,
                offline,
            });
        }
        match (passed_over.into_iter().next(), no_connector) {
            (Some(held), _) => Err(AgentError::Quarantined {
                held: Box::new(held),
            }),
            (None, Some(error)) if others.is_empty() => Err(error.into()),
            (None, _) => Err(none_served(name, others)),
        }
    }

    /// A registry that offers less than it did may have been put back, or may be
    /// another.
    fn not_rolled_back(
        &self,
        name: &ConnectorName,
        offered: &Version,
        passed_over: &[QuarantinedVersion],
    ) -> Result<(), AgentError> {
        if self.trust.rollback == Rollback::Accept {
            return Ok(());
        }
        let mut seen = self.store.receipts().seen()?;
        let Some(seen) = seen.remove(name) else {
            return Ok(());
        };
        let goes_back = *offered < seen && passed_over.iter().all(|held| held.version < seen);
        if goes_back {
            return Err(TrustError::RolledBack {
                name: name.clone(),
                offered: offered.clone(),
                seen,
            }
            .into());
        }
        Ok(())
    }

    /// Brings a version here, verifies it and loads it; the receipt comes last.
    async fn take(&self, chosen: Chosen, stages: &mut Stages) -> Result<Taken, AgentError> {
        let mut lap = Lap::start();
        let Chosen {
            entry,
            receipt,
            here,
            passed_over,
            beside,
            offline,
        } = chosen;
        let is_new = receipt.is_none();
        let mut signatures = match &receipt {
            Some(receipt) => receipt.signatures.clone(),
            None => self.registry.signatures(&entry).await?,
        };
        if is_new {
            self.trust
                .needs_signature(&entry.name, &entry.version, &signatures)?;
        }
        stages.asked += lap.next();
        let here = match here {
            Some(here) => Some(here),
            None => self.here(&entry.digest)?,
        };
        let (pulled, lease, bytes) = match here {
            Some((lease, bytes)) => {
                let pulled = self.store.had(entry.digest, bytes.len() as u64);
                (pulled, lease, bytes)
            }
            None => {
                let lease = self.store.lease(&entry.digest)?;
                let pulled = self.pull(&entry).await?;
                let bytes = self.store.read(&pulled.digest)?;
                (pulled, lease, bytes)
            }
        };
        stages.pulled += lap.next();
        let verified = self.verify(&entry, &bytes, &signatures, is_new);
        match verified {
            // Somebody may have signed it again since.
            Err(error) if !is_new && offline.is_none() && error.is_of_signatures() => {
                signatures = match self.registry.signatures(&entry).await {
                    Ok(signatures) => signatures,
                    Err(_) => return Err(error.into()),
                };
                self.verify(&entry, &bytes, &signatures, is_new)?;
            }
            verified => verified?,
        }
        stages.verified += lap.next();
        if let Ok(found) = runtime::interfaces(&bytes)
            && let Some(contract) = runtime::contract_of(&found.exports)
            && !runtime::serves(&contract)
        {
            return Ok(Taken::Unserved(contract));
        }
        let connector = self.load_counted(&entry, bytes).await?;
        stages.made_ready += lap.next();
        let connector = connector.watched(Arc::new(Guard {
            quarantine: self.quarantine(),
            name: entry.name.clone(),
            version: entry.version.clone(),
            digest: entry.digest,
            _lease: lease,
        }));
        let now = Receipt {
            entry: entry.clone(),
            from: self.registry.place(),
            signatures,
            received_at: receipt
                .as_ref()
                .map_or_else(Timestamp::now, |receipt| receipt.received_at),
        };
        // From whom an agent has a version does not change when it is offline.
        let same = receipt
            .as_ref()
            .is_some_and(|before| before.entry == now.entry && before.signatures == now.signatures);
        if !same {
            self.store.receipts().put(&now)?;
        }
        Ok(Taken::Ready(Box::new(Downloaded {
            entry,
            pulled,
            connector,
            passed_over,
            beside,
            offline,
            stages: *stages,
        })))
    }

    /// Counts against a version that it broke down.
    fn count(&self, entry: &Entry, error: &impl ToString) {
        let (name, version) = (&entry.name, &entry.version);
        let why = error.to_string();
        count(&self.quarantine(), name, version, entry.digest, &why);
    }

    /// A component's bytes, compared with its digest, where the store has them as they
    /// were.
    fn here(&self, digest: &Digest) -> Result<Option<(Lease, Vec<u8>)>, AgentError> {
        // Before the bytes are looked for, so that nobody removes them in between.
        let lease = self.store.lease(digest)?;
        let bytes = self.store.read_whole(digest)?;
        Ok(bytes.map(|bytes| (lease, bytes)))
    }

    async fn pull(&self, entry: &Entry) -> Result<Pulled, AgentError> {
        let pulled = self.registry.pull(entry, &self.store).await;
        if let Err(RegistryError::Store(error @ StoreError::WrongContent { .. })) = &pulled {
            self.count(entry, error);
        }
        Ok(pulled?)
    }

    fn verify(
        &self,
        entry: &Entry,
        bytes: &[u8],
        signatures: &[String],
        is_new: bool,
    ) -> Result<(), TrustError> {
        let candidate = Candidate {
            name: &entry.name,
            version: &entry.version,
            digest: entry.digest,
            component: bytes,
            is_new,
        };
        let said = self.trust.check(candidate, signatures, Timestamp::now())?;
        if let Some(said) = said {
            tracing::info!(name = %said.name, version = %said.version, signed_at = %said.signed_at, "the signature is good");
        }
        Ok(())
    }

    /// Already describing itself a version may break down.
    async fn load_counted(&self, entry: &Entry, bytes: Vec<u8>) -> Result<Connector, RuntimeError> {
        let loaded = self.runtime.load(entry.digest, bytes).await;
        if let Err(error) = &loaded
            && error.is_breakdown()
        {
            self.count(entry, error);
        }
        loaded
    }
}

enum Taken {
    Ready(Box<Downloaded>),
    /// It keeps to this contract, which this host does not serve.
    Unserved(Version),
}

/// The contract that a version keeps to, as far as its publisher said.
fn contract_of(entry: &Entry) -> Option<Version> {
    let facts = &entry.facts;
    facts
        .contract
        .clone()
        .or_else(|| runtime::contract_of(&facts.exports))
}

fn none_served(name: &ConnectorName, offered: Vec<(Version, Version)>) -> AgentError {
    AgentError::NoneServed {
        name: name.clone(),
        serves: runtime::served(),
        offered,
    }
}

/// A version leads to the same bytes forever.
fn unchanged(receipt: Option<&Receipt>, entry: &Entry) -> Result<(), TrustError> {
    match receipt {
        Some(receipt) if receipt.entry.digest != entry.digest => Err(TrustError::Changed {
            name: entry.name.clone(),
            version: entry.version.clone(),
            before: Box::new(receipt.entry.digest),
            now: Box::new(entry.digest),
        }),
        _ => Ok(()),
    }
}
