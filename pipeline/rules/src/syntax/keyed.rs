//! The parts of an expression that are no brackets and no operators: terms, fields, scopes, numbers.

use streife_domain::Head;

use crate::Finding;
use crate::syntax::ast::{Compare, Expr, Field, Kind, Pattern, Presence, Quantity, ScopeKey, Term, Value};
use crate::syntax::atom;
use crate::syntax::lexer::Token;
use crate::syntax::nearest;
use crate::syntax::parser::{Context, Parser};

const OTHER_KEYS: [&str; 4] = ["raw", "hash", "symbol", "label"];
const QUANTITIES: [&str; 3] = ["cluster.size", "cluster.accounts", "cluster.platforms"];
/// Largest distance of 256-bit hashes that says anything.
const MAX_HASH_DISTANCE: f64 = 128.0;

impl Parser {
    /// `key:` and what follows.
    pub(super) fn keyed(&mut self) -> Expr {
        let at = self.at();
        let Token::Key(key) = self.advance() else { return Expr::new(Kind::Broken, at) };
        let outer = self.context;
        if key == "raw" {
            self.context.raw = true;
        } else if let Some(field) = Field::ALL.into_iter().find(|field| field.as_str() == key) {
            self.context = Context { field: Some(field), raw: outer.raw, ..Context::default() };
        } else if let Some(scope) = ScopeKey::ALL.into_iter().find(|scope| scope.as_str() == key) {
            self.context = Context { scope: Some(scope), ..Context::default() };
        } else if key == "label" {
            self.context = Context { label: true, ..Context::default() };
        } else if key == "hash" || key == "symbol" {
            return if key == "hash" { self.hash(at) } else { self.symbol(at) };
        } else {
            return self.unknown_key(&key, at);
        }
        let expr = match self.peek() {
            Token::Open => {
                let opened = self.at();
                self.advance();
                self.group(opened)
            }
            Token::Key(_) if self.context.scope.is_none() && !self.context.label => self.keyed(),
            Token::Bare(_) | Token::Quoted(_) | Token::Regex(_) | Token::List(_) => self.value(),
            _ => self.broken(Finding::error(
                at,
                (format!("nothing after `{key}:`"), format!("write {key}:word")),
                (format!("nach `{key}:` fehlt etwas"), format!("schreiben Sie {key}:wort")),
            )),
        };
        self.context = outer;
        Expr::new(expr.kind, at)
    }

    fn unknown_key(&mut self, key: &str, at: usize) -> Expr {
        let known = Field::ALL
            .map(Field::as_str)
            .into_iter()
            .chain(ScopeKey::ALL.map(ScopeKey::as_str))
            .chain(OTHER_KEYS);
        let all: Vec<&str> = known.clone().collect();
        let (english, german) = match nearest(key, known) {
            Some(name) => (format!("write {name}:"), format!("schreiben Sie {name}:")),
            None => (
                format!("known are {}; a text with a colon stands in quotes", all.join(", ")),
                format!(
                    "bekannt sind {}; ein Text mit Doppelpunkt steht in Anführungszeichen",
                    all.join(", ")
                ),
            ),
        };
        if matches!(self.peek(), Token::Bare(_) | Token::Quoted(_) | Token::List(_) | Token::Regex(_)) {
            self.advance();
        }
        self.broken(Finding::error(
            at,
            (format!("unknown field `{key}`"), english),
            (format!("unbekanntes Feld `{key}`"), german),
        ))
    }

    /// A word, phrase, list or regular expression in the current context.
    pub(super) fn value(&mut self) -> Expr {
        let at = self.at();
        self.count_term(at);
        if self.context.label {
            return self.label(at);
        }
        if let Some(scope) = self.context.scope {
            return self.scope_value(scope, at);
        }
        let pattern = match self.advance() {
            Token::Quoted(text) => Pattern::Phrase(text),
            Token::Regex(text) => Pattern::Regex(text),
            Token::List(name) => Pattern::List(name),
            Token::Bare(text) => {
                if let Some(expr) = self.number_or_exists(&text, at) {
                    return expr;
                }
                self.doubtful(&text, at);
                match atom::pattern(&text, at) {
                    Ok(pattern) => pattern,
                    Err(finding) => return self.broken(finding),
                }
            }
            _ => return Expr::new(Kind::Broken, at),
        };
        Expr::new(Kind::Term(Term { field: self.context.field, raw: self.context.raw, pattern }), at)
    }

    /// Words that somebody probably meant otherwise.
    fn doubtful(&mut self, text: &str, at: usize) {
        let operator = match text {
            "and" | "And" | "UND" => Some("AND"),
            "or" | "Or" | "ODER" => Some("OR"),
            "not" | "Not" | "NICHT" => Some("NOT"),
            _ => None,
        };
        if let Some(operator) = operator {
            self.report(
                Finding::error(
                    at,
                    (
                        format!("`{text}` is searched for as a word"),
                        format!("write {operator} if the operator is meant"),
                    ),
                    (
                        format!("nach `{text}` wird als Wort gesucht"),
                        format!("schreiben Sie {operator}, wenn der Operator gemeint ist"),
                    ),
                )
                .as_warning(),
            );
        }
        let field = match text.chars().next() {
            Some('#') if self.context.field != Some(Field::Tag) => Some("tag"),
            Some('@') if self.context.field != Some(Field::Mention) => Some("mention"),
            _ => None,
        };
        if let Some(field) = field {
            let word = text.get(1..).unwrap_or("");
            self.report(
                Finding::error(
                    at,
                    (
                        format!("the sign in `{text}` does not count, the word is looked for everywhere"),
                        format!("write {field}:{word}"),
                    ),
                    (
                        format!("das Zeichen in `{text}` zählt nicht, das Wort wird überall gesucht"),
                        format!("schreiben Sie {field}:{word}"),
                    ),
                )
                .as_warning(),
            );
        }
    }

    fn label(&mut self, at: usize) -> Expr {
        match self.advance() {
            Token::Bare(name) => match name.parse::<Head>() {
                Ok(head) => Expr::new(Kind::Label(head), at),
                Err(_) => self.unknown_head(&name, at),
            },
            _ => self.unknown_head("", at),
        }
    }

    fn unknown_head(&mut self, name: &str, at: usize) -> Expr {
        let names = Head::ALL.map(Head::as_str);
        let list = names.join(", ");
        let near = nearest(name, names);
        let english = near.map_or_else(
            || format!("the heads are {list}"),
            |near| format!("did you mean {near}? The heads are {list}"),
        );
        let german = near
            .map_or_else(|| format!("es gibt {list}"), |near| format!("meinten Sie {near}? Es gibt {list}"));
        self.broken(Finding::error(
            at,
            (format!("unknown head `{name}`"), english),
            (format!("unbekanntes Merkmal `{name}`"), german),
        ))
    }

    fn scope_value(&mut self, scope: ScopeKey, at: usize) -> Expr {
        let value = match self.advance() {
            Token::Bare(text) => match text.strip_prefix('$') {
                Some(name) => Value::List(name.to_owned()),
                None => Value::Text(text),
            },
            Token::Quoted(text) => Value::Text(text),
            Token::List(name) => Value::List(name),
            _ => {
                let key = scope.as_str();
                return self.broken(Finding::error(
                    at,
                    (format!("`{key}:` is compared as a whole"), format!("write {key}:value or {key}:$list")),
                    (
                        format!("`{key}:` wird als Ganzes verglichen"),
                        format!("schreiben Sie {key}:wert oder {key}:$liste"),
                    ),
                ));
            }
        };
        Expr::new(Kind::Scope(scope, value), at)
    }

    fn hash(&mut self, at: usize) -> Expr {
        if let Token::List(bank) = self.peek().clone() {
            self.count_term(at);
            self.advance();
            let at_most = if matches!(self.peek(), Token::Compare(Compare::AtMost)) {
                self.advance();
                self.number(0.0, MAX_HASH_DISTANCE).filter(|n| n.fract() == 0.0)
            } else {
                None
            };
            if let Some(bits) = at_most {
                return Expr::new(Kind::Hash { bank, at_most: bits as u16 }, at);
            }
        }
        self.broken(Finding::error(
            at,
            ("`hash:` takes a bank and a distance in bits", "write hash:$bank<=31"),
            ("`hash:` nimmt eine Bank und einen Abstand in Bit", "schreiben Sie hash:$bank<=31"),
        ))
    }

    fn symbol(&mut self, at: usize) -> Expr {
        if let Token::Bare(name) = self.peek().clone() {
            self.count_term(at);
            self.advance();
            if *self.peek() == Token::Compare(Compare::AtLeast) {
                self.advance();
                if let Some(at_least) = self.number(0.0, 1.0) {
                    return Expr::new(Kind::Symbol { name, at_least }, at);
                }
            }
        }
        self.broken(Finding::error(
            at,
            ("`symbol:` takes a name and a score from 0 to 1", "write symbol:name>=0.8"),
            ("`symbol:` nimmt einen Namen und einen Wert von 0 bis 1", "schreiben Sie symbol:name>=0.8"),
        ))
    }

    /// A number in bounds at the current place; consumed either way when it is a bare piece.
    pub(super) fn number(&mut self, least: f64, most: f64) -> Option<f64> {
        let Token::Bare(text) = self.peek().clone() else { return None };
        self.advance();
        text.parse::<f64>().ok().filter(|n| n.is_finite() && *n >= least && *n <= most)
    }

    /// `score.x>=0.8`, `cluster.size>=20`, `exists(x)`; `None` when it is just a word.
    fn number_or_exists(&mut self, text: &str, at: usize) -> Option<Expr> {
        if text == "exists" && *self.peek() == Token::Open && self.is_attached() {
            return Some(self.exists(at));
        }
        if let Some(scope) = ScopeKey::ALL.into_iter().find(|scope| scope.as_str() == text)
            && *self.peek() == Token::Default
        {
            return Some(self.scope_or(scope, at));
        }
        let quantity = match self.quantity(text, at)? {
            Ok(quantity) => quantity,
            Err(broken) => {
                while matches!(self.peek(), Token::Compare(_) | Token::Default) {
                    self.advance();
                    self.number(f64::MIN, f64::MAX);
                }
                return Some(broken);
            }
        };
        let default = if *self.peek() == Token::Default {
            self.advance();
            match self.number(f64::MIN, f64::MAX) {
                Some(number) => Some(number),
                None => return Some(self.no_number(at)),
            }
        } else {
            None
        };
        let Token::Compare(compare) = *self.peek() else { return Some(self.no_number(at)) };
        self.advance();
        let (least, most) =
            if matches!(quantity, Quantity::Score(_)) { (0.0, 1.0) } else { (0.0, f64::from(u32::MAX)) };
        match self.number(least, most) {
            Some(value) => Some(Expr::new(Kind::Number { quantity, default, compare, value }, at)),
            None => Some(self.no_number(at)),
        }
    }

    /// `lang ?? de = de`: the value, or the default where it is missing. Both are known, so it says
    /// `lang:de OR NOT exists(lang)` if they are the same, and `lang:de` if not.
    fn scope_or(&mut self, scope: ScopeKey, at: usize) -> Expr {
        self.advance();
        let text = |parser: &mut Self| match parser.advance() {
            Token::Bare(text) | Token::Quoted(text) => Some(text),
            _ => None,
        };
        let default = text(self);
        let compared = *self.peek() == Token::Compare(Compare::Equal);
        if compared {
            self.advance();
        }
        let value = text(self);
        let (Some(default), true, Some(value)) = (default, compared, value) else {
            let key = scope.as_str();
            return self.broken(Finding::error(
                at,
                (
                    format!("`{key} ??` takes a default and a value"),
                    format!("write {key} ?? default = value"),
                ),
                (
                    format!("`{key} ??` nimmt einen Ersatz und einen Wert"),
                    format!("schreiben Sie {key} ?? ersatz = wert"),
                ),
            ));
        };
        let same = default.trim().trim_start_matches('@').to_lowercase()
            == value.trim().trim_start_matches('@').to_lowercase();
        let equal = Expr::new(Kind::Scope(scope, Value::Text(value)), at);
        if !same {
            return equal;
        }
        let missing = Kind::Not(Box::new(Expr::new(Kind::Exists(Presence::Scope(scope)), at)));
        Expr::new(Kind::Or(vec![equal, Expr::new(missing, at)]), at)
    }

    fn no_number(&mut self, at: usize) -> Expr {
        self.broken(Finding::error(
            at,
            ("a number is compared like this: name, sign, number", "write score.violence>=0.8 (0 to 1) or cluster.size>=20; for missing values score.violence ?? 0 >= 0.8"),
            ("eine Zahl wird so verglichen: Name, Zeichen, Zahl", "schreiben Sie score.violence>=0.8 (0 bis 1) oder cluster.size>=20; für fehlende Werte score.violence ?? 0 >= 0.8"),
        ))
    }

    fn quantity(&mut self, text: &str, at: usize) -> Option<Result<Quantity, Expr>> {
        if let Some(head) = text.strip_prefix("score.") {
            return Some(match head.parse::<Head>() {
                Ok(head) => Ok(Quantity::Score(head)),
                Err(_) => Err(self.unknown_head(head, at)),
            });
        }
        let name = text.strip_prefix("cluster.")?;
        Some(match name {
            "size" => Ok(Quantity::ClusterSize),
            "accounts" => Ok(Quantity::ClusterAccounts),
            "platforms" => Ok(Quantity::ClusterPlatforms),
            _ => Err(self.broken(Finding::error(
                at,
                (format!("unknown number `{text}`"), format!("known are {}", QUANTITIES.join(", "))),
                (format!("unbekannte Zahl `{text}`"), format!("bekannt sind {}", QUANTITIES.join(", "))),
            ))),
        })
    }

    fn exists(&mut self, at: usize) -> Expr {
        self.advance();
        let presence = match self.advance() {
            Token::Bare(name) if name == "cluster" => Some(Presence::Cluster),
            Token::Bare(name) => match self.quantity(&name, at) {
                Some(Ok(quantity)) => Some(Presence::Number(quantity)),
                Some(Err(_)) => None,
                None => {
                    Field::ALL.into_iter().find(|field| field.as_str() == name).map(Presence::Field).or_else(
                        || ScopeKey::ALL.into_iter().find(|key| key.as_str() == name).map(Presence::Scope),
                    )
                }
            },
            _ => None,
        };
        let closed = *self.peek() == Token::Close;
        if closed {
            self.advance();
        }
        match presence {
            Some(presence) if closed => Expr::new(Kind::Exists(presence), at),
            _ => self.broken(Finding::error(
                at,
                (
                    "`exists()` takes one name",
                    "write exists(score.violence), exists(cluster), exists(ocr) or exists(lang)",
                ),
                (
                    "`exists()` nimmt einen Namen",
                    "schreiben Sie exists(score.violence), exists(cluster), exists(ocr) oder exists(lang)",
                ),
            )),
        }
    }
}
