//! The desk: queue, item, cases, rules, figures, audit as web pages. Server-rendered, works without JavaScript.
//!
//! * [`routes`]: every route once, with the right it needs and whether it shows content.
//! * [`guard`]: session, right, CSRF token, headers; no handler can forget them.
//! * [`audited`]: content is reached only through [`audited::Audited`], which writes the audit entry first.
//! * `door`: what happens before it is known who asks; behind it a request sees one tenant alone.
//! * [`reader`]: what the desk needs from the store; [`sample`] holds invented posts for tests and the demo.
//! * [`lab`]: what the rule pages need from the rule engine and from stored history.
//!
//! The desk never touches the log and knows no ClickHouse.

pub mod alerts;
mod api;
pub mod audited;
mod burst;
mod diff;
mod door;
mod fault;
pub mod guard;
mod heads;
pub mod i18n;
pub mod interval;
mod jobs;
pub mod keys;
pub mod lab;
pub mod oidc;
pub mod pages;
pub mod priority;
pub mod reader;
pub mod routes;
pub mod sample;
pub mod spans;
mod state;
mod throttle;
mod trouble;
mod wellness;

pub use fault::Fault;
pub use routes::router;
pub use state::{Access, Charts};
pub use state::{
    DemoAccount, DeskParts, DeskState, EvidenceLine, EvidenceSealer, Sent, create_demo_accounts,
};
pub use trouble::{EvidenceFault, Trouble};
