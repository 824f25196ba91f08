//! A rule's document.

use streife_domain::{Head, Priority, Purpose};
use streife_text::FoldLevel;

use super::fields::Fields;
use super::list::{NO_HASH, read_hash};
use super::{RuleSource, expression};
use crate::date::Day;
use crate::limits::{MAX_TESTS, WANTED_TESTS};
use crate::problem::Problem;
use crate::syntax::{Window, parse_window};
use crate::yaml::{File, Node, NodeKind};
use crate::{Cost, Expect, Rule, State, Trial, TrialPost};

/// Fields of a rule, in the order they are usually written.
pub(crate) const FIELDS: [&str; 24] = [
    "id",
    "version",
    "title",
    "owner",
    "approved_by",
    "purpose",
    "legal_basis",
    "occasion",
    "norms",
    "protected_interest",
    "review_by",
    "retention",
    "severity",
    "queue",
    "quota_per_day",
    "state",
    "fold",
    "when",
    "unless",
    "window",
    "explain",
    "sources",
    "tests",
    "note",
];
const PURPOSES: [(&str, Purpose); 5] = [
    ("danger_prevention", Purpose::DangerPrevention),
    ("crime_prevention", Purpose::CrimePrevention),
    ("prosecution", Purpose::Prosecution),
    ("media_supervision", Purpose::MediaSupervision),
    ("demonstration", Purpose::Demonstration),
];
const SEVERITIES: [(&str, Priority); 3] =
    [("low", Priority::Low), ("medium", Priority::Medium), ("high", Priority::High)];
const FOLDS: [(&str, FoldLevel); 4] = [
    ("none", FoldLevel::None),
    ("case", FoldLevel::Case),
    ("std", FoldLevel::Std),
    ("stem", FoldLevel::Stem),
];

/// Reads a rule; `None` when its envelope or an expression has errors.
pub(super) fn read<'a>(
    file: File<'a>,
    node: &Node,
    today: Day,
    problems: &mut Vec<Problem>,
) -> Option<RuleSource<'a>> {
    let mut fields = Fields::of(file, node, "id", &FIELDS, problems);
    let id = fields.required(
        "id",
        ("give the rule a name, such as w-86a-codes", "geben Sie der Regel einen Namen, etwa w-86a-codes"),
    );
    if !id.is_empty()
        && (id.len() > 100 || !id.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.')))
    {
        let at = fields.at("id");
        fields.error(
            at,
            ("an id has up to 100 letters, digits, `-`, `_`, `.`", "write it without spaces"),
            (
                "eine id hat bis zu 100 Buchstaben, Ziffern, `-`, `_`, `.`",
                "schreiben Sie sie ohne Leerzeichen",
            ),
        );
    }
    fields.required(
        "purpose",
        (
            "write for what posts are matched, such as prosecution",
            "schreiben Sie, wozu gesucht wird, etwa prosecution",
        ),
    );
    let purpose = fields.choice("purpose", &PURPOSES).unwrap_or(Purpose::Demonstration);
    let legal_basis = fields.required(
        "legal_basis",
        (
            "write the order or statute, such as \"order 12/2026\"",
            "schreiben Sie die Anordnung oder Norm, etwa \"order 12/2026\"",
        ),
    );
    let review_by = fields.review_by(today, purpose == Purpose::Demonstration);
    let owner = fields.text("owner").unwrap_or_default();
    let approved_by = approved_by(&mut fields, &owner);
    let version = fields.whole("version").unwrap_or(1);
    let rule = Rule {
        version,
        title: fields.text("title").unwrap_or_else(|| id.clone()),
        owner: owner.into(),
        approved_by,
        purpose,
        legal_basis: legal_basis.into(),
        occasion: fields.text("occasion").unwrap_or_default().into(),
        norms: fields.texts("norms"),
        protected_interest: fields.text("protected_interest").unwrap_or_default().into(),
        review_by: review_by.into(),
        retention: fields.text("retention").unwrap_or_default().into(),
        severity: fields.choice("severity", &SEVERITIES).unwrap_or(Priority::Medium),
        queue: fields.text("queue").unwrap_or_default().into(),
        quota_per_day: fields.whole("quota_per_day"),
        state: fields.choice("state", &State::ALL.map(|state| (state.as_str(), state))).unwrap_or_default(),
        when: String::new(),
        unless: fields.text("unless").unwrap_or_default(),
        window: fields.text("window").unwrap_or_default(),
        explain: fields.text("explain").unwrap_or_default(),
        sources: fields.texts("sources"),
        tests: tests(&mut fields),
        lists: Vec::new(),
        cost: Cost::Narrow,
        witness: Vec::new(),
        file: file.path.into(),
        id,
    };
    fields.text("note");
    let fold = fields.choice("fold", &FOLDS).unwrap_or_default();
    fields.required(
        "when",
        (
            "write what a post must have, such as: when: word AND other",
            "schreiben Sie, was ein Beitrag haben muss, etwa: when: wort AND anderes",
        ),
    );
    let when = read_expression(&mut fields, "when");
    let unless = if rule.unless.is_empty() { None } else { read_expression(&mut fields, "unless") };
    let window = read_window(&mut fields);
    if fields.failed() {
        return None;
    }
    let when = when?;
    Some(RuleSource {
        rule: Rule { when: when.text.trim().to_owned(), ..rule },
        file,
        fold,
        when,
        unless,
        window,
    })
}

fn approved_by(fields: &mut Fields<'_, '_, '_>, owner: &str) -> Option<String> {
    let approver = fields.text("approved_by")?;
    if approver == owner {
        let at = fields.at("approved_by");
        fields.error(
            at,
            ("owner and approver are the same person", "a second person switches a rule live"),
            (
                "Verfasser und Freigebende sind dieselbe Person",
                "eine zweite Person schaltet die Regel scharf",
            ),
        );
    }
    Some(approver)
}

fn read_expression(fields: &mut Fields<'_, '_, '_>, key: &str) -> Option<expression::Expression> {
    let node = fields.get(key)?;
    node.text()?;
    let (file, name) = (fields.file, fields.name.clone());
    let read = expression::read(&file, &name, node, fields.problems);
    if read.is_none() {
        fields.fail();
    }
    read
}

fn read_window(fields: &mut Fields<'_, '_, '_>) -> Option<Window> {
    let node = fields.get("window")?;
    let text = node.text().filter(|text| !text.trim().is_empty())?;
    let parsed = parse_window(text);
    let (file, name) = (fields.file, fields.name.clone());
    fields
        .problems
        .extend(parsed.findings.iter().map(|finding| expression::place(&file, &name, node, finding)));
    if parsed.window.is_none() {
        fields.fail();
    }
    parsed.window
}

fn tests(fields: &mut Fields<'_, '_, '_>) -> Vec<Trial> {
    let missing = (
        (
            "`tests` are missing",
            "write at least three posts it must hit and three near misses: - {text: \"...\", expect: hit}",
        ),
        (
            "`tests` fehlen",
            "schreiben Sie mindestens drei Treffer und drei knappe Nichttreffer: - {text: \"...\", expect: hit}",
        ),
    );
    let Some(node) = fields.get("tests") else {
        let at = fields.at("tests");
        fields.error(at, missing.0, missing.1);
        return Vec::new();
    };
    let trials = match &node.kind {
        NodeKind::Sequence(items) if !items.is_empty() => trials(fields, items),
        _ => {
            fields.error(node.start, missing.0, missing.1);
            return Vec::new();
        }
    };
    let hits = trials.iter().filter(|trial| trial.expect == Some(Expect::Hit)).count();
    let misses = trials.len() - hits;
    if hits < WANTED_TESTS || misses < WANTED_TESTS {
        fields.warn(
            node.start,
            (format!("{hits} hits and {misses} near misses in the tests"), format!("write at least {WANTED_TESTS} of each: quotation, satire, counter-speech, harmless homonym")),
            (format!("{hits} Treffer und {misses} knappe Nichttreffer in den Tests"), format!("schreiben Sie je mindestens {WANTED_TESTS}: Zitat, Satire, Gegenrede, harmloses Gleichwort")),
        );
    }
    trials
}

const TRIAL_FIELDS: [&str; 19] = [
    "text", "expect", "ocr", "asr", "quote", "tags", "urls", "mentions", "lang", "platform", "source",
    "kind", "reply_to", "scores", "labels", "cluster", "symbols", "hashes", "note",
];

pub(super) fn trials(fields: &mut Fields<'_, '_, '_>, items: &[Node]) -> Vec<Trial> {
    let (file, name) = (fields.file, fields.name.clone());
    let mut failed = items.len() > MAX_TESTS;
    let mut found = Vec::with_capacity(items.len().min(MAX_TESTS));
    for item in items.iter().take(MAX_TESTS) {
        let mut test = Fields::of(file, item, "text", &TRIAL_FIELDS, fields.problems);
        test.name.clone_from(&name);
        test.required(
            "expect",
            ("write expect: hit or expect: miss", "schreiben Sie expect: hit oder expect: miss"),
        );
        let expect = test.choice("expect", &[("hit", Expect::Hit), ("miss", Expect::Miss)]);
        let text = test.get("text").and_then(Node::text).unwrap_or("").to_owned();
        let others = TrialPost {
            ocr: test.text("ocr").unwrap_or_default(),
            asr: test.text("asr").unwrap_or_default(),
            quote: test.text("quote").unwrap_or_default(),
            tags: test.texts("tags"),
            urls: test.texts("urls"),
            mentions: test.texts("mentions"),
            lang: test.text("lang").unwrap_or_default(),
            platform: test.text("platform").unwrap_or_default(),
            source: test.text("source").unwrap_or_default(),
            kind: test.text("kind").unwrap_or_default(),
            reply_to: test.text("reply_to").unwrap_or_default(),
            scores: scores(&mut test),
            labels: labels(&mut test),
            cluster: cluster(&mut test),
            symbols: symbols(&mut test),
            hashes: hashes(&mut test),
        };
        let others = (others != TrialPost::default()).then(|| Box::new(others));
        let trial = Trial { expect, text, others };
        failed |= test.failed();
        found.push(trial);
    }
    if failed {
        fields.fail();
    }
    found
}

fn scores(test: &mut Fields<'_, '_, '_>) -> Vec<(Head, f32)> {
    let Some(node) = test.get("scores") else { return Vec::new() };
    let pairs = match &node.kind {
        NodeKind::Map(pairs) => pairs.as_slice(),
        _ => &[],
    };
    let read: Option<Vec<(Head, f32)>> = pairs
        .iter()
        .map(|(head, score)| Some((head.text()?.parse().ok()?, score.text()?.parse().ok()?)))
        .collect();
    read.filter(|scores| !scores.is_empty()).unwrap_or_else(|| {
        test.error(
            node.start,
            ("`scores` is a map from head to number", "write {violence: 0.9}"),
            ("`scores` ordnet Merkmalen Zahlen zu", "schreiben Sie {violence: 0.9}"),
        );
        Vec::new()
    })
}

fn symbols(test: &mut Fields<'_, '_, '_>) -> Vec<(String, f32)> {
    let Some(node) = test.get("symbols") else { return Vec::new() };
    let NodeKind::Map(pairs) = &node.kind else {
        test.error(
            node.start,
            ("`symbols` is a map from name to score", "write {name: 0.9}"),
            ("`symbols` ordnet Namen Zahlen zu", "schreiben Sie {name: 0.9}"),
        );
        return Vec::new();
    };
    pairs
        .iter()
        .filter_map(|(name, score)| Some((name.text()?.to_owned(), score.text()?.parse().ok()?)))
        .collect()
}

fn hashes(test: &mut Fields<'_, '_, '_>) -> Vec<[u8; 32]> {
    let written = test.texts("hashes");
    let read: Option<Vec<[u8; 32]>> = written.iter().map(|text| read_hash(text)).collect();
    read.unwrap_or_else(|| {
        let at = test.at("hashes");
        test.error(at, NO_HASH.0, NO_HASH.1);
        Vec::new()
    })
}

fn labels(test: &mut Fields<'_, '_, '_>) -> Vec<Head> {
    let names = test.texts("labels");
    let read: Option<Vec<Head>> = names.iter().map(|name| name.parse().ok()).collect();
    read.unwrap_or_else(|| {
        let at = test.at("labels");
        test.error(
            at,
            ("an unknown head in `labels`", "write [violence]"),
            ("ein unbekanntes Merkmal in `labels`", "schreiben Sie [violence]"),
        );
        Vec::new()
    })
}

fn cluster(test: &mut Fields<'_, '_, '_>) -> Option<(u32, u32, u32)> {
    let node = test.get("cluster")?;
    let numbers: Vec<u32> = match &node.kind {
        NodeKind::Sequence(items) => items.iter().filter_map(|item| item.text()?.parse().ok()).collect(),
        _ => Vec::new(),
    };
    if let [size, accounts, platforms] = numbers[..] {
        return Some((size, accounts, platforms));
    }
    test.error(
        node.start,
        ("`cluster` is posts, accounts, platforms", "write [20, 5, 2]"),
        ("`cluster` ist Beiträge, Konten, Plattformen", "schreiben Sie [20, 5, 2]"),
    );
    None
}
