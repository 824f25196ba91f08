//! What the desk is given: its readers over ClickHouse, rule checks, the sealing of evidence.

pub(crate) mod access;
pub(crate) mod evidence;
mod explain;
mod figures;
mod history;
mod lab;
mod reader;
mod seal;

pub(crate) use explain::Explainer;
pub(crate) use lab::RuleLab;
pub(crate) use reader::StoreReader;
pub(crate) use seal::Sealer;
