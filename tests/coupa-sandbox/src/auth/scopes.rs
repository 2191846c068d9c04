//! Which scope opens which resource: `core.supplier.read` for suppliers.
//!
//! The names are those of Coupa's specification; which resource each opens is
//! from a list that one third party took from an instance. A resource that is
//! not listed needs the scope with its own name in the singular, a guess that
//! fits all that are.

use crate::model::words::singular;

/// The stem of a scope and the first segments of the paths it opens.
const STEMS: [(&str, &[&str]); 20] = [
    (
        "core.common",
        &[
            "addresses",
            "announcements",
            "api_docs",
            "business_groups",
            "commodities",
            "commodity_translations",
            "currencies",
            "custom_objects",
            "departments",
            "exchange_rates",
            "lookups",
            "lookup_values",
            "payment_terms",
            "shipping_terms",
            "attachments",
            "comments",
        ],
    ),
    ("core.uom", &["uoms"]),
    (
        "core.accounting",
        &[
            "account_groups",
            "account_types",
            "account_validation_rules",
            "accounts",
        ],
    ),
    ("core.approval", &["approvals"]),
    ("core.budget", &["budget_lines", "budget_line_adjustments"]),
    ("core.contract", &["contracts"]),
    (
        "core.project",
        &["projects", "project_memberships", "tasks"],
    ),
    ("core.item", &["items", "supplier_items"]),
    (
        "core.invoice",
        &["invoices", "tax_registrations", "inbound_invoices"],
    ),
    (
        "core.purchase_order",
        &[
            "purchase_orders",
            "purchase_order_lines",
            "receivable_purchase_order_lines",
        ],
    ),
    (
        "core.purchase_order_change",
        &["purchase_order_changes", "purchase_order_line_changes"],
    ),
    (
        "core.integration",
        &[
            "integrations",
            "integration_runs",
            "integration_errors",
            "integration_history_records",
            "integration_contacts",
            "data_file_sources",
        ],
    ),
    ("core.requisition", &["requisitions", "requisition_lines"]),
    (
        "core.supplier",
        &["suppliers", "supplier_information", "invoice_emails"],
    ),
    (
        "core.expense",
        &["expense_reports", "expense_lines", "expense_artifacts"],
    ),
    (
        "core.inventory.receiving",
        &["receiving_transactions", "receipt_requests"],
    ),
    ("core.inventory.transaction", &["inventory_transactions"]),
    ("core.inventory.adjustment", &["inventory_adjustments"]),
    (
        "core.user_group",
        &["user_groups", "user_group_memberships"],
    ),
    ("core.pay.payments", &["coupa_pay"]),
];

/// The scopes of which any one allows this use of a path below `/api`.
pub fn needed(path: &str, write: bool) -> Vec<String> {
    let resource = path.split('/').next().unwrap_or_default();
    let right = if write { "write" } else { "read" };
    let stem = match STEMS.iter().find(|(_, paths)| paths.contains(&resource)) {
        Some((stem, _)) => (*stem).to_owned(),
        None => format!("core.{}", singular(resource)),
    };
    let mut scopes = vec![format!("{stem}.{right}")];
    match (stem.as_str(), write) {
        ("core.invoice", true) => scopes.push("core.invoice.create".to_owned()),
        ("core.item", _) => scopes.push(format!("core.catalog.{right}")),
        ("core.uom", _) => scopes.push(format!("core.common.{right}")),
        _ => {}
    }
    scopes
}

#[cfg(test)]
mod tests {
    use super::needed;

    #[test]
    fn resources_need_their_scope() {
        assert_eq!(
            needed("suppliers/83/addresses", false),
            ["core.supplier.read"]
        );
        assert_eq!(
            needed("purchase_orders", true),
            ["core.purchase_order.write"]
        );
        assert_eq!(needed("uoms", false), ["core.uom.read", "core.common.read"]);
        assert_eq!(needed("legal_entities", false), ["core.legal_entity.read"]);
    }
}
