//! The data set of a referral, as JSON and as XML.

pub mod base64_bytes;
pub mod bytes;
mod json;
mod xml;

pub use json::{Evidence, SCHEMA, record};
pub use xml::{NAMESPACE, xml};
