//! Lists of records that live on their own, changed by paths of their own:
//! `suppliers/83/business_groups/add`.

use serde_json::{Map, Value};

use super::Writer;
use super::asked::Asked;
use super::reference::{Unresolved, resolve};
use crate::model::{RecordType, model};
use crate::refusal::Refusal;
use crate::store::Parent;

/// What happens to a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Membership {
    /// What is named is in it.
    Add,
    /// What is named is not in it.
    Remove,
    /// It is empty.
    RemoveAll,
}

impl Writer<'_> {
    /// Changes a list of a record; what is in it then. The members are named by
    /// the path (`id`) or by the request.
    pub fn change_members(
        &self,
        owner: &Parent,
        list: &str,
        member_type: &'static RecordType,
        how: Membership,
        id: Option<i64>,
        asked: &Asked,
    ) -> Result<Vec<Map<String, Value>>, Refusal> {
        let owner_type = model()
            .record_type(&owner.record_type)
            .ok_or(Refusal::NotFound)?;
        let mut record = self.existing(owner_type, owner.id)?;
        let mut members: Vec<Value> = match record.remove(list) {
            Some(Value::Array(members)) => members,
            _ => Vec::new(),
        };
        if how == Membership::RemoveAll {
            members.clear();
        } else {
            for named in self.named_members(member_type, id, asked)? {
                let same = |member: &Value| member.get("id") == named.get("id");
                match (how, members.iter().position(same)) {
                    (Membership::Add, None) => members.push(named),
                    (Membership::Remove, Some(at)) => {
                        members.remove(at);
                    }
                    (Membership::Remove, None) => {
                        let message = format!("{} is not in the list", member_type.name);
                        return Err(Refusal::invalid(owner_type.name, message));
                    }
                    _ => {}
                }
            }
        }
        let ids: Vec<i64> = members
            .iter()
            .filter_map(|m| m.get("id")?.as_i64())
            .collect();
        record.insert(list.to_owned(), Value::Array(members));
        self.touch(&mut record);
        self.store(owner_type, record, None)?;
        let mut shown = Vec::new();
        for id in ids {
            shown.extend(self.records.get(member_type.name, id)?);
        }
        Ok(shown)
    }

    /// Puts what a record of membership is about into the list it is about, or
    /// takes it out again.
    pub(super) fn join(
        &self,
        record_type: &RecordType,
        membership: &Map<String, Value>,
        how: Membership,
    ) -> Result<(), Refusal> {
        let Some([owner, list, member]) = record_type.joins else {
            return Ok(());
        };
        let link = record_type
            .field(owner)
            .and_then(|field| record_type.link(field));
        let owner_type = link.and_then(|link| model().record_type(link.target()));
        let id = membership
            .get(owner)
            .and_then(|owner| owner.get("id")?.as_i64());
        let member = membership.get(member).filter(|member| member.is_object());
        let (Some(owner_type), Some(id), Some(member)) = (owner_type, id, member) else {
            return Ok(());
        };
        let Some(mut record) = self.records.get(owner_type.name, id)? else {
            return Ok(());
        };
        if let Some(members) = record.get_mut(list).and_then(Value::as_array_mut) {
            members.retain(|other| other.get("id") != member.get("id"));
            if how == Membership::Add {
                members.push(member.clone());
            }
        }
        self.store(owner_type, record, None)?;
        Ok(())
    }

    fn named_members(
        &self,
        member_type: &'static RecordType,
        id: Option<i64>,
        asked: &Asked,
    ) -> Result<Vec<Value>, Refusal> {
        if let Some(id) = id {
            let member = self.existing(member_type, id)?;
            return Ok(vec![member_type.embed(&member)]);
        }
        let named = asked.named("business_groups");
        if named.is_empty() {
            let message = "Business groups can't be blank";
            return Err(Refusal::invalid(member_type.name, message));
        }
        named
            .into_iter()
            .map(|keys| {
                let keys = Value::Object(keys);
                resolve(self.records, "business_group", member_type.name, &keys).map_err(|error| {
                    match error {
                        Unresolved::Missing(message) => Refusal::invalid(member_type.name, message),
                        Unresolved::Store(error) => error.into(),
                    }
                })
            })
            .collect()
    }
}
