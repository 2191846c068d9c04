use super::*;
use crate::records::RecordWriter;
use std::fs;

struct Place {
    _folder: tempfile::TempDir,
    path: PathBuf,
    part: PathBuf,
}

fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders");
    Place {
        part: part_of(&path),
        path,
        _folder: folder,
    }
}

fn write(file: OutputFile, records: &[&str]) -> OutputFile {
    let mut writer = RecordWriter::resume(file);
    for record in records {
        writer.write(record).unwrap();
    }
    writer.finish().unwrap().0
}

#[test]
fn a_file_has_its_name_only_once_it_is_whole() {
    let place = place();
    fs::write(&place.path, "of yesterday").unwrap();
    let file = OutputFile::create(&place.path, Format::Ndjson).unwrap();
    let file = write(file, &["{}"]);
    assert_eq!(fs::read_to_string(&place.path).unwrap(), "of yesterday");
    assert_eq!(file.commit().unwrap(), place.path);
    assert_eq!(fs::read_to_string(&place.path).unwrap(), "{}\n");
    assert!(!place.part.exists());
}

#[test]
fn a_partial_file_is_kept_resumed_and_committed() {
    for (format, whole) in [
        (Format::Ndjson, "{\"a\":1}\n{\"a\":2}\n"),
        (Format::Csv, "a,*:json\n1,\n2,\n"),
    ] {
        let place = place();
        let file = OutputFile::create(&place.path, format).unwrap();
        let kept = write(file, &["{\"a\":1}"]).keep_partial().unwrap();
        assert_eq!(kept, place.part);
        let file = OutputFile::resume(&place.path, format).unwrap();
        write(file, &["{\"a\":2}"]).commit().unwrap();
        assert_eq!(fs::read_to_string(&place.path).unwrap(), whole);
    }
}

#[test]
fn a_record_that_was_cut_off_is_removed_before_going_on() {
    for (format, broken_off, whole) in [
        (
            Format::Ndjson,
            "{\"a\":\"\\\"\"}\n{\"a\":\"",
            "{\"a\":\"\\\"\"}\n{\"a\":2}\n",
        ),
        (Format::Ndjson, "{\"a\"", "{\"a\":2}\n"),
        (Format::Csv, "a\n\"1\n1\"\n\"2\n2", "a\n\"1\n1\"\n2\n"),
        (Format::Csv, "a\n", "a\n2\n"),
        (Format::Csv, "a,", "a,*:json\n2,\n"),
    ] {
        let place = place();
        fs::write(&place.part, broken_off).unwrap();
        let file = OutputFile::resume(&place.path, format).unwrap();
        write(file, &["{\"a\":2}"]).commit().unwrap();
        assert_eq!(fs::read_to_string(&place.path).unwrap(), whole);
    }
}

#[test]
fn a_resumed_csv_file_keeps_its_columns() {
    for (begun, more) in [
        ("b,a,*:json\n1,2,\n", "3,4,\"{\"\"c\"\":5}\"\n"),
        // One that has no place for all the rest.
        ("b,a\n1,2\n", ""),
    ] {
        let place = place();
        fs::write(&place.part, begun).unwrap();
        let file = OutputFile::resume(&place.path, Format::Csv).unwrap();
        let mut writer = RecordWriter::resume(file);
        let written = writer.write("{\"a\":4,\"c\":5,\"b\":3}");
        assert_eq!(written.is_err(), more.is_empty());
        writer.finish().unwrap().0.commit().unwrap();
        assert_eq!(
            fs::read_to_string(&place.path).unwrap(),
            format!("{begun}{more}")
        );
    }
}

#[test]
fn what_a_link_leads_to_is_written_and_a_part_that_is_no_file_is_not() {
    let place = place();
    let link = place.path.with_extension("link");
    std::os::unix::fs::symlink("orders", &link).unwrap();
    let file = OutputFile::create(&link, Format::Ndjson).unwrap();
    assert_eq!(write(file, &["{}"]).commit().unwrap(), place.path);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(&link).unwrap(), "{}\n");
    fs::write(place.path.with_extension("other"), "somebody's").unwrap();
    std::os::unix::fs::symlink("orders.other", &place.part).unwrap();
    OutputFile::create(&link, Format::Ndjson).unwrap_err();
    assert_eq!(fs::read_to_string(&place.part).unwrap(), "somebody's");
}

#[test]
fn a_run_goes_on_from_exactly_where_it_was_synced() {
    for format in [Format::Ndjson, Format::Csv] {
        let place = place();
        let file = OutputFile::create(&place.path, format).unwrap();
        let mut writer = RecordWriter::new(file, format);
        writer.write("{\"a\":1}").unwrap();
        let bytes = writer.sync().unwrap();
        assert_eq!(bytes, fs::metadata(&place.part).unwrap().len());
        let at_sync = fs::read_to_string(&place.part).unwrap();
        writer.write("{\"a\":2}").unwrap();
        drop(writer);

        let file = OutputFile::resume_at(&place.path, format, bytes).unwrap();
        assert_eq!(file.bytes(), bytes);
        file.commit().unwrap();
        assert_eq!(fs::read_to_string(&place.path).unwrap(), at_sync);
    }
}

#[test]
fn what_cannot_be_resumed_is_told() {
    let place = place();
    let resume = |format| OutputFile::resume(&place.path, format).unwrap_err();
    assert!(matches!(
        resume(Format::Json),
        OutputError::JsonCannotResume
    ));
    assert!(matches!(
        resume(Format::Csv),
        OutputError::NothingToResume { .. }
    ));
    fs::write(&place.part, "{}\n").unwrap();
    assert!(matches!(
        OutputFile::resume_at(&place.path, Format::Ndjson, 4).unwrap_err(),
        OutputError::Shorter {
            expected: 4,
            found: 3,
            ..
        }
    ));
}

#[test]
fn two_runs_cannot_write_one_file() {
    let place = place();
    let file = OutputFile::create(&place.path, Format::Ndjson).unwrap();
    let file = write(file, &["{}"]);
    for second in [
        OutputFile::create(&place.path, Format::Ndjson),
        OutputFile::resume(&place.path, Format::Ndjson),
    ] {
        assert!(matches!(second.unwrap_err(), OutputError::Busy { .. }));
    }
    file.commit().unwrap();
    assert_eq!(fs::read_to_string(&place.path).unwrap(), "{}\n");
}
