//! What desk, summary and backtests ask. Values from outside are bound on the server (`{name:Type}`), never
//! written into a statement.

mod analysis;
mod campaign;
mod head;
mod item;
mod queue;
mod recent;
mod scores;
mod summary;
mod system;
mod thread;
mod trends;

pub use analysis::{Dimension, ExportFormat, ExportLabel, MAX_EXPORT, SeriesPoint};
pub use campaign::{CampaignHour, CampaignMember};
pub use head::{HeadEntry, HeadOrder, HeadSize};
pub use item::{FlaggedItem, IdentityItem, RuleDay};
pub use queue::{QueueCursor, QueueFilter, QueueOrder, QueuePage};
pub use recent::{Prefilter, RecentPost};
pub use scores::StoredScore;
pub use summary::{SourceRate, Summary, SummaryScope};
pub use system::{SystemState, TableState};
pub use thread::Neighbour;
pub use trends::Campaign;
