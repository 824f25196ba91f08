//! A desk in process with one account per role.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![allow(dead_code, unreachable_pub, clippy::allow_attributes, reason = "each test binary uses a part of it")]

pub mod stand_ins;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderMap, Request, StatusCode, header};
use streife_cases::ledger::audit_ledger;
use streife_cases::password;
use streife_cases::role::Role;
use streife_cases::rulebook::{Change, Kind, Text};
use streife_cases::store::{CaseStore, NewUser};
use streife_domain::{Identity, ManualClock, PostId, Timestamp};
use streife_web::reader::{Figures, FlaggedItem, FlaggedReader, QueueFilter, ReadError};
use streife_web::sample::{SampleReader, sample_items};
use streife_web::{Access, DeskParts, DeskState, router};
use tower::ServiceExt;

pub const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);

struct Posts(Vec<FlaggedItem>);

#[async_trait::async_trait]
impl FlaggedReader for Posts {
    async fn flagged(&self, filter: &QueueFilter, limit: usize) -> Result<Vec<FlaggedItem>, ReadError> {
        let fits = |item: &&FlaggedItem| filter.campaign.is_none_or(|key| item.post.campaign.0 == key);
        Ok(self.0.iter().filter(fits).take(limit).cloned().collect())
    }
    async fn item(&self, id: PostId) -> Result<Option<FlaggedItem>, ReadError> {
        Ok(self.0.iter().find(|item| item.post.post_id == id).cloned())
    }
    async fn identity(&self, _: PostId) -> Result<Option<Identity>, ReadError> {
        Ok(None)
    }
}

pub struct Desk {
    pub app: Router,
    pub cases: CaseStore,
    pub clock: Arc<ManualClock>,
    _folder: tempfile::TempDir,
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

pub async fn desk() -> Desk {
    open(Arc::new(SampleReader::new(NOW)), Access::default()).await
}

pub async fn desk_with(items: Vec<FlaggedItem>) -> Desk {
    open(Arc::new(Posts(items)), Access::default()).await
}

/// A desk whose figures know the scores of these posts.
pub async fn desk_scored(items: Vec<FlaggedItem>) -> Desk {
    let sample = SampleReader::with(items.clone(), NOW);
    open_with(Arc::new(Posts(items)), Arc::new(sample), Access::default()).await
}

pub async fn open(reader: Arc<dyn FlaggedReader>, access: Access) -> Desk {
    let figures = Arc::new(stand_ins::NordsFigures(SampleReader::new(NOW)));
    open_with(reader, figures, access).await
}

async fn open_with(reader: Arc<dyn FlaggedReader>, figures: Arc<dyn Figures>, access: Access) -> Desk {
    let folder = tempfile::tempdir().unwrap();
    let cases = CaseStore::sqlite(folder.path()).await.unwrap();
    cases.migrate().await.unwrap();
    let clock = Arc::new(ManualClock::new(NOW));
    let sample = Arc::new(SampleReader::new(NOW));
    let parts = DeskParts {
        cases: cases.clone(),
        reader,
        figures,
        rules: Arc::new(stand_ins::Fussy),
        history: sample,
        sealer: Some(Arc::new(stand_ins::Sealer)),
        clock: clock.clone(),
        signing_key: [5; 32],
        secure_cookies: true,
        demo: vec![],
    };
    let app = router(DeskState::with_access(parts, access));
    let desk = Desk { app, cases, clock, _folder: folder };
    for role in Role::ALL {
        desk.add_user(&role.as_str().replace('_', "-"), role).await;
    }
    desk.add_user("other", Role::Reviewer).await;
    desk
}

/// A rule with a finished backtest, so that its sample can be looked at.
pub async fn rule_with_sample(cases: &CaseStore) {
    let (book, anna) = (cases.rule_book(), streife_cases::workflow::Actor::new("anna", Role::Analyst));
    let (id, text) = Text::read(Kind::Rule, "id: w-probe\ntitle: Probe").unwrap();
    book.apply(Kind::Rule, &id, 0, &anna, Change::Save { text }, NOW).await.unwrap();
    let sample: Vec<String> = sample_items(NOW).iter().map(|item| item.post.post_id.to_string()).collect();
    let figures = streife_web::lab::BacktestFigures { sample, hits: 9, posts: 10, ..Default::default() };
    let report = serde_json::to_value(figures).unwrap();
    book.apply(Kind::Rule, &id, 1, &anna, Change::Backtest { report }, NOW).await.unwrap();
}

pub fn http() -> reqwest::Client {
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

impl Desk {
    pub async fn add_user(&self, id: &str, role: Role) {
        static HASH: std::sync::OnceLock<String> = std::sync::OnceLock::new();
        let hash = HASH.get_or_init(|| password::hash("ein langes Passwort").unwrap());
        self.cases
            .put_user(&NewUser { id, name: id, roles: &[role], password: hash, at: NOW })
            .await
            .unwrap();
        self.cases.open_session(id, &format!("t-{id}"), &format!("c-{id}"), NOW).await.unwrap();
    }

    pub async fn call(&self, request: Request<Body>) -> Answer {
        let response = self.app.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = String::from_utf8(to_bytes(body, usize::MAX).await.unwrap().to_vec()).unwrap();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    pub async fn get(&self, user: &str, path: &str) -> Answer {
        let cookie = format!("streife_session=t-{user}");
        self.call(Request::get(path).header(header::COOKIE, cookie).body(Body::empty()).unwrap()).await
    }

    pub async fn call_api(&self, token: &str, path: &str) -> Answer {
        let bearer = format!("Bearer {token}");
        self.call(Request::get(path).header(header::AUTHORIZATION, bearer).body(Body::empty()).unwrap()).await
    }

    pub async fn post_with(&self, user: &str, csrf: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let mut all = vec![("csrf", csrf)];
        all.extend_from_slice(fields);
        let body = serde_urlencoded::to_string(all).unwrap();
        let request = Request::post(path)
            .header(header::COOKIE, format!("streife_session=t-{user}"))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.call(request.body(Body::from(body)).unwrap()).await
    }

    pub async fn post(&self, user: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.post_with(user, &format!("c-{user}"), path, fields).await
    }

    pub async fn log_in(&self, user: &str, password: &str, code: &str) -> StatusCode {
        self.log_in_with(None, user, password, code).await
    }

    pub async fn log_in_from(&self, address: [u8; 4], user: &str, password: &str) -> StatusCode {
        self.log_in_with(Some(SocketAddr::from((address, 40_000))), user, password, "").await
    }

    async fn log_in_with(
        &self,
        address: Option<SocketAddr>,
        user: &str,
        password: &str,
        code: &str,
    ) -> StatusCode {
        let fields = [("csrf", "x"), ("user", user), ("password", password), ("code", code)];
        let body = serde_urlencoded::to_string(fields).unwrap();
        let mut request = Request::post("/login")
            .header(header::COOKIE, "streife_login=x")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(body))
            .unwrap();
        if let Some(address) = address {
            request.extensions_mut().insert(ConnectInfo(address));
        }
        self.call(request).await.status
    }

    pub async fn audit_len(&self) -> usize {
        self.cases.ledger(&audit_ledger(NOW)).await.unwrap().len()
    }

    /// Takes the first sample post to an open legal form. Returns its id.
    pub async fn case_with_form(&self) -> String {
        let id = sample_items(NOW)[2].post.post_id.to_string();
        for (user, path, fields) in [
            ("reviewer", format!("/items/{id}/claim"), vec![]),
            ("reviewer", format!("/items/{id}/decide"), vec![("decision", "norm:StGB-188")]),
            ("case-officer", format!("/cases/{id}/seal"), vec![]),
            ("case-officer", format!("/cases/{id}/move"), vec![("move", "open_form")]),
        ] {
            let answer = self.post(user, &path, &fields).await;
            assert_eq!(answer.status, StatusCode::SEE_OTHER, "{path}: {}", answer.body);
        }
        id
    }
}
