//! `streife retention subject`: what is stored about one person, for the person (BDSG s. 57, LED Art. 14). Whether it may be
//! told, and that the asker is that person, a human decides first; the reading is in the audit ledger before it happens.

use std::io::Write;

use serde_json::json;
use streife_cases::ledger::Note;

use crate::cli::SubjectArgs;
use crate::failure::{CommandResult, Failure, Outcome};
use crate::open;
use crate::roles::engine_process::with_store;
use crate::roles::{desk, run_task};
use crate::say::{self, tr};

pub(super) fn run(args: &SubjectArgs, json: bool) -> CommandResult {
    if args.reason.trim().len() < 8 {
        return Err(Failure::usage("--reason: say on which request this is read (file number)".to_owned()));
    }
    let args = args.clone();
    let (config, data) = (args.role.config.config.clone(), args.role.data.clone());
    run_task(config.as_deref(), data.as_deref(), |role| async move {
        let author = open::pseudonym_key(&role.paths)?.pseudonym(&args.platform, &args.author);
        let cases = desk::open_cases(&role.config, &role.paths).await?;
        let failed = |e: streife_cases::store::StoreError| Failure::upstream(e.to_string());
        cases.migrate().await.map_err(failed)?;
        // First the entry, then the reading; the pseudonym stands for the person.
        cases
            .audit(Note {
                at: open::clock().now(),
                actor: args.operator.clone(),
                role: "data_protection".to_owned(),
                action: "read.subject".to_owned(),
                subject: format!("author/{:016x}", author.0),
                reason: args.reason.clone(),
                details: json!({"platform": args.platform}),
            })
            .await
            .map_err(failed)?;
        let found = with_store(&role, |store| async move {
            store.subject(author).await.map_err(|e| Failure::upstream(e.to_string()))
        })
        .await?;
        let lines = found.iter().filter(|byte| **byte == b'\n').count();
        match &args.out {
            Some(path) => {
                open::write_secret(path, &String::from_utf8_lossy(&found))?;
                if json {
                    say::json(&json!({"rows": lines, "file": path}))?;
                } else {
                    say::line(&format!("{lines} {} {}", tr("Zeilen in", "rows in"), path.display()));
                }
            }
            None => std::io::stdout().lock().write_all(&found)?,
        }
        Ok(Outcome::Fine)
    })
}
