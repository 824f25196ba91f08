//! What score workers load: everything that is in the shadow, live or paused, as files.

use serde::{Deserialize, Serialize};

use super::text::with_field;
use super::{Kind, Stage, Version};

/// A file for the score workers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublishedFile {
    /// `desk/rule/ID.yaml`: the name in messages. A file of the installation's rule folder with the same rule,
    /// list or suppression in it gives way when published files are compiled first.
    pub path: String,
    /// One YAML document.
    pub yaml: String,
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

/// The files of all versions, sorted by path. A paused rule is among them, so that it masks the rule of the same
/// name in the rule folder; lists and suppressions are only while they are live. A version that runs in the shadow
/// beside its live predecessor is named `ID.vN`.
pub fn publish(versions: &[Version]) -> Vec<PublishedFile> {
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
                path: format!("desk/{}/{name}.yaml", version.kind.as_str()),
                yaml: rendered(version, &name),
            }
        })
        .collect();
    files.sort_by(|a, b| a.path.cmp(&b.path));
    files
}
