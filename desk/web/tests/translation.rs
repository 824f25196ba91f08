//! Machine translation beside the original: asked by a person, on record, marked, and never without a machine of the house.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod common;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use axum::http::StatusCode;
use common::{Desk, NOW, open};
use streife_assist::{AssistError, Assistants, Translation, Translator};
use streife_cases::ledger::audit_ledger;
use streife_cases::store::CaseStore;
use streife_domain::PostId;
use streife_web::Access;
use streife_web::sample::{SampleReader, sample_items};

/// A machine that looks into the ledger when it is asked.
#[derive(Default)]
struct Machine {
    asked: AtomicUsize,
    broken: AtomicBool,
    cases: OnceLock<CaseStore>,
}

impl std::fmt::Debug for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Machine")
    }
}

#[async_trait]
impl Translator for Machine {
    fn name(&self) -> String {
        "probe at 127.0.0.1".to_owned()
    }

    async fn translate(&self, text: &str, from: Option<&str>, to: &str) -> Result<Translation, AssistError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let entries = self.cases.get().unwrap().ledger(&audit_ledger(NOW)).await.unwrap();
        assert_eq!(entries.last().unwrap().action, "translate", "the entry comes before the text leaves");
        if self.broken.load(Ordering::SeqCst) {
            return Err(AssistError::Unreachable { host: "probe".to_owned(), message: "gone".to_owned() });
        }
        let text = format!("<b>Machine</b> {}", text.chars().count());
        Ok(Translation { text, from: from.map(str::to_owned), to: to.to_owned(), by: self.name() })
    }
}

async fn desk_with(machine: Option<Arc<Machine>>) -> Desk {
    let translator = machine.clone().map(|machine| machine as Arc<dyn Translator>);
    let access = Access { assistants: Assistants { translator, transcriber: None }, ..Access::default() };
    let desk = open(Arc::new(SampleReader::new(NOW)), access).await;
    if let Some(machine) = machine {
        assert!(machine.cases.set(desk.cases.clone()).is_ok());
    }
    desk
}

/// A post in Turkish, and one in German.
fn posts() -> (PostId, PostId) {
    let items = sample_items(NOW);
    let of = |code: &str| items.iter().find(|item| item.verdict.language.code == code).unwrap().post.post_id;
    (of("tr"), of("de"))
}

#[tokio::test]
async fn a_translation_stands_beside_the_original_marked_veiled_and_on_record() {
    let machine = Arc::new(Machine::default());
    let desk = desk_with(Some(Arc::clone(&machine))).await;
    let (turkish, german) = posts();
    let path = format!("/items/{turkish}/translation");
    assert!(desk.get("reviewer", &format!("/items/{turkish}")).await.body.contains(&path));
    let own = desk.get("reviewer", &format!("/items/{german}")).await.body;
    assert!(!own.contains("/translation\""), "a text in the person's own language has no button");
    assert_eq!(machine.asked.load(Ordering::SeqCst), 0, "a look at the item sends nothing");

    let page = desk.post("reviewer", &path, &[]).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    let shown = page.body.split("id=\"translation\"").nth(1).unwrap();
    assert!(shown.contains("Maschinelle Übersetzung") && shown.contains("probe at 127.0.0.1"), "{shown}");
    assert!(shown.contains("&#60;b&#62;Machine"), "what the machine says is text, never markup: {shown}");
    assert_eq!(
        shown.matches("class=\"post veiled\"").count(),
        2,
        "the translation is veiled like the original"
    );
    assert!(shown.contains("lang=\"tr\"") && shown.contains("lang=\"de\""));

    let entries = desk.cases.ledger(&audit_ledger(NOW)).await.unwrap();
    let entry = entries.last().unwrap();
    assert_eq!((entry.actor.as_str(), entry.subject.as_str()), ("reviewer", turkish.to_string().as_str()));
    assert_eq!(entry.details["by"], "probe at 127.0.0.1");
    assert!(entry.details["characters"].as_u64().unwrap() > 10);

    desk.post("reviewer", "/settings", &[("lang", "en"), ("keys", "on"), ("blur", "on")]).await;
    assert!(desk.post("reviewer", &path, &[]).await.body.contains("Machine translation · en"));
}

#[tokio::test]
async fn without_a_machine_there_is_no_button_and_no_way() {
    let desk = desk_with(None).await;
    let (turkish, _) = posts();
    assert!(!desk.get("reviewer", &format!("/items/{turkish}")).await.body.contains("/translation\""));
    let path = format!("/items/{turkish}/translation");
    assert_eq!(desk.post("reviewer", &path, &[]).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn who_may_not_read_the_post_cannot_have_it_translated_and_a_broken_machine_is_said() {
    let machine = Arc::new(Machine::default());
    let desk = desk_with(Some(Arc::clone(&machine))).await;
    let path = format!("/items/{}/translation", posts().0);
    for user in ["admin", "analyst", "data-protection", "custodian"] {
        assert_eq!(desk.post(user, &path, &[]).await.status, StatusCode::FORBIDDEN, "{user}");
    }
    assert_eq!(
        desk.post("reviewer", &format!("/items/{}/translation", PostId(7)), &[]).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(machine.asked.load(Ordering::SeqCst), 0);
    machine.broken.store(true, Ordering::SeqCst);
    let answer = desk.post("reviewer", &path, &[]).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.body.contains("Übersetzungsdienst"), "{}", answer.body);
}
