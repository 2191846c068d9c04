//! Connections: their rules, their variables, testing them, the policies.

use super::{DEVELOPMENT, PRODUCTION, PROJECT, Place, api_key, changed, code, draft, oauth};
use crate::support::{API_KEY, CLIENT_ID, CLIENT_SECRET, component, sandbox, sandbox_with_keys};
use host_harness::workspace::{
    AgentDraft, GroupId, Policies, Scope, VariableDraft, VariableValue, WorkspaceError,
};
use secrecy::SecretString;

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_tested_as_it_stands_and_saved_by_its_rules() {
    let place = Place::new().await;
    let workspace = &place.workspace;
    let sandbox = sandbox_with_keys(&[("suppliers", 3)]);

    // Unsaved, by either way to sign in, on the group's agent.
    for form in [oauth(&sandbox), api_key(&sandbox)] {
        let report = workspace
            .test_connection(PROJECT, DEVELOPMENT, None, &form)
            .await
            .unwrap();
        assert!(report.passed, "{report:?}");
        assert_eq!(report.agents.len(), 1);
        assert_eq!(report.agents[0].checks.len(), 4);
        assert!(report.agents[0].after.is_some());
    }
    assert!(workspace.connections(PROJECT).unwrap().is_empty());

    let saved = place.connect(&sandbox).await;
    assert_eq!(
        code(workspace.create_connection(PROJECT, oauth(&sandbox)).await),
        "name.taken"
    );
    for name in ["", "a/b", "a:b", "a\nb"] {
        let mut bad = oauth(&sandbox);
        bad.name = name.to_owned();
        assert_eq!(
            code(workspace.create_connection(PROJECT, bad).await),
            "name",
            "{name:?}"
        );
    }
    let incomplete = draft("x", &[("authentication", "api-key")], &[]);
    let Err(WorkspaceError::Invalid(findings)) =
        workspace.create_connection(PROJECT, incomplete).await
    else {
        panic!("it was not refused");
    };
    let fields: Vec<_> = findings
        .iter()
        .filter_map(|f| f.property.as_deref())
        .collect();
    assert_eq!(fields, ["host", "api-key"]);

    // The secret is used, and never told.
    let shown = serde_json::to_string(&saved).unwrap();
    assert!(shown.contains("client-secret") && !shown.contains(CLIENT_SECRET));
    let report = workspace
        .test_connection(
            PROJECT,
            DEVELOPMENT,
            Some(saved.id),
            &changed(&saved, "scope", ""),
        )
        .await
        .unwrap();
    assert!(report.passed);
    let on_disk = std::fs::read(place.home.path().join("workspace.db")).unwrap();
    let log = std::fs::read(place.home.path().join("workspace.db-wal")).unwrap_or_default();
    for bytes in [on_disk, log] {
        assert!(
            !bytes
                .windows(CLIENT_SECRET.len())
                .any(|w| w == CLIENT_SECRET.as_bytes())
        );
        assert!(
            !bytes
                .windows(API_KEY.len())
                .any(|w| w == API_KEY.as_bytes())
        );
    }

    // Two writers: the second one's view is stale.
    let first = changed(&saved, "timeout", "30");
    let newer = workspace
        .update_connection(saved.id, saved.revision, first)
        .await
        .unwrap();
    let second = changed(&saved, "timeout", "40");
    assert_eq!(
        code(
            workspace
                .update_connection(saved.id, saved.revision, second)
                .await
        ),
        "stale"
    );
    assert_eq!(workspace.connection(saved.id).unwrap(), newer);

    // Renaming keeps what uses it working; deleting is refused until nothing does.
    let activity = place.activity(saved.id, "query", "All", &[]).await;
    let renamed = workspace
        .rename_connection(saved.id, newer.revision, "Coupa EU")
        .unwrap();
    assert_eq!(
        workspace.activity(activity.id).unwrap().connection,
        renamed.id
    );
    let Err(WorkspaceError::InUse { dependents, .. }) = workspace.delete_connection(saved.id)
    else {
        panic!("it was deleted");
    };
    assert_eq!(dependents[0].name, "All");
    let copy = workspace.duplicate_connection(saved.id).unwrap();
    assert_eq!(copy.name, "Coupa EU copy");
    let report = workspace
        .test_connection(
            PROJECT,
            DEVELOPMENT,
            Some(copy.id),
            &changed(&copy, "scope", ""),
        )
        .await
        .unwrap();
    assert!(report.passed, "the copy has the secret too: {report:?}");
    workspace.delete_activity(activity.id).unwrap();
    workspace.delete_connection(saved.id).unwrap();
    assert_eq!(code(workspace.connection(saved.id)), "not-found");

    // Plain http is for development alone.
    let production = workspace
        .test_connection(
            PROJECT,
            PRODUCTION,
            Some(copy.id),
            &changed(&copy, "scope", ""),
        )
        .await;
    assert!(production.unwrap_err().to_string().contains("development"));
}

#[tokio::test(flavor = "multi_thread")]
async fn re_authentication_is_required_through_every_door() {
    let place = Place::new().await;
    let workspace = &place.workspace;
    let (sandbox, elsewhere) = (sandbox(&[]), sandbox(&[]));
    let saved = place.connect(&sandbox).await;
    let to = changed(&saved, "host", &elsewhere.base_url());

    // Without the policy a change is nobody's business.
    assert!(
        workspace
            .secrets_to_retype(saved.id, &to)
            .await
            .unwrap()
            .is_empty()
    );
    place.policies(Policies {
        reauthentication_on_change: true,
        ..Policies::default()
    });
    for (name, value) in [
        ("host", elsewhere.base_url()),
        ("client-id", "another".to_owned()),
    ] {
        let to = changed(&saved, name, &value);
        assert_eq!(
            code(
                workspace
                    .update_connection(saved.id, saved.revision, to.clone())
                    .await
            ),
            "reauthenticate"
        );
        let tested = workspace
            .test_connection(PROJECT, DEVELOPMENT, Some(saved.id), &to)
            .await;
        assert_eq!(code(tested), "reauthenticate");
    }
    // Nothing went to the new host.
    assert!(elsewhere.log().is_empty());

    // By a file.
    let folder = tempfile::tempdir().unwrap();
    let exported = workspace.export(folder.path(), None).unwrap();
    let file = exported
        .files
        .iter()
        .find(|file| file.contains("connections"))
        .unwrap();
    let path = folder.path().join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(!text.contains(CLIENT_SECRET));
    std::fs::write(
        &path,
        text.replace(&sandbox.base_url(), &elsewhere.base_url()),
    )
    .unwrap();
    assert_eq!(
        code(workspace.import(folder.path()).await),
        "reauthenticate"
    );

    // By a variable that the host is made of: its secrets are cleared.
    let value = |port: &str| VariableDraft {
        name: "port".to_owned(),
        description: String::new(),
        secret: false,
        values: vec![VariableValue {
            environment: None,
            value: Some(SecretString::from(port)),
        }],
    };
    let port = |url: &str| url.rsplit(':').next().unwrap().to_owned();
    let variable = workspace
        .create_variable(Scope::Project(PROJECT), value(&port(&sandbox.base_url())))
        .unwrap();
    let mut by_variable = changed(&saved, "host", "http://127.0.0.1:[port]");
    by_variable.secrets.insert(
        "client-secret".to_owned(),
        SecretString::from(CLIENT_SECRET),
    );
    let saved = workspace
        .update_connection(saved.id, saved.revision, by_variable)
        .await
        .unwrap();
    assert_eq!(saved.secrets.len(), 1);
    workspace
        .update_variable(
            variable.id,
            variable.revision,
            value(&port(&elsewhere.base_url())),
        )
        .unwrap();
    assert!(workspace.connection(saved.id).unwrap().secrets.is_empty());
    assert!(elsewhere.log().is_empty());

    // Typed again, all is well.
    let mut again = changed(&saved, "scope", "");
    again.secrets.insert(
        "client-secret".to_owned(),
        SecretString::from(CLIENT_SECRET),
    );
    let report = workspace
        .test_connection(PROJECT, DEVELOPMENT, Some(saved.id), &again)
        .await
        .unwrap();
    assert!(report.passed, "{report:?}");
    assert!(!elsewhere.log().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn variables_are_resolved_in_their_environment_or_named() {
    let place = Place::new().await;
    let workspace = &place.workspace;
    let sandbox = sandbox(&[]);
    let value = |environment, text: &str| VariableValue {
        environment,
        value: Some(SecretString::from(text)),
    };
    let plain = |name: &str, values| VariableDraft {
        name: name.to_owned(),
        description: String::new(),
        secret: false,
        values,
    };
    let host = plain(
        "host",
        vec![
            value(None, "https://elsewhere.example.com"),
            value(Some(DEVELOPMENT), &sandbox.base_url()),
        ],
    );
    workspace
        .create_variable(Scope::Project(PROJECT), host)
        .unwrap();
    let secret = VariableDraft {
        secret: true,
        ..plain("coupa_secret", vec![value(None, CLIENT_SECRET)])
    };
    let secret = workspace.create_variable(Scope::Global, secret).unwrap();
    assert!(
        !serde_json::to_string(&secret)
            .unwrap()
            .contains(CLIENT_SECRET)
    );
    for (name, expected) in [
        ("host", "name.taken"),
        ("jitterbit.x", "name"),
        ("a b", "name"),
    ] {
        let made = workspace.create_variable(Scope::Global, plain(name, Vec::new()));
        assert_eq!(code(made), expected, "{name}");
    }

    let form = draft(
        "By variables",
        &[
            ("host", "[host]"),
            ("authentication", "oauth"),
            ("client-id", &format!("[client{{{CLIENT_ID}}}]")),
        ],
        &[("client-secret", "[coupa_secret]")],
    );
    let saved = workspace.create_connection(PROJECT, form).await.unwrap();
    let report = workspace
        .test_connection(
            PROJECT,
            DEVELOPMENT,
            Some(saved.id),
            &changed(&saved, "scope", ""),
        )
        .await
        .unwrap();
    assert!(report.passed, "{report:?}");
    let shown = changed(&saved, "scope", "[coupa_secret]");
    let error = workspace
        .test_connection(PROJECT, DEVELOPMENT, Some(saved.id), &shown)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("“coupa_secret” cannot be used in “Scope”"),
        "{error}"
    );
    let undefined = changed(&saved, "scope", "[socpe]");
    let error = workspace
        .test_connection(PROJECT, DEVELOPMENT, Some(saved.id), &undefined)
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("Scope: there is no variable “socpe”"),
        "{error}"
    );
    assert_eq!(
        code(workspace.delete_variable(workspace.variables(Some(PROJECT)).unwrap()[1].id)),
        "in-use"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_agent_has_the_newest_version_unless_the_policy_suspends_that() {
    let place = Place::new().await;
    let workspace = &place.workspace;
    let sandbox = sandbox(&[]);
    workspace
        .create_agent(AgentDraft::new("Agent 2", GroupId(1)))
        .unwrap();
    let form = oauth(&sandbox);
    let test = || workspace.test_connection(PROJECT, DEVELOPMENT, None, &form);
    let report = test().await.unwrap();
    assert_eq!(report.agents.len(), 2);
    for agent in &report.agents {
        assert!(agent.before.is_none() && agent.downloaded, "{agent:?}");
        assert_eq!(agent.after.as_ref().unwrap().version, "0.1.0");
    }

    // A newer version: the same component with a section of nothing behind it.
    let mut bytes = std::fs::read(component()).unwrap();
    bytes.extend([0, 2, 1, b'x']);
    let newer = "0.2.0".parse().unwrap();
    workspace
        .registry()
        .folder()
        .unwrap()
        .publish(&"coupa".parse().unwrap(), newer, &bytes)
        .unwrap();
    place.policies(Policies {
        disable_auto_connector_update: true,
        ..Policies::default()
    });
    for agent in test().await.unwrap().agents {
        assert!(agent.update_suspended && !agent.downloaded, "{agent:?}");
        assert_eq!(agent.before, agent.after);
        assert_eq!(agent.after.unwrap().version, "0.1.0");
    }
    place.policies(Policies::default());
    for agent in test().await.unwrap().agents {
        assert!(agent.downloaded && !agent.update_suspended);
        assert_eq!(agent.before.unwrap().version, "0.1.0");
        assert_eq!(agent.after.unwrap().version, "0.2.0");
    }
    for agent in workspace.agents().unwrap() {
        assert_eq!(agent.versions[0].version, "0.2.0");
    }
}
