//! The language: tokens, tree, parser with recovery, printer.

pub mod ast;
mod atom;
mod keyed;
mod lexer;
mod parser;
mod print;
mod suggest;
mod window;

pub(crate) use atom::list_pattern;
pub use parser::{Parsed, parse};
pub(crate) use print::print_lines;
pub use print::{print, print_window};
pub(crate) use suggest::nearest;
pub use window::{Counted, Group, ParsedWindow, Window, parse_window};

#[cfg(test)]
mod tests;
