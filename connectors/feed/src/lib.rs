//! The open web: feeds ([`feed`]: RSS, Atom, JSON Feed) and single pages ([`page`]).

pub mod feed;
mod lenient;
pub mod page;
mod sitemap;
pub mod websub;

use streife_sdk::Kind;

/// The platform of all events of this crate.
pub const PLATFORM: &str = "web";

/// The lines of the application's registration table.
pub const KINDS: &[Kind] = &[
    Kind { name: feed::KIND, parse: feed::parse, connect: feed::connect },
    Kind { name: page::KIND, parse: page::parse, connect: page::connect },
];
