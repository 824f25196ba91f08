//! The calls. Each is a route of [`crate::routes::ROUTES`] with the scope it needs.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{Extension, Path, Query, State};
use serde::Deserialize;
use serde_json::json;
use streife_cases::ledger::audit_ledger_of;
use streife_cases::store::CaseRow;
use streife_cases::workflow::CaseState;
use streife_domain::{PostId, Priority};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use super::answers::{CaseLine, Cases, FiguresNow, Item, Items, Ledger, LedgerLine};
use super::{ApiError, ApiFault};
use crate::audited::Audited;
use crate::fault::Fault;
use crate::guard::Viewer;
use crate::pages::queue::start_of_day;
use crate::priority::Order;
use crate::reader::QueueFilter;
use crate::state::DeskState;

/// Lines of one answer unless asked otherwise, and at most.
const DEFAULT_LIMIT: u32 = 50;
const MAX_LIMIT: u32 = 200;
const MAX_VALUE_CHARS: usize = 100;

#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Sorting {
    Mixed,
    Oldest,
    Severity,
}

#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Level {
    Low,
    Medium,
    High,
}

/// The names of [`CaseState`], for the description.
struct StateName;

impl PartialSchema for StateName {
    fn schema() -> RefOr<Schema> {
        let names = CaseState::ALL.map(CaseState::as_str);
        ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names)).into()
    }
}

impl ToSchema for StateName {}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ItemQuery {
    /// What comes first; `mixed` by default.
    #[param(inline)]
    order: Option<Sorting>,
    /// Only this level.
    #[param(inline)]
    level: Option<Level>,
    /// Language code.
    #[param(max_length = 100)]
    language: Option<String>,
    /// Name of a source.
    #[param(max_length = 100)]
    source: Option<String>,
    /// Id of a rule.
    #[param(max_length = 100)]
    rule: Option<String>,
    /// Lines, 1 to 200.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct CaseQuery {
    /// Only cases in this state.
    #[param(inline, value_type = Option<StateName>)]
    state: Option<String>,
    /// Lines, 1 to 200.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct LedgerQuery {
    /// `audit/<year>`; this year's by default.
    #[param(pattern = "^audit/[0-9]{4}$")]
    ledger: Option<String>,
    /// Lines, 1 to 200.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<u32>,
}

fn bounded(limit: Option<u32>) -> Result<u32, ApiFault> {
    match limit.unwrap_or(DEFAULT_LIMIT) {
        limit @ 1..=MAX_LIMIT => Ok(limit),
        _ => Err(ApiFault::bad("limit lies between 1 and 200")),
    }
}

fn short(value: Option<String>, name: &str) -> Result<Option<String>, ApiFault> {
    match value {
        Some(value) if value.chars().count() > MAX_VALUE_CHARS => {
            Err(ApiFault::bad(format!("{name} is too long")))
        }
        value => Ok(value.filter(|value| !value.is_empty())),
    }
}

/// Flagged posts that wait, in the order of the queue. Scope `items.read`; the read is logged.
#[utoipa::path(get, path = "/api/v1/items", params(ItemQuery), security(("token" = [])), responses(
    (status = 200, body = Items), (status = 400, body = ApiError), (status = 401, body = ApiError),
    (status = 403, body = ApiError), (status = 503, body = ApiError)))]
pub(crate) async fn items(
    State(desk): State<DeskState>,
    audited: Audited,
    query: Result<Query<ItemQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Items>, ApiFault> {
    let Query(query) = query.map_err(|e| ApiFault::bad(e.body_text()))?;
    let level = query.level.map(|level| match level {
        Level::Low => Priority::Low,
        Level::Medium => Priority::Medium,
        Level::High => Priority::High,
    });
    let order = match query.order {
        None | Some(Sorting::Mixed) => Order::Mixed,
        Some(Sorting::Oldest) => Order::Oldest,
        Some(Sorting::Severity) => Order::Severity,
    };
    let limit = bounded(query.limit)? as usize;
    let filter = QueueFilter {
        level,
        language: short(query.language, "language")?,
        source: short(query.source, "source")?,
        rule: short(query.rule, "rule")?,
        ..QueueFilter::default()
    };
    let head = audited.head(&filter, order).await?;
    let places = &head.places[..head.places.len().min(limit)];
    let now = desk.now();
    let items = audited.at_places(places).await?.into_iter().map(|item| Item::of(item, now)).collect();
    Ok(Json(Items { items, waiting: head.size.total }))
}

/// One flagged post. Scope `items.read`; the read is logged.
#[utoipa::path(get, path = "/api/v1/items/{id}", params(("id" = String, Path, description = "32 hex digits")),
    security(("token" = [])), responses((status = 200, body = Item), (status = 401, body = ApiError),
    (status = 403, body = ApiError), (status = 404, body = ApiError), (status = 503, body = ApiError)))]
pub(crate) async fn item(
    State(desk): State<DeskState>,
    audited: Audited,
    Path(id): Path<String>,
) -> Result<Json<Item>, ApiFault> {
    let id: PostId = id.parse().map_err(|_| Fault::not_found())?;
    let item = audited.item(id).await?.ok_or_else(Fault::not_found)?;
    Ok(Json(Item::of(item, desk.now())))
}

async fn log(desk: &DeskState, v: &Viewer, subject: &str) -> Result<(), Fault> {
    v.cases.audit(v.note(desk.now(), "api.read", subject, "", json!({}))).await?;
    Ok(())
}

/// Cases without content and persons. Scope `cases.read`.
#[utoipa::path(get, path = "/api/v1/cases", params(CaseQuery), security(("token" = [])), responses(
    (status = 200, body = Cases), (status = 400, body = ApiError), (status = 401, body = ApiError),
    (status = 403, body = ApiError), (status = 503, body = ApiError)))]
pub(crate) async fn cases(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
    query: Result<Query<CaseQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Cases>, ApiFault> {
    let Query(query) = query.map_err(|e| ApiFault::bad(e.body_text()))?;
    let state = match query.state {
        None => None,
        Some(name) => Some(
            CaseState::ALL
                .into_iter()
                .find(|state| state.as_str() == name)
                .ok_or_else(|| ApiFault::bad("there is no such state"))?,
        ),
    };
    let limit = bounded(query.limit)?;
    log(&desk, &v, "cases").await?;
    let rows = v.cases.cases(state, i64::from(limit)).await?;
    Ok(Json(Cases { cases: rows.into_iter().map(CaseLine::from).collect() }))
}

/// One case. Scope `cases.read`.
#[utoipa::path(get, path = "/api/v1/cases/{id}", params(("id" = String, Path, description = "case number")),
    security(("token" = [])), responses((status = 200, body = CaseLine), (status = 401, body = ApiError),
    (status = 403, body = ApiError), (status = 404, body = ApiError), (status = 503, body = ApiError)))]
pub(crate) async fn case(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
    Path(id): Path<String>,
) -> Result<Json<CaseLine>, ApiFault> {
    let case = v.cases.case(&id).await?.ok_or_else(Fault::not_found)?;
    log(&desk, &v, &case.id).await?;
    let updated_at = v.cases.events(&case.id).await?.last().map_or(case.review_at, |event| event.at);
    Ok(Json(CaseLine::from(CaseRow { case, updated_at })))
}

/// Counts. Scope `figures.read`.
#[utoipa::path(get, path = "/api/v1/figures", security(("token" = [])), responses(
    (status = 200, body = FiguresNow), (status = 401, body = ApiError), (status = 403, body = ApiError),
    (status = 503, body = ApiError)))]
pub(crate) async fn figures(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
) -> Result<Json<FiguresNow>, ApiFault> {
    log(&desk, &v, "figures").await?;
    let states: BTreeMap<String, u64> = v
        .cases
        .states()
        .await?
        .into_iter()
        .map(|(state, n)| (state, u64::try_from(n).unwrap_or(0)))
        .collect();
    Ok(Json(FiguresNow {
        waiting: desk.waiting(&v).await?,
        decided_today: v.cases.decided_since(start_of_day(desk.now()), "").await?,
        states,
    }))
}

/// Entries of the audit ledger, newest first. Scope `audit.read`.
#[utoipa::path(get, path = "/api/v1/audit", params(LedgerQuery), security(("token" = [])), responses(
    (status = 200, body = Ledger), (status = 400, body = ApiError), (status = 401, body = ApiError),
    (status = 403, body = ApiError), (status = 503, body = ApiError)))]
pub(crate) async fn audit(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
    query: Result<Query<LedgerQuery>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Ledger>, ApiFault> {
    let Query(query) = query.map_err(|e| ApiFault::bad(e.body_text()))?;
    let ledger = query.ledger.unwrap_or_else(|| audit_ledger_of(&v.cases.tenant(), desk.now()));
    let limit = bounded(query.limit)?;
    let year = ledger.strip_prefix("audit/").and_then(|rest| rest.split('/').next()).unwrap_or_default();
    if year.len() != 4 || !year.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ApiFault::bad("ledger is audit/<year>"));
    }
    log(&desk, &v, &ledger).await?;
    let entries = v.cases.ledger_tail(&ledger, i64::from(limit)).await?;
    Ok(Json(Ledger { entries: entries.into_iter().map(LedgerLine::from).collect() }))
}
