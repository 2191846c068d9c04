use super::*;

const SMALLEST: &str = "name = \"Acme test\"\nconnector = \"acme\"\n";

fn read(text: &str) -> Result<ConnectionFile, ConnectionFileError> {
    parse(Path::new("/etc/acme/acme.toml"), text)
}

/// The message about `SMALLEST` with `more` after it.
fn refusal(more: &str) -> String {
    let error = read(&format!("{SMALLEST}{more}")).unwrap_err();
    format!("{error}")
}

#[test]
fn a_whole_file_is_understood() {
    let file = read(
        r#"
        name = "Acme test"
        connector = "acme"
        version = "1.2.3"
        environment = "development"

        [settings]
        host = "https://acme.example"
        scopes = ["b", "a"]
        page-size = 0x10
        archived = true
        empty = ""

        [secrets]
        client-secret = { env = "ACME_SECRET" }
        api-key = { file = "secrets/api-key" }
        token = { file = "/run/token" }

        [client-certificate]
        certificate = "client.pem"
        key = { file = "client.key" }

        [limits]
        memory-mib = 256
        requests-per-second = 5
        "#,
    )
    .unwrap();
    assert_eq!(file.name, "Acme test");
    assert_eq!(file.connector.as_str(), "acme");
    assert_eq!(file.version.to_string(), "1.2.3");
    assert_eq!(file.environment, Environment::Development);
    let settings: Vec<_> = file
        .settings
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(
        settings,
        [
            ("host", "https://acme.example"),
            ("scopes", "b"),
            ("scopes", "a"),
            ("page-size", "16"),
            ("archived", "true"),
        ]
    );
    assert_eq!(
        file.secrets,
        Secrets::from_iter([
            (
                "client-secret".to_owned(),
                SecretReference::Env("ACME_SECRET".to_owned())
            ),
            (
                "api-key".to_owned(),
                SecretReference::File("/etc/acme/secrets/api-key".into())
            ),
            (
                "token".to_owned(),
                SecretReference::File("/run/token".into())
            ),
        ])
    );
    assert_eq!(
        file.client_certificate,
        Some(ClientCertificate {
            certificate: "/etc/acme/client.pem".into(),
            key: SecretReference::File("/etc/acme/client.key".into()),
        })
    );
    let set = Limit::ALL.map(|limit| file.limits.get(limit));
    assert_eq!(set.into_iter().flatten().count(), 2);
    assert_eq!(file.limits.get(Limit::MemoryMib), Some(256));
    assert_eq!(file.limits.get(Limit::RequestsPerSecond), Some(5));
}

#[test]
fn defaults_are_the_newest_version_in_production() {
    let file = read(SMALLEST).unwrap();
    assert_eq!(file.version, Requirement::Newest);
    assert_eq!(file.environment, Environment::Production);
}

#[test]
fn every_refusal_names_file_line_key_and_what_would_be_right() {
    for (more, expected) in [
        (
            "sekrets = 1",
            ":3: `sekrets`: there is no such key; there are `name`",
        ),
        (
            "\nversion = 1.2",
            ":4: `version`: expected text in quotes, found a number",
        ),
        (
            "version = \"1.2\"",
            ":3: `version`: `1.2` is no version: write `newest`, all three",
        ),
        (
            "environment = \"test\"",
            ":3: `environment`: `test` is no environment: write `prod",
        ),
        ("settings = 1", ":3: `settings`: expected a table"),
        (
            "[settings]\na.b = 1",
            ":4: `settings.a`: expected text in quotes, `true`",
        ),
        (
            "[settings]\na = 1.5",
            ":4: `settings.a`: expected text in quotes, `true`",
        ),
        ("[settings]\na = [1]", ":4: `settings.a`: every item"),
        (
            "[limits]\nmemory = 1",
            ":4: `limits.memory`: there is no such key; there are `mem",
        ),
        (
            "[limits]\ncpu-seconds = 0",
            ":4: `limits.cpu-seconds`: expected a whole number from 1",
        ),
        (
            "[limits]\ncpu-seconds = -1",
            ":4: `limits.cpu-seconds`: expected a whole number",
        ),
        (
            "[limits]\ncpu-seconds = \"1\"",
            ":4: `limits.cpu-seconds`: expected a whole number",
        ),
        (
            "[limits]\nmemory-mib = 4097",
            ":4: `limits.memory-mib`: expected a whole number from 1 to 4096",
        ),
        (
            "[limits]\nhandles = 99999999999",
            ":4: `limits.handles`: expected a whole number from 1 to 100000",
        ),
        ("name = \"again\"", ":3:1: not TOML: duplicate key"),
        ("[limits", ":3:8: not TOML: "),
    ] {
        let message = refusal(more);
        let expected = format!("/etc/acme/acme.toml{expected}");
        assert!(message.starts_with(&expected), "{message}");
    }
}

#[test]
fn name_and_connector_are_required() {
    for (text, expected) in [
        ("connector = \"acme\"", "`name` is missing: add `name = "),
        ("name = \"a\"", "`connector` is missing: add `connector = "),
        ("name = \" \"\nconnector = \"acme\"", "needs a name"),
        ("name = \"a/b\"\nconnector = \"acme\"", "no `/`, no `:`"),
        ("name = \"a:b\"\nconnector = \"acme\"", "no `/`, no `:`"),
        ("name = \"a\"\nconnector = \"../acme\"", "lower-case words"),
    ] {
        let message = read(text).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn a_secret_is_only_ever_a_reference_and_never_shown() {
    for (more, expected) in [
        (
            "[secrets]\npin = \"hunter2\"",
            "a secret is never written into this file",
        ),
        (
            "[secrets]\npin = [\"hunter2\"]",
            "a secret is never written into this file",
        ),
        (
            "[secrets]\npin = { value = \"hunter2\" }",
            "`secrets.pin.value`: there is no such key",
        ),
        ("[secrets]\npin = { env = \"hunter2!\" }", "not the secret"),
        (
            "[secrets]\npin = { env = [\"hunter2\"] }",
            "expected text in quotes, found a list",
        ),
        ("[secrets]\npin = { file = \"\" }", "name the file"),
        ("[secrets]\npin = {}", "either `env` or `file`"),
        (
            "[secrets]\npin = { env = \"A\", file = \"a\" }",
            "either `env` or `file`",
        ),
        ("[secrets]\npin = \"hunter2", "not TOML"),
        ("secrets = \"hunter2\"", "expected a table, found text"),
        (
            "[settings]\npin = \"hunter2\"\n[secrets]\npin = { env = \"PIN\" }",
            "stands in `[settings]` too",
        ),
        (
            "[settings]\npin = \"\"\n[secrets]\npin = { env = \"PIN\" }",
            "stands in `[settings]` too",
        ),
    ] {
        let error = read(&format!("{SMALLEST}{more}")).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let error = ConnectionFile::read("/does/not/exist.toml").unwrap_err();
    assert!(error.to_string().contains("/does/not/exist.toml"));
}
