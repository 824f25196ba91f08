//! How people log in beside local accounts, and who is told of alarms.

use serde::Deserialize;
use streife_sdk::SecretSource;

/// `[desk.oidc]`: an identity provider (OpenID Connect, code flow with PKCE). `desk.public_url` must be set.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct OidcSection {
    /// The issuer, such as `https://login.example/realms/polizei`.
    pub(crate) issuer: String,
    /// Our name there.
    pub(crate) client_id: String,
    /// Our secret there; a public client has none.
    pub(crate) client_secret: Option<SecretSource>,
    /// Path of the claim that lists roles.
    #[serde(default = "keycloak_roles")]
    pub(crate) roles_claim: String,
    /// What the names of our roles begin with there.
    #[serde(default = "role_prefix")]
    pub(crate) role_prefix: String,
}

fn keycloak_roles() -> String {
    "realm_access.roles".to_owned()
}

fn role_prefix() -> String {
    "streife-".to_owned()
}

/// `[desk.alerts.NAME]`: a receiver of alarms, such as the duty desk's pager.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum AlertSection {
    /// Signed JSON to a web address.
    Webhook {
        /// Where.
        url: String,
        /// Shared secret of the signature.
        secret: SecretSource,
    },
    /// Mail without content.
    Mail {
        /// `smtps://user:password@mail.example` or `smtp://127.0.0.1:25`.
        server: SecretSource,
        /// Sender.
        from: String,
        /// Receivers.
        to: Vec<String>,
    },
    /// A program on this machine; the message comes on its standard input.
    Command {
        /// The program.
        program: String,
        /// Its arguments.
        #[serde(default)]
        arguments: Vec<String>,
    },
}
