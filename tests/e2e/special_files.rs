//! What is no plain file, where one is named: written to or refused, and never replaced.

use crate::program::{Folder, lines, text};
use crate::support::countable_sandbox;
use serde_json::Value;
use std::fs::File;
use std::os::unix::fs::{FileTypeExt, symlink};
use std::path::Path;
use std::process::Command;

pub fn make_pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

pub fn is_pipe(path: &Path) -> bool {
    std::fs::symlink_metadata(path)
        .unwrap()
        .file_type()
        .is_fifo()
}

/// Reads a pipe to its end beside what is done.
fn read_beside<T>(pipe: &Path, work: impl FnOnce() -> T) -> (T, String) {
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| std::fs::read_to_string(pipe).unwrap());
        let done = work();
        (done, reader.join().unwrap())
    })
}

#[test]
fn pipes_devices_and_links_are_written_to_and_never_replaced() {
    let sandbox = countable_sandbox(&[("suppliers", 20)]);
    let folder = Folder::new(&sandbox);
    let at = |name: &str| folder.path(name);
    let query = |output: &str| {
        folder.code(&[
            "run",
            "query",
            "suppliers",
            "--output-format",
            "ndjson",
            "--output",
            output,
        ])
    };
    make_pipe(&at("pipe"));
    symlink("pipe", at("to-pipe")).unwrap();
    for name in ["pipe", "to-pipe"] {
        let ((code, said), got) = read_beside(&at("pipe"), || query(name));
        assert_eq!(code, Some(0), "{said}");
        assert_eq!(lines(&got).len(), 20);
        assert!(is_pipe(&at("pipe")));
    }
    // Only root may make one; where the tests are not root's, the pipe stands for it.
    let mut making = Command::new("mknod");
    making.args(["device", "c", "1", "3"]).current_dir(at(""));
    if making.output().unwrap().status.success() {
        let into = ["--output-format", "csv", "--output", "device"];
        let (code, said) = folder.code(&[&["run", "query", "suppliers"][..], &into].concat());
        assert_eq!(code, Some(0), "{said}");
        let kind = std::fs::symlink_metadata(at("device")).unwrap().file_type();
        assert!(kind.is_char_device());
    }
    // As `/dev/stdout` is one.
    symlink("/proc/self/fd/1", at("stdout")).unwrap();
    let arguments = [
        "run",
        "query",
        "suppliers",
        "--output-format",
        "ndjson",
        "--output",
        "stdout",
    ];
    let output = folder.run(&arguments);
    assert_eq!(lines(&text(&output.stdout)).len(), 20);
    assert!(
        std::fs::symlink_metadata(at("stdout"))
            .unwrap()
            .is_symlink()
    );
    let appended = File::options()
        .append(true)
        .create(true)
        .open(at("appended"));
    let mut appended = appended.unwrap();
    std::io::Write::write_all(&mut appended, b"{}\n").unwrap();
    let done = folder.command(&arguments).stdout(appended).status();
    assert!(done.unwrap().success());
    assert_eq!(lines(&folder.read("appended")).len(), 21);

    std::fs::create_dir(at("real")).unwrap();
    symlink("real/suppliers.ndjson", at("link.ndjson")).unwrap();
    for _ in 0..2 {
        let (code, said) = query("link.ndjson");
        assert_eq!(code, Some(0), "{said}");
        assert_eq!(lines(&folder.read("real/suppliers.ndjson")).len(), 20);
        assert!(
            std::fs::symlink_metadata(at("link.ndjson"))
                .unwrap()
                .is_symlink()
        );
    }
    let left: Vec<_> = std::fs::read_dir(at("real")).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");

    // What is put aside, and the report.
    folder.write("bad.ndjson", "{\"name\":\"A1\"}\n{\"name\":\n");
    let create = |more: &[&str]| {
        let create = ["run", "create", "suppliers", "--input", "bad.ndjson"];
        folder.code(&[&create[..], more].concat())
    };
    let ((code, _), got) = read_beside(&at("pipe"), || create(&["--rejected", "pipe"]));
    assert_eq!((code, lines(&got).len()), (Some(3), 1));
    assert_eq!(lines(&got)[0]["key"], "line 2");
    let ((code, _), got) = read_beside(&at("pipe"), || create(&["--report", "pipe"]));
    assert_eq!(code, Some(3));
    assert_eq!(
        serde_json::from_str::<Value>(&got).unwrap()["counts"]["read"],
        2
    );
    assert!(is_pipe(&at("pipe")));

    // Whatever cannot be written is refused before anything is asked.
    std::fs::create_dir(at("folder")).unwrap();
    let asked = sandbox.log().len();
    for (arguments, says) in [
        (
            &[
                "query",
                "suppliers",
                "--output-format",
                "csv",
                "--output",
                "folder",
            ][..],
            "it is a folder",
        ),
        (
            &["query", "suppliers", "--rejected", "missing/r.ndjson"],
            "missing/r.ndjson",
        ),
        (
            &["query", "suppliers", "--report", "missing/report.json"],
            "missing/report.json",
        ),
        (
            &["changes", "suppliers", "--state", "pipe"],
            "a plain file is needed",
        ),
        (
            &["changes", "suppliers", "--state", "missing/state"],
            "missing/state",
        ),
        (
            &[
                "create",
                "suppliers",
                "--input",
                "bad.ndjson",
                "--rejected",
                "folder",
            ],
            "it is a folder",
        ),
        (
            &[
                "create",
                "suppliers",
                "--input",
                "bad.ndjson",
                "--differing",
                "missing/d",
            ],
            "missing/d",
        ),
        (
            &[
                "create",
                "suppliers",
                "--input",
                "bad.ndjson",
                "--output",
                "missing/a.csv",
            ],
            "missing/a.csv",
        ),
    ] {
        let (code, said) = folder.code(&[&["run"][..], arguments].concat());
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains(says), "{said}");
    }
    assert_eq!(sandbox.log().len(), asked);
    assert!(is_pipe(&at("pipe")));
}
