//! The two outputs: the container for upload box or USB stick, and the court set of loose files.

pub mod zip;
