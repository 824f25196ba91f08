//! Feeds whose publishers tell of news: what a feed says about its hub, the listener for hubs, and the connector that asks
//! when it is told to, and otherwise less often. The subscriptions themselves: [`streife_sdk::websub`].

mod connector;
mod links;
mod listener;

pub(crate) use connector::Followed;
pub use listener::{MAX_PUSH_BYTES, router};
