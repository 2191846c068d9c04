use super::*;
use crate::connection::Environment;
use crate::runtime::types::{Choice, Condition};

fn property(name: &str, kind: PropertyKind) -> Property {
    Property {
        name: name.to_owned(),
        title: name.to_uppercase(),
        description: String::new(),
        kind,
        required: false,
        default: None,
        repeatable: false,
        accepts_variables: true,
        shown_when: None,
    }
}

fn when(property: &str, value: &str) -> Option<Condition> {
    Some(Condition {
        property: property.to_owned(),
        values: vec![value.to_owned()],
    })
}

/// A form with one of everything.
fn form() -> Vec<Property> {
    let choice = |value: &str| Choice {
        value: value.to_owned(),
        title: value.to_owned(),
    };
    vec![
        Property {
            required: true,
            ..property("url", PropertyKind::Text)
        },
        Property {
            required: true,
            default: Some("token".to_owned()),
            accepts_variables: false,
            ..property(
                "auth",
                PropertyKind::Choice(vec![choice("token"), choice("login")]),
            )
        },
        Property {
            required: true,
            shown_when: when("auth", "token"),
            ..property("token", PropertyKind::Secret)
        },
        Property {
            required: true,
            shown_when: when("auth", "login"),
            ..property("user", PropertyKind::Text)
        },
        // Shown only where `user` is, so that hiding goes on down.
        Property {
            shown_when: when("user", "admin"),
            required: true,
            ..property("reason", PropertyKind::Text)
        },
        Property {
            default: Some("Client".to_owned()),
            ..property("grant", PropertyKind::Fixed)
        },
        property("strict", PropertyKind::Flag),
        property("seconds", PropertyKind::WholeNumber((1, 600))),
        Property {
            repeatable: true,
            ..property("filter", PropertyKind::Text)
        },
    ]
}

fn pairs(values: &[(&str, &str)]) -> Vec<(String, String)> {
    values
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn codes(values: &[(&str, &str)], secrets: &[&str], stage: Stage) -> Vec<String> {
    let secrets = secrets.iter().map(|name| (*name).to_owned()).collect();
    check(
        &form(),
        &["url".to_owned()],
        &pairs(values),
        &secrets,
        stage,
    )
    .into_iter()
    .map(|finding| format!("{}:{}", finding.property.unwrap_or_default(), finding.code))
    .collect()
}

const URL: (&str, &str) = ("url", "https://acme.example.com");

#[test]
fn each_rule_of_the_form_is_told_beside_its_field() {
    type Case = (
        &'static [(&'static str, &'static str)],
        &'static [&'static str],
        &'static [&'static str],
    );
    let cases: &[Case] = &[
        (&[URL], &["token"], &[]),
        (&[], &[], &["url:required", "token:required"]),
        (&[("url", "  ")], &["token"], &["url:required"]),
        (&[URL, ("auth", "login")], &[], &["user:required"]),
        (&[URL, ("auth", "login"), ("user", "x")], &[], &[]),
        (
            &[URL, ("auth", "login"), ("user", "admin")],
            &[],
            &["reason:required"],
        ),
        // What is hidden is not looked at.
        (&[URL, ("user", "admin"), ("reason", "")], &["token"], &[]),
        (
            &[URL, ("auth", "basic")],
            &["token"],
            &["auth:not-a-choice"],
        ),
        (&[URL, ("grant", "Client")], &["token"], &[]),
        (&[URL, ("grant", "Password")], &["token"], &["grant:fixed"]),
        (
            &[URL, ("strict", "yes")],
            &["token"],
            &["strict:not-a-flag"],
        ),
        (
            &[URL, ("seconds", "soon")],
            &["token"],
            &["seconds:not-a-number"],
        ),
        (
            &[URL, ("seconds", "601")],
            &["token"],
            &["seconds:out-of-range"],
        ),
        (&[URL, ("seconds", "[s]")], &["token"], &[]),
        (
            &[URL, ("seconds", "[s")],
            &["token"],
            &["seconds:variable-syntax"],
        ),
        (&[URL, ("filter", "a"), ("filter", "b")], &["token"], &[]),
        (
            &[URL, ("strict", "true"), ("strict", "true")],
            &["token"],
            &["strict:repeated"],
        ),
        (&[URL, ("colour", "red")], &["token"], &["colour:unknown"]),
        (
            &[URL, ("token", "hunter2")],
            &["token"],
            &["token:secret-in-settings"],
        ),
    ];
    for (values, secrets, expected) in cases {
        assert_eq!(
            codes(values, secrets, Stage::Typed),
            *expected,
            "{values:?}"
        );
    }
}

#[test]
fn urls_are_checked_as_typed_and_as_resolved() {
    let development = Stage::Resolved {
        environment: Environment::Development,
    };
    let production = Stage::Resolved {
        environment: Environment::Production,
    };
    for (url, typed, in_production, in_development) in [
        ("https://acme.example.com", "", "", ""),
        ("HTTPS://Acme.Example.com:8443/", "", "", ""),
        ("http://127.0.0.1:9000", "", "url-not-https", ""),
        ("http://localhost", "", "url-not-https", ""),
        (
            "http://acme.example.com",
            "url-not-https",
            "url-not-https",
            "url-not-https",
        ),
        ("acme.example.com", "not-a-url", "not-a-url", "not-a-url"),
        (
            "ftp://acme.example.com",
            "not-a-url",
            "not-a-url",
            "not-a-url",
        ),
        ("https://acme", "not-a-url", "not-a-url", "not-a-url"),
        ("https://", "not-a-url", "not-a-url", "not-a-url"),
        ("https://a..com", "not-a-url", "not-a-url", "not-a-url"),
        ("https://-a.com", "not-a-url", "not-a-url", "not-a-url"),
        ("https://ac me.com", "not-a-url", "not-a-url", "not-a-url"),
        ("https://acme.com:0", "not-a-url", "not-a-url", "not-a-url"),
        (
            "https://acme.com/api",
            "url-extra",
            "url-extra",
            "url-extra",
        ),
        (
            "https://u:p@acme.com",
            "url-extra",
            "url-extra",
            "url-extra",
        ),
        ("https://acme.com?x", "url-extra", "url-extra", "url-extra"),
    ] {
        for (stage, expected) in [
            (Stage::Typed, typed),
            (production, in_production),
            (development, in_development),
        ] {
            let expected: Vec<String> = match expected {
                "" => Vec::new(),
                code => vec![format!("url:{code}")],
            };
            assert_eq!(
                codes(&[("url", url)], &["token"], stage),
                expected,
                "{url} {stage:?}"
            );
        }
    }
    for (url, expected) in [
        ("https://[instance].example.com", ""),
        ("[url]", ""),
        ("ht[rest]", ""),
        ("ftp://[instance]", "not-a-url"),
        ("acme.[rest]", "not-a-url"),
        ("https://x/[path]", "url-extra"),
    ] {
        let found = codes(&[("url", url)], &["token"], Stage::Typed);
        assert_eq!(found.is_empty(), expected.is_empty(), "{url}: {found:?}");
        assert!(found.iter().all(|code| code.ends_with(expected)), "{url}");
    }
}

#[test]
fn a_connector_is_given_what_is_shown() {
    let values = pairs(&[
        URL,
        ("user", "x"),
        ("strict", " "),
        ("filter", "b"),
        ("filter", "a"),
    ]);
    assert_eq!(
        effective(&form(), &values),
        pairs(&[URL, ("grant", "Client"), ("filter", "b"), ("filter", "a")])
    );
}

#[test]
fn secrets_are_asked_again_when_what_they_belong_to_changes() {
    let rules = [Reauthentication {
        changed: vec!["url".to_owned(), "user".to_owned()],
        clear: vec!["token".to_owned()],
    }];
    let asked = |before: &[(&str, &str)], after: &[(&str, &str)]| {
        !reauthentication(&rules, &pairs(before), &pairs(after)).is_empty()
    };
    assert!(!asked(&[URL], &[URL]));
    assert!(!asked(
        &[URL],
        &[("url", " https://acme.example.com "), ("seconds", "3")]
    ));
    assert!(!asked(&[URL], &[URL, ("user", "")]));
    assert!(asked(&[URL], &[("url", "https://evil.example.com")]));
    assert!(asked(&[URL], &[URL, ("user", "x")]));
    assert!(asked(&[URL], &[]));
}
