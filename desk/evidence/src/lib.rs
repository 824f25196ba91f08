//! Sealed evidence: from a decided case to a package that a prosecutor can open and anyone can verify offline.
//!
//! The crate takes plain values ([`ReferralInput`]) and knows neither the case database nor the pipeline. IO
//! happens at two edges only: [`create`] writes into a folder, [`verify()`] reads one package. Everything between
//! is functions over bytes, so the same input, keys and time stamps give the same package.
//!
//! * [`warc`], [`wacz`]: the bytes that were collected, in the formats of web archives.
//! * [`merkle`], [`seal`]: hashes, the tree over them, RFC 3161 time stamps and the queue of those still pending.
//! * [`package`]: the container (a BagIt bag in a canonical ZIP) and the court set (loose files).
//! * [`record`], [`report`]: the data set as JSON and XML, the report as PDF/A.
//! * [`capture`]: what is secured, from bytes collected and by a headless browser; [`exchange`]: STIX and MISP.
//! * [`mod@verify`]: every check, step by step, stricter than the formats ask for.
//!
//! Absent on purpose: sending (the case desk hands over), and any judgement about content.

pub mod capture;
pub mod custody;
mod demo;
pub mod exchange;
pub mod input;
pub mod merkle;
pub mod package;
pub mod record;
pub mod report;
pub mod seal;
pub mod verify;
pub mod wacz;
pub mod warc;

pub use demo::demo_referral;
pub use input::*;
pub use package::{CreateError, Created, PackageKey, create};
pub use verify::{Step, VerifyOptions, verify};
