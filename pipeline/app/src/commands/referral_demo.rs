//! `streife referral create --demo`: one flagged post of the bundled sample goes the whole way through the site's own
//! parts (log, scoring, store, case database, evidence) with demonstration accounts; nothing in it is made up for
//! the package but the words of the legal form.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use streife_cases::legal::{ComplaintForm, LegalForm, NormForm, ReachSnapshot};
use streife_cases::offence::{Catalogue, Offence};
use streife_cases::role::Role;
use streife_cases::store::{CaseStore, ClaimOutcome, NewItem, StoreError};
use streife_cases::workflow::{Actor, Move};
use streife_domain::Timestamp;
use streife_referral::{Evidence, Secured};
use streife_store::Store;
use streife_store::queries::{FlaggedItem, QueueFilter, QueueOrder};
use streife_web::create_demo_accounts;

use crate::config::Config;
use crate::desk::evidence::open_evidence;
use crate::failure::{CommandResult, Failure, Outcome};
use crate::open;
use crate::paths::Paths;
use crate::roles::{desk, up};
use crate::say::{self, tr};

/// Flagged posts looked through for one that a rule with a norm matched.
const LOOKED_AT: u32 = 100;
const ADDRESSEE: &str = "Staatsanwaltschaft Musterstadt (Demonstration); Zentralstelle Cybercrime";

pub(crate) fn run(out: &Path, json: bool) -> CommandResult {
    let out = std::path::absolute(out)?;
    up::over_sample(|store, config, paths| async move { refer(store, &config, &paths, &out, json).await })
}

async fn refer(store: Arc<Store>, config: &Config, paths: &Paths, out: &Path, json: bool) -> CommandResult {
    let failed = |e: StoreError| Failure::upstream(e.to_string());
    let cases = desk::open_cases(config, paths).await?;
    cases.migrate().await.map_err(failed)?;
    create_demo_accounts(&cases, open::clock().now()).await.map_err(failed)?;
    let (item, offence) = choose(&store, paths).await?;
    let key = desk::signing_key(paths)?;
    let evidence = open_evidence(Arc::clone(&store), cases.clone(), config, paths, key, true)?;
    let case = decide(&cases, &evidence, &item, offence).await?;
    let upstream = |e: streife_referral::EvidenceError| Failure::upstream(e.to_string());
    evidence.package(&case).await.map_err(upstream)?;
    let created = evidence.export(&case, out, "asservate").await.map_err(upstream)?;
    if json {
        say::json(&json!({"package": created.container, "sha256": created.container_sha256,
            "court_set": created.court_set, "case": case}))?;
    } else {
        say::line(&format!("{}: {}", tr("Behälter", "container"), created.container.display()));
        say::line(&format!("SHA-256: {}", created.container_sha256));
        say::line(&format!("{}: {}", tr("Satz für das Gericht", "court set"), created.court_set.display()));
    }
    Ok(Outcome::Fine)
}

/// The most urgent flagged post that a rule with a norm of the catalogue matched.
async fn choose(store: &Store, paths: &Paths) -> Result<(FlaggedItem, &'static Offence), Failure> {
    let rules = open::compile_rules(&paths.rules)?.set;
    let page = store
        .queue(&QueueFilter::default(), QueueOrder::Severity, None, LOOKED_AT)
        .await
        .map_err(|e| Failure::upstream(e.to_string()))?;
    for item in page.items {
        let norm = item.verdict.hits.iter().find_map(|hit| {
            let rule = rules.rules().iter().find(|rule| rule.id == hit.rule)?;
            rule.norms.iter().find_map(|norm| Catalogue::built_in().get(norm))
        });
        if let Some(offence) = norm {
            return Ok((item, offence));
        }
    }
    Err(Failure::upstream("no post of the sample was flagged by a rule with a norm".to_owned()))
}

/// The way of a case, each step by the person whose step it is.
async fn decide(
    cases: &CaseStore,
    evidence: &Evidence,
    item: &FlaggedItem,
    offence: &Offence,
) -> Result<String, Failure> {
    let failed = |e: StoreError| Failure::upstream(e.to_string());
    let now = || open::clock().now();
    let reviewer = Actor::new("streife", Role::Reviewer);
    let officer = Actor::new("sachbearbeitung", Role::CaseOfficer);
    let lead = Actor::new("leitung", Role::Lead);
    let flagged = NewItem {
        post_id: item.post.post_id.to_string(),
        campaign: item.post.campaign.to_string(),
        queue: "demo".to_owned(),
        ..NewItem::default()
    };
    let ClaimOutcome::Yours(case) = cases.claim(&flagged, &reviewer, now()).await.map_err(failed)? else {
        return Err(Failure::upstream("the post is taken; use an empty data folder".to_owned()));
    };
    let id = case.id;
    let step = |actor: &Actor, what: Move| cases.apply(&id, actor.clone(), what, now());
    step(&reviewer, Move::Suspect { norms: vec![offence.id.clone()] }).await.map_err(failed)?;
    match evidence.advance(&id, &reviewer).await.map_err(|e| Failure::upstream(e.to_string()))? {
        Secured::Sealed(_) => {}
        Secured::Pending(pending) => {
            return Err(Failure::upstream(format!("time stamps are pending: {}", pending.join("; "))));
        }
    }
    step(&officer, Move::OpenForm).await.map_err(failed)?;
    step(&officer, Move::FillForm { form: Box::new(form(item, offence, now())) }).await.map_err(failed)?;
    step(&officer, Move::Unmask { reason: "Angaben zum Konto für die Anzeige".to_owned() })
        .await
        .map_err(failed)?;
    step(&officer, Move::Draft { addressee: ADDRESSEE.to_owned() }).await.map_err(failed)?;
    step(&lead, Move::Approve).await.map_err(failed)?;
    Ok(id)
}

/// A legal form as a person might fill it in for the sample's invented posts.
fn form(item: &FlaggedItem, offence: &Offence, now: Timestamp) -> LegalForm {
    let today: String = now.to_string().chars().take(10).collect();
    let norm = NormForm {
        elements: offence.elements.iter().map(|element| (element.id.clone(), true)).collect(),
        exceptions_excluded: offence.exceptions.iter().map(|e| (e.id.clone(), true)).collect(),
        other_readings:
            "Demonstration: Als Zitat scheidet die Lesart aus, weil der Beitrag keinen anderen anführt; \
            als Scherz, weil Beitrag und Verlauf keinen Hinweis darauf geben."
                .to_owned(),
    };
    LegalForm {
        considered: BTreeMap::from([(offence.id.clone(), norm)]),
        germany_link: "Deutschsprachiger Text, in Deutschland ohne Anmeldung abrufbar.".to_owned(),
        time_of_act: "Zeitpunkt der Veröffentlichung, wie ihn die Plattform angibt".to_owned(),
        place_of_act: format!("Internet, Plattform {}, in Deutschland abrufbar", item.post.platform),
        accusation: format!("Demonstration: {} durch einen öffentlichen Beitrag.", offence.title_de),
        accused: "Unbekannt".to_owned(),
        injured: String::new(),
        complaint: offence.complaint.has_clock().then(|| ComplaintForm {
            entitled: "die betroffene Person".to_owned(),
            knowledge_on: today,
            filed_on: None,
        }),
        reach: offence.reach.then(|| ReachSnapshot {
            taken_at: now,
            reach: item.reach.unwrap_or_default(),
            audience: "öffentlich, Größe des Publikums nicht bekannt".to_owned(),
        }),
        danger: false,
        legal_basis: "Demonstration, keine Rechtsgrundlage nötig".to_owned(),
        related_file_no: String::new(),
        measures: "Meldung an die Plattform nach Art. 16 DSA vorbereitet (Demonstration)".to_owned(),
    }
}
