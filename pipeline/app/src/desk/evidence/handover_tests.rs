//! A decided case is handed over to a box on loopback, to one that lies, into a folder, and is called back.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};

use streife_cases::ledger::custody_ledger;
use streife_cases::legal::{LegalForm, NormForm};
use streife_cases::offence::Catalogue;
use streife_cases::role::Role;
use streife_cases::store::{CaseStore, NewItem};
use streife_cases::workflow::{Actor, Move};
use streife_domain::PostId;
use streife_evidence::merkle::sha256_hex;
use streife_evidence::seal::{DemoTsa, TimeStampService};
use streife_referral::handover::is_genuine;
use streife_referral::{EvidenceParts, Site, Vault};

use super::*;
use crate::commands::bench::evidence::Made;

#[test]
fn evidence_travels_over_https_or_stays_on_this_machine() {
    assert!(check_url("https://box.example/upload").is_ok() && check_url("http://127.0.0.1:9/x").is_ok());
    for bad in ["http://box.example/upload", "ftp://127.0.0.1/", "box", "http://10.0.0.1/"] {
        assert!(check_url(bad).is_err(), "{bad}");
    }
}

#[test]
fn the_sender_is_the_address_among_the_lines_of_the_contact() {
    let contact = |line: &str| address(&["Musterweg 1".to_owned(), line.to_owned()]).map(str::to_owned);
    for line in [
        "streife@polizei.example",
        "E-Mail: streife@polizei.example.",
        "Dienststelle <streife@polizei.example>",
    ] {
        assert_eq!(contact(line).as_deref(), Some("streife@polizei.example"), "{line}");
    }
    assert_eq!(contact("Telefon 110"), None);
}

type Parcels = Arc<Mutex<Vec<(Vec<(String, String)>, Vec<u8>)>>>;

/// A box that keeps what it gets. A lying one acknowledges something else.
fn open_box(honest: bool) -> (String, Parcels) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/upload", listener.local_addr().unwrap());
    let kept = Parcels::default();
    let keeps = Arc::clone(&kept);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.unwrap());
            let (mut headers, mut line) = (Vec::new(), String::new());
            while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                if let Some((name, value)) = line.trim().split_once(": ") {
                    headers.push((name.to_ascii_lowercase(), value.to_owned()));
                }
                line.clear();
            }
            let length =
                headers.iter().find(|(name, _)| name == "content-length").map(|(_, n)| n.parse().unwrap());
            let mut body = vec![0; length.unwrap_or(0)];
            reader.read_exact(&mut body).unwrap();
            let sha256 = if honest { sha256_hex(&body) } else { sha256_hex(b"something else") };
            let answer = format!("{{\"sha256\":\"{sha256}\",\"file_number\":\"12 Js 3/26\"}}");
            keeps.lock().unwrap().push((headers, body));
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                answer.len()
            );
            let _ = reader.into_inner().write_all(format!("{head}{answer}").as_bytes());
        }
    });
    (url, kept)
}

async fn approved(cases: &CaseStore, evidence: &Evidence) -> Case {
    let at = || open::clock().now();
    let reviewer = Actor::new("streife", Role::Reviewer);
    let officer = Actor::new("sachbearbeitung", Role::CaseOfficer);
    let id = PostId::of("bench", "1").to_string();
    let item = NewItem { post_id: id.clone(), campaign: "0".into(), queue: "q".into(), ..NewItem::default() };
    cases.claim(&item, &reviewer, at()).await.unwrap();
    let offence = Catalogue::built_in().get("StGB-111").unwrap();
    let norm = NormForm {
        elements: offence.elements.iter().map(|e| (e.id.clone(), true)).collect(),
        exceptions_excluded: offence.exceptions.iter().map(|e| (e.id.clone(), true)).collect(),
        other_readings: "Scherz: kein Hinweis darauf im Verlauf.".into(),
    };
    let said = || "nicht bekannt".to_owned();
    let form = LegalForm {
        considered: BTreeMap::from([("StGB-111".to_owned(), norm)]),
        germany_link: said(),
        time_of_act: said(),
        place_of_act: said(),
        accusation: said(),
        accused: "Unbekannt".into(),
        legal_basis: said(),
        ..LegalForm::default()
    };
    let apply = |actor: &Actor, what: Move| cases.apply(&id, actor.clone(), what, at());
    apply(&reviewer, Move::Suspect { norms: vec!["StGB-111".into()] }).await.unwrap();
    evidence.advance(&id, &reviewer).await.unwrap();
    apply(&officer, Move::OpenForm).await.unwrap();
    apply(&officer, Move::FillForm { form: Box::new(form) }).await.unwrap();
    apply(&officer, Move::Draft { addressee: "Staatsanwaltschaft".into() }).await.unwrap();
    apply(&Actor::new("leitung", Role::Lead), Move::Approve).await.unwrap().0
}

fn handovers(folder: &Path, honest: &str, lying: &str) -> Handovers {
    let text = format!(
        "[evidence]\ncontact = ['streife@polizei.example']\n\
         [[evidence.handover]]\nname = 'Box'\nto = {{ box = {{ url = '{honest}' }} }}\nnotify = 'zac@justiz.example'\n\
         [[evidence.handover]]\nname = 'Falsche Box'\nto = {{ box = {{ url = '{lying}' }} }}\n\
         [[evidence.handover]]\nname = 'USB'\nto = {{ folder = '{}' }}\n",
        folder.join("usb").display()
    );
    let config = crate::config::read(&text, &[]).unwrap();
    Handovers::new(&config, &Paths::new(&config, Some(folder)), false).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_reaches_box_and_folder_with_receipt_notice_and_ledger_entry_and_is_called_back() {
    let folder = tempfile::tempdir().unwrap();
    let cases = CaseStore::sqlite(folder.path()).await.unwrap();
    cases.migrate().await.unwrap();
    let tsa = |name| Arc::new(DemoTsa::new(name, open::clock()).unwrap()) as Arc<dyn TimeStampService>;
    let evidence = Evidence::new(EvidenceParts {
        cases: cases.clone(),
        vault: Vault::open(&folder.path().join("evidence"), &folder.path().join("keys")).unwrap(),
        services: vec![tsa("eins"), tsa("zwei")],
        key: [5; 32],
        site: Site { authority: "a".into(), unit: "b".into(), contact: Vec::new(), demonstration: true },
        clock: open::clock(),
        collector: Arc::new(Made::default()),
    });
    let case = approved(&cases, &evidence).await;
    let ((url, kept), (lying, _)) = (open_box(true), open_box(false));
    let handovers = handovers(folder.path(), &url, &lying);

    let refused = handovers.send(&evidence, &case, "Falsche Box", "asservate").await.unwrap_err();
    assert!(refused.to_string().contains("the box says that it received"), "{refused}");
    let sent = handovers.send(&evidence, &case, "Box", "asservate").await.unwrap();
    assert_eq!(sent.file_number.as_deref(), Some("12 Js 3/26"));
    {
        let kept = kept.lock().unwrap();
        let (headers, body) = &kept[0];
        assert!(is_genuine(headers, &handovers.key.verifying_key()));
        assert!(headers.contains(&("streife-sha256".to_owned(), sha256_hex(body))));
    }
    handovers.send(&evidence, &case, "USB", "asservate").await.unwrap();
    assert_eq!(std::fs::read_dir(folder.path().join("usb")).unwrap().count(), 3);
    handovers.send(&evidence, &case, "persönlich übergeben", "asservate").await.unwrap();
    handovers.recalled(&evidence, &case, "leitung").await.unwrap();
    let mails: Vec<String> = std::fs::read_dir(folder.path().join("outbox"))
        .unwrap()
        .map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap())
        .collect();
    assert!(mails.len() == 2 && mails.iter().all(|mail| mail.contains("zac@justiz.example")), "{mails:#?}");
    let ids: std::collections::BTreeSet<_> =
        mails.iter().filter_map(|mail| mail.lines().find(|line| line.starts_with("Message-ID:"))).collect();
    assert_eq!(ids.len(), 2, "a recall is no repetition of the notice before it");
    let ledger = cases.ledger(&custody_ledger(&case.id)).await.unwrap();
    let actions: Vec<&str> = ledger.iter().map(|entry| entry.action.as_str()).collect();
    assert_eq!(actions.iter().filter(|action| **action == "evidence.handed_over").count(), 3, "{actions:?}");
    // Told are those who have it, or may have it; the notice itself says that there is a case.
    let recall = ledger.iter().find(|entry| entry.action == "evidence.recall_notified").unwrap();
    assert_eq!(recall.details["told"], serde_json::json!(["Box"]));
    let by_hand = serde_json::json!(["Falsche Box", "USB", "persönlich übergeben"]);
    assert_eq!(recall.details["to_be_told_by_hand"], by_hand);
    assert_eq!(handovers.to_be_told_by_hand(&evidence, &case).await.unwrap().len(), 3);
}
