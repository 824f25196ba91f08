//! The commands that are no roles.

pub(crate) mod admin;
pub(crate) mod audit;
pub(crate) mod backup;
pub(crate) mod bench;
pub(crate) mod check_config;
pub(crate) mod dead;
pub(crate) mod doctor;
pub(crate) mod migrate;
pub(crate) mod models;
pub(crate) mod referral;
mod referral_demo;
pub(crate) mod retention;
pub(crate) mod rules;
mod rules_text;
pub(crate) mod scan;
pub(crate) mod setup;
pub(crate) mod site;
pub(crate) mod sources;
