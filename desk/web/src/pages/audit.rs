//! The audit ledger for the data protection officer and the auditor. Reading it is itself on record.

use std::fmt::Write as _;

use askama::Template;
use axum::extract::{Extension, Form, Query, State};
use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use ed25519_dalek::SigningKey;
use serde_json::json;
use streife_cases::ledger::{Entry, audit_ledger_of};

use super::show::moment;
use super::{Fields, html, said};
use crate::fault::Fault;
use crate::guard::Viewer;
use crate::state::DeskState;

/// Entries on one page.
const SHOWN: i64 = 200;

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    v: Viewer,
    nav: &'static str,
    ledgers: Vec<(String, i64)>,
    ledger: String,
    entries: Vec<(String, Entry)>,
    checked: Option<(bool, Vec<String>, String)>,
}

pub(crate) async fn show(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
    Query(query): Query<Fields>,
) -> Result<Html<String>, Fault> {
    let ledger = chosen(&desk, &v, said(&query, "ledger"));
    page(&desk, v, ledger, None).await
}

fn chosen(desk: &DeskState, v: &Viewer, name: &str) -> String {
    if name.is_empty() {
        audit_ledger_of(&v.cases.tenant(), desk.now())
    } else {
        name.chars().take(80).collect()
    }
}

async fn page(
    desk: &DeskState,
    v: Viewer,
    ledger: String,
    checked: Option<(bool, Vec<String>, String)>,
) -> Result<Html<String>, Fault> {
    v.cases.audit(v.note(desk.now(), "read.audit", &ledger, "oversight", json!({}))).await?;
    let entries = v.cases.ledger_tail(&ledger, SHOWN).await?;
    html(&AuditPage {
        ledgers: v.cases.ledgers().await?,
        entries: entries.into_iter().map(|entry| (moment(entry.at), entry)).collect(),
        v,
        nav: "audit",
        ledger,
        checked,
    })
}

/// Signs a checkpoint and checks the whole chain.
pub(crate) async fn verify(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
    Form(fields): Form<Fields>,
) -> Result<Html<String>, Fault> {
    let ledger = chosen(&desk, &v, said(&fields, "ledger"));
    let key = SigningKey::from_bytes(&desk.signing_key);
    let faults = v.cases.verify_ledger(&ledger, &key.verifying_key()).await?;
    let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
    // A broken chain is never sealed over.
    let root = if faults.is_empty() {
        v.cases.checkpoint(&ledger, desk.now(), &key).await?.root
    } else {
        String::new()
    };
    page(&desk, v, ledger, Some((faults.is_empty(), faults, root))).await
}

/// The chain as JSON lines.
pub(crate) async fn export(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
    Query(query): Query<Fields>,
) -> Result<Response, Fault> {
    let ledger = chosen(&desk, &v, said(&query, "ledger"));
    v.cases.audit(v.note(desk.now(), "export.audit", &ledger, "oversight", json!({}))).await?;
    let mut lines = String::new();
    for entry in v.cases.ledger(&ledger).await? {
        let line = serde_json::to_string(&entry)?;
        // Writing to a string cannot fail.
        let _ = writeln!(lines, "{line}");
    }
    let headers = [
        (header::CONTENT_TYPE, "application/jsonl"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"ledger.jsonl\""),
    ];
    Ok((headers, lines).into_response())
}
