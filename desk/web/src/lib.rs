//! The desk: queue, item, cases, rules, figures, audit as web pages. Server-rendered, works without JavaScript.
//!
//! * [`routes`]: every route once, with the right it needs and whether it shows content.
//! * [`guard`]: session, right, CSRF token, headers; no handler can forget them.
//! * [`audited`]: content is reached only through [`audited::Audited`], which writes the audit entry first.
//! * [`reader`]: what the desk needs from the store; [`sample`] holds invented posts for tests and the demo.
//!
//! The desk never touches the log and knows no ClickHouse.

pub mod audited;
mod fault;
pub mod guard;
pub mod i18n;
pub mod pages;
pub mod priority;
pub mod reader;
pub mod routes;
pub mod sample;
pub mod spans;
mod state;
mod throttle;

pub use fault::Fault;
pub use routes::router;
pub use state::{
    DemoAccount, DeskParts, DeskState, EvidenceSealer, RuleCheck, RuleProblem, create_demo_accounts,
};
