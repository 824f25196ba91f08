//! Small named values: per installation (scope `site`) and per person (scope `user/<id>`).

use super::{CaseStore, Result, Write, text};

pub(crate) async fn put(write: &mut Write, scope: &str, name: &str, value: &str) -> Result<()> {
    sqlx::query(
        "INSERT INTO settings (scope, name, value) VALUES ($1, $2, $3) \
         ON CONFLICT (scope, name) DO UPDATE SET value = excluded.value",
    )
    .bind(scope.to_owned())
    .bind(name.to_owned())
    .bind(value.to_owned())
    .execute(&mut *write.tx)
    .await?;
    Ok(())
}

/// Name of the site's setting that lists the receivers of alarms, one a line.
const ALERT_TARGETS: &str = "alert_targets";

/// The receivers of alarms.
pub(crate) async fn alert_targets(write: &mut Write) -> Result<Vec<String>> {
    let row = sqlx::query("SELECT value FROM settings WHERE scope = 'site' AND name = $1")
        .bind(ALERT_TARGETS)
        .fetch_optional(&mut *write.tx)
        .await?;
    let list = row.map(|row| text(&row, "value")).transpose()?.unwrap_or_default();
    Ok(list.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

impl CaseStore {
    /// Names the receivers of alarms; called when the desk starts, from its configuration.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_alert_targets(&self, targets: &[String]) -> Result<()> {
        self.save_settings("site", &[(ALERT_TARGETS, targets.join("\n").as_str())]).await
    }

    /// One value.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn setting(&self, scope: &str, name: &str) -> Result<Option<String>> {
        let row = sqlx::query("SELECT value FROM settings WHERE scope = $1 AND name = $2")
            .bind(scope.to_owned())
            .bind(name.to_owned())
            .fetch_optional(&self.pool)
            .await?;
        row.map(|row| text(&row, "value")).transpose()
    }

    /// All values of a scope.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn settings(&self, scope: &str) -> Result<Vec<(String, String)>> {
        let rows = sqlx::query("SELECT name, value FROM settings WHERE scope = $1 ORDER BY name")
            .bind(scope.to_owned())
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(|row| Ok((text(row, "name")?, text(row, "value")?))).collect()
    }

    /// Saves values of a scope.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn save_settings(&self, scope: &str, values: &[(&str, &str)]) -> Result<()> {
        let mut write = self.write().await?;
        for (name, value) in values {
            put(&mut write, scope, name, value).await?;
        }
        write.commit().await
    }
}
