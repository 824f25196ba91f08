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

impl CaseStore {
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
