//! Recursive descent with recovery: one pass finds every error it can, and a tree comes out in any case.

use crate::Finding;
use crate::limits::{MAX_DEPTH, MAX_EXPRESSION_BYTES, MAX_TERMS};
use crate::syntax::ast::{Expr, Field, Kind, Nearness, Pattern, ScopeKey};
use crate::syntax::lexer::{Spanned, Token, lex};

/// A read expression. With findings of severity error the tree holds [`Kind::Broken`] parts.
#[derive(Debug, Clone)]
pub struct Parsed {
    /// The tree.
    pub expr: Expr,
    /// What is wrong or doubtful, by place.
    pub findings: Vec<Finding>,
}

/// Reads an expression (`when`, `unless`).
pub fn parse(text: &str) -> Parsed {
    if text.len() > MAX_EXPRESSION_BYTES {
        let finding = Finding::error(
            0,
            (
                format!("the expression is longer than {MAX_EXPRESSION_BYTES} bytes"),
                "move words into a list and write $name",
            ),
            (
                format!("der Ausdruck ist länger als {MAX_EXPRESSION_BYTES} Bytes"),
                "legen Sie Wörter in eine Liste und schreiben Sie $name",
            ),
        );
        return Parsed { expr: Expr::new(Kind::Broken, 0), findings: vec![finding] };
    }
    let (tokens, findings) = lex(text);
    let mut parser =
        Parser { tokens, next: 0, findings, depth: 0, terms: 0, stopped: false, context: Context::default() };
    let expr = parser.whole();
    let mut findings = parser.findings;
    findings.sort_by_key(|finding| finding.at);
    Parsed { expr, findings }
}

/// What a surrounding `field:( )` gives to the terms inside.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Context {
    pub(super) field: Option<Field>,
    pub(super) raw: bool,
    pub(super) scope: Option<ScopeKey>,
    pub(super) label: bool,
}

pub(super) struct Parser {
    pub(super) tokens: Vec<Spanned>,
    pub(super) next: usize,
    pub(super) findings: Vec<Finding>,
    depth: usize,
    terms: usize,
    stopped: bool,
    pub(super) context: Context,
}

impl Parser {
    pub(super) fn peek(&self) -> &Token {
        if self.stopped {
            return &Token::End;
        }
        self.tokens.get(self.next).map_or(&Token::End, |spanned| &spanned.token)
    }

    pub(super) fn at(&self) -> usize {
        self.tokens.get(self.next).or(self.tokens.last()).map_or(0, |spanned| spanned.at)
    }

    /// End of the token before the current one.
    fn previous_end(&self) -> usize {
        self.next.checked_sub(1).and_then(|i| self.tokens.get(i)).map_or(0, |spanned| spanned.end)
    }

    /// Does the current token follow the one before it without a space?
    pub(super) fn is_attached(&self) -> bool {
        self.at() == self.previous_end()
    }

    pub(super) fn advance(&mut self) -> Token {
        let token = self.peek().clone();
        if token != Token::End {
            self.next += 1;
        }
        token
    }

    pub(super) fn report(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    pub(super) fn broken(&mut self, finding: Finding) -> Expr {
        let at = finding.at;
        self.report(finding);
        Expr::new(Kind::Broken, at)
    }

    /// Counts a term; stops the reading when there are too many.
    pub(super) fn count_term(&mut self, at: usize) {
        self.terms += 1;
        if self.terms == MAX_TERMS + 1 {
            self.stop(Finding::error(
                at,
                (
                    format!("more than {MAX_TERMS} terms in one expression"),
                    "move words into a list and write $name",
                ),
                (
                    format!("mehr als {MAX_TERMS} Suchwörter in einem Ausdruck"),
                    "legen Sie Wörter in eine Liste und schreiben Sie $name",
                ),
            ));
        }
    }

    fn stop(&mut self, finding: Finding) {
        if !self.stopped {
            self.report(finding);
            self.stopped = true;
        }
    }

    fn whole(&mut self) -> Expr {
        if *self.peek() == Token::End {
            return self.broken(Finding::error(
                0,
                ("the expression is empty", "write at least one word"),
                ("der Ausdruck ist leer", "schreiben Sie mindestens ein Wort"),
            ));
        }
        let mut parts = vec![self.or()];
        while *self.peek() != Token::End {
            // Only a closing bracket too many stops `or` before the end.
            let at = self.at();
            self.report(Finding::error(
                at,
                ("a closing bracket without an opening one", "remove it, or add ( before"),
                ("eine schließende Klammer ohne öffnende", "entfernen Sie sie, oder ergänzen Sie davor ("),
            ));
            self.advance();
            if *self.peek() != Token::End && *self.peek() != Token::Close {
                parts.push(self.or());
            }
        }
        join(parts, Kind::And)
    }

    pub(super) fn or(&mut self) -> Expr {
        let mut parts = vec![self.and()];
        while *self.peek() == Token::Or {
            self.advance();
            parts.push(self.and());
        }
        join(parts, Kind::Or)
    }

    fn and(&mut self) -> Expr {
        let mut parts = vec![self.pair()];
        loop {
            match self.peek() {
                Token::And => {
                    self.advance();
                    parts.push(self.pair());
                }
                Token::Or | Token::Close | Token::End => break,
                _ => parts.push(self.pair()),
            }
        }
        join(parts, Kind::And)
    }

    fn nearness(&mut self) -> Option<Nearness> {
        let near = match self.peek() {
            Token::Near(distance) => Nearness::Near(*distance),
            Token::Before(distance) => Nearness::Before(*distance),
            Token::Sent => Nearness::Sent,
            _ => return None,
        };
        self.advance();
        Some(near)
    }

    fn pair(&mut self) -> Expr {
        let left = self.not();
        let Some(near) = self.nearness() else { return left };
        let right = self.not();
        let at = left.at;
        for operand in [&left, &right] {
            self.check_operand(operand);
        }
        while matches!(self.peek(), Token::Near(_) | Token::Before(_) | Token::Sent) {
            let chained = self.at();
            self.report(Finding::error(
                chained,
                (
                    "NEAR, BEFORE and SENT take two terms each and do not chain",
                    "write (a NEAR/5 b) AND (b NEAR/5 c)",
                ),
                (
                    "NEAR, BEFORE und SENT verbinden je zwei Suchwörter und lassen sich nicht verketten",
                    "schreiben Sie (a NEAR/5 b) AND (b NEAR/5 c)",
                ),
            ));
            self.nearness();
            self.not();
        }
        Expr::new(Kind::Pair { near, left: Box::new(left), right: Box::new(right) }, at)
    }

    fn check_operand(&mut self, operand: &Expr) {
        if !is_operand(operand) {
            self.report(Finding::error(
                operand.at,
                (
                    "NEAR, BEFORE and SENT take words, phrases, lists, wildcards or an OR-group of these",
                    "take this part out and join it with AND, such as (a NEAR/5 b) AND NOT c",
                ),
                (
                    "NEAR, BEFORE und SENT nehmen Wörter, Wortfolgen, Listen, Platzhalter oder eine OR-Gruppe davon",
                    "nehmen Sie diesen Teil heraus und verbinden Sie ihn mit AND, etwa (a NEAR/5 b) AND NOT c",
                ),
            ));
        }
    }

    fn not(&mut self) -> Expr {
        let at = self.at();
        if *self.peek() != Token::Not {
            return self.primary();
        }
        self.advance();
        let part = self.nested(at, Self::not);
        Expr::new(Kind::Not(Box::new(part)), at)
    }

    /// One level deeper, up to the limit.
    pub(super) fn nested(&mut self, at: usize, read: impl FnOnce(&mut Self) -> Expr) -> Expr {
        if self.depth >= MAX_DEPTH {
            self.stop(Finding::error(
                at,
                (format!("nested deeper than {MAX_DEPTH} levels"), "remove brackets that change nothing"),
                (
                    format!("tiefer als {MAX_DEPTH} Ebenen geschachtelt"),
                    "entfernen Sie Klammern, die nichts ändern",
                ),
            ));
            return Expr::new(Kind::Broken, at);
        }
        self.depth += 1;
        let expr = read(self);
        self.depth -= 1;
        expr
    }

    /// The rest of a group after its opening bracket.
    pub(super) fn group(&mut self, opened_at: usize) -> Expr {
        if *self.peek() == Token::Close {
            self.advance();
            return self.broken(Finding::error(
                opened_at,
                ("empty brackets", "write a word inside or remove them"),
                ("leere Klammern", "schreiben Sie ein Wort hinein oder entfernen Sie sie"),
            ));
        }
        let inner = self.nested(opened_at, Self::or);
        if *self.peek() == Token::Close {
            self.advance();
        } else if !self.stopped {
            self.report(Finding::error(
                opened_at,
                ("an opening bracket is never closed", "add )"),
                ("eine öffnende Klammer wird nicht geschlossen", "ergänzen Sie )"),
            ));
        }
        inner
    }

    fn primary(&mut self) -> Expr {
        let at = self.at();
        match self.peek() {
            Token::Open => {
                self.advance();
                self.group(at)
            }
            Token::Key(_) => self.keyed(),
            Token::Bare(_) | Token::Quoted(_) | Token::Regex(_) | Token::List(_) => self.value(),
            Token::End | Token::Close if self.stopped => Expr::new(Kind::Broken, at),
            Token::End | Token::Close | Token::Or | Token::And => self.broken(Finding::error(
                at,
                ("a term is missing here", "write a word, or remove the operator before"),
                ("hier fehlt ein Suchwort", "schreiben Sie ein Wort, oder entfernen Sie den Operator davor"),
            )),
            _ => {
                self.advance();
                self.broken(Finding::error(
                    at,
                    (
                        "this does not belong here",
                        "between operators stand words, phrases, lists or brackets",
                    ),
                    (
                        "das gehört nicht hierher",
                        "zwischen Operatoren stehen Wörter, Wortfolgen, Listen oder Klammern",
                    ),
                ))
            }
        }
    }
}

/// One part alone is itself; a group in a group of the same kind melts into it.
fn join(parts: Vec<Expr>, kind: fn(Vec<Expr>) -> Kind) -> Expr {
    let at = parts.first().map_or(0, |part| part.at);
    let is_or = matches!(kind(Vec::new()), Kind::Or(_));
    let mut flat = Vec::with_capacity(parts.len());
    for part in parts {
        match part.kind {
            Kind::Or(inner) if is_or => flat.extend(inner),
            Kind::And(inner) if !is_or => flat.extend(inner),
            kind => flat.push(Expr::new(kind, part.at)),
        }
    }
    match flat.pop() {
        Some(only) if flat.is_empty() => only,
        last => {
            flat.extend(last);
            Expr::new(kind(flat), at)
        }
    }
}

fn is_operand(expr: &Expr) -> bool {
    match &expr.kind {
        Kind::Term(term) => {
            term.field.is_none_or(Field::has_positions) || matches!(term.pattern, Pattern::Regex(_))
        }
        Kind::Or(parts) => parts.iter().all(is_operand),
        Kind::Broken => true,
        _ => false,
    }
}
