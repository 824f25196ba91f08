//! Watch rules: parse, check, compile, evaluate, explain.
