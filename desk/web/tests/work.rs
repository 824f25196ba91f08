//! People at work over HTTP, in process: from the queue to a referral, a rule to its approval, figures and exports.

mod common;

use std::collections::HashMap;

use axum::http::{StatusCode, header};
use common::{NOW, desk};
use streife_cases::ledger::audit_ledger;
use streife_cases::rulebook::Kind;
use streife_domain::{CampaignKey, Clock, Head, Heads, PostId};
use streife_web::sample::sample_items;

#[tokio::test]
async fn a_post_goes_from_queue_to_a_sent_referral_by_the_right_people() {
    let desk = desk().await;
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

#[tokio::test]
async fn a_rule_is_tried_and_goes_live_by_another_person() {
    let desk = desk().await;
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
    let desk = desk().await;
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
    let desk = desk().await;
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
    let desk = desk().await;
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
    let desk = desk().await;
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
    assert!(!beside.contains("id=\"spread\""), "a single post has not spread");
    let copied = desk.get("reviewer", &format!("/items/{first}/beside")).await.body;
    let spread = copied.split("id=\"spread\"").nth(1).unwrap().split("</section>").next().unwrap();
    assert!(
        spread.contains("37 Beiträge") && spread.contains("mastodon") && spread.contains("<polyline"),
        "{spread}"
    );
}

/// Who approves decides on what the officer found, so it stands on their page; it may name people, so on nobody else's.
#[tokio::test]
async fn a_second_person_reads_the_legal_form_and_who_sees_no_names_does_not() {
    const ACCUSED: &str = "Erika Mustermann";
    let desk = desk().await;
    let id = desk.case_with_form().await;
    let fields = [
        ("accused", ACCUSED),
        ("accusation", "Beleidigung im Amt"),
        ("StGB-188.other_readings", "Satire liegt fern, geprüft am Wortlaut"),
    ];
    let saved = desk.post("case-officer", &format!("/cases/{id}/form"), &fields).await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.body);
    let page = format!("/cases/{id}");
    let lead = desk.get("lead", &page).await.body;
    assert!(
        lead.contains(ACCUSED) && lead.contains("Satire liegt fern") && lead.contains("id=\"form-read\"")
    );
    assert!(!lead.contains("name=\"accused\""), "read, not written");
    let officer = desk.get("case-officer", &page).await.body;
    assert!(officer.contains("name=\"accused\"") && !officer.contains("id=\"form-read\""));
    let custodian = desk.get("custodian", &page).await;
    assert_eq!(custodian.status, StatusCode::OK);
    assert!(!custodian.body.contains(ACCUSED), "the custodian sees no names");
    let glass = [("subject", id.as_str()), ("reason", "Anruf der Leitstelle, niemand ist erreichbar")];
    assert_eq!(desk.post("analyst", "/glass", &glass).await.status, StatusCode::SEE_OTHER);
    let behind = desk.get("analyst", &page).await;
    assert_eq!(behind.status, StatusCode::OK);
    assert!(!behind.body.contains(ACCUSED), "an emergency access names nobody");
}

#[tokio::test]
async fn what_models_expect_is_set_against_what_people_found_in_sums_alone() {
    let mut items = Vec::new();
    let pattern = sample_items(NOW).remove(0);
    for n in 0..60u128 {
        let mut item = pattern.clone();
        item.post.post_id = PostId(0x2000 + n);
        item.post.campaign = CampaignKey(9_000 + u64::try_from(n).unwrap());
        item.verdict.scores = Heads::default();
        item.verdict.scores.set(Head::Violence, 0.8);
        items.push(item);
    }
    let desk = common::desk_scored(items).await;
    let decide = async |n: u128, what: &str| {
        let id = PostId(0x2000 + n).to_string();
        desk.post("reviewer", &format!("/items/{id}/claim"), &[]).await;
        let done = desk.post("reviewer", &format!("/items/{id}/decide"), &[("decision", what)]).await;
        assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.body);
    };
    for n in 0..49 {
        decide(n, if n % 2 == 0 { "norm:StGB-241" } else { "dismiss:opinion" }).await;
    }
    let few = desk.get("lead", "/quality").await.body;
    assert!(few.contains("Noch zu wenige beurteilte"), "{few}");
    decide(49, "dismiss:opinion").await;
    let quality = desk.get("lead", "/quality").await.body;
    for words in ["50 % (37–63 %, n = 50)", "80 %", "0.30", "daneben", "80–90 %"] {
        assert!(quality.contains(words), "{words} in {quality}");
    }
    assert!(desk.get("lead", "/report").await.body.contains("50 % (37–63 %, n = 50)"));
    let csv = desk.get("lead", "/report/download").await.body;
    assert!(
        csv.lines().any(|line| line.starts_with("judged,") && line.ends_with(" violence decision,50")),
        "{csv}"
    );
    // Sums name no post and nobody.
    for page in [&quality, &csv] {
        assert!((0..60).all(|n| !page.contains(&PostId(0x2000 + n).to_string())));
    }
}
