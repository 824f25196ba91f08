//! The data set of a referral, as JSON and as XML.

pub mod base64_bytes;
pub mod bytes;
