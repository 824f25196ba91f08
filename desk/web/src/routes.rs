//! Every route once: method, path, right, whether it shows content, handler.

use axum::Router;
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get, post};
use streife_cases::role::Action;
use streife_cases::store::Scope;

use crate::api;
use crate::guard::guard;
use crate::pages::{
    admin, analysis, assets, audit, beside, bulk, case_form, cases, export, figures, glass, health, item,
    live, login, oidc, quality, queue, report, rule_editor, rule_trial, rules, settings, tenants, tokens,
    totp, translation,
};
use crate::state::DeskState;

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// Everybody.
    Public,
    /// Everybody with a session.
    LoggedIn,
    /// Who holds a role with this right.
    Needs(Action),
    /// A machine whose token has this scope; people use pages.
    Token(Scope),
}

/// One route.
#[derive(Debug)]
pub struct Route {
    /// Method.
    pub method: Method,
    /// Path with `{id}`.
    pub path: &'static str,
    /// Who may.
    pub right: Right,
    /// Does it show post content?
    pub content: bool,
    /// Can an emergency access open it to who has not the right?
    pub glass: bool,
    handler: fn() -> MethodRouter<DeskState>,
}

const fn shows(path: &'static str, action: Action, handler: fn() -> MethodRouter<DeskState>) -> Route {
    Route { method: Method::GET, path, right: Right::Needs(action), content: true, glass: false, handler }
}

/// A page about one post that an emergency access opens.
const fn behind_glass(path: &'static str, action: Action, handler: fn() -> MethodRouter<DeskState>) -> Route {
    Route { method: Method::GET, path, right: Right::Needs(action), content: true, glass: true, handler }
}

const fn page(path: &'static str, right: Right, handler: fn() -> MethodRouter<DeskState>) -> Route {
    Route { method: Method::GET, path, right, content: false, glass: false, handler }
}

const fn form(path: &'static str, right: Right, handler: fn() -> MethodRouter<DeskState>) -> Route {
    Route { method: Method::POST, path, right, content: false, glass: false, handler }
}

/// A form whose handler reads content.
const fn reads(path: &'static str, action: Action, handler: fn() -> MethodRouter<DeskState>) -> Route {
    Route { method: Method::POST, path, right: Right::Needs(action), content: true, glass: false, handler }
}

/// A call of the API that reads no content.
const fn call(path: &'static str, scope: Scope, handler: fn() -> MethodRouter<DeskState>) -> Route {
    Route { method: Method::GET, path, right: Right::Token(scope), content: false, glass: false, handler }
}

/// A call of the API that reads content.
const fn call_content(path: &'static str, handler: fn() -> MethodRouter<DeskState>) -> Route {
    Route {
        method: Method::GET,
        path,
        right: Right::Token(Scope::ReadItems),
        content: true,
        glass: false,
        handler,
    }
}

use Action as A;
use Right::{LoggedIn, Needs, Public};

/// All routes.
pub static ROUTES: &[Route] = &[
    page("/healthz", Public, || get(health::alive)),
    page("/readyz", Public, || get(health::ready)),
    page("/metrics", Public, || get(health::metrics)),
    page("/assets/{name}", Public, || get(assets::asset)),
    page("/login", Public, || get(login::form)),
    form("/login", Public, || post(login::log_in)),
    page("/login/oidc", Public, || get(oidc::begin)),
    page("/login/oidc/back", Public, || get(oidc::back)),
    form("/logout", LoggedIn, || post(login::log_out)),
    page("/", LoggedIn, || get(login::home)),
    page("/live", LoggedIn, || get(live::events)),
    shows("/queue", A::ReadItem, || get(queue::list)),
    reads("/next", A::Decide, || post(queue::next)),
    form("/queue/budget", Needs(A::Approve), || post(queue::set_budget)),
    shows("/bulk/{id}", A::Decide, || get(bulk::show)),
    reads("/bulk/{id}", A::Decide, || post(bulk::decide)),
    form("/bulk/{id}/undo", Needs(A::Decide), || post(bulk::undo)),
    behind_glass("/items/{id}", A::ReadItem, || get(item::show)),
    reads("/items/{id}/claim", A::Decide, || post(item::claim)),
    form("/items/{id}/take-over", Needs(A::Decide), || post(item::take_over)),
    form("/items/{id}/release", Needs(A::Decide), || post(item::release)),
    form("/items/{id}/heartbeat", Needs(A::Decide), || post(item::heartbeat)),
    reads("/items/{id}/decide", A::Decide, || post(item::decide)),
    form("/items/{id}/undo", Needs(A::Decide), || post(item::undo)),
    page("/cases", Needs(A::ReadCase), || get(cases::list)),
    behind_glass("/cases/{id}", A::ReadCase, || get(cases::show)),
    reads("/cases/{id}/seal", A::Seal, || post(cases::seal)),
    form("/cases/{id}/form", Needs(A::WorkCase), || post(case_form::save_form)),
    form("/cases/{id}/move", Needs(A::ReadCase), || post(cases::make_move)),
    page("/rules", Needs(A::ReadRules), || get(rules::list)),
    form("/rules/check", Needs(A::WriteRules), || post(rule_editor::check)),
    page("/rules/{id}", Needs(A::ReadRules), || get(rule_editor::show)),
    form("/rules/{id}", Needs(A::WriteRules), || post(rule_editor::save)),
    form("/rules/{id}/move", Needs(A::ReadRules), || post(rule_editor::make_move)),
    page("/lists/{id}", Needs(A::ReadRules), || get(rule_editor::show)),
    form("/lists/{id}", Needs(A::WriteRules), || post(rule_editor::save)),
    form("/lists/{id}/move", Needs(A::ReadRules), || post(rule_editor::make_move)),
    page("/suppressions/{id}", Needs(A::ReadRules), || get(rule_editor::show)),
    form("/suppressions/{id}", Needs(A::WriteRules), || post(rule_editor::save)),
    form("/suppressions/{id}/move", Needs(A::ReadRules), || post(rule_editor::make_move)),
    reads("/rules/{id}/preview", A::WriteRules, || post(rule_trial::preview)),
    reads("/rules/{id}/backtest", A::WriteRules, || post(rule_trial::backtest)),
    shows("/rules/{id}/sample", A::WriteRules, || get(rule_trial::sample)),
    form("/rules/{id}/sample", Needs(A::WriteRules), || post(rule_trial::label)),
    page("/campaigns", Needs(A::ReadStatistics), || get(figures::campaigns)),
    page("/trends", Needs(A::ReadStatistics), || get(analysis::trends)),
    form("/views", Needs(A::ReadStatistics), || post(analysis::keep_view)),
    page("/export", Needs(A::WriteRules), || get(export::form)),
    reads("/export", A::WriteRules, || post(export::file)),
    reads("/items/{id}/translation", A::ReadItem, || post(translation::show)),
    behind_glass("/items/{id}/beside", A::ReadItem, || get(beside::show)),
    page("/quality", Needs(A::ReadStatistics), || get(quality::show)),
    shows("/quality/blind", A::Decide, || get(quality::blind)),
    form("/quality/blind", Needs(A::Decide), || post(quality::say)),
    form("/quality/golden", Needs(A::Approve), || post(quality::golden)),
    page("/report", Needs(A::ReadStatistics), || get(report::show)),
    page("/report/download", Needs(A::ReadStatistics), || get(report::download)),
    page("/system", Needs(A::ReadSystem), || get(figures::system)),
    page("/audit", Needs(A::ReadAudit), || get(audit::show)),
    form("/audit/verify", Needs(A::ReadAudit), || post(audit::verify)),
    page("/audit/export", Needs(A::ReadAudit), || get(audit::export)),
    page("/users", Needs(A::Administer), || get(admin::users)),
    form("/users", Needs(A::Administer), || post(admin::save_user)),
    page("/tenants", Needs(A::Administer), || get(tenants::list)),
    form("/tenants", Needs(A::Administer), || post(tenants::save)),
    page("/settings", LoggedIn, || get(settings::show)),
    form("/settings", LoggedIn, || post(settings::save)),
    page("/tokens", Needs(A::ReadSystem), || get(tokens::list)),
    form("/tokens", Needs(A::Administer), || post(tokens::create)),
    form("/tokens/{id}/approve", Needs(A::ReadAudit), || post(tokens::approve)),
    form("/tokens/{id}/revoke", Needs(A::Administer), || post(tokens::revoke)),
    form("/messages/{id}/retry", Needs(A::Administer), || post(tokens::retry)),
    page("/api/openapi.json", Public, || get(api::openapi)),
    call_content("/api/v1/items", || get(api::items)),
    call_content("/api/v1/items/{id}", || get(api::item)),
    call("/api/v1/cases", Scope::ReadCases, || get(api::cases)),
    call("/api/v1/cases/{id}", Scope::ReadCases, || get(api::case)),
    call("/api/v1/figures", Scope::ReadFigures, || get(api::figures)),
    call("/api/v1/audit", Scope::ReadAudit, || get(api::audit)),
    page("/glass", Needs(A::BreakGlass), || get(glass::ask)),
    reads("/glass", A::BreakGlass, || post(glass::open)),
    form("/glass/{id}/close", Needs(A::BreakGlass), || post(glass::close)),
    page("/glass/review", Needs(A::ReviewGlass), || get(glass::list)),
    form("/glass/{id}/review", Needs(A::ReviewGlass), || post(glass::review)),
    page("/totp", LoggedIn, || get(totp::show)),
    form("/totp", LoggedIn, || post(totp::save)),
];

/// The desk.
pub fn router(desk: DeskState) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        let guarded = (route.handler)().layer(from_fn_with_state((desk.clone(), route), guard));
        router = router.route(route.path, guarded);
    }
    router.fallback(crate::guard::nowhere).with_state(desk)
}
