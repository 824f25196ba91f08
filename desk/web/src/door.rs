//! What happens before it is known who asks: sessions, tokens, accounts, the first entry in the ledger. Behind the door a
//! request has [`TenantCases`] and nothing wider.

use streife_cases::ledger::Note;
use streife_cases::store::{ApiToken, CaseStore, NewUser, Session, StoreError, TenantCases, User};
use streife_cases::tenant::Tenant;
use streife_domain::Timestamp;

type Result<T> = std::result::Result<T, StoreError>;

/// The case database of the whole site, behind a few narrow openings.
pub(crate) struct Door(CaseStore);

impl Door {
    pub(crate) const fn new(cases: CaseStore) -> Self {
        Self(cases)
    }

    /// The view of whoever this session belongs to.
    pub(crate) fn of_session(&self, session: &Session) -> TenantCases {
        self.0.of(&session.user.tenant)
    }

    /// The view of whoever this token belongs to.
    pub(crate) fn of_token(&self, token: &ApiToken) -> TenantCases {
        self.0.of(&token.tenant)
    }

    /// The view of who is not logged in: the house's, on pages that read nothing of it.
    pub(crate) fn of_nobody(&self) -> TenantCases {
        self.0.of(&Tenant::house())
    }

    pub(crate) async fn ping(&self) -> Result<()> {
        self.0.ping().await
    }

    pub(crate) async fn session(&self, token: &str, now: Timestamp) -> Result<Option<Session>> {
        self.0.session(token, now).await
    }

    pub(crate) async fn token(&self, secret: &str, now: Timestamp) -> Result<Option<ApiToken>> {
        self.0.token(secret, now).await
    }

    /// An account of any tenant: who logs in names no tenant.
    pub(crate) async fn user(&self, id: &str) -> Result<Option<User>> {
        self.0.user(id).await
    }

    /// Creates or renews the account of somebody whom an identity provider vouches for.
    pub(crate) async fn put_user(&self, user: &NewUser<'_>) -> Result<()> {
        self.0.put_user(user).await
    }

    /// Who an account of an identity provider belongs to there.
    pub(crate) async fn subject(&self, user: &str) -> Result<Option<String>> {
        self.0.setting("oidc", user).await
    }

    pub(crate) async fn bind_subject(&self, user: &str, subject: &str) -> Result<()> {
        self.0.save_settings("oidc", &[(user, subject)]).await
    }

    pub(crate) async fn use_totp_step(&self, user: &str, step: i64) -> Result<bool> {
        self.0.use_totp_step(user, step).await
    }

    pub(crate) async fn open_session(
        &self,
        user: &str,
        token: &str,
        csrf: &str,
        at: Timestamp,
    ) -> Result<()> {
        self.0.open_session(user, token, csrf, at).await
    }

    pub(crate) async fn close_session(&self, token: &str) -> Result<()> {
        self.0.close_session(token).await
    }

    /// An entry in the ledger of the tenant that the account belongs to.
    pub(crate) async fn audit(&self, tenant: &Tenant, note: Note) -> Result<()> {
        self.0.of(tenant).audit(note).await.map(|_| ())
    }

    /// Whose a case is, for an emergency access: its owner is told.
    pub(crate) async fn case_owner(&self, post: &str) -> Result<Option<Tenant>> {
        Ok(self.0.case_of_post(post).await?.map(|case| case.tenant))
    }

    /// Times that somebody asked for what another tenant owns.
    pub(crate) fn foreign_requests(&self) -> u64 {
        self.0.foreign_requests()
    }
}
