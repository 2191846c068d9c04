use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use secrecy::ExposeSecret;

use super::*;

const MINUTE: Duration = Duration::from_secs(60);
const VALUE: &str = "a token of some length";

fn open(folder: &Path) -> Cache {
    let key = SealingKey::load_or_create(folder.join("key")).unwrap();
    Cache::open(folder.join("cache"), key).unwrap()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder.join("cache"))
        .unwrap()
        .flat_map(|namespace| fs::read_dir(namespace.unwrap().path()).unwrap())
        .map(|file| file.unwrap().path())
        .collect()
}

fn value(namespace: &Namespace, key: &str) -> Option<String> {
    let (value, _) = namespace.get(key)?;
    Some(value.expose_secret().to_owned())
}

/// Runs a test against both kinds of cache.
fn both(test: impl Fn(&Cache)) {
    let folder = tempfile::tempdir().unwrap();
    test(&open(folder.path()));
    test(&Cache::in_memory());
}

#[test]
fn what_was_put_is_got_until_it_is_removed() {
    both(|cache| {
        let namespace = cache.namespace("acme/test");
        namespace.put("token", &"old".into(), MINUTE).unwrap();
        namespace.put("token", &VALUE.into(), MINUTE).unwrap();
        let (found, remaining) = namespace.get("token").unwrap();
        assert_eq!(found.expose_secret(), VALUE);
        assert!(remaining <= MINUTE && remaining > MINUTE / 2);
        namespace.remove("token").unwrap();
        namespace.remove("token").unwrap();
        assert!(namespace.get("token").is_none());
    });
}

#[test]
fn a_namespace_sees_nothing_of_another() {
    both(|cache| {
        cache
            .namespace("a")
            .put("bc", &VALUE.into(), MINUTE)
            .unwrap();
        assert!(cache.namespace("ab").get("c").is_none());
        assert!(cache.namespace("b").get("bc").is_none());
    });
}

#[test]
fn an_entry_expires_and_its_file_goes() {
    both(|cache| {
        let namespace = cache.namespace("a");
        namespace
            .put("short", &VALUE.into(), Duration::from_millis(5))
            .unwrap();
        namespace
            .put("none", &VALUE.into(), Duration::ZERO)
            .unwrap();
        std::thread::sleep(Duration::from_millis(20));
        assert!(namespace.get("short").is_none());
        assert!(namespace.get("none").is_none());
    });
    let folder = tempfile::tempdir().unwrap();
    let namespace = open(folder.path()).namespace("a");
    namespace.put("k", &VALUE.into(), Duration::ZERO).unwrap();
    assert_eq!(files(folder.path()).len(), 1);
    assert!(namespace.get("k").is_none());
    assert!(files(folder.path()).is_empty());
}

#[test]
fn limits_of_the_contract_hold_exactly() {
    both(|cache| {
        let namespace = cache.namespace("a");
        let (key, large) = ("k".repeat(MAX_KEY_BYTES), "v".repeat(MAX_VALUE_BYTES));
        namespace.put(&key, &large.as_str().into(), MINUTE).unwrap();
        assert_eq!(value(&namespace, &key), Some(large.clone()));
        assert!(matches!(
            namespace.put(&format!("{key}k"), &VALUE.into(), MINUTE),
            Err(CacheError::KeyTooLong { size: 513 })
        ));
        assert!(matches!(
            namespace.put("k", &format!("{large}v").into(), MINUTE),
            Err(CacheError::ValueTooLarge { size: 262_145 })
        ));
    });
}

#[test]
fn a_full_namespace_forgets_its_oldest_entry_and_no_other_namespace_suffers() {
    both(|cache| {
        let (namespace, other) = (cache.namespace("a"), cache.namespace("b"));
        other.put("kept", &VALUE.into(), MINUTE).unwrap();
        namespace.put("oldest", &VALUE.into(), MINUTE).unwrap();
        std::thread::sleep(Duration::from_millis(20));
        for n in 1..MAX_ENTRIES {
            namespace
                .put(&n.to_string(), &VALUE.into(), MINUTE)
                .unwrap();
        }
        assert!(namespace.get("oldest").is_some(), "just full");
        namespace.put("1", &VALUE.into(), MINUTE).unwrap();
        assert!(namespace.get("oldest").is_some(), "replaced, not added");
        namespace.put("one more", &VALUE.into(), MINUTE).unwrap();
        assert!(namespace.get("oldest").is_none());
        assert!(namespace.get("one more").is_some());
        assert!(other.get("kept").is_some());
    });
}

#[test]
fn entries_survive_reopening() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path())
        .namespace("a")
        .put("token", &VALUE.into(), MINUTE)
        .unwrap();
    let reopened = open(folder.path()).namespace("a");
    assert_eq!(value(&reopened, "token").as_deref(), Some(VALUE));
}

#[test]
fn under_another_key_nothing_is_there() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path())
        .namespace("a")
        .put("token", &VALUE.into(), MINUTE)
        .unwrap();
    fs::remove_file(folder.path().join("key")).unwrap();
    assert!(open(folder.path()).namespace("a").get("token").is_none());
}

#[test]
fn entries_put_in_each_others_place_are_absent() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path());
    cache.namespace("a").put("k", &"1".into(), MINUTE).unwrap();
    cache.namespace("b").put("k", &"2".into(), MINUTE).unwrap();
    let [first, second] = <[_; 2]>::try_from(files(folder.path())).unwrap();
    let (one, two) = (fs::read(&first).unwrap(), fs::read(&second).unwrap());
    fs::write(&first, two).unwrap();
    fs::write(&second, one).unwrap();
    assert!(cache.namespace("a").get("k").is_none());
    assert!(cache.namespace("b").get("k").is_none());
}

#[test]
fn an_altered_entry_is_absent_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let namespace = open(folder.path()).namespace("a");
    namespace.put("k", &VALUE.into(), MINUTE).unwrap();
    let whole = fs::read(&files(folder.path())[0]).unwrap();
    let flipped = (0..whole.len()).map(|at| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    });
    let cut = (0..whole.len()).map(|end| whole[..end].to_vec());
    for altered in flipped.chain(cut) {
        namespace.put("k", &VALUE.into(), MINUTE).unwrap();
        fs::write(&files(folder.path())[0], altered).unwrap();
        assert!(namespace.get("k").is_none());
        assert!(files(folder.path()).is_empty());
    }
}

#[test]
fn nothing_readable_lies_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let cache = open(folder.path());
    cache
        .namespace("acme/test")
        .put("token-of-test", &VALUE.into(), MINUTE)
        .unwrap();
    let [file] = <[_; 1]>::try_from(files(folder.path())).unwrap();
    let content = [file.to_string_lossy().as_bytes(), &fs::read(&file).unwrap()].concat();
    for secret in [VALUE, "token-of-test", "acme/test"] {
        let found = content
            .windows(secret.len())
            .any(|window| window == secret.as_bytes());
        assert!(!found, "{secret}");
    }
    let mode = fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn no_value_shows_in_debug() {
    both(|cache| {
        cache
            .namespace("a")
            .put("k", &VALUE.into(), MINUTE)
            .unwrap();
        let shown = format!("{cache:?} {:?}", cache.namespace("a").get("k"));
        assert!(!shown.contains(VALUE));
    });
}
