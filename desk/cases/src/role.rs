//! Roles and rights. Nobody holds two roles that check each other; what a role may do is one table.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What a person is in Streife.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Works the queue: claims, reads pseudonymised content, decides, secures evidence.
    Reviewer,
    /// Drafts rules and lists, previews and backtests them.
    Analyst,
    /// Sets other people's rules live and pauses them.
    RuleApprover,
    /// Unmasks with reason, fills the legal form, drafts referrals.
    CaseOfficer,
    /// Approves what others drafted; confirms that there is no offence.
    Lead,
    /// Works the emergency lane; approval may follow within 24 hours.
    DutyDesk,
    /// Seals and hands over evidence.
    Custodian,
    /// Reads the audit ledger, erasure proofs and statistics.
    DataProtection,
    /// Exports the ledgers, changes nothing.
    Auditor,
    /// Sets up users and settings; sees no content.
    Admin,
    /// The machine itself: leases that end, deadlines, retention. No person may hold it.
    System,
}

/// A name that is no role.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown role {0:?}; the roles are reviewer, analyst, rule_approver, case_officer, lead, duty_desk, custodian, data_protection, auditor, admin"
)]
pub struct UnknownRole(pub String);

/// Something a person does, as far as rights tell it apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// See the queue and the pseudonymised items in it.
    ReadItem,
    /// Claim, decide, ask for a second look.
    Decide,
    /// Work the emergency lane.
    Emergency,
    /// Capture and seal evidence.
    Seal,
    /// Read a case.
    ReadCase,
    /// Learn who published.
    Unmask,
    /// Fill the legal form, draft, send, record answer and outcome.
    WorkCase,
    /// Approve a draft, an emergency, a finding of no offence; restrict, recall, erase.
    Approve,
    /// See rules and campaigns.
    ReadRules,
    /// Write rules and send them for approval.
    WriteRules,
    /// Approve or pause rules.
    ApproveRules,
    /// Trends and figures without content.
    ReadStatistics,
    /// Read and export the audit ledger.
    ReadAudit,
    /// State of stages and sources.
    ReadSystem,
    /// Users and settings.
    Administer,
    /// Read one post and its case outside one's own role, in an emergency, with a review afterwards.
    BreakGlass,
    /// See every emergency access at once, and review those of others.
    ReviewGlass,
}

impl Role {
    /// All roles a person can hold.
    pub const ALL: [Self; 10] = [
        Self::Reviewer,
        Self::Analyst,
        Self::RuleApprover,
        Self::CaseOfficer,
        Self::Lead,
        Self::DutyDesk,
        Self::Custodian,
        Self::DataProtection,
        Self::Auditor,
        Self::Admin,
    ];

    /// The written form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reviewer => "reviewer",
            Self::Analyst => "analyst",
            Self::RuleApprover => "rule_approver",
            Self::CaseOfficer => "case_officer",
            Self::Lead => "lead",
            Self::DutyDesk => "duty_desk",
            Self::Custodian => "custodian",
            Self::DataProtection => "data_protection",
            Self::Auditor => "auditor",
            Self::Admin => "admin",
            Self::System => "system",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = UnknownRole;
    fn from_str(name: &str) -> Result<Self, UnknownRole> {
        Self::ALL.into_iter().find(|role| role.as_str() == name).ok_or_else(|| UnknownRole(name.to_owned()))
    }
}

/// Pairs that check each other: one person must not hold both.
pub const INCOMPATIBLE: [(Role, Role); 16] = [
    (Role::Analyst, Role::RuleApprover),
    (Role::CaseOfficer, Role::Lead),
    (Role::DutyDesk, Role::Lead),
    (Role::Reviewer, Role::Lead),
    (Role::Custodian, Role::Lead),
    (Role::Admin, Role::Reviewer),
    (Role::Admin, Role::CaseOfficer),
    (Role::Admin, Role::Lead),
    (Role::Admin, Role::DutyDesk),
    (Role::Admin, Role::DataProtection),
    (Role::Admin, Role::Auditor),
    (Role::DataProtection, Role::Reviewer),
    (Role::DataProtection, Role::CaseOfficer),
    (Role::DataProtection, Role::Lead),
    (Role::Auditor, Role::CaseOfficer),
    (Role::Auditor, Role::Lead),
];

/// The first pair among `roles` that one person must not hold together.
pub fn conflict(roles: &[Role]) -> Option<(Role, Role)> {
    INCOMPATIBLE.into_iter().find(|(a, b)| roles.contains(a) && roles.contains(b))
}

/// May `role` do `action`?
pub const fn may(role: Role, action: Action) -> bool {
    use Action as A;
    match role {
        Role::Reviewer => {
            matches!(
                action,
                A::ReadItem
                    | A::Decide
                    | A::Seal
                    | A::ReadRules
                    | A::ReadStatistics
                    | A::ReadSystem
                    | A::BreakGlass
            )
        }
        Role::Analyst => {
            matches!(action, A::ReadRules | A::WriteRules | A::ReadStatistics | A::ReadSystem | A::BreakGlass)
        }
        Role::RuleApprover => {
            matches!(action, A::ReadRules | A::ApproveRules | A::ReadStatistics | A::ReadSystem)
        }
        Role::CaseOfficer => matches!(
            action,
            A::ReadItem
                | A::ReadCase
                | A::Unmask
                | A::WorkCase
                | A::Seal
                | A::ReadStatistics
                | A::ReadSystem
                | A::BreakGlass
        ),
        Role::Lead => {
            matches!(
                action,
                A::ReadItem
                    | A::ReadCase
                    | A::Approve
                    | A::ReadRules
                    | A::ReadStatistics
                    | A::ReadSystem
                    | A::BreakGlass
                    | A::ReviewGlass
            )
        }
        Role::DutyDesk => {
            matches!(
                action,
                A::ReadItem
                    | A::ReadCase
                    | A::Decide
                    | A::Emergency
                    | A::Unmask
                    | A::Seal
                    | A::ReadSystem
                    | A::BreakGlass
            )
        }
        Role::Custodian => matches!(action, A::ReadCase | A::Seal | A::ReadSystem | A::BreakGlass),
        Role::DataProtection => {
            matches!(action, A::ReadAudit | A::ReadStatistics | A::ReadSystem | A::ReviewGlass)
        }
        Role::Auditor => matches!(action, A::ReadAudit | A::ReadStatistics),
        Role::Admin => matches!(action, A::ReadSystem | A::Administer),
        Role::System => false,
    }
}

/// The first of `roles` that may do `action`: the role a person acts in.
pub fn acting_role(roles: &[Role], action: Action) -> Option<Role> {
    roles.iter().copied().find(|role| may(*role, action))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_nobody_becomes_the_machine() {
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
        }
        assert!("system".parse::<Role>().is_err());
    }

    #[test]
    fn the_administrator_sees_no_content() {
        use Action as A;
        for action in [A::ReadItem, A::ReadCase, A::Unmask, A::ReadAudit, A::BreakGlass] {
            assert!(!may(Role::Admin, action), "{action:?}");
        }
    }

    #[test]
    fn no_role_both_drafts_and_approves() {
        for role in Role::ALL {
            assert!(!(may(role, Action::WorkCase) && may(role, Action::Approve)), "{role}");
            assert!(!(may(role, Action::WriteRules) && may(role, Action::ApproveRules)), "{role}");
        }
    }

    #[test]
    fn roles_that_check_each_other_conflict() {
        for a in Role::ALL {
            for b in Role::ALL {
                let checks = (may(a, Action::WorkCase) && may(b, Action::Approve))
                    || (may(a, Action::WriteRules) && may(b, Action::ApproveRules));
                assert!(!checks || conflict(&[b, a]).is_some(), "{a} and {b}");
            }
        }
    }
}
