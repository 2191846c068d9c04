//! What connectors said of themselves a short while ago. A run is checked before it
//! starts: without this, each of a thousand short runs would ask four instances the same.
//!
//! What a person looks at while designing is always asked anew.

use super::activity::{Shape, shape_of};
use super::connection::Resolved;
use super::connectors::offered_by;
use super::error::WorkspaceError;
use super::{Connection, Workspace};
use crate::recent::Recent;
use crate::registry::Digest;
use crate::runtime::{Connector, types};
use std::sync::Arc;
use std::time::Duration;

/// How long it is believed: what a remote system adds to its records is seen then by the
/// next run's check.
const BELIEVED: Duration = Duration::from_secs(60);

/// Who was asked: a component, with the settings of a connection.
#[derive(PartialEq)]
struct Asked {
    digest: Digest,
    settings: Vec<(String, String)>,
}

/// What of: the connection's cache, the activity and the object.
#[derive(PartialEq)]
struct OfObject {
    asked: Asked,
    cache: Option<String>,
    activity: String,
    object: String,
}

/// What was answered.
pub(super) struct Described {
    activities: Recent<Asked, Arc<Vec<types::Activity>>>,
    shapes: Recent<OfObject, Arc<Shape>>,
}

impl Default for Described {
    fn default() -> Self {
        Self {
            activities: Recent::new(64).for_as_long_as(BELIEVED),
            // Some are a megabyte.
            shapes: Recent::new(32).for_as_long_as(BELIEVED),
        }
    }
}

impl Workspace {
    /// The types of activity that a connector offers a connection, or did a short while
    /// ago.
    pub(super) async fn offered_lately(
        &self,
        connector: &Connector,
        connection: &Connection,
    ) -> Result<Arc<Vec<types::Activity>>, WorkspaceError> {
        let asked = Asked {
            digest: connector.digest(),
            settings: connection.pairs(),
        };
        let described = &self.0.described.activities;
        if let Some(known) = described.get(&asked) {
            return Ok(known);
        }
        let activities = Arc::new(offered_by(connector, connection).await?);
        described.put(asked, Arc::clone(&activities));
        Ok(activities)
    }

    /// What goes into an activity of an object and what comes out, or did a short while
    /// ago.
    pub(super) async fn shaped_lately(
        &self,
        connector: &Connector,
        resolved: Resolved,
        activity: &str,
        object: &str,
    ) -> Result<Arc<Shape>, WorkspaceError> {
        let of = OfObject {
            asked: Asked {
                digest: connector.digest(),
                settings: resolved.connection.settings.clone(),
            },
            cache: resolved.cache,
            activity: activity.to_owned(),
            object: object.to_owned(),
        };
        let described = &self.0.described.shapes;
        if let Some(known) = described.get(&of) {
            return Ok(known);
        }
        let mut session = connector.session(resolved.connection).await?;
        let shape = Arc::new(shape_of(&mut session, activity, object, false).await?);
        described.put(of, Arc::clone(&shape));
        Ok(shape)
    }

    /// Somebody had the remote system asked anew for what is its own.
    pub(super) fn shapes_have_changed(&self) {
        self.0.described.shapes.clear();
    }
}
