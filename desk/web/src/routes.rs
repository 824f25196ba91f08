//! Every route once: method, path, right, whether it shows content, handler.

use axum::Router;
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get, post};
use streife_cases::role::Action;

use crate::fault::Fault;
use crate::guard::guard;
use crate::pages::{admin, assets, audit, cases, figures, health, item, live, login, queue, rules, settings};
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
    handler: fn() -> MethodRouter<DeskState>,
}

const fn shows(path: &'static str, action: Action, handler: fn() -> MethodRouter<DeskState>) -> Route {
    Route { method: Method::GET, path, right: Right::Needs(action), content: true, handler }
}

const fn page(path: &'static str, right: Right, handler: fn() -> MethodRouter<DeskState>) -> Route {
    Route { method: Method::GET, path, right, content: false, handler }
}

const fn form(path: &'static str, right: Right, handler: fn() -> MethodRouter<DeskState>) -> Route {
    Route { method: Method::POST, path, right, content: false, handler }
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
    form("/logout", LoggedIn, || post(login::log_out)),
    page("/", LoggedIn, || get(login::home)),
    page("/live", LoggedIn, || get(live::events)),
    shows("/queue", A::ReadItem, || get(queue::list)),
    Route {
        method: Method::POST,
        path: "/next",
        right: Needs(A::Decide),
        content: true,
        handler: || post(queue::next),
    },
    shows("/items/{id}", A::ReadItem, || get(item::show)),
    Route {
        method: Method::POST,
        path: "/items/{id}/claim",
        right: Needs(A::Decide),
        content: true,
        handler: || post(item::claim),
    },
    form("/items/{id}/take-over", Needs(A::Decide), || post(item::take_over)),
    form("/items/{id}/release", Needs(A::Decide), || post(item::release)),
    form("/items/{id}/heartbeat", Needs(A::Decide), || post(item::heartbeat)),
    form("/items/{id}/decide", Needs(A::Decide), || post(item::decide)),
    form("/items/{id}/undo", Needs(A::Decide), || post(item::undo)),
    page("/cases", Needs(A::ReadCase), || get(cases::list)),
    shows("/cases/{id}", A::ReadCase, || get(cases::show)),
    Route {
        method: Method::POST,
        path: "/cases/{id}/seal",
        right: Needs(A::Seal),
        content: true,
        handler: || post(cases::seal),
    },
    form("/cases/{id}/form", Needs(A::WorkCase), || post(cases::save_form)),
    form("/cases/{id}/move", Needs(A::ReadCase), || post(cases::make_move)),
    page("/rules", Needs(A::ReadRules), || get(rules::list)),
    page("/rules/{id}", Needs(A::ReadRules), || get(rules::show)),
    form("/rules/check", Needs(A::WriteRules), || post(rules::check)),
    form("/rules/{id}", Needs(A::WriteRules), || post(rules::save)),
    form("/rules/{id}/move", Needs(A::ReadRules), || post(rules::make_move)),
    page("/campaigns", Needs(A::ReadStatistics), || get(figures::campaigns)),
    page("/trends", Needs(A::ReadStatistics), || get(figures::trends)),
    page("/report", Needs(A::ReadStatistics), || get(figures::report)),
    page("/system", Needs(A::ReadSystem), || get(figures::system)),
    page("/audit", Needs(A::ReadAudit), || get(audit::show)),
    form("/audit/verify", Needs(A::ReadAudit), || post(audit::verify)),
    page("/audit/export", Needs(A::ReadAudit), || get(audit::export)),
    page("/users", Needs(A::Administer), || get(admin::users)),
    form("/users", Needs(A::Administer), || post(admin::save_user)),
    page("/settings", LoggedIn, || get(settings::show)),
    form("/settings", LoggedIn, || post(settings::save)),
];

/// The desk.
pub fn router(desk: DeskState) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        let guarded = (route.handler)().layer(from_fn_with_state((desk.clone(), route), guard));
        router = router.route(route.path, guarded);
    }
    router.fallback(|| async { Fault::not_found() }).with_state(desk)
}
