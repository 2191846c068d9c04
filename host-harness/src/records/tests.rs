use std::io::{self, Read};

use proptest::prelude::*;
use serde_json::{Map, Value};

use super::*;

/// A source that gives a byte at a time, so that every place is the end of a
/// piece once.
struct Drops<'a>(&'a [u8]);

impl Read for Drops<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = buffer.len().min(1);
        self.0.read(&mut buffer[..length])
    }
}

fn entries(text: impl AsRef<[u8]>, format: Format) -> Vec<Entry> {
    let text = text.as_ref();
    let whole: Vec<_> = RecordReader::open(text, format)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let drops: Vec<_> = RecordReader::open(Drops(text), format)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(whole, drops, "the size of the pieces must not matter");
    whole
}

/// Each entry in one line: `key: json`, or `place! message`.
fn outline(entries: &[Entry]) -> Vec<String> {
    entries
        .iter()
        .map(|entry| match entry {
            Entry::Record { key, json } => format!("{key}: {json}"),
            Entry::Invalid { place, message, .. } => format!("{place}! {message}"),
            Entry::Blank { place } => format!("blank: {place}"),
        })
        .collect()
}

/// Asserts that each line of the outline starts as expected.
#[track_caller]
fn assert_outline(text: impl AsRef<[u8]>, format: Format, expected: &[&str]) {
    let found = outline(&entries(text, format));
    let fits = found.len() == expected.len()
        && found
            .iter()
            .zip(expected)
            .all(|(found, expected)| found.starts_with(expected));
    assert!(fits, "{found:#?}\nis not\n{expected:#?}");
}

#[test]
fn ndjson_goes_on_after_lines_that_are_no_records() {
    assert_outline(
        b"\xef\xbb\xbf{\"a\":1}\r\n\n  \n\t {\"a\":} \n[1]\n\"a\"\n7\n{\"a\":\"\xff\"}\n{\"a\":1} {}\n {\"a\":2}",
        Format::Ndjson,
        &[
            "line 1: {\"a\":1}",
            "line 4, column 8! it is not JSON: expected value",
            "line 5! it is a list, not a JSON object",
            "line 6! it is a text",
            "line 7! it is a number",
            "line 8! it is not UTF-8 text",
            "line 9, column 9! it is not JSON: trailing characters",
            "line 10: {\"a\":2}",
        ],
    );
}

#[test]
fn json_goes_on_after_items_that_are_no_records() {
    assert_outline(
        b"\xef\xbb\xbf [{\"a\": \"],\\\"}\"},\n 7 ,[{}, 1], null,{\"b\":\"\xff\"},\r\n{\n\"b\": [1]\n}\n]\n",
        Format::Json,
        &[
            "item 1: {\"a\": \"],\\\"}\"}",
            "item 2, line 2, column 2 (byte 20)! it is a number, not a JSON object",
            "item 3, line 2, column 5 (byte 23)! it is a list",
            "item 4, line 2, column 14 (byte 32)! it is `null`",
            "item 5, line 2, column 19 (byte 37)! it is not UTF-8",
            "item 6: {\n\"b\": [1]\n}",
        ],
    );
}

#[test]
fn an_empty_json_array_has_no_records() {
    assert_outline("[]", Format::Json, &[]);
    assert_outline(" [ \n ] ", Format::Json, &[]);
}

#[test]
fn a_json_document_stands_up_to_where_it_breaks() {
    for (text, expected) in [
        (
            "",
            &["item 1, line 1, column 1 (byte 1)! the file is empty"][..],
        ),
        (
            "{}",
            &["item 1, line 1, column 1 (byte 1)! a JSON file starts with `[`"],
        ),
        (
            "[",
            &["item 1, line 1, column 2 (byte 2)! the array is not closed"],
        ),
        (
            "[{}",
            &[
                "item 1: {}",
                "item 2, line 1, column 4 (byte 4)! the array is not closed",
            ],
        ),
        (
            "[{},",
            &[
                "item 1: {}",
                "item 2, line 1, column 5 (byte 5)! the array is not closed",
            ],
        ),
        (
            "[{}] {}",
            &[
                "item 1: {}",
                "item 2, line 1, column 6 (byte 6)! something follows",
            ],
        ),
        (
            "[{},]",
            &[
                "item 1: {}",
                "item 2, line 1, column 5 (byte 5)! an item is missing",
            ],
        ),
        (
            "[,{}]",
            &["item 1, line 1, column 2 (byte 2)! an item is missing"],
        ),
        (
            "[{}\n{}]",
            &["item 1, line 2, column 1 (byte 5)! it is not JSON: trailing"],
        ),
        (
            "[{},\n{\"a\": [1}, {}]",
            &[
                "item 1: {}",
                "item 2, line 2, column 9 (byte 14)! it is not JSON: expected `,`",
            ],
        ),
        (
            "[{},\n{\"a\": \"b},\n {}]",
            &[
                "item 1: {}",
                "item 2, line 2, column 10 (byte 15)! it is not JSON: control",
            ],
        ),
        (
            "[{\"a\":1",
            &["item 1, line 1, column 8 (byte 8)! the file ends within"],
        ),
    ] {
        assert_outline(text, Format::Json, expected);
    }
}

#[test]
fn json_nested_without_end_is_not_followed() {
    let found = entries("[".repeat(10_000), Format::Json);
    assert!(outline(&found)[0].contains("nested deeper than 128 levels"));
    assert_eq!(found.len(), 1);
}

#[test]
fn csv_goes_on_after_rows_that_are_no_records() {
    for line_break in ["\n", "\r\n"] {
        let text = [
            "\u{feff}id:number,name,address.city",
            "1,Acme,Rome",
            "2,Bolt",
            "",
            "x,Coil,",
            "3,\"Dyne",
            "and, so \"\"on\"\"\",",
            "4,a,b,c",
            ",null,",
        ]
        .join(line_break);
        let dyne = serde_json::to_string(&format!("Dyne{line_break}and, so \"on\"")).unwrap();
        assert_outline(
            text,
            Format::Csv,
            &[
                r#"row 1: {"id":1,"name":"Acme","address":{"city":"Rome"}}"#,
                "row 2 (line 3)! it has 2 columns, the header has 3",
                "row 3 (line 5)! column 1 (`id:number`) holds `x`",
                &format!(r#"row 4: {{"id":3,"name":{dyne}}}"#),
                "row 5 (line 8)! it has 4 columns",
                r#"row 6: {"name":"null"}"#,
            ],
        );
    }
}

#[test]
fn a_ragged_row_is_shown_with_the_header_that_it_should_have() {
    let found = entries("id,name\n1,\"a,b\",c\n", Format::Csv);
    let [Entry::Invalid { key, raw, fix, .. }] = found.as_slice() else {
        panic!("{found:?}")
    };
    assert_eq!(key, "row 1");
    assert_eq!(raw, "1,\"a,b\",c");
    assert!(fix.contains("(id, name)"), "{fix}");
}

#[test]
fn a_csv_file_without_a_good_header_is_not_opened() {
    for (text, expected) in [
        ("", "the file is empty"),
        ("\n\n", "the file is empty"),
        ("a,b,a\n", "`a` stands there twice"),
        ("a;b;a\n", "`a` stands there twice"),
        ("*:json,*:json\n", "`*:json` stands there twice"),
        ("a;b,c\n", "both semicolons and commas: say by the format"),
        (
            "\"a;b\"\n",
            "one column, `a;b`, which is no field: where semicolons",
        ),
        ("n\0a\0m\0e\0\n", "not UTF-8"),
    ] {
        assert_not_opened(text, Format::Csv, expected);
    }
    assert_not_opened("a;b\n", Format::CsvComma, "`csv-semicolon`");
    assert_not_opened("a,b\n", Format::CsvTab, "`csv-comma`");
}

#[track_caller]
fn assert_not_opened(text: &str, format: Format, expected: &str) {
    let error = RecordReader::open(text.as_bytes(), format).err().unwrap();
    assert!(error.to_string().contains(expected), "{error}");
}

#[test]
fn a_record_at_the_limit_is_read_and_one_beyond_it_is_not() {
    let record = |size: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(size - 8));
    let (fits, exceeds) = (record(100), record(101));
    for (format, text) in [
        (
            Format::Ndjson,
            format!("{fits}\r\n{exceeds}\n{fits}\n{exceeds}"),
        ),
        (Format::Json, format!("[{fits},{exceeds},{fits},{exceeds}]")),
    ] {
        let found: Vec<_> = RecordReader::open_with_limit(text.as_bytes(), format, 100)
            .unwrap()
            .map(|entry| matches!(entry.unwrap(), Entry::Record { .. }))
            .collect();
        assert_eq!(found, [true, false, true, false], "{format}");
    }
}

#[test]
fn a_record_without_end_is_not_kept_in_memory() {
    let endless = || io::repeat(b'x').take(64 * 1024 * 1024);
    for (format, start) in [
        (Format::Ndjson, "{\"a\":\""),
        (Format::Json, "[{\"a\":\""),
        (Format::Csv, "a\n\""),
    ] {
        let source = start.as_bytes().chain(endless());
        let first = RecordReader::open_with_limit(source, format, 1024)
            .unwrap()
            .next();
        let Some(Ok(Entry::Invalid { raw, message, .. })) = first else {
            panic!("{format}: {first:?}")
        };
        assert!(message.contains("larger than the 1024 bytes"), "{message}");
        assert!(raw.len() <= 4096);
    }
}

#[test]
fn an_input_that_fails_ends_with_an_error_and_not_as_if_it_were_whole() {
    struct Failing;
    impl Read for Failing {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("cable pulled"))
        }
    }
    for (format, text, after) in [
        (Format::Ndjson, "{}\n", "line 1"),
        (Format::Json, "[{},", "item 2"),
        (Format::Csv, "a\n1\n", "row 1"),
    ] {
        let found: Vec<_> = RecordReader::open(text.as_bytes().chain(Failing), format)
            .unwrap()
            .collect();
        let [Ok(Entry::Record { .. }), Err(error)] = found.as_slice() else {
            panic!("{found:?}")
        };
        assert_eq!(error.after, after);
        assert!(error.to_string().contains("cable pulled"));
    }
}

/// What the records become in `format`.
fn written(records: &[&str], format: Format) -> String {
    let mut writer = RecordWriter::new(Vec::new(), format);
    for record in records {
        writer.write(record).unwrap();
    }
    String::from_utf8(writer.finish().unwrap().0).unwrap()
}

#[test]
fn each_record_is_one_line() {
    let records = ["{\r\n \"a\": \"\\n\"\n}", "{}"];
    let lines = "{ \"a\": \"\\n\"}\n{}\n";
    assert_eq!(written(&records, Format::Ndjson), lines);
    let array = "[\n{ \"a\": \"\\n\"},\n{}\n]\n";
    assert_eq!(written(&records, Format::Json), array);
}

#[test]
fn no_records_are_still_a_file_of_their_format() {
    assert_eq!(written(&[], Format::Ndjson), "");
    assert_eq!(written(&[], Format::Json), "[]\n");
    assert_eq!(written(&[], Format::Csv), "");
    let columns = vec!["a".to_owned(), "b".to_owned()];
    let writer = RecordWriter::with_columns(Vec::new(), columns);
    assert_eq!(writer.finish().unwrap().0, b"a,b\n");
}

#[test]
fn csv_keeps_every_digit_and_has_lists_and_nulls_in_cells() {
    let text = written(
        &[
            r#"{"id": 12345678901234567890.10, "a": {"b": "x,\"y\""}, "l": [1, {"c": 2}], "n": null}"#,
            r#"{"n": "=1+1", "id": true, "e": null}"#,
            r#"{"a": {"b": {"deeper": 1}}, "n": {"o": 1}, "l": "text"}"#,
        ],
        Format::Csv,
    );
    let expected = "id,a.b,l:json,n,*:json\n\
         12345678901234567890.10,\"x,\"\"y\"\"\",\"[1, {\"\"c\"\": 2}]\",,\n\
         true,,,=1+1,\n\
         ,,\"\"\"text\"\"\",,\"{\"\"a\"\":{\"\"b\"\":{\"\"deeper\"\":1}},\"\"n\"\":{\"\"o\"\":1}}\"\n";
    assert_eq!(text, expected);
}

#[test]
fn csv_has_a_place_for_what_only_later_records_have() {
    let text = written(
        &[
            r#"{"a": 1, "b.c": 2}"#,
            r#"{"a": 2, "c": {"d": 1}, "e": [2]}"#,
            r#"{"a": null}"#,
        ],
        Format::CsvSemicolon,
    );
    let expected = "a;*:json\n\
         1;\"{\"\"b.c\"\":2}\"\n\
         2;\"{\"\"c\"\":{\"\"d\"\":1},\"\"e\"\":[2]}\"\n\
         ;{}\n";
    assert_eq!(text, expected);
}

#[test]
fn csv_refuses_what_cannot_be_a_row_and_goes_on() {
    let mut writer = RecordWriter::new(Vec::new(), Format::Csv);
    for none in ["[1]", "7", "{\"a\""] {
        let error = writer.write(none).unwrap_err();
        assert!(error.is_about_the_record(), "{error}");
    }
    writer.write(r#"{"a":1}"#).unwrap();
    writer.write("\"a\"").unwrap_err();
    let (text, report) = writer.finish().unwrap();
    assert_eq!(text, b"a,*:json\n1,\n");
    assert_eq!(report.records, 1);
    // A file that somebody else began has no such place.
    let columns = vec!["a".to_owned(), "l:json".to_owned()];
    let mut writer = RecordWriter::with_columns(Vec::new(), columns);
    let error = writer.write(r#"{"a":[1],"b":{"c":2}}"#).unwrap_err();
    assert!(error.is_about_the_record());
    assert!(
        error.to_string().contains("has a, b.c for which"),
        "{error}"
    );
    writer.write(r#"{"a":"x","l":[1]}"#).unwrap();
    assert_eq!(writer.finish().unwrap().0, b"a,l:json\nx,[1]\n");
}

#[test]
fn rows_that_say_nothing_are_passed_over_and_counted() {
    let text = "a,b\n1,2\n,\n\n , \t\n,,,\n3,\n";
    assert_outline(
        text,
        Format::Csv,
        &[
            r#"row 1: {"a":"1","b":"2"}"#,
            "blank: row 2 (line 3)",
            "blank: row 3 (line 5)",
            "blank: row 4 (line 6)",
            r#"row 5: {"a":"3"}"#,
        ],
    );
}

#[test]
fn what_separates_the_columns_is_recognised_or_said() {
    let record = r#"row 1: {"name":"A, B","note":"x;y|z"}"#;
    for (text, format) in [
        ("name,note\n\"A, B\",x;y|z\n", Format::Csv),
        ("name;note\nA, B;\"x;y|z\"\n", Format::Csv),
        ("name\tnote\r\nA, B\tx;y|z\r\n", Format::Csv),
        ("name|note\nA, B|\"x;y|z\"\n", Format::Csv),
        ("\n\r\nname\tnote\rA, B\tx;y|z\r", Format::Csv),
        (
            "\u{feff}sep=;\r\nname;note\r\nA, B;\"x;y|z\"\r\n",
            Format::Csv,
        ),
        ("sep=;\nname,note\n\"A, B\",x;y|z\n", Format::CsvComma),
        ("name\tnote\nA, B\tx;y|z\n", Format::CsvTab),
        (
            "\"name\";\"note\"\n\"A, B\";\"x;y|z\"\n",
            Format::CsvSemicolon,
        ),
        ("name|note\nA, B|\"x;y|z\"\n", Format::CsvPipe),
    ] {
        assert_outline(text, format, &[record]);
    }
    // Quotes hold what stands between them together.
    assert_outline(
        "a,\"b;\nc\"\n1,2\n",
        Format::Csv,
        &[r#"row 1: {"a":"1","b;\nc":"2"}"#],
    );
    assert_outline("a\n1;2\n", Format::Csv, &[r#"row 1: {"a":"1;2"}"#]);
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..4).prop_map(object),
        ]
    })
}

fn object(fields: impl IntoIterator<Item = (String, Value)>) -> Value {
    Value::Object(fields.into_iter().collect())
}

fn records() -> impl Strategy<Value = Vec<Value>> {
    let record = prop::collection::btree_map(any::<String>(), json(), 0..4).prop_map(object);
    prop::collection::vec(record, 0..6)
}

/// A value as it comes out of CSV again: what says nothing is not there, and numbers and
/// flags are texts; but within a list all is as it was.
fn in_csv(value: &Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::Bool(_) | Value::Number(_) => Some(value.to_string().into()),
        Value::String(text) => (!text.is_empty()).then(|| value.clone()),
        Value::Array(_) => Some(value.clone()),
        Value::Object(fields) if fields.is_empty() => Some(value.clone()),
        Value::Object(fields) => {
            let fields: Map<_, _> = fields
                .iter()
                .filter_map(|(name, value)| Some((name.clone(), in_csv(value)?)))
                .collect();
            (!fields.is_empty()).then_some(Value::Object(fields))
        }
    }
}

/// The same of what may stand in the last column, where numbers stay numbers and a name
/// that no column has keeps all that is below it.
fn means_the_same(found: &Value, record: &Value) -> bool {
    match (found, record) {
        (Value::Object(found), Value::Object(record)) => {
            found.keys().all(|name| record.contains_key(name))
                && record.iter().all(|(name, value)| match found.get(name) {
                    Some(found) => means_the_same(found, value),
                    None => in_csv(value).is_none(),
                })
        }
        (found, record) => found == record || Some(found) == in_csv(record).as_ref(),
    }
}

/// Records of a few names, so that one field has a value of each kind in turn.
fn changing_records() -> impl Strategy<Value = Vec<Value>> {
    let name = prop_oneof![
        4 => "[a-d]",
        1 => prop::sample::select(vec!["*", "a.b", "a[0]", "a:json", " a", "a;b", "a\tb", "", "\u{feff}a"])
            .prop_map(str::to_owned),
        1 => any::<String>(),
    ]
    .boxed();
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "(?s).{0,6}".prop_map(Value::from),
        Just(Value::from("null")),
        Just(Value::from(" ")),
    ];
    let names = name.clone();
    let value = leaf.prop_recursive(4, 24, 3, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map(names.clone(), inner, 0..4).prop_map(object),
        ]
    });
    let record = prop::collection::btree_map(name, value, 0..5).prop_map(object);
    prop::collection::vec(record, 0..6)
}

fn read_back(text: &str, format: Format) -> Vec<Value> {
    entries(text, format)
        .into_iter()
        .map(|entry| match entry {
            Entry::Record { json, .. } => serde_json::from_str(&json).unwrap(),
            _ => panic!("{entry:?}"),
        })
        .collect()
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(records in records(), pretty: bool) {
        let texts: Vec<_> = records
            .iter()
            .map(|record| if pretty { format!("{record:#}") } else { record.to_string() })
            .collect();
        let texts: Vec<_> = texts.iter().map(String::as_str).collect();
        for format in [Format::Ndjson, Format::Json] {
            let text = written(&texts, format);
            prop_assert_eq!(&read_back(&text, format), &records);
        }
    }

    #[test]
    fn rows_are_read_back_as_the_records_they_were(
        records in changing_records(),
        format in prop::sample::select(vec![
            Format::Csv, Format::CsvComma, Format::CsvSemicolon, Format::CsvTab, Format::CsvPipe,
        ]),
        recognised: bool,
    ) {
        let texts: Vec<_> = records.iter().map(Value::to_string).collect();
        let texts: Vec<_> = texts.iter().map(String::as_str).collect();
        let text = written(&texts, format);
        if records.is_empty() {
            return Ok(());
        }
        let format = if recognised { Format::Csv } else { format };
        let found = read_back(&text, format);
        prop_assert_eq!(found.len(), records.len());
        for (found, record) in found.iter().zip(&records) {
            prop_assert!(means_the_same(found, record), "{} is not {}\n{}", found, record, text);
        }
    }

    #[test]
    fn a_cut_json_file_gives_its_whole_records_and_one_complaint(
        records in records(),
        cut: prop::sample::Index,
    ) {
        let text = format!("{:#}", Value::from(records.clone()));
        let cut = cut.index(text.len());
        let found = entries(&text.as_bytes()[..cut], Format::Json);
        let (last, whole) = found.split_last().unwrap();
        let is_complaint = matches!(last, Entry::Invalid { .. });
        prop_assert!(is_complaint);
        for (entry, record) in whole.iter().zip(&records) {
            let Entry::Record { json, .. } = entry else {
                panic!("{entry:?}")
            };
            prop_assert_eq!(&serde_json::from_str::<Value>(json).unwrap(), record);
        }
    }

    #[test]
    fn no_input_makes_a_reader_fail(text: Vec<u8>) {
        for format in [Format::Ndjson, Format::Json, Format::Csv] {
            if let Ok(reader) = RecordReader::open_with_limit(text.as_slice(), format, 16) {
                prop_assert!(reader.into_iter().all(|entry| entry.is_ok()));
            }
        }
    }
}
