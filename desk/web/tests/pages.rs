//! The desk over HTTP, in process: every page in both languages, rights, tokens, audit, hostile content.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::HashMap;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use sha2::{Digest, Sha256};
use streife_cases::ledger::audit_ledger;
use streife_cases::password;
use streife_cases::role::Role;
use streife_cases::rulebook::{Change, Kind, Text};
use streife_cases::store::{CaseStore, NewUser};
use streife_cases::workflow::{Case, Seal};
use streife_domain::{Author, Clock, Identity, ManualClock, Media, PostId, Timestamp};
use streife_web::lab::{About, Installed, RuleCheck, RuleProblem, RuleReport, RuleText, TestLine};
use streife_web::reader::{Figures, FlaggedItem, FlaggedReader, QueueFilter, ReadError, ThreadPost};
use streife_web::routes::{ROUTES, Right};
use streife_web::sample::{SampleReader, sample_items};
use streife_web::{DeskParts, DeskState, EvidenceSealer, router};
use tower::ServiceExt;

const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);
/// A stream, a redirect, and the ways to an identity provider, which is not configured here.
const APART: [&str; 4] = ["/live", "/", "/login/oidc", "/login/oidc/back"];
const SENTINEL: &str = "Kolibriwort";
const HOSTILE: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}\u{202e}";

struct Fussy;

impl RuleCheck for Fussy {
    fn check(&self, text: &RuleText, german: bool) -> RuleReport {
        let message = if german { "kaputt" } else { "broken" }.to_owned();
        let excerpt = HOSTILE.to_owned();
        let problem =
            RuleProblem { line: 3, column: 2, message, hint: HOSTILE.to_owned(), excerpt, error: true };
        let hit = !text.source.contains("FAILING");
        RuleReport {
            problems: if text.source.contains("BROKEN") { vec![problem] } else { Vec::new() },
            tests: vec![TestLine {
                number: 1,
                rule: HOSTILE.to_owned(),
                expect_hit: true,
                hit,
                text: HOSTILE.to_owned(),
            }],
            about: Some(About {
                cost: "narrow",
                purpose: "prosecution".to_owned(),
                quota: Some(20),
                ..About::default()
            }),
        }
    }
    fn not_live(&self, text: &RuleText, approver: &str, has_backtest: bool) -> Option<&'static str> {
        let same = text.source.contains(&format!("owner: {approver}"));
        if same {
            Some("same_person")
        } else if has_backtest {
            None
        } else {
            Some("no_backtest")
        }
    }
    fn installed(&self) -> Vec<Installed> {
        let source = format!("id: w-ordner\ntitle: {HOSTILE}");
        vec![Installed {
            kind: Kind::Rule,
            id: "w-ordner".to_owned(),
            title: HOSTILE.to_owned(),
            owner: HOSTILE.to_owned(),
            review_by: "2020-01-01".to_owned(),
            state: "live",
            source,
        }]
    }
}

struct Sealer;

#[async_trait::async_trait]
impl EvidenceSealer for Sealer {
    async fn seal(
        &self,
        _: &Case,
        item: &FlaggedItem,
        _: &Identity,
        by: &str,
        at: Timestamp,
    ) -> Result<Option<Seal>, String> {
        let manifest_sha256 = hex::encode(Sha256::digest(&item.post.text));
        Ok(Some(Seal {
            manifest_sha256,
            package: "p".to_owned(),
            at,
            by: by.to_owned(),
            time_stamps: vec![],
        }))
    }
}

/// Every field of every post is an attack.
struct HostileReader(SampleReader);

#[async_trait::async_trait]
impl FlaggedReader for HostileReader {
    async fn flagged(&self, filter: &QueueFilter, limit: usize) -> Result<Vec<FlaggedItem>, ReadError> {
        Ok(self.0.flagged(filter, limit).await?.into_iter().map(hostile).collect())
    }
    async fn item(&self, id: PostId) -> Result<Option<FlaggedItem>, ReadError> {
        Ok(self.0.item(id).await?.map(hostile))
    }
    async fn identity(&self, _: PostId) -> Result<Option<Identity>, ReadError> {
        let all = || HOSTILE.to_owned();
        let author = Author { id: all(), handle: Some(all()), name: Some(all()) };
        Ok(Some(Identity { native_id: all(), url: Some(all()), author: Some(author) }))
    }
}

fn hostile(mut item: FlaggedItem) -> FlaggedItem {
    let all = || format!("{SENTINEL} {HOSTILE}");
    item.post.text = all();
    item.post.source = all();
    item.post.platform = all();
    item.platforms = vec![all()];
    item.verdict.language.code = all();
    for hit in &mut item.verdict.hits {
        // The name of a rule is ours and no content; it must be harmless all the same.
        hit.rule = HOSTILE.to_owned();
        hit.because.iter_mut().for_each(|because| because.part = all());
    }
    item.media = vec![Media { media_type: all(), url: Some(all()), alt: Some(all()) }];
    item.thread = vec![ThreadPost { above: true, text: all(), posted_at: None }];
    item.verdict.models.lid = all();
    if let Some(legal) = &mut item.legal {
        legal.legal_basis = all();
    }
    item
}

struct Desk {
    app: Router,
    cases: CaseStore,
    clock: Arc<ManualClock>,
    _folder: tempfile::TempDir,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

async fn desk(reader: Arc<dyn FlaggedReader>) -> Desk {
    let folder = tempfile::tempdir().unwrap();
    let cases = CaseStore::sqlite(folder.path()).await.unwrap();
    cases.migrate().await.unwrap();
    let hash = password::hash("ein langes Passwort").unwrap();
    for role in Role::ALL {
        let id = role.as_str().replace('_', "-");
        cases
            .put_user(&NewUser { id: &id, name: &id, roles: &[role], password: &hash, at: NOW })
            .await
            .unwrap();
        cases.open_session(&id, &format!("t-{id}"), &format!("c-{id}"), NOW).await.unwrap();
    }
    cases
        .put_user(&NewUser { id: "other", name: "other", roles: &[Role::Reviewer], password: &hash, at: NOW })
        .await
        .unwrap();
    cases.open_session("other", "t-other", "c-other", NOW).await.unwrap();
    let clock = Arc::new(ManualClock::new(NOW));
    let figures: Arc<dyn Figures> = Arc::new(SampleReader::new(NOW));
    let app = router(DeskState::new(DeskParts {
        cases: cases.clone(),
        reader,
        figures,
        rules: Arc::new(Fussy),
        history: Arc::new(SampleReader::new(NOW)),
        sealer: Some(Arc::new(Sealer)),
        clock: clock.clone(),
        signing_key: [5; 32],
        secure_cookies: true,
        demo: vec![],
    }));
    Desk { app, cases, clock, _folder: folder }
}

async fn sample_desk() -> Desk {
    desk(Arc::new(SampleReader::new(NOW))).await
}

impl Desk {
    async fn call(&self, request: Request<Body>) -> Answer {
        let response = self.app.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = String::from_utf8(to_bytes(body, usize::MAX).await.unwrap().to_vec()).unwrap();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    async fn get(&self, user: &str, path: &str) -> Answer {
        let cookie = format!("streife_session=t-{user}");
        self.call(Request::get(path).header(header::COOKIE, cookie).body(Body::empty()).unwrap()).await
    }

    async fn post_with(&self, user: &str, csrf: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        let mut all = vec![("csrf", csrf)];
        all.extend_from_slice(fields);
        let body = serde_urlencoded::to_string(all).unwrap();
        let request = Request::post(path)
            .header(header::COOKIE, format!("streife_session=t-{user}"))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        self.call(request.body(Body::from(body)).unwrap()).await
    }

    async fn post(&self, user: &str, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.post_with(user, &format!("c-{user}"), path, fields).await
    }

    async fn audit_len(&self) -> usize {
        self.cases.ledger(&audit_ledger(NOW)).await.unwrap().len()
    }

    /// Takes the first sample post to an open legal form. Returns its id.
    async fn case_with_form(&self) -> String {
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

fn concrete(path: &str, id: &str) -> String {
    let book = ["/rules/", "/lists/", "/suppressions/"].iter().any(|base| path.starts_with(base));
    let entry = if path.ends_with("/sample") { "w-probe" } else { "new" };
    let id = if path.starts_with("/bulk/") { "4d" } else { id };
    path.replace("{id}", if book { entry } else { id }).replace("{name}", "desk.css")
}

#[tokio::test]
async fn every_page_renders_in_both_languages_for_who_may_and_for_nobody_else() {
    let desk = sample_desk().await;
    let id = desk.case_with_form().await;
    rule_with_sample(&desk.cases).await;
    for lang in ["de", "en"] {
        for role in Role::ALL {
            let user = role.as_str().replace('_', "-");
            desk.post(&user, "/settings", &[("lang", lang), ("keys", "on")]).await;
            for route in ROUTES.iter().filter(|r| r.method == "GET" && !APART.contains(&r.path)) {
                let answer = desk.get(&user, &concrete(route.path, &id)).await;
                let may = match route.right {
                    Right::Public | Right::LoggedIn => true,
                    Right::Token(_) => continue,
                    Right::Needs(action) => streife_cases::role::may(role, action),
                };
                let expected = if may { StatusCode::OK } else { StatusCode::FORBIDDEN };
                assert_eq!(answer.status, expected, "{} as {user}: {}", route.path, answer.body);
                if may && answer.body.contains("<nav") {
                    assert!(answer.body.contains(&format!("lang=\"{lang}\"")), "{}", route.path);
                    assert!(
                        answer.headers[header::CONTENT_SECURITY_POLICY]
                            .to_str()
                            .unwrap()
                            .starts_with("default-src 'none'")
                    );
                    assert!(!answer.body.contains(" style="), "inline style in {}", route.path);
                }
            }
        }
    }
}

#[tokio::test]
async fn who_is_not_logged_in_sees_the_log_in_page_alone() {
    let desk = sample_desk().await;
    for route in ROUTES.iter().filter(|route| route.right != Right::Public) {
        let request = Request::builder().method(&route.method).uri(concrete(route.path, &"0".repeat(32)));
        let answer = desk.call(request.body(Body::empty()).unwrap()).await;
        let to_login = route.method == "GET" && !matches!(route.right, Right::Token(_));
        let expected = if to_login { StatusCode::SEE_OTHER } else { StatusCode::UNAUTHORIZED };
        assert_eq!(answer.status, expected, "{}", route.path);
    }
}

#[tokio::test]
async fn content_appears_only_on_declared_routes_and_each_read_is_on_record() {
    let desk = desk(Arc::new(HostileReader(SampleReader::new(NOW)))).await;
    let id = desk.case_with_form().await;
    rule_with_sample(&desk.cases).await;
    let mut shown = 0;
    for role in Role::ALL {
        let user = role.as_str().replace('_', "-");
        for route in ROUTES.iter().filter(|route| route.method == "GET" && route.path != "/live") {
            let before = desk.audit_len().await;
            let answer = desk.get(&user, &concrete(route.path, &id)).await;
            if answer.body.contains(SENTINEL) {
                shown += 1;
                assert!(route.content, "{} shows content and does not say so", route.path);
                assert!(
                    desk.audit_len().await > before,
                    "{} shows content without an audit entry",
                    route.path
                );
            }
        }
    }
    assert!(shown >= 10, "content was shown only {shown} times: the test is blind");
    let entries = desk.cases.ledger(&audit_ledger(NOW)).await.unwrap();
    assert!(entries.iter().any(|e| e.action == "read.content" && e.reason == format!("case {id}")));
    assert!(
        entries.iter().all(|e| !serde_json::to_string(e).unwrap().contains(SENTINEL)),
        "content in the ledger"
    );
}

#[tokio::test]
async fn hostile_text_in_every_field_stays_inert() {
    let desk = desk(Arc::new(HostileReader(SampleReader::new(NOW)))).await;
    let id = desk.case_with_form().await;
    desk.post("case-officer", &format!("/cases/{id}/move"), &[("move", "unmask"), ("text", HOSTILE)]).await;
    desk.post(
        "analyst",
        "/rules/new",
        &[("source", &format!("id: w-x\ntitle: {HOSTILE}\n# BROKEN </textarea>{HOSTILE}"))],
    )
    .await;
    for (user, path) in [
        ("reviewer", "/queue".to_owned()),
        ("reviewer", format!("/items/{id}")),
        ("case-officer", format!("/cases/{id}")),
        ("analyst", "/rules".to_owned()),
        ("analyst", "/rules/w-x".to_owned()),
        ("data-protection", "/audit".to_owned()),
        ("reviewer", format!("/queue?source={}&language=%22%3E%3Cscript%3E", "%3Cscript%3E")),
    ] {
        let answer = desk.get(user, &path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
        assert!(!answer.body.contains("<script>"), "{path}");
        assert!(!answer.body.contains("<img src=x"), "{path}");
        assert!(!answer.body.contains("\"'>"), "{path}");
    }
}

#[tokio::test]
async fn a_form_without_the_right_token_changes_nothing() {
    let desk = sample_desk().await;
    let id = sample_items(NOW)[0].post.post_id.to_string();
    for route in ROUTES.iter().filter(|route| route.method == "POST" && route.path != "/login") {
        for role in Role::ALL {
            let user = role.as_str().replace('_', "-");
            let answer = desk.post_with(&user, "c-other", &concrete(route.path, &id), &[]).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{} as {user}", route.path);
        }
    }
    assert!(desk.cases.case(&id).await.unwrap().is_none());
}

#[tokio::test]
async fn nobody_rises_above_their_role() {
    let desk = sample_desk().await;
    let id = desk.case_with_form().await;
    for (user, path, fields) in [
        ("reviewer", format!("/cases/{id}/move"), vec![("move", "approve")]),
        ("reviewer", format!("/cases/{id}/form"), vec![]),
        ("custodian", format!("/cases/{id}/move"), vec![("move", "unmask"), ("text", "aus Neugier")]),
        ("custodian", format!("/cases/{id}/move"), vec![("move", "erase")]),
        ("case-officer", format!("/cases/{id}/move"), vec![("move", "approve")]),
        (
            "analyst",
            "/users".to_owned(),
            vec![("user", "evil"), ("name", "e"), ("password", "ein langes Passwort"), ("role_admin", "on")],
        ),
        ("admin", "/next".to_owned(), vec![]),
    ] {
        let answer = desk.post(user, &path, &fields).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{user} {path} {fields:?}");
    }
    let both = [
        ("user", "evil"),
        ("name", "e"),
        ("password", "ein langes Passwort"),
        ("role_case_officer", "on"),
        ("role_lead", "on"),
    ];
    assert_eq!(desk.post("admin", "/users", &both).await.status, StatusCode::CONFLICT);
    assert!(desk.cases.user("evil").await.unwrap().is_none());
}

#[tokio::test]
async fn a_flood_of_log_ins_is_slowed_down() {
    let desk = sample_desk().await;
    let page = desk.call(Request::get("/login").body(Body::empty()).unwrap()).await;
    let cookie = page.headers[header::SET_COOKIE].to_str().unwrap();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && cookie.contains("Secure"),
        "{cookie}"
    );
    let token = cookie.split(['=', ';']).nth(1).unwrap().to_owned();
    let attempt = async |password: &str, csrf: &str| {
        let body =
            serde_urlencoded::to_string([("csrf", csrf), ("user", "reviewer"), ("password", password)])
                .unwrap();
        let request = Request::post("/login")
            .header(header::COOKIE, format!("streife_login={token}"))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        desk.call(request.body(Body::from(body)).unwrap()).await.status
    };
    assert_eq!(attempt("ein langes Passwort", "wrong").await, StatusCode::FORBIDDEN);
    assert_eq!(attempt("ein langes Passwort", &token).await, StatusCode::SEE_OTHER);
    for _ in 0..5 {
        assert_eq!(attempt("geraten geraten", &token).await, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(attempt("ein langes Passwort", &token).await, StatusCode::TOO_MANY_REQUESTS);
    desk.clock.advance_micros(301 * 1_000_000);
    assert_eq!(attempt("ein langes Passwort", &token).await, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_huge_body_is_refused_and_an_old_session_ends() {
    let desk = sample_desk().await;
    let huge = "x".repeat(300_000);
    assert_eq!(
        desk.post("analyst", "/rules/new", &[("source", &huge)]).await.status,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    desk.clock.advance_micros(3_600 * 1_000_000);
    assert_eq!(desk.get("reviewer", "/queue").await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_post_goes_from_queue_to_a_sent_referral_by_the_right_people() {
    let desk = sample_desk().await;
    let id = desk.case_with_form().await;
    let case = format!("/cases/{id}");
    let draft = desk
        .post("case-officer", &format!("{case}/move"), &[("move", "draft"), ("text", "StA Musterstadt")])
        .await;
    assert_eq!(draft.status, StatusCode::CONFLICT, "an empty form cannot be drafted");
    let mut form: HashMap<String, String> = HashMap::new();
    let offence = streife_cases::offence::Catalogue::built_in().get("StGB-188").unwrap();
    for element in &offence.elements {
        form.insert(format!("StGB-188.element.{}", element.id), "on".to_owned());
    }
    for exception in &offence.exceptions {
        form.insert(format!("StGB-188.exception.{}", exception.id), "on".to_owned());
    }
    form.insert("StGB-188.other_readings".to_owned(), "Keine andere Lesart liegt nahe, geprüft.".to_owned());
    for field in [
        "accusation",
        "time_of_act",
        "place_of_act",
        "germany_link",
        "accused",
        "legal_basis",
        "entitled",
        "audience",
    ] {
        form.insert(field.to_owned(), "festgestellt".to_owned());
    }
    form.insert("knowledge_on".to_owned(), "2026-09-01".to_owned());
    let fields: Vec<(&str, &str)> = form.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(
        desk.post("case-officer", &format!("{case}/form"), &fields).await.status,
        StatusCode::SEE_OTHER
    );
    assert!(
        desk.get("case-officer", &case).await.body.contains("2026-12-01"),
        "the complaint clock is shown"
    );
    for (user, step, text) in [
        ("case-officer", "unmask", "für die Anzeige nötig"),
        ("case-officer", "draft", "StA Musterstadt"),
        ("lead", "approve", ""),
        ("case-officer", "send", "Postfach"),
        ("case-officer", "acknowledge", "1 Js 2/26"),
        ("case-officer", "record_outcome", "charged"),
    ] {
        let answer = desk.post(user, &format!("{case}/move"), &[("move", step), ("text", text)]).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{step}: {}", answer.body);
    }
    let page = desk.get("case-officer", &case).await.body;
    assert!(page.contains("konto-muster"), "unmasked for the officer");
    assert!(!desk.get("custodian", &case).await.body.contains("konto-muster"), "and for nobody else");
    let verified = desk.post("data-protection", "/audit/verify", &[]).await;
    assert!(verified.body.contains("unversehrt"), "{}", verified.body);
    assert_eq!(desk.clock.now(), NOW);
}

/// A rule with a finished backtest, so that its sample can be looked at.
async fn rule_with_sample(cases: &CaseStore) {
    let (book, anna) = (cases.rule_book(), streife_cases::workflow::Actor::new("anna", Role::Analyst));
    let (id, text) = Text::read(Kind::Rule, "id: w-probe\ntitle: Probe").unwrap();
    book.apply(Kind::Rule, &id, 0, &anna, Change::Save { text }, NOW).await.unwrap();
    let sample: Vec<String> = sample_items(NOW).iter().map(|item| item.post.post_id.to_string()).collect();
    let figures = streife_web::lab::BacktestFigures { sample, hits: 9, posts: 10, ..Default::default() };
    let report = serde_json::to_value(figures).unwrap();
    book.apply(Kind::Rule, &id, 1, &anna, Change::Backtest { report }, NOW).await.unwrap();
}

#[tokio::test]
async fn a_rule_is_tried_and_goes_live_by_another_person() {
    let desk = sample_desk().await;
    let save = async |source: &str| desk.post("analyst", "/rules/new", &[("source", source)]).await.status;
    let step = async |user: &str, to: &str| {
        let fields = [("to", to), ("version", "1"), ("note", "passt so")];
        desk.post(user, "/rules/w-neu/move", &fields).await.status
    };
    assert_eq!(save("id: ../../etc").await, StatusCode::BAD_REQUEST);
    assert_eq!(save("id: w-neu\ntitle: A\nBROKEN").await, StatusCode::SEE_OTHER);
    assert_eq!(step("analyst", "shadow").await, StatusCode::BAD_REQUEST, "errors come first");
    assert_eq!(save("id: w-neu\ntitle: A\nFAILING").await, StatusCode::BAD_REQUEST, "the name is taken");
    let again = [("source", "id: w-neu\ntitle: A\nFAILING")];
    assert_eq!(desk.post("analyst", "/rules/w-neu", &again).await.status, StatusCode::SEE_OTHER);
    assert_eq!(step("analyst", "shadow").await, StatusCode::BAD_REQUEST, "a failing test stops it");
    let source = "id: w-neu\ntitle: A\nowner: analyst\n# Tomatenpartei";
    assert_eq!(
        desk.post("analyst", "/rules/w-neu", &[("source", source)]).await.status,
        StatusCode::SEE_OTHER
    );

    let before = desk.audit_len().await;
    let preview = desk.post("analyst", "/rules/w-neu/preview", &[("source", source)]).await;
    assert!(preview.body.contains("id=\"preview\"") && preview.body.contains("<mark"), "{}", preview.body);
    let entries = desk.cases.ledger(&audit_ledger(NOW)).await.unwrap();
    assert!(entries.len() >= before + 2);
    let looked = entries.iter().find(|entry| entry.action == "rule.preview").unwrap();
    assert!(looked.reason.starts_with("prosecution"), "{looked:?}");

    assert_eq!(step("analyst", "ask").await, StatusCode::BAD_REQUEST, "no backtest yet");
    let ran = desk.post("analyst", "/rules/w-neu/backtest", &[("version", "1")]).await;
    assert_eq!(ran.status, StatusCode::SEE_OTHER);
    for _ in 0..500 {
        let entry = desk.cases.rule_book().entry(Kind::Rule, "w-neu").await.unwrap();
        if entry[0].backtest.is_some() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert!(desk.get("analyst", "/rules/w-neu/sample").await.body.contains("name=\"label."));
    assert_eq!(step("analyst", "shadow").await, StatusCode::SEE_OTHER);
    assert_eq!(step("analyst", "ask").await, StatusCode::SEE_OTHER);
    assert_eq!(step("analyst", "approve").await, StatusCode::FORBIDDEN);
    assert!(desk.get("rule-approver", "/rules").await.body.contains("warten auf Freigabe"));
    assert_eq!(step("rule-approver", "approve").await, StatusCode::SEE_OTHER);
    let (_, files) = desk.cases.rule_book().published().await.unwrap();
    assert!(
        files[0].yaml.contains("state: live") && files[0].yaml.contains("approved_by: \"rule-approver\"")
    );
    let page = desk.get("rule-approver", "/rules/w-neu").await.body;
    assert!(page.contains("Trefferalarm") && page.contains("Tageskontingent"), "alarm and quota are shown");
    let source = "id: w-neu\ntitle: B\nowner: analyst";
    assert_eq!(
        desk.post("analyst", "/rules/w-neu", &[("source", source)]).await.status,
        StatusCode::SEE_OTHER
    );
    assert!(
        desk.get("analyst", "/rules/w-neu").await.body.contains("class=\"added\""),
        "the difference is shown"
    );
    for base in ["/lists", "/suppressions"] {
        assert_eq!(desk.get("analyst", &format!("{base}/new")).await.status, StatusCode::OK);
    }
    assert_eq!(desk.get("analyst", "/rules/w-ordner").await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_export_names_its_purpose_and_its_entry_in_the_ledger() {
    let desk = sample_desk().await;
    let review = NOW.plus_secs(30 * 86_400).to_string().chars().take(10).collect::<String>();
    let fields = |purpose: &'static str| {
        [
            ("format", "jsonl"),
            ("purpose", purpose),
            ("legal_basis", "PolG NRW"),
            ("review_by", review.as_str()),
        ]
    };
    assert_eq!(desk.post("analyst", "/export", &fields("kurz")).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(
        desk.post("reviewer", "/export", &fields("Lagebild zum Wochenende")).await.status,
        StatusCode::FORBIDDEN
    );
    let late = [
        ("format", "csv"),
        ("purpose", "Lagebild zum Wochenende"),
        ("legal_basis", "x"),
        ("review_by", "2099-01-01"),
    ];
    assert_eq!(desk.post("analyst", "/export", &late).await.status, StatusCode::BAD_REQUEST);
    let file = desk.post("analyst", "/export", &fields("Lagebild zum Wochenende")).await;
    assert_eq!(file.status, StatusCode::OK, "{}", file.body);
    let entries = desk.cases.ledger(&audit_ledger(NOW)).await.unwrap();
    let entry = entries.iter().find(|entry| entry.action == "export").unwrap();
    assert_eq!(entry.reason, "Lagebild zum Wochenende");
    assert!(file.body.lines().count() > 3 && file.body.lines().all(|line| line.contains(&entry.hash)));
    assert!(file.headers[header::CONTENT_DISPOSITION].to_str().unwrap().starts_with("attachment"));
}

#[tokio::test]
async fn a_view_is_an_address_that_can_be_kept_and_forgotten() {
    let desk = sample_desk().await;
    let view = [("name", "Meine <Sicht>"), ("address", "by=rule&days=7&rule=w-130-gruppe&evil=//x")];
    let kept = desk.post("analyst", "/views", &view).await;
    assert_eq!(kept.status, StatusCode::SEE_OTHER);
    assert_eq!(kept.headers[header::LOCATION], "/trends?days=7&by=rule&rule=w-130-gruppe");
    let page = desk.get("analyst", "/trends?by=rule&days=7").await.body;
    assert!(page.contains("Meine &#60;Sicht&#62;") && page.contains("Welle"), "{page}");
    assert!(!desk.get("reviewer", "/trends").await.body.contains("Meine"), "views are one's own");
    desk.post("analyst", "/views", &[("name", "Meine <Sicht>"), ("forget", "1")]).await;
    assert!(!desk.get("analyst", "/trends").await.body.contains("Meine"));
    desk.get("reviewer", "/queue").await;
    let report = desk.get("data-protection", "/report/download").await;
    assert!(
        report.body.starts_with("section,name,value\n") && report.body.contains("reads,"),
        "{}",
        report.body
    );
}

#[tokio::test]
async fn a_blind_look_shows_no_decision_and_counts_only_in_sums() {
    let desk = sample_desk().await;
    let id = sample_items(NOW)[0].post.post_id.to_string();
    let golden = [("post", id.as_str()), ("opinion", "dismiss:quotation")];
    assert_eq!(desk.post("reviewer", "/quality/golden", &golden).await.status, StatusCode::FORBIDDEN);
    assert_eq!(desk.post("lead", "/quality/golden", &golden).await.status, StatusCode::SEE_OTHER);
    let page = desk.get("reviewer", "/quality/blind").await.body;
    assert!(page.contains(&format!("value=\"{id}\"")), "the golden item is put before a reviewer");
    let opinion = [("post", id.as_str()), ("opinion", "dismiss:quotation")];
    assert_eq!(desk.post("reviewer", "/quality/blind", &opinion).await.status, StatusCode::SEE_OTHER);
    assert_eq!(desk.post("reviewer", "/quality/blind", &opinion).await.status, StatusCode::NOT_FOUND, "once");
    let figures = desk.get("auditor", "/quality").await.body;
    assert!(
        figures.contains("zu wenige") && !figures.contains("reviewer"),
        "few pairs are not shown, nor people"
    );
}

#[tokio::test]
async fn similar_decisions_stand_beside_an_item() {
    let desk = sample_desk().await;
    let items = sample_items(NOW);
    let mut hits = items.iter().filter(|item| item.verdict.hits.iter().any(|hit| hit.rule == "w-130-gruppe"));
    let mut next = || hits.next().unwrap().post.post_id.to_string();
    let (first, second) = (next(), next());
    for (path, fields) in [
        (format!("/items/{first}/claim"), vec![]),
        (format!("/items/{first}/decide"), vec![("decision", "dismiss:quotation")]),
        (format!("/items/{second}/claim"), vec![]),
    ] {
        assert_eq!(desk.post("reviewer", &path, &fields).await.status, StatusCode::SEE_OTHER, "{path}");
    }
    let beside = desk.get("reviewer", &format!("/items/{second}/beside")).await.body;
    assert!(beside.contains(&format!("/items/{first}")), "{beside}");
    assert!(beside.contains("id=\"post-text\"") && beside.contains("mark-model"));
}
