//! `streife admin`: makes an administrator of the desk. On a site without an identity provider this is the first account;
//! all others are made by the administrator at the desk. An administrator sees no content.

use serde_json::json;
use streife_cases::ledger::Note;
use streife_cases::password;
use streife_cases::role::Role as DeskRole;
use streife_cases::store::{CaseStore, NewUser, StoreError};
use streife_domain::Timestamp;

use crate::cli::AdminArgs;
use crate::failure::{CommandResult, Failure, Outcome};
use crate::open;
use crate::roles::{desk, run_task};
use crate::say::{self, tr};

pub(crate) fn run(args: &AdminArgs, json: bool) -> CommandResult {
    let args = args.clone();
    let (config, data) = (args.role.config.config.clone(), args.role.data.clone());
    run_task(config.as_deref(), data.as_deref(), |role| async move {
        let cases = desk::open_cases(&role.config, &role.paths).await?;
        cases.migrate().await.map_err(|e| Failure::of_server(e.is_transient(), e))?;
        let password = make(&cases, &args, open::clock().now()).await?;
        if json {
            say::json(&json!({"user": args.user, "password": password}))?;
        } else {
            say::line(&format!("{}: {}", tr("Benutzername", "user name"), args.user));
            say::line(&format!("{}: {password}", tr("Passwort", "password")));
            say::line(tr(
                "Es wird nicht wieder gezeigt. Nach der Anmeldung einen Einmalcode einrichten (Einstellungen).",
                "It is not shown again. After logging in set up a one-time code (settings).",
            ));
        }
        Ok(Outcome::Fine)
    })
}

/// Makes the account and returns its password. First the entry in the ledger, then the account.
async fn make(cases: &CaseStore, args: &AdminArgs, at: Timestamp) -> Result<String, Failure> {
    let failed = |e: StoreError| Failure::of_server(e.is_transient(), e);
    let present = cases.user(&args.user).await.map_err(failed)?;
    if present.is_some() && !args.reset {
        return Err(Failure::usage(format!(
            "{}: there is such an account; --reset gives it a new password and the administrator's role alone",
            args.user
        )));
    }
    cases
        .audit(Note {
            at,
            actor: args.operator.clone(),
            role: DeskRole::Admin.as_str().to_owned(),
            action: "user.save".to_owned(),
            subject: args.user.clone(),
            reason: tr("auf dem Rechner des Arbeitsplatzes", "on the machine of the desk").to_owned(),
            details: json!({"roles": [DeskRole::Admin.as_str()], "reset": present.is_some()}),
        })
        .await
        .map_err(failed)?;
    let password = password::random();
    let hash = password::hash(&password).map_err(|e| Failure::configuration(e.to_string()))?;
    let (user, name) = (args.user.as_str(), args.name.as_deref().unwrap_or(&args.user));
    cases
        .put_user(&NewUser { id: user, name, roles: &[DeskRole::Admin], password: &hash, at })
        .await
        .map_err(failed)?;
    Ok(password)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{ConfigArg, RoleArgs};
    use crate::failure::Exit;

    #[tokio::test]
    async fn an_administrator_is_made_once_and_the_making_is_in_the_ledger() {
        let folder = tempfile::tempdir().unwrap();
        let cases = CaseStore::sqlite(folder.path()).await.unwrap();
        cases.migrate().await.unwrap();
        let at = Timestamp::from_secs(1_700_000_000);
        let mut args = AdminArgs {
            role: RoleArgs { config: ConfigArg { config: None }, data: None },
            user: "verwaltung".to_owned(),
            name: None,
            operator: "technik-1".to_owned(),
            reset: false,
        };
        let first = make(&cases, &args, at).await.unwrap();
        let refused = make(&cases, &args, at).await.unwrap_err();
        assert_eq!(refused.exit, Exit::Usage);
        args.reset = true;
        let second = make(&cases, &args, at).await.unwrap();
        assert_ne!(first, second);
        assert_eq!(cases.user("verwaltung").await.unwrap().unwrap().roles, [DeskRole::Admin]);
        let ledgers = cases.ledgers().await.unwrap();
        let mut entries = Vec::new();
        for (ledger, _) in ledgers {
            entries.extend(cases.ledger(&ledger).await.unwrap());
        }
        let made = entries.iter().filter(|entry| entry.action == "user.save" && entry.actor == "technik-1");
        assert_eq!(made.count(), 2);
    }
}
