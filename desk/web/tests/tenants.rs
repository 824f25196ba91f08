//! Two authorities on one site: what one has does not exist for the other, on any page, for any role, by any id.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod common;

use axum::http::StatusCode;
use common::stand_ins::{NORD_PATTERN, NORD_RULE};
use common::{Desk, NOW, desk, desk_with};
use streife_cases::ledger::audit_ledger;
use streife_cases::password;
use streife_cases::role::Role;
use streife_cases::rulebook::{Change, Kind, Text};
use streife_cases::store::{NewUser, Scope};
use streife_cases::tenant::Tenant;
use streife_cases::workflow::Actor;
use streife_web::reader::FlaggedItem;
use streife_web::routes::{ROUTES, Right};
use streife_web::sample::sample_items;

/// A source of the sample posts that becomes the tenant's.
const SOURCE: &str = "telegram-kanaele";
const REASON: &str = "Anruf der Leitstelle, niemand mit der Rolle ist erreichbar";

fn nord() -> Tenant {
    Tenant::parse("nord").unwrap()
}

/// A desk with the tenant `nord`, which has one source and an account for each role: `n-reviewer` and so on.
async fn shared_desk() -> Desk {
    let desk = desk().await;
    name_tenant(&desk, "nord", SOURCE).await;
    add_people(&desk, &nord(), "n").await;
    desk
}

async fn name_tenant(desk: &Desk, tenant: &str, sources: &str) {
    let fields = [("tenant", tenant), ("name", "Behörde"), ("sources", sources)];
    let saved = desk.post("admin", "/tenants", &fields).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.body);
}

/// An account for each role, `PREFIX-reviewer` and so on.
async fn add_people(desk: &Desk, tenant: &Tenant, prefix: &str) {
    let hash = password::hash("ein langes Passwort").unwrap();
    let cases = desk.cases.of(tenant);
    for role in Role::ALL {
        let id = format!("{prefix}-{}", role.as_str().replace('_', "-"));
        cases
            .put_user(&NewUser { id: &id, name: &id, roles: &[role], password: &hash, at: NOW })
            .await
            .unwrap();
        desk.cases.open_session(&id, &format!("t-{id}"), &format!("c-{id}"), NOW).await.unwrap();
    }
}

/// A rule of the house in force, a draft of it, and a rule of the tenant, each with a word that is in no other text.
async fn rules_of_both(desk: &Desk) {
    let (anna, paul) = (Actor::new("anna", Role::Analyst), Actor::new("paul", Role::RuleApprover));
    let nord = desk.cases.of(&nord());
    for (book, id, word, live) in [
        (desk.cases.rule_book(), "w-haus", "Hauswort", true),
        (desk.cases.rule_book(), "w-haus-entwurf", "Entwurfswort", false),
        (nord.rule_book(), "w-nord", "Nordwort", false),
    ] {
        let (id, text) = Text::read(Kind::List, &format!("list: {id}\ntitle: {word}")).unwrap();
        book.apply(Kind::List, &id, 0, &anna, Change::Save { text }, NOW).await.unwrap();
        book.apply(Kind::List, &id, 1, &anna, Change::Ask, NOW).await.unwrap();
        if live {
            let approve = Change::Approve { note: String::new() };
            book.apply(Kind::List, &id, 1, &paul, approve, NOW).await.unwrap();
        }
    }
}

/// The first post of the tenant, and one of the house that has a case.
fn posts() -> (String, String) {
    let items = sample_items(NOW);
    let own = items.iter().find(|item| item.post.source == SOURCE).unwrap();
    (own.post.post_id.to_string(), items[2].post.post_id.to_string())
}

fn texts(of_tenant: bool) -> Vec<String> {
    let items = sample_items(NOW).into_iter().filter(|item| (item.post.source == SOURCE) == of_tenant);
    // The first words are in no other text, and no page escapes anything in them.
    items.map(|item| item.post.text.split_whitespace().take(4).collect::<Vec<_>>().join(" ")).collect()
}

async fn foreign(desk: &Desk) -> u64 {
    let page = desk.get("reviewer", "/metrics").await.body;
    let line = page.lines().find(|line| line.starts_with("streife_desk_other_tenants_total")).unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn no_page_of_one_tenant_shows_what_another_has() {
    let desk = shared_desk().await;
    let house_case = desk.case_with_form().await;
    let (own, house) = posts();
    assert_eq!(house, house_case);
    let (theirs, ours) = (texts(false), texts(true));
    let before = foreign(&desk).await;
    let mut shown = 0;
    for role in Role::ALL {
        let user = format!("n-{}", role.as_str().replace('_', "-"));
        for route in ROUTES.iter().filter(|route| route.method == "GET" && route.path != "/live") {
            if matches!(route.right, Right::Token(_)) {
                continue;
            }
            for id in [&own, &house] {
                let path = route.path.replace("{id}", id).replace("{name}", "desk.css");
                let page = desk.get(&user, &path).await;
                for text in &theirs {
                    assert!(
                        !page.body.contains(text.as_str()),
                        "{path} as {user} shows another tenant's post"
                    );
                }
                shown += ours.iter().filter(|text| page.body.contains(text.as_str())).count();
                if id == &house && route.path.contains("{id}") && route.content {
                    assert!(
                        matches!(page.status, StatusCode::NOT_FOUND | StatusCode::FORBIDDEN)
                            || route.path.starts_with("/bulk"),
                        "{path} as {user}: {}",
                        page.status
                    );
                }
            }
        }
    }
    assert!(shown > 3, "the tenant's own posts were shown {shown} times: the test is blind");
    assert!(foreign(&desk).await > before, "requests for what another tenant has are counted");
    let queue = desk.get("reviewer", "/queue").await.body;
    assert!(theirs.iter().any(|text| queue.contains(text.as_str())), "the house sees its own");
    assert!(ours.iter().all(|text| !queue.contains(text.as_str())), "and not the tenant's");
}

#[tokio::test]
async fn another_tenants_ids_do_not_exist_for_any_form() {
    let desk = shared_desk().await;
    let case = desk.case_with_form().await;
    let version = desk.cases.case(&case).await.unwrap().unwrap().version;
    for (user, path, fields) in [
        ("n-reviewer", format!("/items/{case}/claim"), vec![]),
        ("n-reviewer", format!("/items/{case}/take-over"), vec![("reason", REASON)]),
        ("n-reviewer", format!("/items/{case}/decide"), vec![("decision", "dismiss:known")]),
        ("n-reviewer", format!("/items/{case}/undo"), vec![]),
        ("n-case-officer", format!("/cases/{case}/form"), vec![]),
        ("n-case-officer", format!("/cases/{case}/move"), vec![("move", "unmask"), ("text", REASON)]),
        ("n-lead", format!("/cases/{case}/move"), vec![("move", "restrict"), ("text", REASON)]),
        ("n-custodian", format!("/cases/{case}/seal"), vec![]),
    ] {
        let answer = desk.post(user, &path, &fields).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{user} {path}: {}", answer.body);
    }
    assert_eq!(desk.cases.case(&case).await.unwrap().unwrap().version, version, "nothing changed");
    let own = desk.cases.of(&nord());
    assert!(own.case(&case).await.unwrap().is_none());
    assert!(own.cases(None, 10).await.unwrap().is_empty() && own.events(&case).await.unwrap().is_empty());
    assert!(own.states().await.unwrap().is_empty() && own.decisions(NOW, 10).await.unwrap().is_empty());
    assert!(
        desk.get("n-lead", "/cases").await.body.contains("Noch keine")
            || own.touched_of(&[case]).await.unwrap()[0].1 == "foreign"
    );
}

#[tokio::test]
async fn ledgers_exports_tokens_and_accounts_are_each_tenants_own() {
    let desk = shared_desk().await;
    let (own, _) = posts();
    assert_eq!(
        desk.post("n-reviewer", &format!("/items/{own}/claim"), &[]).await.status,
        StatusCode::SEE_OTHER
    );
    assert_eq!(desk.cases.case(&own).await.unwrap().unwrap().tenant, nord());
    let house = desk.cases.ledger(&audit_ledger(NOW)).await.unwrap();
    assert!(
        house.iter().all(|entry| !entry.actor.starts_with("n-")),
        "the house's ledger has no entry of nord"
    );
    let chain = format!("{}/nord", audit_ledger(NOW));
    assert!(desk.cases.ledger(&chain).await.unwrap().iter().any(|entry| entry.action == "read.content"));
    for (user, ledger) in [("n-data-protection", audit_ledger(NOW)), ("data-protection", chain.clone())] {
        let page = desk.get(user, &format!("/audit?ledger={ledger}")).await.body;
        assert!(!page.contains("read.content"), "{user} reads {ledger}");
        let file = desk.get(user, &format!("/audit/export?ledger={ledger}")).await.body;
        assert!(file.is_empty(), "{file}");
    }
    let verified = desk.post("n-data-protection", "/audit/verify", &[("ledger", &chain)]).await;
    assert!(verified.body.contains("unversehrt"), "{}", verified.body);

    let review = NOW.plus_secs(30 * 86_400).to_string().chars().take(10).collect::<String>();
    let fields = [
        ("format", "jsonl"),
        ("purpose", "Lagebild zum Wochenende"),
        ("legal_basis", "PolG NRW"),
        ("review_by", review.as_str()),
        ("with_text", "on"),
        ("source", ""),
    ];
    let file = desk.post("n-analyst", "/export", &fields).await.body;
    assert_eq!(file.lines().count(), texts(true).len(), "{file}");
    assert!(texts(false).iter().all(|text| !file.contains(text.as_str())));

    let token = desk.cases.of(&nord());
    let scopes = [Scope::ReadItems, Scope::ReadCases, Scope::ReadFigures, Scope::ReadAudit];
    let expires_at = NOW.plus_secs(86_400);
    let new = streife_cases::store::NewToken {
        name: "Lage",
        secret: "streife_x",
        scopes: &scopes,
        by: "n-admin",
        at: NOW,
        expires_at,
    };
    let id = token.create_token(&new).await.unwrap();
    assert!(!desk.get("admin", "/tokens").await.body.contains("Lage"), "the house does not see it");
    assert_eq!(
        desk.post("data-protection", &format!("/tokens/{id}/approve"), &[]).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(desk.post("admin", &format!("/tokens/{id}/revoke"), &[]).await.status, StatusCode::NOT_FOUND);
    let approved = desk.post("n-data-protection", &format!("/tokens/{id}/approve"), &[]).await;
    assert_eq!(approved.status, StatusCode::SEE_OTHER);
    let items = desk.call_api("streife_x", "/api/v1/items").await;
    assert_eq!(items.status, StatusCode::OK);
    assert!(
        items.body.contains(SOURCE) && texts(false).iter().all(|text| !items.body.contains(text.as_str()))
    );
    let (_, house_post) = posts();
    for path in [format!("/api/v1/items/{house_post}"), format!("/api/v1/cases/{house_post}")] {
        assert_eq!(desk.call_api("streife_x", &path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    assert!(
        !desk
            .call_api("streife_x", &format!("/api/v1/audit?ledger={}", audit_ledger(NOW)))
            .await
            .body
            .contains("read.content")
    );

    assert!(!desk.get("n-admin", "/users").await.body.contains(">other<"));
    assert!(!desk.get("admin", "/users").await.body.contains("n-lead"));
    assert!(desk.get("admin", "/users?tenant=nord").await.body.contains("n-lead"));
    for path in ["/users?tenant=nord", "/tenants"] {
        assert_eq!(desk.get("n-admin", path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let taken =
        [("user", "lead"), ("name", "Leitung"), ("password", "ein langes Passwort"), ("role_lead", "on")];
    assert_eq!(desk.post("n-admin", "/users", &taken).await.status, StatusCode::CONFLICT);
    assert!(desk.cases.user("lead").await.unwrap().unwrap().tenant.is_house());
}

#[tokio::test]
async fn an_emergency_access_reaches_another_tenants_post_and_both_sides_see_it() {
    let desk = shared_desk().await;
    let (own, house) = posts();
    let page = format!("/items/{own}");
    assert_eq!(desk.get("reviewer", &page).await.status, StatusCode::NOT_FOUND);
    let fields = [("subject", own.as_str()), ("reason", REASON)];
    assert_eq!(desk.post("reviewer", "/glass", &fields).await.status, StatusCode::SEE_OTHER);
    assert_eq!(desk.get("reviewer", &page).await.status, StatusCode::OK);
    assert_eq!(
        desk.post("reviewer", &format!("{page}/claim"), &[]).await.status,
        StatusCode::NOT_FOUND,
        "for reading"
    );
    assert_eq!(
        desk.get("reviewer", &format!("/items/{house}")).await.status,
        StatusCode::OK,
        "one's own as ever"
    );
    for user in ["lead", "data-protection", "n-lead", "n-data-protection"] {
        assert!(desk.get(user, "/glass/review").await.body.contains(REASON), "{user}");
    }
    let chain = format!("{}/nord", audit_ledger(NOW));
    let entries = desk.cases.ledger(&chain).await.unwrap();
    assert!(entries.iter().any(|entry| entry.action == "glass.open" && entry.actor == "reviewer"));
    assert!(entries.iter().any(|entry| entry.action == "read.content" && entry.reason.starts_with("glass ")));
    let unknown = [("subject", "0123456789abcdef0123456789abcdef"), ("reason", REASON)];
    assert_eq!(desk.post("reviewer", "/glass", &unknown).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_source_has_one_tenant_and_cases_stay_where_they_began() {
    let desk = shared_desk().await;
    let (own, _) = posts();
    assert_eq!(
        desk.post("n-reviewer", &format!("/items/{own}/claim"), &[]).await.status,
        StatusCode::SEE_OTHER
    );
    let taken = [("tenant", "sued"), ("name", "Behörde Süd"), ("sources", SOURCE)];
    assert_eq!(desk.post("admin", "/tenants", &taken).await.status, StatusCode::CONFLICT);
    assert!(
        desk.cases.tenants().await.unwrap().iter().all(|row| row.tenant.as_str() != "sued"),
        "all or nothing"
    );
    let none = [("tenant", "nord"), ("name", "Behörde Nord"), ("sources", "")];
    assert_eq!(desk.post("admin", "/tenants", &none).await.status, StatusCode::SEE_OTHER);
    assert_eq!(desk.get("n-reviewer", &format!("/items/{own}")).await.status, StatusCode::NOT_FOUND);
    assert!(
        !desk.get("n-reviewer", "/queue").await.body.contains("class=\"lead"),
        "without a source nothing is seen"
    );
    let queue = desk.get("reviewer", "/queue").await.body;
    assert!(!queue.contains(&own), "its case is another tenant's");
    assert_eq!(desk.post("reviewer", &format!("/items/{own}/claim"), &[]).await.status, StatusCode::CONFLICT);
    for _ in 0..sample_items(NOW).len() {
        assert_eq!(desk.post("reviewer", "/next", &[]).await.status, StatusCode::SEE_OTHER);
    }
    assert_eq!(desk.cases.case(&own).await.unwrap().unwrap().tenant, nord());
}

#[tokio::test]
async fn nobody_reads_or_changes_the_rule_book_of_another_tenant() {
    let desk = shared_desk().await;
    rules_of_both(&desk).await;
    let kinds = ["rules", "lists", "suppressions"];
    for (user, own, others) in [
        ("n-analyst", "Nordwort", vec!["Entwurfswort"]),
        ("n-rule-approver", "Nordwort", vec!["Entwurfswort"]),
        ("analyst", "Entwurfswort", vec!["Nordwort"]),
        ("rule-approver", "Entwurfswort", vec!["Nordwort"]),
    ] {
        let ids = ["w-nord", "w-haus-entwurf", "w-haus", "nord%2Fw-nord", "new"];
        let pages = kinds.iter().flat_map(|kind| ids.iter().map(move |id| format!("/{kind}/{id}")));
        let mut shown = String::new();
        for path in pages.chain(["/rules".to_owned()]) {
            shown.push_str(&desk.get(user, &path).await.body);
        }
        assert!(shown.contains(own) && shown.contains("Hauswort"), "{user}: the test is blind");
        assert!(others.iter().all(|other| !shown.contains(other)), "{user} sees what another wrote");
    }
    let house = desk.get("n-analyst", "/lists/w-haus").await;
    assert_eq!(house.status, StatusCode::OK);
    assert!(house.body.contains("readonly") && house.body.contains("gehört dem Haus"), "read, not written");

    let before = (
        desk.cases.rule_book().versions().await.unwrap(),
        desk.cases.of(&nord()).rule_book().versions().await.unwrap(),
    );
    let mine = |id: &str| format!("list: {id}\ntitle: Fremdes");
    for (user, id) in [
        ("n-analyst", "w-haus"),
        ("n-analyst", "w-haus-entwurf"),
        ("analyst", "w-nord"),
        ("n-rule-approver", "w-haus"),
    ] {
        for to in ["shadow", "ask", "approve", "send_back", "pause", "resume", "retire"] {
            let fields = [("version", "1"), ("to", to), ("note", REASON)];
            let answer = desk.post(user, &format!("/lists/{id}/move"), &fields).await;
            assert_eq!(answer.status, StatusCode::NOT_FOUND, "{user} {to} {id}: {}", answer.body);
        }
    }
    for path in ["/lists/w-haus", "/lists/new"] {
        let answer = desk.post("n-analyst", path, &[("source", &mine("w-haus"))]).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}");
    }
    let after = (
        desk.cases.rule_book().versions().await.unwrap(),
        desk.cases.of(&nord()).rule_book().versions().await.unwrap(),
    );
    assert_eq!(before, after, "nothing changed");

    // The same name in another book is another entry, and tells nothing of the first.
    let saved = desk.post("n-analyst", "/lists/new", &[("source", &mine("w-haus-entwurf"))]).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.body);
    let versions = desk.cases.rule_book().entry(Kind::List, "w-haus-entwurf").await.unwrap();
    assert!(versions.len() == 1 && versions[0].text.title == "Entwurfswort");

    // Backtest, preview and sample of a rule of another do not exist either.
    common::rule_with_sample(&desk.cases).await;
    for path in ["/rules/w-probe/backtest", "/rules/w-probe/sample"] {
        let answer = desk.post("n-analyst", path, &[("version", "1")]).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}: {}", answer.body);
    }
    assert_eq!(desk.get("n-analyst", "/rules/w-probe/sample").await.status, StatusCode::NOT_FOUND);
    assert_eq!(desk.get("analyst", "/rules/w-probe/sample").await.status, StatusCode::OK);
}

/// The sample posts as they are once `nord` lost its source: a rule of nord's hit them in its time.
fn posts_of_a_former_owner() -> Vec<FlaggedItem> {
    let mut items = sample_items(NOW);
    for item in items.iter_mut().filter(|item| item.post.source == SOURCE) {
        for hit in &mut item.verdict.hits {
            NORD_RULE.clone_into(&mut hit.rule);
            hit.because.iter_mut().for_each(|why| NORD_PATTERN.clone_into(&mut why.part));
        }
    }
    items
}

#[tokio::test]
async fn rules_of_a_sources_former_owner_have_neither_name_nor_pattern_for_the_next() {
    const WORDS: &str = "Regel eines anderen Mandanten";
    let items = posts_of_a_former_owner();
    let old = items.iter().find(|item| item.post.source == SOURCE).unwrap().post.post_id.to_string();
    let desk = desk_with(items).await;
    let sued = Tenant::parse("sued").unwrap();
    name_tenant(&desk, "nord", SOURCE).await;
    add_people(&desk, &nord(), "n").await;
    let own = desk.get("n-reviewer", &format!("/items/{old}")).await.body;
    assert!(own.contains(NORD_RULE) && own.contains(NORD_PATTERN), "its own tenant reads it: {own}");

    name_tenant(&desk, "nord", "").await;
    name_tenant(&desk, "sued", SOURCE).await;
    add_people(&desk, &sued, "s").await;
    let mut told = 0;
    for path in [format!("/items/{old}/claim"), format!("/items/{old}/decide")] {
        let done = desk.post("s-reviewer", &path, &[("decision", "norm:StGB-130")]).await;
        assert_eq!(done.status, StatusCode::SEE_OTHER, "{path}: {}", done.body);
    }
    for role in Role::ALL {
        let user = format!("s-{}", role.as_str().replace('_', "-"));
        for route in ROUTES.iter().filter(|route| route.method == "GET" && route.path != "/live") {
            if matches!(route.right, Right::Token(_)) {
                continue;
            }
            for query in ["", "?by=rule"] {
                let path = route.path.replace("{id}", &old).replace("{name}", "desk.css") + query;
                let page = desk.get(&user, &path).await.body;
                assert!(!page.contains("w-geheim"), "{path} as {user} names a rule of nord");
                assert!(!page.contains(NORD_PATTERN), "{path} as {user} shows the pattern of a rule of nord");
                told += page.matches(WORDS).count();
            }
        }
    }
    assert!(told > 3, "that such a rule hit is told {told} times: the test is blind");
    let item = desk.get("s-reviewer", &format!("/items/{old}")).await.body;
    assert!(
        item.contains(WORDS) && !item.contains("class=\"mark-rule\" title"),
        "no place in the text: {item}"
    );
    assert!(desk.get("s-analyst", "/trends?by=rule").await.body.contains(WORDS));
    // Guessing the name finds as little as any other name.
    let mut sums = Vec::new();
    for (user, rule) in [("s-analyst", "w-geheim"), ("s-analyst", "w-gehirn"), ("n-analyst", "w-geheim")] {
        let page = desk.get(user, &format!("/trends?rule=nord%2F{rule}")).await.body;
        let sum: String = page.split("Gemeldet je Stunde").nth(1).unwrap().chars().take(60).collect();
        sums.push(sum);
    }
    assert!(sums[0] == sums[1] && sums[0] != sums[2], "{sums:?}");
    // What is decided is told to rules that have a name here, and to no other.
    let outcomes = desk.cases.of(&sued).rule_outcomes(NOW.plus_secs(-10), NOW.plus_secs(-5)).await.unwrap();
    assert!(outcomes.is_empty(), "{outcomes:?}");
    let csv = desk.get("s-lead", "/report/download").await.body;
    assert!(!csv.contains("geheim"), "{csv}");

    // The house that takes the source back knows as little.
    name_tenant(&desk, "sued", "").await;
    let mut house = String::new();
    for path in
        ["/queue".to_owned(), format!("/items/{old}"), "/trends?by=rule".to_owned(), "/report".to_owned()]
    {
        for user in ["reviewer", "analyst", "lead", "admin"] {
            house.push_str(&desk.get(user, &path).await.body);
        }
    }
    assert!(house.contains(WORDS) && !house.contains("w-geheim") && !house.contains(NORD_PATTERN));
}
