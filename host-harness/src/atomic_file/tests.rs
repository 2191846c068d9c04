use super::*;
use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};

/// The names in a folder, those of files that are not whole included.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

type WriteFile = fn(&Path, &[u8]) -> Result<(), AtomicFileError>;

/// Every way to write a whole file over another.
fn ways_to_write() -> [WriteFile; 3] {
    [
        |path, bytes| write(path, bytes, Access::Owner),
        |path, bytes| write_cached(path, bytes, Access::Owner),
        |path, bytes| {
            let part = path.with_extension("part");
            fs::write(&part, bytes).unwrap();
            commit(&File::open(&part).unwrap(), &part, path)
        },
    ]
}

#[test]
fn a_file_is_replaced_as_a_whole() {
    for write in ways_to_write() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        write(&path, b"a longer first").unwrap();
        let reader = File::open(&path).unwrap();
        write(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        // Whoever reads the old one reads it to its end.
        assert_eq!(io::read_to_string(reader).unwrap(), "a longer first");
        assert_eq!(names(folder.path()), ["state"]);
    }
}

#[test]
fn what_was_there_stays_until_the_new_file_is_whole_and_where_it_never_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    fs::write(&path, "old").unwrap();
    let file = AtomicFile::create(&path, Access::Owner).unwrap();
    let file = file.append(b"half of the").unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"old");
    drop(file);
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(names(folder.path()), ["state"]);
}

#[test]
fn what_cannot_take_the_name_leaves_nothing_and_is_told_by_its_path() {
    for write in &ways_to_write()[..2] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        fs::create_dir(&path).unwrap();
        let error = write(&path, b"new").unwrap_err();
        assert_eq!(error.path, path);
        assert!(error.to_string().starts_with(&path.display().to_string()));
        assert!(path.is_dir());
        assert_eq!(names(folder.path()), ["state"]);

        let nowhere = folder.path().join("missing").join("state");
        let error = write(&nowhere, b"new").unwrap_err();
        assert_eq!(error.path, nowhere);
        assert_eq!(error.source.kind(), io::ErrorKind::NotFound);
    }
}

#[test]
fn a_file_that_is_the_owners_is_so_from_its_first_byte_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    // The mode of what is replaced is no reason to open the new one to others.
    fs::write(&path, "old").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    let file = AtomicFile::create(&path, Access::Owner).unwrap();
    let partial = names(folder.path());
    let partial = partial.iter().find(|name| *name != "key").unwrap();
    assert!(partial.starts_with(PARTIAL_PREFIX), "{partial}");
    assert_eq!(mode(&folder.path().join(partial)), 0o600);
    file.append(b"secret").unwrap().replace().unwrap();
    assert_eq!(mode(&path), 0o600);

    let public = folder.path().join("key.pub");
    assert!(write_new(&public, b"public", Access::Everyone).unwrap());
    // Less where the umask says so, never more.
    assert_eq!(mode(&public) & !0o044, 0o600);
    fs::write(folder.path().join("usual"), "").unwrap();
    let usual = mode(&folder.path().join("usual"));
    assert_eq!(mode(&public), usual & 0o644);
}

#[test]
fn of_several_who_make_a_file_one_does() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let made: Vec<bool> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8_u8)
            .map(|number| {
                let path = &path;
                scope.spawn(move || write_new(path, &[number], Access::Owner).unwrap())
            })
            .collect();
        threads
            .into_iter()
            .map(|made| made.join().unwrap())
            .collect()
    });
    let first = made.iter().position(|made| *made).unwrap();
    assert_eq!(made.iter().filter(|made| **made).count(), 1);
    assert_eq!(fs::read(&path).unwrap(), [u8::try_from(first).unwrap()]);
    assert_eq!(names(folder.path()), ["key"]);
}

#[test]
fn one_that_comes_too_late_can_take_another_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.pdf");
    fs::write(&path, "first").unwrap();
    let file = AtomicFile::create(&path, Access::Owner).unwrap();
    let file = match file.append(b"second").unwrap().place().unwrap() {
        Placed::Before(file) => file.renamed("a.2.pdf"),
        Placed::Now => unreachable!("it was there already"),
    };
    assert!(matches!(file.place().unwrap(), Placed::Now));
    assert_eq!(fs::read(&path).unwrap(), b"first");
    assert_eq!(fs::read(folder.path().join("a.2.pdf")).unwrap(), b"second");
    assert_eq!(names(folder.path()), ["a.2.pdf", "a.pdf"]);
}

#[test]
fn what_a_link_leads_to_is_replaced_and_the_link_stays() {
    for write in ways_to_write() {
        for there_before in [true, false] {
            let folder = tempfile::tempdir().unwrap();
            let (path, elsewhere) = (folder.path().join("state"), folder.path().join("data"));
            fs::create_dir(&elsewhere).unwrap();
            if there_before {
                fs::write(elsewhere.join("state.1"), "old").unwrap();
            }
            // One link to another, by names relative to where they stand.
            symlink("data/state", &path).unwrap();
            symlink("state.1", elsewhere.join("state")).unwrap();
            write(&path, b"new").unwrap();
            assert_eq!(fs::read(elsewhere.join("state.1")).unwrap(), b"new");
            for link in [&path, &elsewhere.join("state")] {
                assert!(fs::symlink_metadata(link).unwrap().is_symlink());
            }
            assert_eq!(names(folder.path()), ["data", "state"]);
            assert_eq!(names(&elsewhere), ["state", "state.1"]);
        }
    }
}

#[test]
fn what_is_no_plain_file_is_never_replaced() {
    for write in ways_to_write() {
        let folder = tempfile::tempdir().unwrap();
        let (pipe, link) = (folder.path().join("pipe"), folder.path().join("link"));
        make_pipe(&pipe);
        symlink("pipe", &link).unwrap();
        for path in [&pipe, &link] {
            let error = write(path, b"new").unwrap_err().to_string();
            assert!(error.contains("device or a pipe"), "{error}");
        }
        let circle = folder.path().join("circle");
        symlink("circle", &circle).unwrap();
        let error = write(&circle, b"new").unwrap_err().to_string();
        assert!(error.contains("circle"), "{error}");
        assert!(fs::symlink_metadata(&pipe).unwrap().file_type().is_fifo());
        // What was begun before it was a pipe notices in the end.
        let late = folder.path().join("late");
        let file = AtomicFile::create(&late, Access::Owner).unwrap();
        make_pipe(&late);
        file.replace().unwrap_err();
        assert!(fs::symlink_metadata(&late).unwrap().file_type().is_fifo());
    }
}

#[test]
fn a_new_file_takes_no_name_that_a_link_has() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    symlink("elsewhere", &path).unwrap();
    assert!(!write_new(&path, b"new", Access::Owner).unwrap());
    assert_eq!(names(folder.path()), ["key"]);
}

#[test]
fn that_a_file_can_be_written_is_known_before_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    check(&at("file")).unwrap();
    make_pipe(&at("pipe"));
    check(&at("pipe")).unwrap();
    assert_eq!(
        check(&at("missing/file")).unwrap_err().path,
        at("missing/file")
    );
    let of_folder = check(folder.path()).unwrap_err().to_string();
    assert!(of_folder.contains("it is a folder"), "{of_folder}");
    assert_eq!(names(folder.path()), ["pipe"]);
}

// Not by a program: a process that is being started has the locks of other tests.
fn make_pipe(path: &Path) {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
}

#[test]
fn folders_are_made_with_what_is_missing_above_them() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("agent").join("keys");
    for _ in 0..2 {
        create_folder(&folder, Access::Owner).unwrap();
        assert_eq!(mode(&folder), 0o700);
        assert_eq!(mode(folder.parent().unwrap()), 0o700);
    }
    let file = home.path().join("file");
    fs::write(&file, "").unwrap();
    let error = create_folder(&file.join("below"), Access::Owner).unwrap_err();
    assert_eq!(error.path, file.join("below"));
}
