//! What the front must know of a statement: what kind it is, and its `FORMAT` clause. A scanner over words
//! that skips comments and quoted parts; the engine does the real parsing.

/// What a statement does, as far as the front and its audit tell statements apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum QueryKind {
    /// `SELECT`, `WITH`.
    Select,
    /// `INSERT`.
    Insert,
    /// `CREATE`, `ALTER`, `DROP`, `TRUNCATE`, `DELETE`, `OPTIMIZE`, ...: changes structure or removes data.
    Change,
    /// `SHOW`, `DESCRIBE`, `EXISTS`, `EXPLAIN`, ...: reads structure.
    Other,
}

impl QueryKind {
    /// The written form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Select => "select",
            Self::Insert => "insert",
            Self::Change => "change",
            Self::Other => "other",
        }
    }

    /// The kind of `sql` by its first word.
    pub(super) fn of(sql: &str) -> Self {
        let first = words(sql).next().map(|word| word.text.to_ascii_uppercase());
        match first.as_deref() {
            Some("SELECT" | "WITH") => Self::Select,
            Some("INSERT") => Self::Insert,
            Some("SHOW" | "DESCRIBE" | "DESC" | "EXISTS" | "EXPLAIN" | "CHECK" | "USE") => Self::Other,
            _ => Self::Change,
        }
    }
}

/// The `FORMAT` clause of a statement, when it has one outside quotes: where it begins, and its name.
pub(super) fn format_clause(sql: &str) -> Option<(usize, &str)> {
    let mut found = None;
    let mut before: Option<Word<'_>> = None;
    for word in words(sql) {
        if let Some(keyword) = before.filter(|w| w.text.eq_ignore_ascii_case("FORMAT")) {
            found = Some((keyword.start, word.text));
        }
        before = Some(word);
    }
    found
}

#[derive(Clone, Copy)]
struct Word<'a> {
    start: usize,
    text: &'a str,
}

/// The bare words of a statement, in order.
fn words(sql: &str) -> impl Iterator<Item = Word<'_>> {
    let bytes = sql.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        while let Some(&byte) = bytes.get(at) {
            let start = at;
            match byte {
                b'\'' | b'"' | b'`' => at = quoted_end(bytes, at),
                b'-' if bytes.get(at + 1) == Some(&b'-') => at = find_from(bytes, at, b"\n"),
                b'/' if bytes.get(at + 1) == Some(&b'*') => at = find_from(bytes, at + 2, b"*/"),
                _ if is_word(byte) => {
                    while bytes.get(at).copied().is_some_and(is_word) {
                        at += 1;
                    }
                    return sql.get(start..at).map(|text| Word { start, text });
                }
                _ => at += 1,
            }
        }
        None
    })
}

const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// One past the quote that closes the one at `start`; the end when it is never closed.
fn quoted_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(&byte) = bytes.get(at) {
        at += match byte {
            b'\\' => 2,
            _ if byte == bytes[start] => return at + 1,
            _ => 1,
        };
    }
    bytes.len()
}

/// One past the next `end` at or after `from`; the end when there is none.
fn find_from(bytes: &[u8], from: usize, end: &[u8]) -> usize {
    bytes
        .get(from..)
        .and_then(|rest| rest.windows(end.len()).position(|window| window == end))
        .map_or(bytes.len(), |found| from + found + end.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_is_told_behind_comments_and_brackets() {
        assert_eq!(QueryKind::of(" -- x\n/* select */ insert into t values"), QueryKind::Insert);
        assert_eq!(QueryKind::of("((SELECT 1))"), QueryKind::Select);
        assert_eq!(QueryKind::of("DROP TABLE x"), QueryKind::Change);
        assert_eq!(QueryKind::of(""), QueryKind::Change);
    }

    #[test]
    fn a_format_clause_in_quotes_is_none() {
        assert_eq!(format_clause("SELECT 'a FORMAT JSON', `format x`"), None);
        assert_eq!(format_clause("SELECT 1 FORMAT JSON"), Some((9, "JSON")));
        assert_eq!(format_clause("INSERT INTO t(a, b) FORMAT RowBinary"), Some((20, "RowBinary")));
        assert_eq!(format_clause("SELECT 'it\\'s' -- FORMAT CSV\n"), None);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_scanned_to_its_end(sql in "\\PC{0,80}") {
            let _ = (QueryKind::of(&sql), format_clause(&sql));
        }
    }
}
