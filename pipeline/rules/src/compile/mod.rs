//! From trees to plans: folding terms, resolving lists, choosing witnesses, building the reverse index.

mod index;
mod lower;
pub(crate) mod plan;
pub(crate) mod table;
mod witness;

pub(crate) use index::{Index, IndexBuilder};
pub(crate) use lower::{Lowering, base_level};
pub(crate) use table::WordSet;
pub(crate) use witness::{cover, guard};
