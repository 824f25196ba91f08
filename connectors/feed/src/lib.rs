//! RSS, Atom and JSON Feed with conditional requests.
