//! A referral with invented, harmless content, so that everything can be tried without a real case.

use ed25519_dalek::SigningKey;
use streife_domain::{LegalLabel, Purpose, Reach, Span, Timestamp};

use crate::custody;
use crate::input::{
    AccountFacts, Act, Assessment, CaptureLog, CapturedItem, Collected, Complaint, ContextPost, Element,
    Handover, Head, HttpRequest, ItemRole, Measure, Missing, ModelScore, OffenceCandidate, Participant,
    Party, PersonRole, PostFacts, Reading, ReferralInput, RuleHit, WhyFlagged,
};

const TEXT: &str = "Wer dem Gartenzwerg-Verein Nordwiese etwas antun will, soll am Samstag kommen! Alle Zwerge gehören \
    umgeworfen. #zwerge";

/// An invented referral whose items are not sealed yet; seal them with [`crate::capture::seal`]. `now` is the
/// present; the story lies in the hour before it. The ledger is signed with `ledger_key`.
pub fn demo_referral(now: Timestamp, ledger_key: &SigningKey) -> ReferralInput {
    let posted = now.plus_secs(-3_600);
    let seen = now.plus_secs(-3_540);
    ReferralInput {
        head: Head {
            case_no: "DEMO-2026-000001".into(),
            prosecutor_file_no: None,
            related_file_no: None,
            authority: "Polizeipräsidium Musterstadt (Demonstration)".into(),
            unit: "Kommissariat Virtuelle Streife".into(),
            contact: vec!["Musterstraße 1, 00000 Musterstadt".into(), "streife@polizei.example".into()],
            addressee: vec![
                "Staatsanwaltschaft Musterstadt (Demonstration)".into(),
                "Zentralstelle Cybercrime".into(),
            ],
            handover: Handover::Representation,
            danger_to_life: false,
            demonstration: true,
        },
        act: Act {
            at: Some(posted),
            time_as_established: String::new(),
            place: "Internet, Plattform beispielnetz, öffentlich abrufbar in Deutschland".into(),
            accusation: "Öffentliche Aufforderung, auf dem Gelände eines Vereins Sachen zu beschädigen."
                .into(),
            accused: Vec::new(),
            injured: vec![Party {
                name: "Gartenzwerg-Verein Nordwiese e. V.".into(),
                note: "erfunden".into(),
            }],
        },
        offences: vec![OffenceCandidate {
            norm: "§ 111 Abs. 1 StGB".into(),
            title: "Öffentliche Aufforderung zu Straftaten".into(),
            reason: "Der Beitrag richtet sich an eine unbestimmte Zahl von Lesern und nennt Ziel und Zeit."
                .into(),
            elements: vec![
                element("öffentlich", true, "ohne Anmeldung abrufbar"),
                element(
                    "Aufforderung zu einer bestimmten rechtswidrigen Tat",
                    true,
                    "Sachbeschädigung, § 303 StGB",
                ),
                element(
                    "Ernstlichkeit",
                    false,
                    "Ton scherzhaft; der Bewertung der Staatsanwaltschaft überlassen",
                ),
            ],
        }],
        complaint: Complaint {
            needed: false,
            deadline: None,
            entitled: "für die aufgeforderte Tat (§ 303c StGB): der Verein".into(),
            filed: None,
        },
        assessment: Assessment {
            summary: "Der Wortlaut fordert zu einer Handlung auf; ob er ernst gemeint ist, bleibt offen."
                .into(),
            other_readings: vec![
                reading(
                    "Scherz unter Vereinsmitgliedern",
                    "Nicht auszuschließen; kein Hinweis im Gesprächsverlauf.",
                ),
                reading("Zitat eines anderen Beitrags", "Ausgeschlossen: keine Anführung, kein Bezug."),
            ],
            exceptions: vec![reading("Kunst, Satire", "Satire möglich, im Verlauf aber nicht angelegt.")],
            danger: "Gering; der Verein wurde unterrichtet.".into(),
            germany_link: "Deutscher Text, deutscher Verein, deutscher Ort.".into(),
            target: "Gartenzwerg-Verein Nordwiese e. V. (erfunden)".into(),
            public_figure: false,
        },
        items: vec![
            item(ItemRole::Post, TEXT, posted, seen, "posts/4711", "application/json"),
            item(
                ItemRole::Profile,
                "Ich mag Rasen. Иван Пример / مثال",
                posted,
                seen,
                "@rasenfreund",
                "text/html",
            ),
            item(
                ItemRole::Referred,
                "Samstag ist Sommerfest auf der Nordwiese!",
                posted.plus_secs(-600),
                seen,
                "posts/4700",
                "application/json",
            ),
        ],
        context: vec![ContextPost {
            relation: "Bezugsbeitrag".into(),
            native_id: "4700".into(),
            url: Some("https://beispielnetz.example/posts/4700".into()),
            author: "verein_nordwiese".into(),
            posted_at: Some(posted.plus_secs(-600)),
            text: "Samstag ist Sommerfest auf der Nordwiese!".into(),
            changed: None,
        }],
        why: WhyFlagged {
            source: "demo-strom".into(),
            rules: vec![RuleHit {
                rule: "demo-111-aufruf".into(),
                version: 3,
                title: "Aufruf mit Ort oder Zeit".into(),
                spans: vec![Span(0, 55)],
            }],
            scores: vec![ModelScore {
                model: "demo-encoder@000000000000".into(),
                head: "call_to_action".into(),
                score: 0.91,
                over_threshold: true,
            }],
            decision: "Verdacht; zweite Sichtung durch andere Person bestätigt".into(),
            decided_at: now.plus_secs(-1_800),
        },
        people: vec![
            person(PersonRole::Finder, "P-17", now.plus_secs(-2_400)),
            person(PersonRole::Reviewer, "P-21", now.plus_secs(-1_800)),
            person(PersonRole::Drafter, "P-30", now.plus_secs(-900)),
            person(PersonRole::Approver, "P-40", now.plus_secs(-300)),
        ],
        measures: vec![
            Measure { what: "Verein telefonisch unterrichtet".into(), at: Some(now.plus_secs(-1_200)) },
            Measure { what: "Bestandsdaten beim Anbieter erfragen".into(), at: None },
        ],
        legal: LegalLabel {
            purpose: Purpose::Demonstration,
            legal_basis: "Demonstration, keine Rechtsgrundlage nötig".into(),
            review_by: "2027-01-31".into(),
        },
        retention_until: "2027-01-31".into(),
        custody: custody::chain(
            "custody/DEMO-2026-000001",
            &[
                (seen, "system", "system", "collect", "Quelle demo-strom"),
                (now.plus_secs(-2_400), "P-17", "reviewer", "claim", "Sichtung"),
                (now.plus_secs(-2_390), "P-17", "reviewer", "suspect", "Verdacht § 111 StGB"),
                (now.plus_secs(-2_380), "system", "system", "capture", "Sicherung aus gesammelten Bytes"),
                (now.plus_secs(-2_370), "system", "system", "seal", "Prüfsummen und zwei Zeitstempel"),
                (now.plus_secs(-900), "P-30", "case_officer", "draft", "Abgabe entworfen"),
                (now.plus_secs(-300), "P-40", "lead", "approve", "Abgabe freigegeben"),
            ],
            ledger_key,
        ),
    }
}

fn element(text: &str, fulfilled: bool, note: &str) -> Element {
    Element { text: text.into(), fulfilled, note: note.into() }
}

fn reading(considered: &str, result: &str) -> Reading {
    Reading { considered: considered.into(), result: result.into() }
}

fn person(role: PersonRole, id: &str, at: Timestamp) -> Participant {
    Participant { role, id: id.into(), name: None, at }
}

fn item(
    role: ItemRole,
    text: &str,
    posted: Timestamp,
    seen: Timestamp,
    place: &str,
    media_type: &str,
) -> CapturedItem {
    let url = format!("https://beispielnetz.example/{place}");
    let body = if media_type == "text/html" {
        format!("<!doctype html><html lang=\"de\"><title>rasenfreund</title><p>{text}</p></html>")
    } else {
        serde_json::json!({"id": place, "text": text, "created_at": posted}).to_string()
    };
    let spans = if role == ItemRole::Post { vec![Span(0, 55)] } else { Vec::new() };
    CapturedItem {
        role,
        post: PostFacts {
            platform: "beispielnetz".into(),
            native_id: place.rsplit('/').next().unwrap_or(place).into(),
            url: url.clone(),
            posted_at: Some(posted),
            posted_as_shown: None,
            first_seen: seen,
            last_seen: seen,
            edited_at: None,
            deleted_seen_at: None,
            lang: "de".into(),
            text: text.into(),
            spans,
            media: Vec::new(),
            reach: Some(Reach {
                views: Some(240),
                likes: Some(3),
                shares: Some(1),
                replies: Some(0),
                followers: Some(58),
            }),
            copies: None,
        },
        account: AccountFacts {
            native_id: "acct:1001".into(),
            handle: "rasenfreund".into(),
            display_name: "Rasenfreund Иван مثال".into(),
            profile_url: "https://beispielnetz.example/@rasenfreund".into(),
            created_at: None,
            bio: "Ich mag Rasen.".into(),
            linked_as_stated: Vec::new(),
        },
        translation: None,
        capture: CaptureLog {
            tool: concat!("Streife ", env!("CARGO_PKG_VERSION")).into(),
            method: "Bytes wie gesammelt".into(),
            operator: "system".into(),
            started_at: seen,
            ended_at: seen,
            zone: "Europe/Berlin".into(),
            clock_offset_ms: Some(4),
            time_source: "NTP".into(),
            resolver: None,
            server_address: Some("192.0.2.17".into()),
            tls_chain_sha256: Vec::new(),
            redirects: Vec::new(),
        },
        request: Some(HttpRequest {
            method: "GET".into(),
            headers: vec![("Accept".into(), media_type.into())],
        }),
        response: Collected {
            url,
            status: Some(200),
            headers: vec![("Content-Type".into(), format!("{media_type}; charset=utf-8"))],
            media_type: media_type.into(),
            body: body.into_bytes(),
        },
        screenshot: None,
        screenshot_plain: None,
        page_pdf: None,
        dom_html: None,
        missing: vec![Missing {
            what: "Bildschirmfoto".into(),
            why: "Demonstration: es gibt keine Seite".into(),
        }],
        seal: None,
    }
}
