use super::*;
use crate::registry::StoreError;

struct Place {
    _folder: tempfile::TempDir,
    registry: LocalRegistry,
    store: Store,
}

fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    Place {
        registry: LocalRegistry::open(folder.path().join("registry")).unwrap(),
        store: Store::open(folder.path().join("store")).unwrap(),
        _folder: folder,
    }
}

fn acme() -> ConnectorName {
    "acme".parse().unwrap()
}

fn version(text: &str) -> Version {
    text.parse().unwrap()
}

impl Place {
    fn publish(&self, name: &str, number: &str, bytes: &[u8]) -> Published {
        let name = name.parse().unwrap();
        self.registry
            .publish(&name, version(number), bytes)
            .unwrap()
    }

    fn newest(&self) -> Result<Entry, RegistryError> {
        self.registry.resolve(&acme(), &Requirement::Newest)
    }
}

#[test]
fn a_published_version_is_resolved_pulled_and_read() {
    let place = place();
    let published = place.publish("acme", "1.0.0", b"one");
    let entry = place.newest().unwrap();
    assert_eq!(
        (entry.digest, entry.size),
        (published.digest, published.size)
    );
    let pulled = place.registry.pull(&entry, &place.store).unwrap();
    assert_eq!(place.store.read(&pulled.digest).unwrap(), b"one");
}

#[test]
fn list_is_by_name_and_by_version_as_numbers() {
    let place = place();
    for (name, number) in [
        ("bolt", "1.0.0"),
        ("acme", "1.10.0"),
        ("acme", "1.9.0"),
        ("acme", "1.10.0-rc.1"),
    ] {
        place.publish(name, number, number.as_bytes());
    }
    let listed: Vec<_> = place
        .registry
        .list()
        .unwrap()
        .iter()
        .map(|entry| format!("{} {}", entry.name, entry.version))
        .collect();
    assert_eq!(
        listed,
        [
            "acme 1.9.0",
            "acme 1.10.0-rc.1",
            "acme 1.10.0",
            "bolt 1.0.0"
        ]
    );
}

#[test]
fn newest_passes_over_pre_releases_which_are_had_exactly() {
    let place = place();
    place.publish("acme", "1.9.0", b"one");
    place.publish("acme", "1.10.0", b"two");
    place.publish("acme", "2.0.0-rc.1", b"three");
    assert_eq!(place.newest().unwrap().version, version("1.10.0"));
    let exact = Requirement::Exact(version("2.0.0-rc.1"));
    let entry = place.registry.resolve(&acme(), &exact).unwrap();
    assert_eq!(entry.digest, Digest::of(b"three"));
}

#[test]
fn what_is_not_there_is_told_with_what_is() {
    let place = place();
    place.publish("bolt", "1.0.0", b"one");
    let message = place.newest().unwrap_err().to_string();
    assert!(message.contains("`acme` (it has: bolt)"), "{message}");

    place.publish("acme", "1.0.0-rc.1", b"one");
    let message = place.newest().unwrap_err().to_string();
    assert!(message.contains("published: 1.0.0-rc.1"), "{message}");
}

#[test]
fn the_same_bytes_may_be_published_again() {
    let place = place();
    let first = place.publish("acme", "1.0.0", b"one");
    let entry = place.newest().unwrap();
    assert_eq!(place.publish("acme", "1.0.0", b"one"), first);
    assert_eq!(place.newest().unwrap(), entry, "the receipt stays as it is");
}

#[test]
fn other_bytes_under_the_same_version_are_refused() {
    let place = place();
    place.publish("acme", "1.0.0", b"one");
    let error = place
        .registry
        .publish(&acme(), version("1.0.0"), b"two")
        .unwrap_err();
    assert!(matches!(error, RegistryError::VersionTaken { .. }));
    assert_eq!(place.newest().unwrap().digest, Digest::of(b"one"));
}

#[test]
fn of_several_who_publish_one_version_at_once_one_wins() {
    let place = place();
    let won = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8_u8)
            .map(|n| {
                let registry = &place.registry;
                scope.spawn(move || registry.publish(&acme(), version("1.0.0"), &[n]))
            })
            .collect();
        threads
            .into_iter()
            .filter_map(|thread| thread.join().unwrap().ok())
            .collect::<Vec<_>>()
    });
    let [winner] = won.as_slice() else {
        panic!("{won:?}")
    };
    assert_eq!(place.newest().unwrap().digest, winner.digest);
}

#[test]
fn a_blob_that_is_missing_or_altered_is_not_pulled() {
    let place = place();
    let published = place.publish("acme", "1.0.0", b"one");
    let entry = place.newest().unwrap();
    let blob = place.registry.blob(&published.digest);

    for altered in ["two", "on", "one and more"] {
        fs::write(&blob, altered).unwrap();
        let error = place.registry.pull(&entry, &place.store).unwrap_err();
        assert!(matches!(
            error,
            RegistryError::Store(StoreError::WrongContent { .. })
        ));
    }
    fs::remove_file(&blob).unwrap();
    let error = place.registry.pull(&entry, &place.store).unwrap_err();
    assert!(matches!(error, RegistryError::MissingBlob { .. }));

    place.publish("acme", "1.0.0", b"one");
    assert!(place.registry.pull(&entry, &place.store).is_ok());
}

#[test]
fn a_damaged_receipt_is_named_and_never_passed_over() {
    let place = place();
    place.publish("acme", "1.0.0", b"one");
    place.publish("acme", "2.0.0", b"two");
    let receipt = place.registry.receipt(&acme(), &version("2.0.0"));
    let whole = fs::read_to_string(&receipt).unwrap();

    for damaged in [
        "",
        &whole[..40],
        &whole.replace("sha256:", ""),
        &whole.replace("2.0.0", "2.0.1"),
        &whole.replace("acme", "bolt"),
    ] {
        fs::write(&receipt, damaged).unwrap();
        for error in [
            place.newest().unwrap_err(),
            place.registry.list().unwrap_err(),
        ] {
            let message = error.to_string();
            assert!(matches!(error, RegistryError::DamagedReceipt { .. }));
            assert!(message.contains("2.0.0.json"), "{message}");
        }
    }
}

#[test]
fn files_of_others_and_broken_off_publications_are_passed_over() {
    let place = place();
    place.publish("acme", "1.0.0", b"one");
    let connectors = place.registry.connectors();
    fs::write(connectors.join("README"), "").unwrap();
    fs::write(connectors.join("acme").join(".partial-a.json"), "").unwrap();
    fs::write(connectors.join("acme").join("notes.txt"), "").unwrap();
    assert_eq!(place.registry.list().unwrap().len(), 1);
}
