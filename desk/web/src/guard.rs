//! Stands before every handler: session, right, CSRF token, size; and after it: headers.

use std::collections::HashMap;
use std::net::SocketAddr;

use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, FromRequestParts, Path, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::Value;
use streife_cases::glass::Opening;
use streife_cases::ledger::Note;
use streife_cases::role::{Action, Role, acting_role};
use streife_cases::store::{Scope, Session, TenantCases};
use streife_cases::tenant::Tenant;
use streife_cases::workflow::Actor;
use streife_domain::{Head, PostId, Timestamp};
use subtle::ConstantTimeEq;

use crate::api::ApiFault;
use crate::fault::{Fault, Wrong, told};
use crate::i18n::{Lang, T};
use crate::keys::Keys;
use crate::pages::moment;
use crate::routes::{Right, Route};
use crate::state::{Counters, DeskState, random_token};
use crate::throttle::MAX_ADDRESS_FAILURES;
use crate::wellness::veiled;

/// The largest form accepted; a rule with many lists fits, a flood does not.
pub const MAX_BODY_BYTES: usize = 256 * 1024;
const SESSION_COOKIE: &str = "streife_session";
const LOGIN_COOKIE: &str = "streife_login";

/// A person's choices about how pages look and behave.
#[derive(Debug, Clone)]
pub struct Prefs {
    /// `auto`, `light` or `dark`.
    pub theme: String,
    /// Content blurred until revealed.
    pub blur: bool,
    /// Content without colour.
    pub grey: bool,
    /// Single-key shortcuts on (WCAG 2.1.4).
    pub keys: bool,
    /// After how many decisions a break is suggested.
    pub break_after: i64,
    /// A decision leads on to the next item.
    pub go_on: bool,
    /// Keys of commands.
    pub keymap: Keys,
    /// Categories that this person sees unveiled.
    pub open_heads: Vec<Head>,
}

impl Prefs {
    /// Is a post with these labels veiled for this person?
    pub fn veils(&self, labels: &[Head]) -> bool {
        veiled(self.blur, &self.open_heads, labels)
    }
}

impl Default for Prefs {
    fn default() -> Self {
        Self {
            theme: "auto".to_owned(),
            blur: true,
            grey: true,
            keys: true,
            break_after: 40,
            go_on: false,
            keymap: Keys::default(),
            open_heads: Vec::new(),
        }
    }
}

/// Who looks at a page, and what every page needs.
#[derive(Debug, Clone)]
pub struct Viewer {
    /// Log-in name; empty before log-in.
    pub user: String,
    /// The case database as this person's tenant sees it: what others own does not exist.
    pub cases: TenantCases,
    /// Roles held.
    pub roles: Vec<Role>,
    /// The role this request acts in.
    pub role: Option<Role>,
    /// Token for forms.
    pub csrf: String,
    /// For the one script tag.
    pub nonce: String,
    /// Texts.
    pub t: T,
    /// Choices.
    pub prefs: Prefs,
    /// The emergency access that lets this person read the page, where the roles do not.
    pub glass: Option<Opening>,
    /// Emergency accesses that wait for this person's review.
    pub glass_waiting: u64,
}

impl Viewer {
    /// The actor of a move that needs `action`.
    ///
    /// # Errors
    /// When none of the roles has that right.
    pub fn actor(&self, action: Action) -> Result<Actor, Fault> {
        let role = acting_role(&self.roles, action).ok_or_else(Fault::forbidden)?;
        Ok(Actor::new(&self.user, role))
    }

    /// May this person do `action`?
    pub fn may(&self, action: Action) -> bool {
        acting_role(&self.roles, action).is_some()
    }

    /// May this person do `action` on this page? Not where an emergency access alone opened it: that is for reading.
    pub fn acts(&self, action: Action) -> bool {
        self.glass.is_none() && self.may(action)
    }

    /// When the emergency access of this page ends, as pages write it.
    pub fn glass_until(&self) -> String {
        self.glass.as_ref().map(|opening| moment(opening.ends_at)).unwrap_or_default()
    }

    /// The tenant whose person this is; behind a glass, too, that opens a post of another.
    pub fn tenant(&self) -> Tenant {
        self.glass.as_ref().map_or_else(|| self.cases.tenant(), |opening| opening.tenant.clone())
    }

    /// A note for the audit ledger.
    pub fn note(&self, at: Timestamp, action: &str, subject: &str, reason: &str, details: Value) -> Note {
        Note {
            at,
            actor: self.user.clone(),
            role: self.role.map_or_else(String::new, |role| role.as_str().to_owned()),
            action: action.to_owned(),
            subject: subject.to_owned(),
            reason: reason.to_owned(),
            details,
        }
    }
}

/// The language that a browser asks for.
fn asked(headers: &HeaderMap) -> Lang {
    Lang::from_header(headers.get(header::ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()))
}

/// An address that no route has. Who is logged in reads of it in the language of their settings.
pub(crate) async fn nowhere(State(desk): State<DeskState>, headers: HeaderMap) -> Response {
    let nonce = random_token();
    let lang = match session(&desk, &headers).await {
        Ok(session) => viewer(&desk, session, &headers, &nonce).await.map(|viewer| viewer.t.0),
        Err(fault) => Err(fault),
    };
    let mut response = told(Fault::not_found().into_response(), lang.unwrap_or_else(|_| asked(&headers)));
    add_headers(response.headers_mut(), &nonce, desk.secure_cookies);
    response
}

/// The guard of one route.
pub(crate) async fn guard(
    State((desk, route)): State<(DeskState, &'static Route)>,
    request: Request,
    next: Next,
) -> Response {
    Counters::add(&desk.counters.requests);
    let nonce = random_token();
    let mut lang = asked(request.headers());
    let mut response = match admit(&desk, route, request, &nonce, &mut lang).await {
        Ok(request) => next.run(request).await,
        Err(response) => {
            Counters::add(&desk.counters.refused);
            *response
        }
    };
    if !matches!(route.right, Right::Token(_)) {
        response = told(response, lang);
    }
    add_headers(response.headers_mut(), &nonce, desk.secure_cookies);
    response
}

async fn admit(
    desk: &DeskState,
    route: &'static Route,
    request: Request,
    nonce: &str,
    lang: &mut Lang,
) -> Result<Request, Box<Response>> {
    let refuse = |fault: Fault| Box::new(fault.into_response());
    let (mut parts, body) = request.into_parts();
    if let Right::Token(scope) = route.right {
        let viewer =
            machine(desk, &parts, scope, nonce).await.map_err(|fault| Box::new(fault.into_response()))?;
        parts.extensions.insert(viewer);
        parts.extensions.insert(route);
        return Ok(Request::from_parts(parts, body));
    }
    let session = session(desk, &parts.headers).await.map_err(refuse)?;
    let mut viewer = viewer(desk, session, &parts.headers, nonce).await.map_err(refuse)?;
    *lang = viewer.t.0;
    if viewer.may(Action::ReviewGlass) {
        viewer.glass_waiting =
            viewer.cases.openings_to_review(&viewer.user).await.map_err(|error| refuse(error.into()))?;
    }
    match route.right {
        Right::Public | Right::Token(_) => {}
        _ if viewer.user.is_empty() => {
            let response = if parts.method == Method::GET {
                Redirect::to("/login").into_response()
            } else {
                Fault::from(Wrong::LoggedOut).into_response()
            };
            return Err(Box::new(response));
        }
        Right::LoggedIn => viewer.role = viewer.roles.first().copied(),
        Right::Needs(action) => {
            viewer.role = acting_role(&viewer.roles, action);
            if route.glass || viewer.role.is_none() {
                break_glass(desk, route, &mut parts, &mut viewer).await.map_err(refuse)?;
            }
        }
    }
    // An address of a form, typed in or reloaded: there is nothing to show, and no token that could have expired.
    if route.method == Method::POST && parts.method != Method::POST {
        return Err(refuse(Wrong::Method.into()));
    }
    let body = if route.method == Method::POST {
        let bytes = to_bytes(body, MAX_BODY_BYTES).await.map_err(|_| refuse(Wrong::TooLarge.into()))?;
        // Before log-in there is no session to tie a token to: a cookie that no other site can set stands in.
        let expected = if viewer.user.is_empty() {
            cookie(&parts.headers, LOGIN_COOKIE).unwrap_or_default()
        } else {
            viewer.csrf.clone()
        };
        let header = parts.headers.get("x-csrf-token").and_then(|v| v.to_str().ok()).map(str::to_owned);
        let given = header.or_else(|| field(&bytes, "csrf")).unwrap_or_default();
        if expected.is_empty() || !bool::from(expected.as_bytes().ct_eq(given.as_bytes())) {
            tracing::warn!(route = route.path, "a form without valid token was refused");
            return Err(refuse(Wrong::Expired.into()));
        }
        Body::from(bytes)
    } else {
        body
    };
    let address = client_address(&parts.extensions);
    parts.extensions.insert(address);
    parts.extensions.insert(viewer);
    parts.extensions.insert(route);
    Ok(Request::from_parts(parts, body))
}

/// Lets who has not the right, or whose tenant it is not, read one post behind an open glass. Everybody else without the
/// right is refused, with the way to ask.
async fn break_glass(
    desk: &DeskState,
    route: &Route,
    parts: &mut Parts,
    viewer: &mut Viewer,
) -> Result<(), Fault> {
    let path = Path::<HashMap<String, String>>::from_request_parts(parts, desk).await;
    let id = path.ok().and_then(|Path(map)| map.get("id").cloned()).unwrap_or_default();
    // Anything but the id of a post is nothing that could be opened.
    let subject = id.parse::<PostId>().ok().map(|id| id.to_string()).filter(|_| route.glass);
    let breaks = acting_role(&viewer.roles, Action::BreakGlass);
    let (Some(subject), Some(role)) = (subject, breaks) else {
        return if viewer.role.is_some() { Ok(()) } else { Err(Fault::forbidden()) };
    };
    let opening = viewer.cases.glass(&viewer.user, &subject, desk.now()).await?;
    match opening.filter(|opening| viewer.role.is_none() || opening.subject_tenant != opening.tenant) {
        Some(opening) => {
            viewer.cases = viewer.cases.behind_glass(&opening);
            viewer.role = Some(role);
            viewer.glass = Some(opening);
            Ok(())
        }
        None if viewer.role.is_some() => Ok(()),
        None => Err(Fault { glass: Some(subject), ..Fault::forbidden() }),
    }
}

/// A machine with a valid token: it acts under the token's id, in no role.
async fn machine(desk: &DeskState, parts: &Parts, scope: Scope, nonce: &str) -> Result<Viewer, ApiFault> {
    let (now, address) = (desk.now(), client_address(&parts.extensions).0);
    let key = format!("token/{address}");
    if !desk.throttle.allows_up_to(&key, MAX_ADDRESS_FAILURES, now) {
        return Err(ApiFault::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too many invalid tokens; wait five minutes",
        ));
    }
    let given = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let secret = given.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    let token = if secret.is_empty() { None } else { desk.door.token(secret, now).await? };
    let Some(token) = token else {
        if !secret.is_empty() {
            desk.throttle.failed(&key, now);
            tracing::warn!("an invalid token was refused");
        }
        return Err(ApiFault::unauthorised());
    };
    if !token.scopes.contains(&scope) {
        return Err(ApiFault::scope(scope.as_str()));
    }
    Ok(Viewer {
        user: format!("token:{}", token.id),
        cases: desk.door.of_token(&token),
        roles: Vec::new(),
        role: None,
        csrf: String::new(),
        nonce: nonce.to_owned(),
        t: T(Lang::De),
        prefs: Prefs::default(),
        glass: None,
        glass_waiting: 0,
    })
}

/// Where a request comes from: the network address, empty where the server does not tell (tests in process).
#[derive(Debug, Clone, Default)]
pub(crate) struct ClientAddress(pub(crate) String);

fn client_address(extensions: &axum::http::Extensions) -> ClientAddress {
    let address = extensions.get::<ConnectInfo<SocketAddr>>();
    ClientAddress(address.map(|info| info.0.ip().to_string()).unwrap_or_default())
}

async fn session(desk: &DeskState, headers: &HeaderMap) -> Result<Option<Session>, Fault> {
    match cookie(headers, SESSION_COOKIE) {
        Some(token) => Ok(desk.door.session(&token, desk.now()).await?),
        None => Ok(None),
    }
}

async fn viewer(
    desk: &DeskState,
    session: Option<Session>,
    headers: &HeaderMap,
    nonce: &str,
) -> Result<Viewer, Fault> {
    let mut lang = asked(headers);
    let mut prefs = Prefs::default();
    let cases =
        session.as_ref().map_or_else(|| desk.door.of_nobody(), |session| desk.door.of_session(session));
    if let Some(session) = &session {
        for (name, value) in cases.settings(&format!("user/{}", session.user.id)).await? {
            match name.as_str() {
                "lang" => lang = Lang::parse(&value),
                "theme" => prefs.theme = value,
                "blur" => prefs.blur = value == "on",
                "grey" => prefs.grey = value == "on",
                "keys" => prefs.keys = value == "on",
                "go_on" => prefs.go_on = value == "on",
                "open_heads" => {
                    prefs.open_heads =
                        value.split_whitespace().filter_map(|head| head.parse().ok()).collect();
                }
                "break_after" => prefs.break_after = value.parse().unwrap_or(prefs.break_after),
                other => {
                    if let Some(command) = other.strip_prefix("key.") {
                        prefs.keymap.set(command, &value);
                    }
                }
            }
        }
    }
    let (user, roles, csrf) = match session {
        Some(session) => (session.user.id, session.user.roles, session.csrf),
        None => (String::new(), Vec::new(), cookie(headers, LOGIN_COOKIE).unwrap_or_default()),
    };
    Ok(Viewer {
        user,
        cases,
        roles,
        role: None,
        csrf,
        nonce: nonce.to_owned(),
        t: T(lang),
        prefs,
        glass: None,
        glass_waiting: 0,
    })
}

/// The value of a cookie.
pub(crate) fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value.to_owned())
}

/// The session's token, for closing it.
pub(crate) fn session_token(headers: &HeaderMap) -> Option<String> {
    cookie(headers, SESSION_COOKIE)
}

/// `Set-Cookie` for a session; an empty token deletes it.
pub(crate) fn session_cookie(token: &str, secure: bool) -> HeaderValue {
    set_cookie(SESSION_COOKIE, token, secure)
}

/// `Set-Cookie` for the log-in form.
pub(crate) fn login_cookie(token: &str, secure: bool) -> HeaderValue {
    set_cookie(LOGIN_COOKIE, token, secure)
}

/// `Set-Cookie` that survives the way back from an identity provider (`Lax`); for the state of a log-in alone.
pub(crate) fn oidc_cookie(name: &str, token: &str, secure: bool) -> HeaderValue {
    let age = if token.is_empty() { "; Max-Age=0" } else { "; Max-Age=600" };
    let secure = if secure { "; Secure" } else { "" };
    HeaderValue::from_str(&format!("{name}={token}; Path=/login/oidc; HttpOnly; SameSite=Lax{secure}{age}"))
        .unwrap_or_else(|_| HeaderValue::from_static(""))
}

fn set_cookie(name: &str, token: &str, secure: bool) -> HeaderValue {
    let age = if token.is_empty() { "; Max-Age=0" } else { "" };
    let secure = if secure { "; Secure" } else { "" };
    // Token and name are ASCII by construction.
    HeaderValue::from_str(&format!("{name}={token}; Path=/; HttpOnly; SameSite=Strict{secure}{age}"))
        .unwrap_or_else(|_| HeaderValue::from_static(""))
}

fn add_headers(headers: &mut HeaderMap, nonce: &str, secure: bool) {
    let policy = format!(
        "default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
         form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    );
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    let mut fixed = vec![
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "same-origin"),
    ];
    if secure {
        fixed.push((header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"));
    }
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

/// One field of a URL-encoded form.
fn field(body: &[u8], name: &str) -> Option<String> {
    let pairs: Vec<(String, String)> = serde_urlencoded::from_bytes(body).ok()?;
    pairs.into_iter().find(|(key, _)| key == name).map(|(_, value)| value)
}
