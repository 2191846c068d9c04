//! Approvals: who has to approve a document, and what becomes of it then.

use serde_json::{Map, Value, json};

use super::asked::Asked;
use super::reference::{Unresolved, resolve};
use super::{Writer, export, parts};
use crate::model::{RecordType, facts, model};
use crate::refusal::Refusal;
use crate::store::Parent;

const TABLE: &str = "Approval";
const PENDING: &str = "pending_approval";

/// A document with its type.
type Document = (&'static RecordType, Map<String, Value>);

impl Writer<'_> {
    /// Lets a document wait for the manager of who asks for it; without one,
    /// for the user for requests. A document that waits already goes on waiting.
    pub(super) fn submit(&self, document: &Parent) -> Result<(), Refusal> {
        if !self.pending(document)?.is_empty() {
            return Ok(());
        }
        let record = self.records.get(&document.record_type, document.id)?;
        let requester = record.as_ref().and_then(|record| {
            ["requested-by", "expensed-by", "requester", "created-by"]
                .iter()
                .find_map(|name| record.get(*name)?.get("id")?.as_i64())
        });
        let manager = match requester {
            Some(id) => self
                .records
                .get("User", id)?
                .and_then(|mut user| user.remove("manager")),
            None => None,
        };
        let approver = manager.filter(Value::is_object);
        self.add_approval(document, approver.as_ref().unwrap_or(&self.actor))
    }

    /// Adds the approver that a request names.
    pub(super) fn add_approver(&self, document: &Parent, asked: &Asked) -> Result<(), Refusal> {
        let named = asked.first(&["approver", "user", "approver-id", "user-id"]);
        let user = match named {
            Some(Value::Object(user)) => Value::Object(user.clone()),
            Some(id) => json!({ "id": id }),
            None => Value::Object(asked.body.clone()),
        };
        match resolve(self.records, "approver", "User", &user) {
            Ok(approver) => self.add_approval(document, &approver),
            Err(Unresolved::Missing(message)) => {
                Err(Refusal::invalid(&document.record_type, message))
            }
            Err(Unresolved::Store(error)) => Err(error.into()),
        }
    }

    /// Removes the pending approval that a request names.
    pub(super) fn remove_approval(&self, document: &Parent, asked: &Asked) -> Result<(), Refusal> {
        let wanted = asked.id(&["approval", "approval-id", "id"]);
        let refuse = |message: &str| Err(Refusal::invalid(&document.record_type, message));
        let Some(id) = wanted else {
            return refuse("Approval can't be blank");
        };
        if !self.pending(document)?.contains(&id) {
            return refuse("Approval is not a pending approval of this document");
        }
        self.records.delete(TABLE, id)?;
        self.show_approvals(document)
    }

    /// Approves what is pending of a document: all, or the first.
    pub(super) fn pass(&self, document: &Parent, all: bool) -> Result<(), Refusal> {
        let pending = self.pending(document)?;
        let count = if all { pending.len() } else { 1 };
        for id in pending.into_iter().take(count) {
            self.set_approval(id, "approved")?;
        }
        self.show_approvals(document)?;
        self.decide(document, true)
    }

    /// Lets all approvals of a document be pending again.
    pub(super) fn restart(&self, document: &Parent) -> Result<(), Refusal> {
        for id in self.records.children(document, TABLE)? {
            self.set_approval(id, PENDING)?;
        }
        self.show_approvals(document)
    }

    /// Moves a document on: when nothing is pending any more, or at once when
    /// an approver refuses.
    pub(super) fn decide(&self, document: &Parent, approved: bool) -> Result<(), Refusal> {
        let Some((when_approved, when_refused)) = facts::document(&document.record_type) else {
            return Ok(());
        };
        let status = match (approved, self.pending(document)?.is_empty()) {
            (false, _) => when_refused,
            (true, true) => when_approved,
            (true, false) => return self.show_approvals(document),
        };
        let Some((record_type, mut record)) = self.document(document)? else {
            return Ok(());
        };
        record.insert("status".to_owned(), status.into());
        let order = record.get("order-header-id").and_then(Value::as_i64);
        self.touch(&mut record);
        self.store(record_type, record, None)?;
        self.show_approvals(document)?;
        match order {
            Some(order) if approved => self.revise_order(order),
            _ => Ok(()),
        }
    }

    /// A change that was approved makes a new version of its order. What the
    /// lines of the change say is not carried over.
    fn revise_order(&self, id: i64) -> Result<(), Refusal> {
        let order = Parent {
            record_type: "OrderHeader".to_owned(),
            id,
        };
        if let Some((record_type, mut record)) = self.document(&order)? {
            export::add_one(&mut record, "version");
            record.insert("exported".to_owned(), false.into());
            self.touch(&mut record);
            self.store(record_type, record, None)?;
        }
        Ok(())
    }

    fn document(&self, document: &Parent) -> Result<Option<Document>, Refusal> {
        let record_type = model().record_type(&document.record_type);
        let record = self.records.get(&document.record_type, document.id)?;
        Ok(record_type.zip(record))
    }

    fn pending(&self, document: &Parent) -> Result<Vec<i64>, Refusal> {
        let mut pending = Vec::new();
        for id in self.records.children(document, TABLE)? {
            let approval = self.records.get(TABLE, id)?;
            let status = approval.as_ref().and_then(|a| a.get("status")?.as_str());
            if status == Some(PENDING) {
                pending.push(id);
            }
        }
        Ok(pending)
    }

    fn add_approval(&self, document: &Parent, approver: &Value) -> Result<(), Refusal> {
        let Some(record_type) = model().record_type(TABLE) else {
            return Ok(());
        };
        let position = self.records.children(document, TABLE)?.len() + 1;
        let mut approval = self.change().build(record_type, &Map::new())?;
        let id = self.records.next_id(TABLE)?;
        for (name, value) in [
            ("id", id.into()),
            ("position", position.into()),
            ("type", "ManagementHierarchyApproval".into()),
            ("approver", approver.clone()),
            ("approver-type", "User".into()),
        ] {
            approval.insert(name.to_owned(), value);
        }
        parts::name_owner(self.records, record_type, &mut approval, document)?;
        self.store(record_type, approval, Some(document))?;
        self.show_approvals(document)
    }

    fn set_approval(&self, id: i64, status: &str) -> Result<(), Refusal> {
        let Some(record_type) = model().record_type(TABLE) else {
            return Ok(());
        };
        let mut approval = self.existing(record_type, id)?;
        let decided = status != PENDING;
        for (name, value) in [
            ("status", status.into()),
            ("approval-date", decided.then_some(self.now.as_str()).into()),
            ("approved-by", decided.then(|| self.actor.clone()).into()),
        ] {
            approval.insert(name.to_owned(), value);
        }
        self.touch(&mut approval);
        parts::save(self.records, record_type, &approval, None)?;
        Ok(())
    }

    /// Shows a document's approvals, and the one it waits for, in the document.
    fn show_approvals(&self, document: &Parent) -> Result<(), Refusal> {
        let (Some(approvals), Some((record_type, mut record))) =
            (model().record_type(TABLE), self.document(document)?)
        else {
            return Ok(());
        };
        let current = match self.pending(document)?.first() {
            Some(id) => self.records.get(TABLE, *id)?.map(|a| approvals.embed(&a)),
            None => None,
        };
        if record.contains_key("current-approval") {
            record.insert("current-approval".to_owned(), current.into());
            // Without its parts: the list of approvals in it may be outdated.
            self.records
                .save(record_type.name, document.id, None, &record)?;
        }
        parts::refresh(self.records, approvals, document)?;
        Ok(())
    }
}
