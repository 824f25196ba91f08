//! The connector contract: fetch, parse, cursor, politeness.
