//! Who owns what on a site that several authorities share. A site of one authority names no tenant: everything is the house's.
//!
//! A source belongs to exactly one tenant, and with it every post it brings, every case that begins with such a post and
//! every entry about it. A source that no tenant names is the house's.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// An authority on a shared site.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tenant(String);

/// A name that no tenant can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} names no tenant; write up to 40 of a-z, 0-9 and -")]
pub struct BadTenant(pub String);

impl Tenant {
    /// The owner of everything that nobody else owns.
    pub fn house() -> Self {
        Self::default()
    }

    /// From its written form; empty is the house.
    ///
    /// # Errors
    /// When it is too long or holds other characters.
    pub fn parse(name: &str) -> Result<Self, BadTenant> {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.len() > 40 || !name.chars().all(plain) {
            return Err(BadTenant(name.chars().take(60).collect()));
        }
        Ok(Self(name.to_owned()))
    }

    /// The written form; empty for the house.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Is it the house?
    pub fn is_house(&self) -> bool {
        self.0.is_empty()
    }
}

/// Which sources somebody sees.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum SourceScope {
    /// All: a site without tenants.
    #[default]
    All,
    /// These alone; none of them means nothing at all.
    Only(Vec<String>),
    /// All but these, which belong to tenants.
    AllBut(Vec<String>),
}

impl SourceScope {
    /// Is this source seen?
    pub fn contains(&self, source: &str) -> bool {
        let named = |sources: &[String]| sources.iter().any(|one| one == source);
        match self {
            Self::All => true,
            Self::Only(sources) => named(sources),
            Self::AllBut(sources) => !named(sources),
        }
    }
}

/// Who owns which source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceOwners(pub BTreeMap<String, Tenant>);

impl SourceOwners {
    /// The owner of a source.
    pub fn owner(&self, source: &str) -> Tenant {
        self.0.get(source).cloned().unwrap_or_default()
    }

    /// What a tenant sees.
    pub fn scope(&self, tenant: &Tenant) -> SourceScope {
        let of = |wanted: &dyn Fn(&Tenant) -> bool| {
            self.0.iter().filter(|(_, owner)| wanted(owner)).map(|(source, _)| source.clone()).collect()
        };
        if !tenant.is_house() {
            SourceScope::Only(of(&|owner| owner == tenant))
        } else if self.0.values().all(Tenant::is_house) {
            SourceScope::All
        } else {
            SourceScope::AllBut(of(&|owner| !owner.is_house()))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_plain() {
        assert!(Tenant::parse("").unwrap().is_house());
        assert!(Tenant::parse("lka-nord").is_ok());
        for bad in ["*", "A", "a b", "a/b", "ä", &"x".repeat(41)] {
            assert!(Tenant::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_site_without_tenants_sees_everything_and_a_tenant_without_sources_nothing() {
        let nobody = SourceOwners::default();
        assert_eq!(nobody.scope(&Tenant::house()), SourceScope::All);
        assert!(!nobody.scope(&Tenant::parse("nord").unwrap()).contains("forum"));
    }

    proptest! {
        #[test]
        fn every_source_is_seen_by_its_owner_and_by_nobody_else(
            owned in proptest::collection::btree_map("[a-c]", "[x-z]?", 0..4),
            source in "[a-d]",
        ) {
            let owners = SourceOwners(
                owned.into_iter().map(|(source, owner)| (source, Tenant::parse(&owner).unwrap())).collect(),
            );
            for name in ["", "x", "y", "z", "w"] {
                let tenant = Tenant::parse(name).unwrap();
                prop_assert_eq!(owners.scope(&tenant).contains(&source), owners.owner(&source) == tenant);
            }
        }
    }
}
