//! What desk, summary and backtests ask. Values from outside are bound on the server (`{name:Type}`), never
//! written into a statement.

mod campaign;
mod head;
mod item;
mod queue;
mod recent;
mod summary;
mod system;
mod trends;

pub use campaign::{CampaignHour, CampaignMember};
pub use head::{HeadEntry, HeadOrder, HeadSize};
pub use item::{FlaggedItem, IdentityItem, RuleDay};
pub use queue::{QueueCursor, QueueFilter, QueueOrder, QueuePage};
pub use recent::{Prefilter, RecentPost};
pub use summary::{SourceRate, Summary, SummaryScope};
pub use system::{SystemState, TableState};
pub use trends::{Campaign, FlaggedSplit};
