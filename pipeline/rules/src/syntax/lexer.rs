//! Cuts an expression into tokens. Never fails: what makes no sense becomes a finding and is passed over.

use crate::Finding;
use crate::limits::MAX_DISTANCE;
use crate::syntax::ast::Compare;

/// A piece of an expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    Open,
    Close,
    And,
    Or,
    Not,
    Near(u16),
    Before(u16),
    Sent,
    /// Anything without quotes.
    Bare(String),
    Quoted(String),
    Regex(String),
    List(String),
    /// `name:`
    Key(String),
    Compare(Compare),
    /// `??`
    Default,
    End,
}

#[derive(Debug, Clone)]
pub(crate) struct Spanned {
    pub(crate) token: Token,
    pub(crate) at: usize,
    /// Byte offset just past the token: `a(` and `a (` differ.
    pub(crate) end: usize,
}

/// After these keys everything up to white space or a bracket is the value, colons and slashes included.
const WHOLE_VALUE_KEYS: [&str; 8] =
    ["lang", "platform", "source", "kind", "reply_to", "domain", "mention", "url"];
const QUOTES: [char; 6] = ['"', '„', '“', '”', '«', '»'];

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    tokens: Vec<Spanned>,
    findings: Vec<Finding>,
}

/// The tokens of `text`, closed by [`Token::End`], and what was wrong.
pub(crate) fn lex(text: &str) -> (Vec<Spanned>, Vec<Finding>) {
    let mut lexer = Lexer { text, at: 0, tokens: Vec::new(), findings: Vec::new() };
    while let Some(c) = lexer.peek() {
        if c.is_whitespace() {
            lexer.at += c.len_utf8();
        } else {
            lexer.token(c);
        }
    }
    lexer.push(Token::End, text.len());
    (lexer.tokens, lexer.findings)
}

impl Lexer<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn push(&mut self, token: Token, at: usize) {
        self.tokens.push(Spanned { token, at, end: self.at });
    }

    fn take(&mut self, bytes: usize, token: Token) {
        let at = self.at;
        self.at += bytes;
        self.push(token, at);
    }

    fn take_while(&mut self, keep: impl Fn(char) -> bool) -> String {
        let run: String = self.rest().chars().take_while(|c| keep(*c)).collect();
        self.at += run.len();
        run
    }

    fn token(&mut self, c: char) {
        let rest = self.rest();
        match c {
            '(' => self.take(1, Token::Open),
            ')' => self.take(1, Token::Close),
            '/' => self.regex(),
            '$' => self.list(),
            '>' | '<' | '=' => self.compare(),
            '?' if rest.starts_with("??") => self.take(2, Token::Default),
            ':' => {
                let at = self.at;
                self.at += 1;
                self.findings.push(Finding::error(
                    at,
                    ("a colon without a field name before it", "write field:word, such as tag:word, or put the text in quotes"),
                    ("ein Doppelpunkt ohne Feldnamen davor", "schreiben Sie feld:wort, etwa tag:wort, oder setzen Sie den Text in Anführungszeichen"),
                ));
            }
            _ if QUOTES.contains(&c) => self.quoted(c),
            '|' | '&' | '!' | '+' | ',' | ';' => self.foreign(c),
            '-' => self.minus(),
            _ => self.bare(),
        }
    }

    fn compare(&mut self) {
        let rest = self.rest();
        let (length, compare) = match rest {
            r if r.starts_with(">=") => (2, Compare::AtLeast),
            r if r.starts_with("<=") => (2, Compare::AtMost),
            r if r.starts_with("==") => (2, Compare::Equal),
            r if r.starts_with('>') => (1, Compare::Over),
            r if r.starts_with('<') => (1, Compare::Under),
            _ => (1, Compare::Equal),
        };
        self.take(length, Token::Compare(compare));
    }

    fn foreign(&mut self, c: char) {
        let at = self.at;
        let run = self.take_while(|other| other == c);
        let (word, instead) = match c {
            '|' | ',' | ';' => ("OR", Token::Or),
            '!' => ("NOT", Token::Not),
            _ => ("AND", Token::And),
        };
        self.findings.push(Finding::error(
            at,
            (format!("`{run}` is no operator"), format!("write {word}")),
            (format!("`{run}` ist kein Operator"), format!("schreiben Sie {word}")),
        ));
        self.push(instead, at);
    }

    fn minus(&mut self) {
        let at = self.at;
        self.at += 1;
        if self.peek().is_some_and(char::is_alphanumeric) {
            self.findings.push(Finding::error(
                at,
                ("a minus before a word is no operator", "write NOT word"),
                ("ein Minus vor einem Wort ist kein Operator", "schreiben Sie NOT wort"),
            ));
            self.push(Token::Not, at);
        }
    }

    fn quoted(&mut self, open: char) {
        let start = self.at;
        let mut inside = String::new();
        let mut chars = self.text.get(start + open.len_utf8()..).unwrap_or("").char_indices();
        while let Some((offset, c)) = chars.next() {
            if c == '\\' {
                // A backslash keeps the next quote or backslash; before anything else it stands for itself.
                match chars.clone().next() {
                    Some((_, next)) if next == '\\' || QUOTES.contains(&next) => {
                        inside.push(next);
                        chars.next();
                    }
                    _ => inside.push(c),
                }
            } else if closes(open, c) {
                self.at = start + open.len_utf8() + offset + c.len_utf8();
                self.push(Token::Quoted(inside), start);
                return;
            } else {
                inside.push(c);
            }
        }
        self.at = self.text.len();
        self.findings.push(Finding::error(
            start,
            ("a quotation mark is never closed", "add the closing \""),
            ("ein Anführungszeichen wird nicht geschlossen", "ergänzen Sie das schließende \""),
        ));
        self.push(Token::Quoted(inside), start);
    }

    fn regex(&mut self) {
        let start = self.at;
        let mut inside = String::new();
        let mut escaped = false;
        let mut in_class = false;
        let body = self.text.get(start + 1..).unwrap_or("");
        for (offset, c) in body.char_indices() {
            if escaped {
                if c != '/' {
                    inside.push('\\');
                }
                inside.push(c);
                escaped = false;
            } else if c == '\\' {
                escaped = true;
            } else if c == '/' && !in_class {
                self.at = start + 1 + offset + 1;
                self.push(Token::Regex(inside), start);
                return;
            } else {
                in_class = (in_class || c == '[') && c != ']';
                inside.push(c);
            }
        }
        self.at = self.text.len();
        self.findings.push(Finding::error(
            start,
            ("a regular expression is never closed", "add the closing /, or put a text with / in quotes"),
            (
                "ein regulärer Ausdruck wird nicht geschlossen",
                "ergänzen Sie den schließenden /, oder setzen Sie Text mit / in Anführungszeichen",
            ),
        ));
        self.push(Token::Regex(inside), start);
    }

    fn list(&mut self) {
        let start = self.at;
        self.at += 1;
        let name = self.take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.'));
        if name.is_empty() {
            self.findings.push(Finding::error(
                start,
                ("`$` without the name of a list", "write $name"),
                ("`$` ohne den Namen einer Liste", "schreiben Sie $name"),
            ));
        }
        self.push(Token::List(name), start);
    }

    fn bare(&mut self) {
        let start = self.at;
        let after_key = match self.tokens.last() {
            Some(Spanned { token: Token::Key(key), end, .. }) if !self.rest().starts_with("raw:") => {
                *end == start && WHOLE_VALUE_KEYS.contains(&key.as_str())
            }
            _ => false,
        };
        if after_key {
            let run = self.take_while(|c| !c.is_whitespace() && !matches!(c, '(' | ')'));
            self.push(Token::Bare(run), start);
            return;
        }
        let run = self.take_while(|c| {
            !c.is_whitespace()
                && !matches!(c, '(' | ')' | ':' | '/' | '<' | '>' | '=' | '?' | ',' | ';' | '|' | '&')
                && !QUOTES.contains(&c)
        });
        let next = self.peek();
        match (run.as_str(), next) {
            ("", Some(c)) => self.at += c.len_utf8(),
            ("AND", _) => self.push(Token::And, start),
            ("OR", _) => self.push(Token::Or, start),
            ("NOT", _) => self.push(Token::Not, start),
            ("SENT", _) => self.push(Token::Sent, start),
            ("NEAR" | "BEFORE", _) => self.nearness(&run, start),
            (_, Some(':')) => {
                self.at += 1;
                self.push(Token::Key(run), start);
            }
            (_, Some('/')) => self.slash(run, start),
            _ => self.push(Token::Bare(run), start),
        }
    }

    fn nearness(&mut self, word: &str, start: usize) {
        let mut distance = None;
        if self.peek() == Some('/') {
            self.at += 1;
            let digits = self.take_while(|c| c.is_ascii_digit());
            distance = digits.parse::<u16>().ok().filter(|n| *n <= MAX_DISTANCE);
        }
        if distance.is_none() {
            self.findings.push(Finding::error(
                start,
                (format!("{word} needs a distance of 0 to {MAX_DISTANCE} words"), format!("write {word}/5")),
                (
                    format!("{word} braucht einen Abstand von 0 bis {MAX_DISTANCE} Wörtern"),
                    format!("schreiben Sie {word}/5"),
                ),
            ));
        }
        let distance = distance.unwrap_or(5);
        let token = if word == "NEAR" { Token::Near(distance) } else { Token::Before(distance) };
        self.push(token, start);
    }

    /// `a/b` outside quotes: perhaps an operator in small letters, perhaps a text with a slash.
    fn slash(&mut self, run: String, start: usize) {
        let upper = run.to_uppercase();
        if upper == "NEAR" || upper == "BEFORE" {
            self.findings.push(Finding::error(
                start,
                (format!("operators are written in capitals: `{run}`"), format!("write {upper}/5")),
                (format!("Operatoren stehen in Großbuchstaben: `{run}`"), format!("schreiben Sie {upper}/5")),
            ));
            self.nearness(&upper, start);
            return;
        }
        self.push(Token::Bare(run), start);
        let at = self.at;
        let tail = self.take_while(|c| !c.is_whitespace() && !matches!(c, '(' | ')'));
        self.findings.push(Finding::error(
            at,
            (format!("`{tail}` directly after a word"), "put a text with a slash in quotes; leave a space before a regular expression"),
            (format!("`{tail}` direkt nach einem Wort"), "setzen Sie Text mit Schrägstrich in Anführungszeichen; vor einem regulären Ausdruck steht ein Leerzeichen"),
        ));
    }
}

fn closes(open: char, c: char) -> bool {
    match open {
        '"' => c == '"',
        '„' | '“' | '”' => matches!(c, '“' | '”' | '"'),
        '«' => c == '»',
        _ => c == '«',
    }
}
