//! What the desk is given: its readers over ClickHouse, rule checks, the sealing of evidence.

mod check;
mod figures;
mod reader;
mod seal;

pub(crate) use check::SyntaxCheck;
pub(crate) use reader::StoreReader;
pub(crate) use seal::Sealer;
