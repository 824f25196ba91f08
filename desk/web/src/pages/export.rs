//! Export of flagged posts under a purpose: CSV, JSON lines or Parquet, each record with its label, each export on record.

use askama::Template;
use axum::extract::{Extension, Form, Query, State};
use axum::http::header;
use axum::response::{Html, IntoResponse, Response};

use super::analysis::{address, filter};
use super::show::day;
use super::{Fields, html, said};
use crate::audited::Audited;
use crate::fault::{Fault, Wrong};
use crate::guard::Viewer;
use crate::reader::{ExportFormat, ExportLabel};
use crate::state::DeskState;

/// The shortest purpose that says something.
const MIN_PURPOSE_CHARS: usize = 10;
/// A copy is looked at again or destroyed within so many days.
const MAX_COPY_DAYS: i64 = 90;

#[derive(Template)]
#[template(path = "export.html")]
struct ExportPage {
    v: Viewer,
    nav: &'static str,
    address: String,
    hidden: Vec<(&'static str, String)>,
    formats: [ExportFormat; 3],
    latest: String,
    min_purpose: usize,
}

pub(crate) async fn form(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
    Query(query): Query<Fields>,
) -> Result<Html<String>, Fault> {
    let hidden = ["level", "source", "language", "head", "rule"]
        .into_iter()
        .map(|name| (name, said(&query, name).to_owned()))
        .filter(|(_, value)| !value.is_empty())
        .collect();
    html(&ExportPage {
        nav: "trends",
        address: address(&query, &[]),
        hidden,
        formats: ExportFormat::ALL,
        latest: day(desk.now().plus_secs(MAX_COPY_DAYS * 86_400)),
        min_purpose: MIN_PURPOSE_CHARS,
        v,
    })
}

pub(crate) async fn file(
    State(desk): State<DeskState>,
    audited: Audited,
    Form(fields): Form<Fields>,
) -> Result<Response, Fault> {
    let format = ExportFormat::parse(said(&fields, "format")).ok_or_else(Fault::not_offered)?;
    let (purpose, legal_basis) = (said(&fields, "purpose"), said(&fields, "legal_basis"));
    let (today, review_by) = (day(desk.now()), said(&fields, "review_by"));
    let latest = day(desk.now().plus_secs(MAX_COPY_DAYS * 86_400));
    // Days are written so that they sort as texts.
    let dated = review_by.len() == today.len() && review_by > today.as_str() && review_by <= latest.as_str();
    if purpose.chars().count() < MIN_PURPOSE_CHARS || legal_basis.is_empty() || !dated {
        return Err(Wrong::BadLabel.into());
    }
    let label = ExportLabel {
        purpose: purpose.chars().take(300).collect(),
        legal_basis: legal_basis.chars().take(200).collect(),
        review_by: review_by.to_owned(),
        audit_entry: String::new(),
    };
    let with_text = fields.contains_key("with_text");
    let bytes = audited.export(&filter(&fields), format, label, with_text).await?;
    let name = format!("attachment; filename=\"streife-{today}.{}\"", format.as_str());
    let headers =
        [(header::CONTENT_TYPE, format.media_type().to_owned()), (header::CONTENT_DISPOSITION, name)];
    Ok((headers, bytes).into_response())
}
