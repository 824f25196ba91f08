//! The desk: queue, item, rules, cases as web pages.
