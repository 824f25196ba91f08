//! Ways in: second factor, identity provider, tokens for machines, alarms to the outside, decisions over campaigns, many
//! reviewers on one queue; and the attacks on them.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod common;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::post;
use common::{Desk, NOW, desk, desk_with};
use serde_json::Value;
use streife_cases::ledger::audit_ledger;
use streife_cases::password;
use streife_cases::role::Role;
use streife_cases::store::{MAX_ATTEMPTS, NewToken, Scope};
use streife_cases::workflow::CaseState;
use streife_domain::{CampaignKey, Clock, PostId};
use streife_web::alerts::{Alerts, Target, sign};
use streife_web::reader::FlaggedItem;
use streife_web::routes::{ROUTES, Right};
use streife_web::sample::sample_items;

/// As many posts as asked, of one campaign when `campaign`.
fn many(n: usize, campaign: bool) -> Vec<FlaggedItem> {
    let pattern = sample_items(NOW).remove(0);
    (0..n)
        .map(|i| {
            let mut item = pattern.clone();
            item.post.post_id = PostId(0x1000 + i as u128);
            item.post.observed_at = NOW.plus_secs(-(i as i64));
            item.post.campaign = CampaignKey(if campaign { 77 } else { 1_000 + i as u64 });
            item
        })
        .collect()
}

#[tokio::test]
async fn a_second_factor_is_asked_for_and_a_code_works_once() {
    let desk = desk().await;
    let page = desk.get("reviewer", "/totp").await.body;
    let secret = page.split("name=\"secret\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let wrong = desk.post("reviewer", "/totp", &[("secret", &secret), ("code", "000000")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let code = password::totp_now(&secret, desk.clock.now()).unwrap();
    assert_eq!(
        desk.post("reviewer", "/totp", &[("secret", &secret), ("code", &code)]).await.status,
        StatusCode::SEE_OTHER
    );
    assert_eq!(desk.log_in("reviewer", "ein langes Passwort", "").await, StatusCode::UNAUTHORIZED);
    desk.clock.advance_micros(60_000_000);
    let code = password::totp_now(&secret, desk.clock.now()).unwrap();
    assert_eq!(desk.log_in("reviewer", "ein langes Passwort", &code).await, StatusCode::SEE_OTHER);
    assert_eq!(
        desk.log_in("reviewer", "ein langes Passwort", &code).await,
        StatusCode::UNAUTHORIZED,
        "replayed"
    );
}

#[tokio::test]
async fn a_token_reads_what_its_scopes_say_once_two_people_agreed_and_every_call_is_on_record() {
    let desk = desk().await;
    let fields = [("name", "Lagebild"), ("days", "30"), ("scope_items.read", "on")];
    let page = desk.post("admin", "/tokens", &fields).await;
    let secret = page.body.split("streife_").nth(1).unwrap()[..64].to_owned();
    let secret = format!("streife_{secret}");
    assert!(!desk.get("admin", "/tokens").await.body.contains(&secret), "shown once");
    assert_eq!(
        desk.call_api(&secret, "/api/v1/items").await.status,
        StatusCode::UNAUTHORIZED,
        "not approved yet"
    );
    let id = desk.cases.tokens().await.unwrap()[0].id.clone();
    assert_eq!(desk.post("admin", &format!("/tokens/{id}/approve"), &[]).await.status, StatusCode::FORBIDDEN);
    assert_eq!(
        desk.post("data-protection", &format!("/tokens/{id}/approve"), &[]).await.status,
        StatusCode::SEE_OTHER
    );

    let answer = desk.call_api(&secret, "/api/v1/items?limit=3").await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let items: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(items["items"].as_array().unwrap().len(), 3);
    let post = items["items"][0]["id"].as_str().unwrap().to_owned();
    assert_eq!(desk.call_api(&secret, &format!("/api/v1/items/{post}")).await.status, StatusCode::OK);
    assert_eq!(desk.call_api(&secret, "/api/v1/cases").await.status, StatusCode::FORBIDDEN, "another scope");
    assert_eq!(desk.call_api(&secret, "/api/v1/items?limit=9999").await.status, StatusCode::BAD_REQUEST);
    assert_eq!(desk.call_api(&secret, "/api/v1/items/1%27%20OR%201=1").await.status, StatusCode::NOT_FOUND);
    let entries = desk.cases.ledger(&audit_ledger(NOW)).await.unwrap();
    let reads =
        entries.iter().filter(|e| e.actor == format!("token:{id}") && e.action == "read.content").count();
    assert!(reads >= 2, "{reads} reads on record");

    // A token is no session, a session is no token.
    assert_eq!(desk.get("reviewer", "/api/v1/items").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(desk.call_api(&secret, "/queue").await.status, StatusCode::SEE_OTHER);
    desk.post("admin", &format!("/tokens/{id}/revoke"), &[]).await;
    assert_eq!(desk.call_api(&secret, "/api/v1/items").await.status, StatusCode::UNAUTHORIZED, "revoked");
    for _ in 0..40 {
        desk.call_api("streife_forged", "/api/v1/figures").await;
    }
    assert_eq!(
        desk.call_api("streife_forged", "/api/v1/figures").await.status,
        StatusCode::TOO_MANY_REQUESTS
    );
}

#[tokio::test]
async fn an_expired_token_is_refused_and_its_hash_alone_is_stored() {
    let desk = desk().await;
    let new = |secret: &'static str, secs| NewToken {
        name: "n",
        secret,
        scopes: &[Scope::ReadFigures],
        by: "admin",
        at: NOW,
        expires_at: NOW.plus_secs(secs),
    };
    desk.cases.create_token(&new("streife_short", 60)).await.unwrap();
    assert!(desk.cases.create_token(&new("streife_long", 400 * 86_400)).await.is_err());
    assert_eq!(desk.call_api("streife_short", "/api/v1/figures").await.status, StatusCode::OK);
    desk.clock.advance_micros(61_000_000);
    assert_eq!(desk.call_api("streife_short", "/api/v1/figures").await.status, StatusCode::UNAUTHORIZED);
    let mut dump = Vec::new();
    desk.cases.dump(&mut dump).await.unwrap();
    assert!(!String::from_utf8(dump).unwrap().contains("streife_short"));
}

#[tokio::test]
async fn the_description_names_every_call_and_no_other() {
    let desk = desk().await;
    let document: Value = serde_json::from_str(&desk.get("admin", "/api/openapi.json").await.body).unwrap();
    let described: HashSet<&str> =
        document["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    let routes: HashSet<&str> = ROUTES
        .iter()
        .filter(|route| matches!(route.right, Right::Token(_)))
        .map(|route| route.path)
        .collect();
    assert_eq!(described, routes);
}

#[tokio::test]
async fn a_campaign_is_decided_at_once_item_by_item_and_taken_back() {
    let desk = desk_with(many(12, true)).await;
    let held = PostId(0x1000).to_string();
    desk.post("other", &format!("/items/{held}/claim"), &[]).await;
    let page = desk.get("reviewer", "/bulk/000000000000004d").await.body;
    assert_eq!(page.matches("name=\"item_").count(), 11, "what somebody holds is not offered");
    let excluded = PostId(0x1001).to_string();
    let names: Vec<String> = (1..12).map(|n| format!("item_{}", PostId(0x1000 + n))).collect();
    let mut fields: Vec<(&str, &str)> =
        names.iter().map(|n| (n.as_str(), "on")).filter(|(n, _)| !n.ends_with(&excluded)).collect();
    // A post that the page did not offer is not decided, whatever the form says.
    let smuggled = format!("item_{held}");
    fields.push((&smuggled, "on"));
    fields.push(("decision", "dismiss:quotation"));
    let done = desk.post("reviewer", "/bulk/000000000000004d", &fields).await;
    assert_eq!(done.status, StatusCode::SEE_OTHER, "{}", done.body);
    let to = done.headers[header::LOCATION].to_str().unwrap().to_owned();
    assert!(to.contains("done=10&skipped=0"), "{to}");
    let state = async |n: u128| {
        desk.cases.case_of_post(&PostId(0x1000 + n).to_string()).await.unwrap().map(|c| c.state)
    };
    assert_eq!(state(0).await, Some(CaseState::Claimed));
    assert_eq!(state(1).await, None);
    assert_eq!(state(2).await, Some(CaseState::Dismissed));
    let entries = desk.cases.ledger(&audit_ledger(NOW)).await.unwrap();
    assert_eq!(entries.iter().filter(|e| e.action == "case.bulk").count(), 10, "one entry for each item");

    let batch = to.split("batch=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    let others = desk.post("other", "/bulk/000000000000004d/undo", &[("batch", &batch)]).await;
    assert_eq!(others.status, StatusCode::SEE_OTHER);
    assert_eq!(state(2).await, Some(CaseState::Dismissed), "nobody else takes it back");
    desk.clock.advance_micros(9 * 60 * 1_000_000);
    desk.post("reviewer", "/bulk/000000000000004d/undo", &[("batch", &batch)]).await;
    for n in 2..12 {
        assert_eq!(state(n).await, Some(CaseState::Queued));
    }
    let refused =
        desk.post("reviewer", "/bulk/000000000000004d", &[("decision", "second"), (&names[3], "on")]).await;
    assert_eq!(refused.status, StatusCode::CONFLICT, "only dismissal and suspicion");
}

#[derive(Clone, Default)]
struct Inbox(Arc<Mutex<Vec<(HeaderMap, Bytes)>>>);

async fn receiver(inbox: Inbox, failures: usize) -> String {
    let left = Arc::new(Mutex::new(failures));
    let app = Router::new().route(
        "/hook",
        post(move |headers: HeaderMap, body: Bytes| async move {
            let mut left = left.lock().unwrap();
            if *left > 0 {
                *left -= 1;
                return StatusCode::SERVICE_UNAVAILABLE;
            }
            inbox.0.lock().unwrap().push((headers, body));
            StatusCode::NO_CONTENT
        }),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

#[tokio::test]
async fn danger_reaches_the_pager_signed_after_failures_and_a_dead_message_can_be_sent_again() {
    let desk = desk().await;
    let inbox = Inbox::default();
    let url = receiver(inbox.clone(), 2).await;
    let webhook = Target::Webhook { url, secret: b"geheim".to_vec() };
    let nowhere = Target::Webhook { url: "http://127.0.0.1:1/hook".to_owned(), secret: b"x".to_vec() };
    let targets = BTreeMap::from([("dienst".to_owned(), webhook), ("nirgends".to_owned(), nowhere)]);
    let alerts = Alerts::new(targets, common::http());
    desk.cases.set_alert_targets(&alerts.names()).await.unwrap();

    let id = sample_items(NOW)[2].post.post_id.to_string();
    desk.post("reviewer", &format!("/items/{id}/claim"), &[]).await;
    let danger = [("decision", "danger"), ("note", "Ort und Zeit genannt, heute Abend")];
    assert_eq!(
        desk.post("reviewer", &format!("/items/{id}/decide"), &danger).await.status,
        StatusCode::SEE_OTHER
    );
    let mut arrived = 0;
    for _ in 0..20 {
        arrived += alerts.deliver(&desk.cases, desk.clock.now()).await.unwrap();
        desk.clock.advance_micros(3 * 3_600 * 1_000_000);
    }
    assert_eq!(arrived, 1);
    let (headers, body) = inbox.0.lock().unwrap()[0].clone();
    let body = String::from_utf8(body.to_vec()).unwrap();
    let named = |name: &str| headers[name].to_str().unwrap().to_owned();
    let expected = sign(b"geheim", &named("streife-id"), &named("streife-timestamp"), &body);
    assert_eq!(named("streife-signature"), format!("v1={expected}"));
    assert!(body.contains(&id) && !body.contains("heute Abend"), "a case number and no content: {body}");
    let dead: Vec<_> =
        desk.cases.messages(10).await.unwrap().into_iter().filter(|m| m.state == "dead").collect();
    assert_eq!((dead.len(), dead[0].attempts), (1, MAX_ATTEMPTS));
    assert!(desk.cases.revive_message(&dead[0].id, desk.clock.now()).await.unwrap());
}

#[tokio::test]
async fn ids_that_are_no_ids_find_nothing_and_break_nothing() {
    let desk = desk().await;
    for bad in [
        "..%2f..%2fetc%2fpasswd",
        "1%27%20OR%20%271%27=%271",
        "%00",
        "%F0%9F%92%A9",
        "a".repeat(4_000).as_str(),
        "-1",
    ] {
        for path in [
            format!("/items/{bad}"),
            format!("/cases/{bad}"),
            format!("/bulk/{bad}"),
            format!("/assets/{bad}"),
        ] {
            let user = if path.starts_with("/cases") { "case-officer" } else { "reviewer" };
            let answer = desk.get(user, &path).await;
            assert!(
                matches!(answer.status, StatusCode::NOT_FOUND | StatusCode::BAD_REQUEST),
                "{path} {}",
                answer.status
            );
        }
    }
    let search =
        desk.get("reviewer", "/queue?words=%27%29%3B%20DROP%20TABLE%20x&order=%3Ci%3E&campaign=zz").await;
    assert_eq!(search.status, StatusCode::OK);
    assert!(!search.body.contains("<i>"));
}

#[tokio::test]
async fn forged_and_replayed_sessions_are_refused_and_counted() {
    let desk = desk().await;
    assert_eq!(desk.get("nobody", "/queue").await.status, StatusCode::SEE_OTHER);
    assert_eq!(desk.post("reviewer", "/logout", &[]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(
        desk.get("reviewer", "/queue").await.status,
        StatusCode::SEE_OTHER,
        "a closed session stays closed"
    );
    desk.post_with("other", "forged", "/next", &[]).await;
    let metrics = desk.get("other", "/metrics").await.body;
    let refused = metrics.lines().find(|l| l.starts_with("streife_desk_refused_requests_total ")).unwrap();
    assert!(refused.split(' ').nth(1).unwrap().parse::<u64>().unwrap() >= 3, "{refused}");
}

#[tokio::test]
async fn guessing_from_one_address_is_slowed_whatever_the_names() {
    let desk = desk().await;
    for n in 0..30 {
        assert_eq!(
            desk.log_in_from([10, 0, 0, 9], &format!("name-{n}"), "geraten geraten").await,
            StatusCode::UNAUTHORIZED
        );
    }
    assert_eq!(
        desk.log_in_from([10, 0, 0, 9], "reviewer", "ein langes Passwort").await,
        StatusCode::TOO_MANY_REQUESTS
    );
    assert_eq!(
        desk.log_in_from([10, 0, 0, 8], "reviewer", "ein langes Passwort").await,
        StatusCode::SEE_OTHER
    );
}

#[tokio::test]
async fn after_a_decision_the_next_item_comes_at_once_and_the_last_can_be_taken_back() {
    let desk = desk_with(many(5, false)).await;
    desk.post("reviewer", "/settings", &[("go_on", "on"), ("keys", "on"), ("key.next", "w")]).await;
    let first =
        desk.post("reviewer", "/next", &[]).await.headers[header::LOCATION].to_str().unwrap().to_owned();
    let moved = desk.post("reviewer", &format!("{first}/decide"), &[("decision", "dismiss:opinion")]).await;
    let to = moved.headers[header::LOCATION].to_str().unwrap().to_owned();
    assert!(to.starts_with("/items/") && to.contains("?before="), "{to}");
    let page = desk.get("reviewer", &to).await.body;
    assert!(page.contains(&format!("{first}/undo")), "the decision before can be taken back here");
    assert!(
        page.contains("<kbd>w</kbd>") || desk.get("reviewer", "/queue").await.body.contains("<kbd>w</kbd>")
    );
    let clash = desk.post("reviewer", "/settings", &[("key.next", "u")]).await;
    assert_eq!(clash.status, StatusCode::BAD_REQUEST, "two commands on one key");
}

/// Two hundred people decide at once: every item goes to one person, every decision stays.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hundred_reviewers_decide_each_item_once_and_lose_no_claim() {
    const PEOPLE: usize = 200;
    const EACH: usize = 2;
    let desk: Arc<Desk> = Arc::new(desk_with(many(PEOPLE * EACH + 50, false)).await);
    for n in 0..PEOPLE {
        desk.add_user(&format!("r{n}"), Role::Reviewer).await;
    }
    let mut tasks = Vec::new();
    for n in 0..PEOPLE {
        let desk = Arc::clone(&desk);
        tasks.push(tokio::spawn(async move {
            let user = format!("r{n}");
            let mut decided = Vec::new();
            let mut slowest = Duration::ZERO;
            while decided.len() < EACH {
                let next = desk.post(&user, "/next", &[]).await;
                let to = next.headers[header::LOCATION].to_str().unwrap().to_owned();
                if !to.starts_with("/items/") {
                    continue;
                }
                let begun = Instant::now();
                let done = desk.post(&user, &format!("{to}/decide"), &[("decision", "dismiss:known")]).await;
                slowest = slowest.max(begun.elapsed());
                assert_eq!(done.status, StatusCode::SEE_OTHER, "a claim was lost: {}", done.body);
                decided.push(to);
            }
            (decided, slowest)
        }));
    }
    let mut by_item: HashMap<String, usize> = HashMap::new();
    for task in tasks {
        for item in task.await.unwrap().0 {
            *by_item.entry(item).or_default() += 1;
        }
    }
    assert_eq!(by_item.len(), PEOPLE * EACH);
    assert!(by_item.values().all(|n| *n == 1), "an item was decided twice");
    assert_eq!(desk.cases.decisions(NOW, 10_000).await.unwrap().len(), PEOPLE * EACH);
}
