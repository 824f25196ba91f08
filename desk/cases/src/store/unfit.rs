//! What a request asks of the database that cannot be: said to the person who asked.

use super::{MAX_BULK, tenants::MAX_SOURCES, tenants::MAX_TENANTS, tokens::MAX_TOKENS};

crate::listed! {
    /// What does not fit.
    #[derive(Debug, Default, Clone, PartialEq, Eq, thiserror::Error)]
    pub enum Unfit {
        #[default]
        /// No such case, or another tenant's.
        #[error("there is no such case")]
        NoCase = "no_case",
        /// No such ledger, or another tenant's.
        #[error("there is no such ledger")]
        NoLedger = "no_ledger",
        /// Roles that nobody may hold together: these.
        #[error("the roles {0} check each other; nobody may hold both")]
        RolesCheckEachOther(RolePair) = "roles_check_each_other",
        /// Not a log-in name.
        #[error("a log-in name has up to 40 of a-z, 0-9 and -")]
        LoginName = "login_name",
        /// Somebody else's.
        #[error("this log-in name is taken; choose another")]
        LoginTaken = "login_taken",
        /// The password's length.
        #[error("a password is too short or too long")]
        Password = "password",
        /// A token without name or scope.
        #[error("a token needs a name and at least one scope")]
        TokenEmpty = "token_empty",
        /// A token that ends too late or has ended.
        #[error("a token ends within one year")]
        TokenEnd = "token_end",
        /// Enough tokens.
        #[error("there are {MAX_TOKENS} tokens; revoke some first")]
        TokensFull = "tokens_full",
        /// Too many at once.
        #[error("at most {MAX_BULK} items are decided at once")]
        BulkTooLarge = "bulk_too_large",
        /// The role sets no golden items.
        #[error("this role sets no golden items")]
        GoldenRight = "golden_right",
        /// The role gives no blind second look.
        #[error("this role reviews nothing")]
        BlindRight = "blind_right",
        /// Not a tenant's name.
        #[error("a tenant's id has up to 40 of a-z, 0-9 and -")]
        TenantId = "tenant_id",
        /// A tenant without id or name.
        #[error("a tenant needs an id and a name")]
        TenantName = "tenant_name",
        /// Too many sources.
        #[error("a tenant has at most {MAX_SOURCES} sources")]
        TenantSources = "tenant_sources",
        /// Too many tenants.
        #[error("a site has at most {MAX_TENANTS} tenants")]
        TenantsFull = "tenants_full",
        /// A source of another tenant, or named twice: this one.
        #[error("the source {0:?} is named twice or belongs to another tenant")]
        SourceTaken(String) = "source_taken",
    }
}

/// Two roles that check each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RolePair(pub crate::role::Role, pub crate::role::Role);

impl Default for RolePair {
    fn default() -> Self {
        let (a, b) = crate::role::INCOMPATIBLE[0];
        Self(a, b)
    }
}

impl std::fmt::Display for RolePair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} and {}", self.0, self.1)
    }
}
