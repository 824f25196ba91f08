//! Log-in at an identity provider and receivers of alarms, from the configuration.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use streife_cases::store::CaseStore;
use streife_domain::Clock;
use streife_web::alerts::{Alerts, Target, mail_target};
use streife_web::oidc::{Oidc, OidcSettings};
use streife_web::{Access, Charts};
use tokio_util::sync::CancellationToken;

use crate::config::{AlertSection, Config};
use crate::failure::Failure;

/// The longest a provider or receiver may take to answer.
const HTTP_TIMEOUT: Duration = Duration::from_secs(10);
/// How often due messages are looked for.
const DELIVERY_INTERVAL: Duration = Duration::from_secs(2);

/// Within the site's own network: no proxy politeness, but time limits and no redirects.
fn http() -> Result<reqwest::Client, Failure> {
    let builder =
        reqwest::Client::builder().timeout(HTTP_TIMEOUT).redirect(reqwest::redirect::Policy::none());
    builder.build().map_err(|e| Failure::configuration(format!("the HTTP client: {e}")))
}

/// Grafana's address without a slash at its end.
fn grafana(config: &Config) -> Result<Option<String>, Failure> {
    let Some(url) = config.desk.grafana_url.as_deref() else { return Ok(None) };
    if !(url.starts_with("https://") || url.starts_with("http://")) {
        return Err(Failure::configuration("desk.grafana_url begins with https:// or http://"));
    }
    Ok(Some(url.trim_end_matches('/').to_owned()))
}

/// The chart library, where `streife setup` has put it.
fn charts(parts: &Path) -> Option<Charts> {
    let read = |name| crate::parts::read_verified(name, parts);
    Some(Charts { script: read("uplot")?.into(), style: read("uplot-style")?.into() })
}

/// Ways in beside local accounts, and what the desk uses of others.
pub(crate) fn access(config: &Config, parts: &Path) -> Result<Access, Failure> {
    let (grafana, charts) = (grafana(config)?, charts(parts));
    let assistants = config
        .assist
        .open(|path| std::fs::read_to_string(path))
        .map_err(|error| Failure::configuration(error.to_string()))?;
    let Some(oidc) = &config.desk.oidc else { return Ok(Access { oidc: None, assistants, grafana, charts }) };
    let Some(public_url) = &config.desk.public_url else {
        return Err(Failure::configuration(
            "desk.oidc needs desk.public_url: the provider sends people back there",
        ));
    };
    let client_secret = match &oidc.client_secret {
        Some(secret) => secret
            .read("desk.oidc.client_secret")
            .map_err(|e| Failure::configuration(e.to_string()))?
            .expose()
            .to_owned(),
        None => String::new(),
    };
    let settings = OidcSettings {
        issuer: oidc.issuer.clone(),
        client_id: oidc.client_id.clone(),
        client_secret,
        redirect_uri: format!("{}/login/oidc/back", public_url.trim_end_matches('/')),
        roles_claim: oidc.roles_claim.clone(),
        role_prefix: oidc.role_prefix.clone(),
        http: http()?,
    };
    Ok(Access { oidc: Some(Oidc::new(settings)), assistants, grafana, charts })
}

/// All receivers of alarms.
pub(crate) fn alerts(config: &Config) -> Result<Alerts, Failure> {
    let mut targets = BTreeMap::new();
    for (name, section) in &config.desk.alerts {
        let read = |secret: &streife_sdk::SecretSource, field: &str| {
            let value = secret.read(field).map_err(|e| Failure::configuration(e.to_string()))?;
            Ok::<String, Failure>(value.expose().to_owned())
        };
        let target = match section {
            AlertSection::Webhook { url, secret } => Target::Webhook {
                url: url.clone(),
                secret: read(secret, &format!("desk.alerts.{name}.secret"))?.into_bytes(),
            },
            AlertSection::Mail { server, from, to } => {
                let server = read(server, &format!("desk.alerts.{name}.server"))?;
                let desk = config.desk.public_url.clone().unwrap_or_default();
                mail_target(&server, from, to, desk)
                    .map_err(|e| Failure::configuration(format!("desk.alerts.{name}: {e}")))?
            }
            AlertSection::Command { program, arguments } => {
                Target::Command { program: program.clone(), arguments: arguments.clone() }
            }
        };
        targets.insert(name.clone(), target);
    }
    Ok(Alerts::new(targets, http()?))
}

/// Delivers due messages until `stop`.
pub(crate) async fn deliver(
    alerts: Alerts,
    cases: CaseStore,
    clock: Arc<dyn Clock>,
    stop: CancellationToken,
) {
    loop {
        if let Err(error) = alerts.deliver(&cases, clock.now()).await {
            tracing::warn!(%error, "messages to the outside wait");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(DELIVERY_INTERVAL) => {}
        }
    }
}
