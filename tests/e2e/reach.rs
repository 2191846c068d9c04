//! Every path of the release with every verb: which are sent by a call of some
//! activity, by what the real component plans, and why the others are not.

use crate::row;
use crate::support::call;
use coupa_sandbox::Sandbox;
use host_harness::runtime::design::Object;
use host_harness::runtime::types::PropertyKind;
use host_harness::runtime::{Session, design};
use std::collections::BTreeSet;
use std::fmt::Write as _;

/// A method and a path whose ids are all the same.
type Use = (&'static str, String);

const VERBS: [(&str, char); 5] = [
    ("GET", 'G'),
    ("POST", 'P'),
    ("PUT", 'U'),
    ("PATCH", 'A'),
    ("DELETE", 'D'),
];

/// What the release allows.
fn release() -> BTreeSet<Use> {
    coupa_catalog::paths()
        .flat_map(|(path, verbs)| {
            let allowed = VERBS.iter().filter(|(_, letter)| verbs.contains(*letter));
            allowed.map(|(verb, _)| (*verb, shape(path)))
        })
        .collect()
}

/// A path or a template, with `{}` for each id. The style of an image need not stand.
fn shape(path: &str) -> String {
    let path = path.split(['?', '(']).next().unwrap();
    let path = path.strip_prefix("/api/").unwrap_or(path);
    let segments = path.split('/').map(|segment| {
        let is_id = segment.starts_with(['{', '<']) || segment.parse::<i64>().is_ok();
        if is_id { "{}" } else { segment }
    });
    segments.collect::<Vec<_>>().join("/")
}

fn method(name: &str) -> &'static str {
    VERBS.iter().find(|(verb, _)| *verb == name).unwrap().0
}

/// What the calls of all activities of these objects would send.
async fn planned(session: &mut Session, objects: &[Object]) -> BTreeSet<Use> {
    let mut all = BTreeSet::new();
    for object in objects {
        let path: Vec<&str> = object
            .name
            .split('/')
            .map(|part| if part.starts_with('{') { "1" } else { part })
            .collect();
        let path = path.join("/");
        for activity in &object.activities {
            let shape_of = session
                .describe_object(activity, &path, false)
                .await
                .unwrap();
            for options in choices(&shape_of, &object.name) {
                let options: Vec<(&str, &str)> = options
                    .iter()
                    .map(|(name, value)| (name.as_str(), value.as_str()))
                    .collect();
                let call = call(activity, &path, &options);
                let plan = session.plan(call, false).await;
                let plan = plan.unwrap_or_else(|error| panic!("{activity} {path}: {error}"));
                let requests = plan.requests.iter();
                all.extend(requests.map(|sent| (method(&sent.method), shape(&sent.path))));
            }
        }
    }
    all
}

/// The options that a call needs, once for each choice that it has among what there is
/// to do.
fn choices(shape: &design::Shape, object: &str) -> Vec<Vec<(String, String)>> {
    let record_type = coupa_catalog::find_object(object).unwrap().record_type;
    let mut needed = Vec::new();
    let mut choices = vec![None];
    for option in &shape.options {
        match (&option.kind, option.name.as_str()) {
            (PropertyKind::Choice(values), "action" | "file") => {
                let values = values.iter().map(|choice| &choice.value);
                choices = values
                    .map(|value| Some((option.name.clone(), value.clone())))
                    .collect();
            }
            // Where there is no list to download from, it has to be known of what.
            (_, "value") => needed.push((option.name.clone(), "1".to_owned())),
            // Upsert has no key of its own for all of them: any field will do.
            (_, "key") if option.default.is_none() => {
                let plain = coupa_catalog::fields(record_type).find(|field| {
                    field.kind.record_type().is_none()
                        && field.kind != coupa_catalog::FieldKind::List
                        && field.name != "id"
                });
                needed.extend(plain.map(|field| (option.name.clone(), field.name.to_owned())));
            }
            _ => {}
        }
    }
    choices
        .into_iter()
        .map(|choice| choice.into_iter().chain(needed.clone()).collect())
        .collect()
}

/// Why a use is left out; none where there is no reason.
fn reason(left: &Use, reached: &BTreeSet<Use>) -> Option<&'static str> {
    let (verb, path) = left;
    let by_put = reached.contains(&("PUT", path.clone()));
    match *verb {
        "PATCH" if by_put => Some("PUT does the same, by Coupa's documentation"),
        "POST" if by_put => Some("a file, which PUT sends as well, and can send again"),
        _ => None,
    }
}

/// What the component can send of the release, as a part of the page.
pub async fn page(session: &mut Session, objects: &[Object], sandbox: &Sandbox) -> String {
    let release = release();
    let reached = planned(session, objects).await;
    let unknown: Vec<_> = reached.difference(&release).collect();
    // Beside the release, and kept by hand in the catalog.
    assert_eq!(unknown, [&("POST", "invoices".to_owned())]);
    let left: Vec<&Use> = release.difference(&reached).collect();
    let without_reason: Vec<_> = left
        .iter()
        .filter(|left| reason(left, &reached).is_none())
        .collect();
    assert!(
        without_reason.is_empty(),
        "no activity reaches {without_reason:?}"
    );

    let answered: BTreeSet<Use> = sandbox
        .log()
        .iter()
        .filter(|request| request.path.starts_with("/api/"))
        .filter(|request| !matches!(request.status, 404 | 405))
        .map(|request| (method(&request.method), shape(&request.path)))
        .collect();
    let unsent: Vec<&Use> = reached
        .intersection(&release)
        .filter(|reached| !answered.contains(*reached))
        .collect();
    println!("planned and not answered: {unsent:?}");
    // An instance that answers an empty list by 404 tells it from no answer less well.
    let most = if row::chosen().0 == 0 { 7 } else { 9 };
    assert!(unsent.len() <= most, "{unsent:?}");

    let mut text = format!(
        "\n## Every path with every verb\n\n\
         Release {} has {} paths with {} uses, a path with a verb each. {} of them are sent by\n\
         a call of some activity, by what the component plans; {} were sent here and answered.\n\
         The others, each with its reason; a test fails where one has none.\n\n\
         | verb | left out | reason |\n|---|---|---|\n",
        coupa_catalog::release(),
        coupa_catalog::paths().count(),
        release.len(),
        release.intersection(&reached).count(),
        reached.intersection(&release).count() - unsent.len(),
    );
    let mut rows: BTreeSet<(&str, &str)> = BTreeSet::new();
    for left in &left {
        rows.extend(reason(left, &reached).map(|why| (left.0, why)));
    }
    for (verb, why) in rows {
        let paths: Vec<_> = left
            .iter()
            .filter(|left| left.0 == verb && reason(left, &reached) == Some(why))
            .map(|left| format!("`{}`", left.1))
            .collect();
        let paths = match paths.len() {
            few @ 0..8 => paths.get(..few).unwrap_or_default().join(", "),
            many => format!("{many} paths, such as {}", paths[0]),
        };
        let _ = writeln!(text, "| {verb} | {paths} | {why} |");
    }
    if !unsent.is_empty() {
        let unsent: Vec<_> = unsent
            .iter()
            .map(|(verb, path)| format!("`{verb} {path}`"))
            .collect();
        let _ = writeln!(
            text,
            "\nPlanned and not answered here, for want of a record in the right state: {}.",
            unsent.join(", ")
        );
    }
    text
}
