use super::*;
use crate::registry::SigningKey;
use secrecy::SecretString;

const COMPONENT: &[u8] = b"a component";

struct Signer {
    key: SigningKey,
    public: PublicKey,
}

fn signer() -> Signer {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("signing.key");
    let public = SigningKey::create(&path, None).unwrap();
    let text = SecretString::from(std::fs::read_to_string(&path).unwrap());
    let key = SigningKey::parse(&text, None).unwrap();
    assert_eq!(key.public().unwrap(), public);
    Signer { key, public }
}

fn statement(name: &str, version: &str) -> Statement {
    Statement {
        name: name.parse().unwrap(),
        version: version.parse().unwrap(),
        digest: Digest::of(COMPONENT),
        contract: Some(Version::new(0, 2, 0)),
        signed_at: Timestamp::now(),
        expires: None,
    }
}

impl Signer {
    fn sign(&self, statement: Statement) -> String {
        self.key.sign(COMPONENT, statement).unwrap()
    }
}

fn policy(signers: &[(&Signer, &str)]) -> TrustPolicy {
    let mut policy = TrustPolicy::without_keys(Unsigned::Refuse);
    policy.keys = signers
        .iter()
        .map(|(signer, glob)| (signer.public.clone(), vec![(*glob).to_owned()]))
        .collect();
    policy
}

fn check(
    policy: &TrustPolicy,
    component: &[u8],
    signatures: &[String],
) -> Result<(), &'static str> {
    let candidate = Candidate {
        name: &"acme".parse().unwrap(),
        version: &Version::new(1, 0, 0),
        digest: Digest::of(component),
        component,
        is_new: true,
    };
    policy
        .check(candidate, signatures, Timestamp::now())
        .map(drop)
        .map_err(|error| error.code())
}

#[test]
fn each_refusal_has_its_name() {
    let (ours, theirs) = (signer(), signer());
    let trusted = policy(&[(&ours, "acme*")]);
    let good = ours.sign(statement("acme", "1.0.0"));
    let ago = |hours| Timestamp::now() - SignedDuration::from_hours(hours);
    assert_eq!(
        check(&trusted, COMPONENT, std::slice::from_ref(&good)),
        Ok(())
    );
    assert_eq!(check(&trusted, COMPONENT, &[]), Err("trust.unsigned"));
    assert_eq!(
        check(
            &trusted,
            COMPONENT,
            &[theirs.sign(statement("acme", "1.0.0"))]
        ),
        Err("trust.unknown-key")
    );
    assert_eq!(
        check(
            &policy(&[(&ours, "bolt")]),
            COMPONENT,
            std::slice::from_ref(&good)
        ),
        Err("trust.unknown-key")
    );
    assert_eq!(
        check(&trusted, b"another", std::slice::from_ref(&good)),
        Err("trust.wrong-signature")
    );
    for (name, version) in [("acme", "1.0.1"), ("acme-two", "1.0.0")] {
        assert_eq!(
            check(&trusted, COMPONENT, &[ours.sign(statement(name, version))]),
            Err("trust.other-version")
        );
    }
    let expired = Statement {
        expires: Some(ago(1)),
        ..statement("acme", "1.0.0")
    };
    assert_eq!(
        check(&trusted, COMPONENT, &[ours.sign(expired)]),
        Err("trust.expired")
    );
    let old = Statement {
        signed_at: ago(24 * 11),
        ..statement("acme", "1.0.0")
    };
    let mut young = trusted.clone();
    young.max_age_days = Some(10);
    let old = ours.sign(old);
    assert_eq!(
        check(&young, COMPONENT, std::slice::from_ref(&old)),
        Err("trust.too-old")
    );
    assert_eq!(check(&trusted, COMPONENT, &[old]), Ok(()));
    let mut low = trusted.clone();
    low.minimum
        .insert("acme".parse().unwrap(), Version::new(1, 0, 1));
    assert_eq!(
        check(&low, COMPONENT, std::slice::from_ref(&good)),
        Err("trust.below-minimum")
    );

    // Two keys for one name: either is enough, whatever else is there.
    let both = policy(&[(&ours, "*"), (&theirs, "acme")]);
    let stranger = signer().sign(statement("acme", "1.0.0"));
    for key in [&ours, &theirs] {
        let signatures = [
            "no signature".to_owned(),
            stranger.clone(),
            key.sign(statement("acme", "1.0.0")),
        ];
        assert_eq!(check(&both, COMPONENT, &signatures), Ok(()));
    }
}

#[test]
fn a_signature_that_was_altered_anywhere_is_refused_and_none_ends_the_program() {
    let ours = signer();
    let trusted = policy(&[(&ours, "*")]);
    let good = ours.sign(statement("acme", "1.0.0"));
    let lines: Vec<&str> = good.lines().collect();
    let mut broken: Vec<String> = vec![
        String::new(),
        "\n\n\n\n".to_owned(),
        "x".repeat(100_000),
        // The library would index beyond the end of such a last line.
        format!("{}\n{}\n{}\nAAAA\n", lines[0], lines[1], lines[2]),
        good.replace("version=1.0.0", "version=1.0.1"),
        good.replace("signed-at=", "signed-at ="),
    ];
    for (number, line) in lines.iter().enumerate().skip(1) {
        for at in (0..line.len()).step_by(7) {
            let mut bytes = line.as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let mut altered: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
            altered[number] = String::from_utf8(bytes).unwrap();
            broken.push(altered.join("\n"));
        }
        let cut: Vec<&str> = lines[..number].to_vec();
        broken.push(cut.join("\n"));
    }
    for signature in broken {
        let refused = check(&trusted, COMPONENT, std::slice::from_ref(&signature));
        assert!(
            matches!(refused, Err("trust.wrong-signature" | "trust.unknown-key")),
            "{refused:?}: {signature}"
        );
    }
}

#[test]
fn a_key_under_a_password_signs_with_it_alone_and_its_file_is_its_owners() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("signing.key");
    let password = SecretString::from("correct horse");
    let public = SigningKey::create(&path, Some(&password)).unwrap();
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let beside = std::fs::read_to_string(folder.path().join("signing.key.pub")).unwrap();
    assert_eq!(PublicKey::parse(&beside).unwrap(), public);
    assert!(SigningKey::create(&path, None).is_err(), "written over");

    let text = SecretString::from(std::fs::read_to_string(&path).unwrap());
    let key = SigningKey::parse(&text, Some(&password)).unwrap();
    assert_eq!(key.public().unwrap(), public);
    let wrong = SecretString::from("battery staple");
    let codes = [
        SigningKey::parse(&text, None).unwrap_err().to_string(),
        SigningKey::parse(&text, Some(&wrong))
            .unwrap_err()
            .to_string(),
        SigningKey::parse(&"no key".to_owned().into(), None)
            .unwrap_err()
            .to_string(),
    ];
    assert!(codes[0].contains("--key-password"), "{codes:?}");
    assert!(codes[1].contains("not the password"), "{codes:?}");
    assert!(codes[2].contains("no secret key"), "{codes:?}");
    assert_eq!(format!("{key:?}"), format!("SigningKey({})", public.id()));
}

#[test]
fn a_policy_is_read_and_what_is_wrong_with_it_is_told_by_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trust.toml");
    let missing = TrustPolicy::read(&path, Unsigned::Accept).unwrap();
    assert_eq!(missing.unsigned, Unsigned::Accept);
    let ours = signer();
    let key = format!(
        "[[key]]\npublic = \"{}\"\nnames = [\"acme*\"]\n",
        ours.public
    );
    std::fs::write(
        &path,
        format!("max-age-days = 30\n[minimum]\nacme = \"1.0.0\"\n{key}"),
    )
    .unwrap();
    let read = TrustPolicy::read(&path, Unsigned::Accept).unwrap();
    assert_eq!(
        read.unsigned,
        Unsigned::Refuse,
        "a policy with keys means them"
    );
    assert_eq!((read.max_age_days, read.keys.len()), (Some(30), 1));
    for (text, line) in [
        ("unsigned = \"maybe\"\n", "line 1"),
        ("\nunsinged = \"accept\"\n", "line 2"),
        ("\n\n[[key]]\npublic = \"RWQ\"\nnames = []\n", "line 4"),
    ] {
        std::fs::write(&path, text).unwrap();
        let error = TrustPolicy::read(&path, Unsigned::Accept).unwrap_err();
        assert!(error.to_string().contains(line), "{error}");
    }
}

#[test]
fn a_star_stands_for_any_part_of_a_name() {
    for (glob, name, fits) in [
        ("acme", "acme", true),
        ("acme", "acme-two", false),
        ("*", "acme", true),
        ("acme*", "acme", true),
        ("acme-*", "acme", false),
        ("a*e-*o", "acme-two", true),
        ("*acme", "bolt-acme", true),
        ("*acme", "acme-bolt", false),
        ("", "acme", false),
    ] {
        assert_eq!(matches(glob, name), fits, "{glob} {name}");
    }
}
