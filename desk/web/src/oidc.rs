//! Logging in at an identity provider: OpenID Connect, authorisation code flow with PKCE (RFC 7636). What comes back is
//! checked here: issuer, audience, signature by the provider's published keys, nonce, times. Algorithms are a fixed list of
//! asymmetric ones, so a token cannot choose how it is checked.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use streife_cases::role::Role;
use streife_domain::Timestamp;

/// How long a log-in may take at the provider.
const PENDING_SECS: i64 = 10 * 60;
/// Log-ins under way at once; beyond that the oldest ends.
const MAX_PENDING: usize = 1_000;
/// How far clocks may differ.
const LEEWAY_SECS: i64 = 60;
/// The largest answer read from the provider.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;
/// How a token may be signed.
const ALGORITHMS: [Algorithm; 4] = [Algorithm::RS256, Algorithm::PS256, Algorithm::ES256, Algorithm::EdDSA];

/// Where and as whom to log in.
#[derive(Clone)]
pub struct OidcSettings {
    /// The issuer, such as `https://login.example/realms/polizei`.
    pub issuer: String,
    /// Our name there.
    pub client_id: String,
    /// Our secret there; empty for a public client, which PKCE protects.
    pub client_secret: String,
    /// Where the provider sends people back: the desk's address and `/login/oidc/back`.
    pub redirect_uri: String,
    /// Path of the claim that lists roles, such as `realm_access.roles` (Keycloak).
    pub roles_claim: String,
    /// What role names begin with there, such as `streife-`.
    pub role_prefix: String,
    /// The client for requests to the provider: with time limits, without redirects.
    pub http: reqwest::Client,
}

/// What went wrong; never holds tokens.
#[derive(Debug, thiserror::Error)]
pub enum OidcError {
    /// The provider does not answer as it should.
    #[error("the identity provider: {0}")]
    Provider(String),
    /// What came back cannot be trusted.
    #[error("the answer of the identity provider is not valid: {0}")]
    Invalid(&'static str),
}

#[derive(Debug, Clone, Deserialize)]
struct Discovery {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
}

#[derive(Deserialize)]
struct TokenAnswer {
    id_token: String,
    #[serde(default)]
    access_token: String,
}

struct Pending {
    nonce: String,
    verifier: String,
    since: Timestamp,
}

/// Who logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The provider's lasting name for the person.
    pub subject: String,
    /// Log-in name, as ours are written.
    pub user: String,
    /// Display name.
    pub name: String,
    /// Roles that we know.
    pub roles: Vec<Role>,
}

/// A client of one provider.
pub struct Oidc {
    settings: OidcSettings,
    pending: Mutex<HashMap<String, Pending>>,
}

impl Oidc {
    /// For these settings.
    pub fn new(settings: OidcSettings) -> Self {
        Self { settings, pending: Mutex::default() }
    }

    /// Where to send a person who wants to log in; `state` and `fresh` are new random values.
    ///
    /// # Errors
    /// When the provider cannot be asked where it logs people in.
    pub async fn begin(&self, state: &str, fresh: (&str, &str), now: Timestamp) -> Result<String, OidcError> {
        let discovery = self.discovery().await?;
        let (nonce, verifier) = fresh;
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
        let query = serde_urlencoded::to_string([
            ("response_type", "code"),
            ("client_id", self.settings.client_id.as_str()),
            ("redirect_uri", self.settings.redirect_uri.as_str()),
            ("scope", "openid profile"),
            ("state", state),
            ("nonce", nonce),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ])
        .map_err(|e| OidcError::Provider(e.to_string()))?;
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        pending.retain(|_, begun| now <= begun.since.plus_secs(PENDING_SECS));
        if pending.len() >= MAX_PENDING {
            let oldest = pending.iter().min_by_key(|(_, begun)| begun.since).map(|(state, _)| state.clone());
            if let Some(state) = oldest {
                pending.remove(&state);
            }
        }
        let begun = Pending { nonce: nonce.to_owned(), verifier: verifier.to_owned(), since: now };
        pending.insert(state.to_owned(), begun);
        let joint = if discovery.authorization_endpoint.contains('?') { '&' } else { '?' };
        Ok(format!("{}{joint}{query}", discovery.authorization_endpoint))
    }

    /// Who came back with `code`. A state is good for one try.
    ///
    /// # Errors
    /// When nothing was begun under `state`, or what the provider says does not hold.
    pub async fn finish(&self, state: &str, code: &str, now: Timestamp) -> Result<Person, OidcError> {
        let begun = self.pending.lock().unwrap_or_else(PoisonError::into_inner).remove(state);
        let begun = begun
            .filter(|begun| now <= begun.since.plus_secs(PENDING_SECS))
            .ok_or(OidcError::Invalid("no log-in is under way for it"))?;
        let discovery = self.discovery().await?;
        let settings = &self.settings;
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", settings.redirect_uri.as_str()),
            ("client_id", settings.client_id.as_str()),
            ("code_verifier", begun.verifier.as_str()),
        ];
        if !settings.client_secret.is_empty() {
            form.push(("client_secret", settings.client_secret.as_str()));
        }
        let answer: TokenAnswer = read(settings.http.post(&discovery.token_endpoint).form(&form)).await?;
        let keys: JwkSet = read(settings.http.get(&discovery.jwks_uri)).await?;
        let claims = verified(&answer.id_token, &keys, &discovery.issuer, now)?;
        if !audience(&claims, &settings.client_id) {
            return Err(OidcError::Invalid("the token is meant for somebody else"));
        }
        if text(&claims, "nonce") != begun.nonce {
            return Err(OidcError::Invalid("the nonce is another"));
        }
        let mut names = listed(&claims, &settings.roles_claim);
        if names.is_empty() {
            // Keycloak puts roles into the access token unless told otherwise; it is checked like the other one.
            if let Ok(access) = verified(&answer.access_token, &keys, &discovery.issuer, now)
                && text(&access, "azp") == settings.client_id
                && text(&access, "sub") == text(&claims, "sub")
            {
                names = listed(&access, &settings.roles_claim);
            }
        }
        person(&claims, &names, &settings.role_prefix)
    }

    async fn discovery(&self) -> Result<Discovery, OidcError> {
        let issuer = self.settings.issuer.trim_end_matches('/');
        let url = format!("{issuer}/.well-known/openid-configuration");
        let found: Discovery = read(self.settings.http.get(&url)).await?;
        if found.issuer.trim_end_matches('/') != issuer {
            return Err(OidcError::Invalid("it calls itself another issuer"));
        }
        Ok(found)
    }
}

async fn read<T: DeserializeOwned>(request: reqwest::RequestBuilder) -> Result<T, OidcError> {
    // The cause may quote the address, and a code stands in none of ours.
    let failed = |e: reqwest::Error| OidcError::Provider(e.without_url().to_string());
    let mut response = request.send().await.map_err(failed)?.error_for_status().map_err(failed)?;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(failed)? {
        if body.len() + chunk.len() > MAX_ANSWER_BYTES {
            return Err(OidcError::Invalid("the answer is too large"));
        }
        body.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&body)
        .map_err(|_| OidcError::Invalid("the answer is no JSON of the expected form"))
}

/// The claims of a token whose signature, issuer and times hold.
fn verified(
    token: &str,
    keys: &JwkSet,
    issuer: &str,
    now: Timestamp,
) -> Result<Map<String, Value>, OidcError> {
    let header =
        jsonwebtoken::decode_header(token).map_err(|_| OidcError::Invalid("the token is malformed"))?;
    if !ALGORITHMS.contains(&header.alg) {
        return Err(OidcError::Invalid("the token is signed in a way that is not accepted"));
    }
    let key = match &header.kid {
        Some(kid) => keys.find(kid),
        None => keys.keys.first().filter(|_| keys.keys.len() == 1),
    };
    let key = key.ok_or(OidcError::Invalid("the token names a key that the provider does not publish"))?;
    let key =
        DecodingKey::from_jwk(key).map_err(|_| OidcError::Invalid("the provider's key cannot be used"))?;
    let mut validation = Validation::new(header.alg);
    validation.set_issuer(&[issuer]);
    validation.set_required_spec_claims(&["iss", "sub", "exp"]);
    // Audience and times are checked by us: by our own clock, and by one rule for all tokens.
    validation.validate_aud = false;
    validation.validate_exp = false;
    let claims = jsonwebtoken::decode::<Map<String, Value>>(token, &key, &validation)
        .map_err(|_| OidcError::Invalid("the token's signature or issuer does not hold"))?
        .claims;
    let time = |name: &str| claims.get(name).and_then(Value::as_i64);
    if time("exp").is_none_or(|exp| now.as_secs() > exp.saturating_add(LEEWAY_SECS)) {
        return Err(OidcError::Invalid("the token has expired"));
    }
    if time("iat").is_some_and(|iat| iat > now.as_secs() + LEEWAY_SECS) {
        return Err(OidcError::Invalid("the token comes from the future"));
    }
    Ok(claims)
}

fn text<'a>(claims: &'a Map<String, Value>, name: &str) -> &'a str {
    claims.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn audience(claims: &Map<String, Value>, client: &str) -> bool {
    match claims.get("aud") {
        Some(Value::String(one)) => one == client,
        // With several, the token must name us as the party it was issued to (OpenID Connect Core, 3.1.3.7).
        Some(Value::Array(many)) => {
            many.iter().any(|one| one == client) && (many.len() == 1 || text(claims, "azp") == client)
        }
        _ => false,
    }
}

fn listed(claims: &Map<String, Value>, path: &str) -> Vec<String> {
    let mut parts = path.split('.');
    let mut value = parts.next().and_then(|first| claims.get(first));
    for part in parts {
        value = value.and_then(|inner| inner.get(part));
    }
    let names = value.and_then(Value::as_array).into_iter().flatten();
    names.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn person(claims: &Map<String, Value>, names: &[String], prefix: &str) -> Result<Person, OidcError> {
    let subject = text(claims, "sub").to_owned();
    let preferred = text(claims, "preferred_username");
    let plain = |c: char| {
        let c = c.to_ascii_lowercase();
        if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' }
    };
    let user: String =
        if preferred.is_empty() { &subject } else { preferred }.chars().take(40).map(plain).collect();
    if subject.is_empty() || user.is_empty() || user == "system" {
        return Err(OidcError::Invalid("it does not say who the person is"));
    }
    let name = text(claims, "name");
    let name: String = if name.is_empty() { preferred } else { name }.chars().take(80).collect();
    let mut roles: Vec<Role> =
        names.iter().filter_map(|name| name.strip_prefix(prefix)?.replace('-', "_").parse().ok()).collect();
    roles.sort_unstable();
    roles.dedup();
    Ok(Person { subject, user, name, roles })
}
