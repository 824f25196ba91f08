//! The evidence of this site: store, pages and time-stamp services put together. The desk and
//! `streife referral create --demo` use the same.

mod carrier;
mod changed;
mod collect;
mod handover;
mod pages;
mod proxy;
mod sntp;
mod tsa;

use std::sync::Arc;

use streife_cases::store::CaseStore;
use streife_evidence::seal::{DemoTsa, TimeStampService};
use streife_referral::{Evidence, EvidenceParts, Site, Vault};
use streife_sdk::{Http, HttpConfig};
use streife_store::Store;

use crate::config::Config;
use crate::failure::Failure;
use crate::open;
use crate::paths::Paths;
pub(crate) use carrier::{MailCarrier, OUTBOX, REFUSED, notices};
use collect::StoreCollector;
pub(crate) use handover::{HandoverError, Handovers};
pub(crate) use pages::{Keep, Pages, Wanted};
use tsa::HttpTsa;

/// Opens the evidence. A demonstration has time-stamp services of its own, which prove nothing and say so, and
/// captures no pages: its posts are invented.
pub(crate) fn open_evidence(
    store: Arc<Store>,
    cases: CaseStore,
    config: &Config,
    paths: &Paths,
    key: [u8; 32],
    demonstration: bool,
) -> Result<Evidence, Failure> {
    let section = &config.evidence;
    let clock = open::clock();
    let keys = section.keys.clone().unwrap_or_else(|| paths.data.join("evidence-keys"));
    let vault = Vault::open(&paths.data.join("evidence"), &keys).map_err(|e| {
        Failure::configuration(format!("{e}; name other folders in paths.data and evidence.keys"))
    })?;
    let rules = open::compile_rules(&paths.rules)?;
    let rule_titles = rules.set.rules().iter().map(|rule| (rule.id.clone(), rule.title.clone())).collect();
    let pages = if demonstration || !section.capture_pages { None } else { Some(Pages::new(config, paths)?) };
    let collector = StoreCollector {
        store,
        cases: cases.clone(),
        clock: Arc::clone(&clock),
        section: section.clone(),
        rule_titles,
        pages,
    };
    let site = if demonstration { demonstration_site() } else { site(config) };
    Ok(Evidence::new(EvidenceParts {
        cases,
        vault,
        services: services(config, demonstration)?,
        key,
        site,
        clock,
        collector: Arc::new(collector),
    }))
}

fn site(config: &Config) -> Site {
    let section = &config.evidence;
    Site {
        authority: section.authority.clone(),
        unit: section.unit.clone(),
        contact: section.contact.clone(),
        demonstration: false,
    }
}

fn demonstration_site() -> Site {
    Site {
        authority: "Polizeipräsidium Musterstadt (Demonstration)".to_owned(),
        unit: "Kommissariat Virtuelle Streife".to_owned(),
        contact: vec!["Musterstraße 1, 00000 Musterstadt".to_owned(), "streife@polizei.example".to_owned()],
        demonstration: true,
    }
}

/// The configured services; in a demonstration without any, two of our own.
pub(crate) fn services(
    config: &Config,
    demonstration: bool,
) -> Result<Vec<Arc<dyn TimeStampService>>, Failure> {
    let sections = &config.evidence.time_stamp;
    if demonstration && sections.is_empty() {
        let demo = |name: &str| {
            DemoTsa::new(name, open::clock()).map(|tsa| Arc::new(tsa) as Arc<dyn TimeStampService>)
        };
        return Ok(vec![demo("Dienst 1")?, demo("Dienst 2")?]);
    }
    // The operator named these services; they may well stand in the own network.
    let http =
        HttpConfig { contact: config.collect.contact.clone(), allow_private: true, ..HttpConfig::default() };
    let http = Http::new(&http, open::clock()).map_err(|e| Failure::configuration(e.to_string()))?;
    sections
        .iter()
        .map(|section| Ok(Arc::new(HttpTsa::new(section, http.clone())?) as Arc<dyn TimeStampService>))
        .collect()
}

/// Asks every configured service for a stamp on nothing in particular: name, and what it said.
pub(crate) async fn probe(config: &Config) -> Vec<(String, Result<String, String>)> {
    let services = match services(config, false) {
        Ok(services) => services,
        Err(failure) => return vec![("evidence.time_stamp".to_owned(), Err(format!("{:#}", failure.error)))],
    };
    let asked = tokio::task::spawn_blocking(move || {
        let hash = streife_evidence::merkle::sha256(b"streife doctor");
        services
            .iter()
            .map(|service| {
                let answer = streife_evidence::seal::obtain(&**service, &hash, open::clock().now());
                (service.name().to_owned(), answer.map(|_| service.name().to_owned()))
            })
            .collect()
    });
    asked.await.unwrap_or_default()
}

/// A capture to hang pages on, for tests.
#[cfg(test)]
fn test_item(at: streife_domain::Timestamp) -> streife_evidence::CapturedItem {
    let mut input = streife_evidence::demo_referral(at, &ed25519_dalek::SigningKey::from_bytes(&[1; 32]));
    input.items.remove(0)
}
