//! `streife migrate`: ClickHouse and the case database to this version.

use crate::cli::RoleArgs;
use crate::failure::{CommandResult, Failure, Outcome};
use crate::open;
use crate::roles::{desk, run_task, store};
use crate::say::{self, tr};

pub(crate) fn run(args: &RoleArgs, json: bool) -> CommandResult {
    run_task(args.config.config.as_deref(), args.data.as_deref(), |role| async move {
        if role.config.clickhouse.url.is_some() {
            store::migrate(&*open::store(&role.config)?, &role.config).await?;
        }
        let cases = desk::open_cases(&role.config, &role.paths).await?;
        let version = cases.migrate().await.map_err(|e| Failure::upstream(e.to_string()))?;
        if json {
            say::json(&serde_json::json!({"ok": true, "case_database": version}))?;
        } else {
            say::line(tr("Datenbanken sind auf dem Stand dieser Version", "databases are at this version"));
        }
        Ok(Outcome::Fine)
    })
}
