//! What goes wrong on a page, as a page in the person's language. Every sentence stands in the tables of [`crate::i18n`];
//! a test walks all of them in both languages.

use askama::Template;
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use streife_cases::glass::GlassRefusal;
use streife_cases::rulebook::Refusal;
use streife_cases::store::{StoreError, Unfit};
use streife_cases::workflow::{CaseState, Refused, Why};

use crate::i18n::{Lang, T};
use crate::lab::NotLive;
use crate::pages::moment;
use crate::reader::ReadError;
use crate::trouble::{EvidenceFault, Trouble};

streife_cases::listed! {
    /// What is wrong, for a person.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub enum Wrong {
        /// There is no such thing, or it is another tenant's.
        NotFound = "not_found",
        /// No right.
        Forbidden = "forbidden",
        /// A form without valid token.
        Expired = "expired",
        /// A form after the session ended.
        LoggedOut = "logged_out",
        /// A form beyond the limit.
        TooLarge = "too_large",
        /// A page asked for in a way that it does not know, such as a form's address typed in.
        Method = "method",
        /// Not the fields that the page has.
        Unreadable = "unreadable",
        /// A choice that the page does not offer.
        NotOffered = "not_offered",
        /// Too many failures.
        Throttled = "throttled",
        /// The case database.
        Database = "database",
        /// The store of posts.
        Posts = "posts",
        /// The page itself.
        Page = "page",
        /// A text that cannot be translated.
        TranslationUnfit = "translation_unfit",
        /// The translation server.
        TranslationUnreached = "translation_unreached",
        /// The identity provider does not answer.
        ProviderAway = "provider_away",
        /// The identity provider's answer is not to be trusted.
        ProviderRefused = "provider_refused",
        /// The identity provider's roles do not fit.
        ProviderRoles = "provider_roles",
        /// Not the number of a post.
        BadPost = "bad_post",
        /// Not a number of decisions a day.
        BadBudget = "bad_budget",
        /// Not a name for a view, or too many views.
        BadView = "bad_view",
        /// An export without purpose, basis or day.
        BadLabel = "bad_label",
        /// Nothing chosen.
        NothingChosen = "nothing_chosen",
        /// Two commands on one key.
        KeyClash = "key_clash",
        /// One's own account.
        OwnAccount = "own_account",
        /// A rule that is renamed.
        NameStays = "name_stays",
        /// A rule's name that exists.
        NameTaken = "name_taken",
        /// A rule with errors.
        RuleErrors = "rule_errors",
        /// Nothing here secures evidence.
        NoSealer = "no_sealer",
        /// Another person works on it: this one.
        HeldBy(String) = "held_by",
        /// The workflow refuses.
        Move(NotNow) = "move",
        /// The rule book refuses.
        Book(Refusal) = "book",
        /// The rule engine does not let it go live, for this reason.
        NotLive(NotLive) = "not_live",
        /// An emergency access is refused.
        Glass(GlassRefusal) = "glass",
        /// The database was asked for what cannot be.
        Unfit(Unfit) = "unfit",
        /// The evidence.
        Evidence(Trouble) = "evidence",
    }
}

/// A move that is not possible as the case stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotNow(pub Refused);

impl Default for NotNow {
    fn default() -> Self {
        Self(Refused { what: "claim", state: CaseState::Flagged, why: Why::NoRight })
    }
}

impl Wrong {
    /// HTTP status.
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Forbidden | Self::Expired => StatusCode::FORBIDDEN,
            Self::LoggedOut | Self::ProviderRefused | Self::ProviderRoles => StatusCode::UNAUTHORIZED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Throttled => StatusCode::TOO_MANY_REQUESTS,
            Self::Database | Self::Posts | Self::TranslationUnfit | Self::TranslationUnreached => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Page => StatusCode::INTERNAL_SERVER_ERROR,
            Self::ProviderAway => StatusCode::BAD_GATEWAY,
            Self::NoSealer
            | Self::HeldBy(_)
            | Self::Move(_)
            | Self::Glass(_)
            | Self::Unfit(_)
            | Self::Evidence(_) => StatusCode::CONFLICT,
            Self::Unreadable
            | Self::NotOffered
            | Self::BadPost
            | Self::BadBudget
            | Self::BadView
            | Self::BadLabel
            | Self::NothingChosen
            | Self::KeyClash
            | Self::OwnAccount
            | Self::NameStays
            | Self::NameTaken
            | Self::RuleErrors
            | Self::Book(_)
            | Self::NotLive(_) => StatusCode::BAD_REQUEST,
        }
    }

    /// What is wrong and what to do, in one language.
    pub fn text(&self, t: T) -> String {
        let own = t.of("wrong", self.as_str());
        match self {
            Self::HeldBy(person) => filled(&own, person),
            Self::Move(NotNow(refused)) => own
                .replace("{what}", &t.of("move", refused.what))
                .replace("{state}", &t.of("state", refused.state.as_str()))
                .replace("{why}", &why(t, &refused.why)),
            Self::Book(refusal) => t.of("refusal", refusal.as_str()),
            Self::NotLive(reason) => t.of("refusal", reason.as_str()),
            Self::Glass(refusal) => t.of("glass_refusal", refusal.as_str()),
            Self::Unfit(unfit) => unfitting(t, unfit),
            Self::Evidence(trouble) => t.of("trouble", trouble.as_str()),
            _ => own,
        }
    }
}

/// Why the workflow refuses, in one language.
fn why(t: T, why: &Why) -> String {
    let text = t.of("why", why.as_str());
    match why {
        Why::StandsElsewhere(states) => {
            let names: Vec<String> = states.iter().map(|state| t.of("state", state.as_str())).collect();
            filled(&text, &names.join(", "))
        }
        Why::HeldBy(value) | Why::UnknownNorm(value) | Why::UndoIsOf(value) => filled(&text, value),
        Why::EmergencyOpen(at) | Why::ReviewNotDue(at) | Why::GraceRuns(at) => filled(&text, &moment(*at)),
        Why::NoQuestion(n) | Why::QuestionAnswered(n) | Why::NoNotice(n) | Why::NoticeAnswered(n) => {
            filled(&text, &n.to_string())
        }
        // What is missing in the form stands on the case's own page.
        _ => text,
    }
}

fn unfitting(t: T, unfit: &Unfit) -> String {
    let text = t.of("unfit", unfit.as_str());
    match unfit {
        Unfit::RolesCheckEachOther(pair) => {
            let [a, b] = [pair.0, pair.1].map(|role| t.of("role", role.as_str()));
            filled(&text, &format!("{a}, {b}"))
        }
        Unfit::SourceTaken(source) => filled(&text, source),
        _ => text,
    }
}

fn filled(text: &str, value: &str) -> String {
    text.replace("{}", value)
}

/// An error on its way to a page.
#[derive(Debug, Clone)]
pub struct Fault {
    /// What is wrong.
    pub wrong: Wrong,
    /// A post for which an emergency access could be asked.
    pub(crate) glass: Option<String>,
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    t: T,
    status: u16,
    message: &'a str,
    glass: Option<&'a str>,
}

impl Fault {
    pub(crate) const fn not_found() -> Self {
        Self { wrong: Wrong::NotFound, glass: None }
    }

    pub(crate) const fn forbidden() -> Self {
        Self { wrong: Wrong::Forbidden, glass: None }
    }

    pub(crate) const fn not_offered() -> Self {
        Self { wrong: Wrong::NotOffered, glass: None }
    }

    /// The page in one language.
    pub(crate) fn page(&self, lang: Lang) -> String {
        let t = T(lang);
        let (status, message) = (self.wrong.status(), self.wrong.text(t));
        let glass = self.glass.as_deref();
        let page = ErrorPage { t, status: status.as_u16(), message: &message, glass };
        page.render().unwrap_or(message)
    }
}

impl From<Wrong> for Fault {
    fn from(wrong: Wrong) -> Self {
        Self { wrong, glass: None }
    }
}

/// A handler does not know in which language its person reads: the fault travels with the response, and [`told`] writes
/// the page again where it is not German.
impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response = (self.wrong.status(), axum::response::Html(self.page(Lang::De))).into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// Writes the page of a fault in the person's language. What the server itself refuses, before a handler saw it, becomes
/// such a page too.
pub(crate) fn told(mut response: Response, lang: Lang) -> Response {
    let fault = response.extensions().get::<Fault>().cloned().or_else(|| {
        let wrong = match response.status() {
            StatusCode::METHOD_NOT_ALLOWED => Wrong::Method,
            StatusCode::PAYLOAD_TOO_LARGE => Wrong::TooLarge,
            StatusCode::BAD_REQUEST
            | StatusCode::UNSUPPORTED_MEDIA_TYPE
            | StatusCode::UNPROCESSABLE_ENTITY => Wrong::Unreadable,
            _ => return None,
        };
        Some(wrong.into())
    });
    if let Some(fault) = fault {
        *response.body_mut() = Body::from(fault.page(lang));
        let headers = response.headers_mut();
        headers.remove(header::CONTENT_LENGTH);
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    }
    response
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Refused(refused) => Wrong::Move(NotNow(refused)).into(),
            StoreError::Book(refusal) => Wrong::Book(refusal).into(),
            StoreError::Glass(refusal) => Wrong::Glass(refusal).into(),
            StoreError::Unfit(unfit) => Wrong::Unfit(unfit).into(),
            StoreError::Database(_) | StoreError::Damaged { .. } | StoreError::Invalid(_) => {
                // The details belong in the operator's log, not on a reviewer's screen.
                tracing::error!(error = %error, "case database failed");
                Wrong::Database.into()
            }
        }
    }
}

impl From<EvidenceFault> for Fault {
    fn from(fault: EvidenceFault) -> Self {
        match fault {
            EvidenceFault::Cases(error) => error.into(),
            EvidenceFault::Trouble(trouble, why) => {
                tracing::warn!(%why, "the evidence is in trouble");
                Wrong::Evidence(trouble).into()
            }
        }
    }
}

impl From<ReadError> for Fault {
    fn from(error: ReadError) -> Self {
        tracing::error!(error = %error, "reading flagged posts failed");
        Wrong::Posts.into()
    }
}

impl From<askama::Error> for Fault {
    fn from(error: askama::Error) -> Self {
        tracing::error!(error = %error, "a page could not be rendered");
        Wrong::Page.into()
    }
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        tracing::error!(error = %error, "a value of our own could not be written as JSON");
        Wrong::Page.into()
    }
}

#[cfg(test)]
#[path = "fault_tests.rs"]
mod tests;
