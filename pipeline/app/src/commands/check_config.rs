//! `streife check-config`: everything wrong with a configuration, at once.

use crate::cli::ConfigArg;
use crate::failure::{CommandResult, Failure, Outcome};
use crate::roles::collect;
use crate::say::{self, tr};
use crate::{config, open};

pub(crate) fn run(args: &ConfigArg, json: bool) -> CommandResult {
    let config = config::load(args.config.as_deref())?;
    let mut problems = collect::problems(&config.source);
    problems.extend(config::websub(&config).err());
    if let Err(failure) = open::encode_of(&config.scoring.encode) {
        problems.push(format!("{:#}", failure.error));
    }
    if !problems.is_empty() {
        return Err(Failure::configuration(problems.join("\n")));
    }
    if json {
        say::json(&serde_json::json!({"ok": true, "sources": config.source.len()}))?;
    } else {
        say::line(&format!(
            "{} ({} {})",
            tr("Konfiguration in Ordnung", "configuration is fine"),
            config.source.len(),
            tr("Quellen", "sources")
        ));
    }
    Ok(Outcome::Fine)
}
