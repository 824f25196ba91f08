//! `streife dead`: what could not be processed, with its bytes.

use std::io::Write;

use streife_runtime::dead::{self, DeadLetter};

use crate::cli::DeadCommand;
use crate::failure::{CommandResult, Failure, Outcome};
use crate::open;
use crate::roles::run_task;
use crate::say::{self, tr};

pub(crate) fn run(command: DeadCommand, json: bool) -> CommandResult {
    let role = match &command {
        DeadCommand::List(role) | DeadCommand::Show { role, .. } | DeadCommand::Replay { role, .. } => {
            role.clone()
        }
    };
    run_task(role.config.config.as_deref(), role.data.as_deref(), |role| async move {
        let log = open::log(&role.config, &role.paths).await?;
        let letters = dead::list(&*log).await.map_err(|e| Failure::upstream(e.to_string()))?;
        match command {
            DeadCommand::List(_) => list(&letters, json),
            DeadCommand::Show { id, .. } => show(find(&letters, &id)?, json),
            DeadCommand::Replay { ids, .. } => {
                let chosen: Vec<&DeadLetter> = if ids.is_empty() {
                    letters.iter().filter(|letter| letter.is_replayable()).collect()
                } else {
                    ids.iter().map(|id| find(&letters, id)).collect::<Result<_, _>>()?
                };
                for letter in &chosen {
                    dead::replay(&*log, letter).await.map_err(|e| Failure::upstream(e.to_string()))?;
                }
                say::line(&format!("{} {}", chosen.len(), tr("erneut eingespielt", "replayed")));
                Ok(Outcome::Fine)
            }
        }
    })
}

fn find<'a>(letters: &'a [DeadLetter], id: &str) -> Result<&'a DeadLetter, Failure> {
    letters
        .iter()
        .find(|letter| letter.id == id)
        .ok_or_else(|| Failure::usage(format!("no dead letter {id}; see `streife dead list`")))
}

fn list(letters: &[DeadLetter], json: bool) -> CommandResult {
    for letter in letters {
        if json {
            say::json(letter)?;
        } else {
            let source = letter.source.as_deref().unwrap_or("-");
            say::line(&format!(
                "{}  {}  {}  {source}  {} B  {}",
                letter.id, letter.rejected_at, letter.code, letter.bytes, letter.message
            ));
        }
    }
    Ok(Outcome::Fine)
}

fn show(letter: &DeadLetter, json: bool) -> CommandResult {
    if json {
        let mut value = serde_json::to_value(letter)?;
        value["raw"] = serde_json::Value::String(String::from_utf8_lossy(&letter.raw).into_owned());
        say::json(&value)?;
    } else {
        eprintln!("{} {}: {}", letter.id, letter.code, letter.message);
        std::io::stdout().lock().write_all(&letter.raw)?;
    }
    Ok(Outcome::Fine)
}
