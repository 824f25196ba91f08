//! `streife audit`: check and export the two ledgers.

use crate::cli::{AuditCommand, RoleArgs};
use crate::failure::{CommandResult, Failure, Outcome};
use crate::roles::{desk, run_task};
use crate::say::{self, tr};

pub(crate) fn run(command: AuditCommand, json: bool) -> CommandResult {
    let (role, export): (RoleArgs, bool) = match command {
        AuditCommand::Verify(role) => (role, false),
        AuditCommand::Export(role) => (role, true),
    };
    run_task(role.config.config.as_deref(), role.data.as_deref(), |running| async move {
        let failed = |e: streife_cases::store::StoreError| Failure::upstream(e.to_string());
        let cases = desk::open_cases(&running.config, &running.paths).await?;
        cases.migrate().await.map_err(failed)?;
        let key = ed25519_dalek::SigningKey::from_bytes(&desk::signing_key(&running.paths)?).verifying_key();
        let mut fine = true;
        for (ledger, entries) in cases.ledgers().await.map_err(failed)? {
            if export {
                for entry in cases.ledger(&ledger).await.map_err(failed)? {
                    say::json(&entry)?;
                }
                continue;
            }
            let faults = cases.verify_ledger(&ledger, &key).await.map_err(failed)?;
            fine &= faults.is_empty();
            let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
            if json {
                say::json(
                    &serde_json::json!({"ledger": ledger, "entries": entries, "ok": told.is_empty(), "faults": told}),
                )?;
            } else {
                let state =
                    if told.is_empty() { tr("in Ordnung", "fine").to_owned() } else { told.join("; ") };
                say::line(&format!("{ledger} ({entries}): {state}"));
            }
        }
        Ok(Outcome::fine_if(fine))
    })
}
