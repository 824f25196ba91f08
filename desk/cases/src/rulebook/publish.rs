//! What score workers load: everything that is in the shadow, live or paused, as files.

use serde::{Deserialize, Serialize};
use streife_domain::Hit;

use super::text::with_field;
use super::{Kind, Stage, Version};
use crate::tenant::Tenant;

/// A file for the score workers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedFile {
    /// `desk/rule/ID.yaml`, a tenant's `space/TENANT/rule/ID.yaml`: the name in messages, and whose it is. A file of the
    /// installation's rule folder with the same rule, list or suppression in it gives way to the house's when published
    /// files are compiled first.
    pub path: String,
    /// One YAML document.
    pub yaml: String,
}

/// Where the files of a tenant lie for the score workers. What lies in a space the rule engine binds to the space's sources.
pub fn folder(tenant: &Tenant) -> String {
    if tenant.is_house() { "desk".to_owned() } else { format!("space/{}", tenant.as_str()) }
}

/// What the rule engine calls a tenant's rule or list.
pub fn called(tenant: &Tenant, id: &str) -> String {
    if tenant.is_house() { id.to_owned() } else { format!("{}/{id}", tenant.as_str()) }
}

/// What stands in the place of a rule of another tenant: no name that a rule can have.
pub const FOREIGN_RULE: &str = "~";

/// Is a rule, as the rule engine calls it, another tenant's? The house's rules run for all and are read by all.
pub fn is_foreign(rule: &str, own: &Tenant) -> bool {
    rule == FOREIGN_RULE || rule.split_once('/').is_some_and(|(owner, _)| owner != own.as_str())
}

/// Takes everything of hits of other tenants' rules that could tell of a rule: name, version, explanation and the places in
/// the text. That such a rule hit stays known, once. Such hits are met where a source changed hands: its old posts were seen by
/// its former owner's rules.
pub fn hide_foreign(hits: &mut Vec<Hit>, own: &Tenant) {
    let before = hits.len();
    hits.retain(|hit| !is_foreign(&hit.rule, own));
    if hits.len() < before {
        hits.push(Hit { rule: FOREIGN_RULE.to_owned(), version: 0, spans: Vec::new(), because: Vec::new() });
    }
}

/// The file that tells the rule engine which sources a tenant's rules see.
pub fn sources_file(tenant: &Tenant, sources: &[String]) -> PublishedFile {
    // JSON's texts are YAML's, whatever stands in them.
    let sources = serde_json::Value::from(sources).to_string();
    PublishedFile {
        path: format!("{}/sources.yaml", folder(tenant)),
        yaml: format!("space: {}\nsources: {sources}\n", tenant.as_str()),
    }
}

/// The text of a version as workers read it, under `name`: with its number, its stage and who approved it.
pub fn rendered(version: &Version, name: &str) -> String {
    let number = version.number.to_string();
    let source = &version.text.source;
    match version.kind {
        Kind::Suppression => source.clone(),
        Kind::List => with_field(source, "version", &number),
        Kind::Rule => {
            let mut text = with_field(source, "version", &number);
            text = with_field(&text, "state", version.stage.as_str());
            if let Some(approver) = &version.approver {
                text = with_field(&text, "approved_by", &quoted(approver));
            }
            if name != version.id {
                text = with_field(&text, "id", name);
            }
            text
        }
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace(['"', '\\'], ""))
}

/// The files of all versions of one tenant, sorted by path. A paused rule is among them, so that it masks the rule of the same
/// name in the rule folder; lists and suppressions are only while they are live. A version that runs in the shadow
/// beside its live predecessor is named `ID.vN`.
pub fn publish(tenant: &Tenant, versions: &[Version]) -> Vec<PublishedFile> {
    let folder = folder(tenant);
    let in_force = |v: &Version| {
        v.stage == Stage::Live || (v.kind == Kind::Rule && matches!(v.stage, Stage::Shadow | Stage::Paused))
    };
    let mut files: Vec<PublishedFile> = versions
        .iter()
        .filter(|version| in_force(version))
        .map(|version| {
            let beside = version.stage == Stage::Shadow
                && versions.iter().any(|other| {
                    other.kind == version.kind
                        && other.id == version.id
                        && matches!(other.stage, Stage::Live | Stage::Paused)
                });
            let name =
                if beside { format!("{}.v{}", version.id, version.number) } else { version.id.clone() };
            PublishedFile {
                path: format!("{folder}/{}/{name}.yaml", version.kind.as_str()),
                yaml: rendered(version, &name),
            }
        })
        .collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}
