//! The rule engine for the desk's editor: check with tests, and what the installation's rule folder brings along.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use streife_cases::rulebook::{Kind, Text, called, folder};
use streife_cases::tenant::Tenant;
use streife_rules::{
    Compiled, Expect, NotLive, Problem, Rule, RuleSet, Scratch, SourceFile, Tongue, may_go_live,
};
use streife_store::Store;
use streife_web::lab::{
    About, Installed, NotLive as Because, RuleCheck, RuleProblem, RuleReport, RuleText, TestLine,
};

use crate::open;

/// The file name of a text that is being checked; where it lies says which lists and sources it sees.
fn draft_path(tenant: &Tenant) -> String {
    format!("{}/draft.yaml", folder(tenant))
}

/// Is this rule the text that is being checked?
pub(super) fn is_draft(rule: &Rule, text: &RuleText) -> bool {
    *rule.file == *draft_path(&text.tenant)
}

/// The rule engine over the rule folder, the rule book and the stored posts.
pub(crate) struct RuleLab {
    folder: PathBuf,
    pub(super) store: Arc<Store>,
}

impl RuleLab {
    pub(crate) fn new(folder: &Path, store: Arc<Store>) -> Self {
        Self { folder: folder.to_owned(), store }
    }

    /// The files of the rule folder; a folder that cannot be read is as good as empty and told in the log.
    fn files(&self) -> Vec<(String, String)> {
        open::rule_files(&self.folder).unwrap_or_else(|error| {
            tracing::warn!("the rule folder cannot be read: {error:#}");
            Vec::new()
        })
    }

    /// Compiles a text with the book and the folder: what comes first counts.
    pub(super) fn compile(&self, text: &RuleText) -> Compiled {
        let installed = self.files();
        let (draft, home) = (draft_path(&text.tenant), folder(&text.tenant));
        let itself = format!("{home}/{}/{}.", text.kind.as_str(), text.id);
        let book = text.book.iter().filter(|file| !file.path.starts_with(&itself));
        let mut files = vec![SourceFile { path: &draft, text: &text.source }];
        files.extend(book.map(|file| SourceFile { path: &file.path, text: &file.yaml }));
        files.extend(installed.iter().map(|(path, text)| SourceFile { path, text }));
        RuleSet::compile(&files, &text.today)
    }
}

fn problem(problem: &Problem, tongue: Tongue) -> RuleProblem {
    let (message, hint) = problem.wording(tongue);
    RuleProblem {
        line: problem.line,
        column: problem.column,
        message: message.to_owned(),
        hint: hint.to_owned(),
        excerpt: problem.excerpt.clone(),
        error: problem.is_error(),
    }
}

/// The tests of one rule. `foreign`: name the rule in each line.
fn tests(set: &RuleSet, rule: &Rule, foreign: bool) -> Vec<TestLine> {
    let Some(position) = set.position(&rule.id) else { return Vec::new() };
    let mut scratch = Scratch::default();
    let run = |(n, trial): (usize, &streife_rules::Trial)| TestLine {
        number: n + 1,
        rule: if foreign { rule.id.clone() } else { String::new() },
        expect_hit: trial.expect.unwrap_or(Expect::Hit) == Expect::Hit,
        hit: trial.with_post(|post| set.matches_anywhere(position, post, &mut scratch)),
        text: trial.text.clone(),
    };
    rule.tests.iter().enumerate().map(run).collect()
}

fn draft_rule<'s>(set: &'s RuleSet, text: &RuleText) -> Option<&'s Rule> {
    set.rules().iter().find(|rule| is_draft(rule, text))
}

impl RuleCheck for RuleLab {
    fn check(&self, text: &RuleText, german: bool) -> RuleReport {
        let tongue = if german { Tongue::German } else { Tongue::English };
        let Compiled { set, problems } = self.compile(text);
        let draft = draft_path(&text.tenant);
        let problems = problems.iter().filter(|p| p.file == draft).map(|p| problem(p, tongue)).collect();
        match (text.kind, draft_rule(&set, text)) {
            (Kind::Rule, Some(rule)) => RuleReport {
                problems,
                tests: tests(&set, rule, false),
                about: Some(About {
                    purpose: serde_json::to_value(rule.purpose)
                        .ok()
                        .and_then(|purpose| purpose.as_str().map(str::to_owned))
                        .unwrap_or_default(),
                    legal_basis: rule.legal_basis.to_string(),
                    quota: rule.quota_per_day,
                    cost: rule.cost.as_str(),
                    witness: rule.witness.clone(),
                    lists: rule.lists.clone(),
                }),
            },
            (Kind::List, _) => {
                // A changed list changes rules: the tests of all that use it are run with it.
                let name = format!("{}@", called(&text.tenant, &text.id));
                let uses = |rule: &&Rule| rule.lists.iter().any(|list| list.starts_with(&name));
                let tests =
                    set.rules().iter().filter(uses).flat_map(|rule| tests(&set, rule, true)).collect();
                RuleReport { problems, tests, about: None }
            }
            _ => RuleReport { problems, tests: Vec::new(), about: None },
        }
    }

    fn not_live(&self, text: &RuleText, approver: &str, has_backtest: bool) -> Option<Because> {
        let compiled = self.compile(text);
        let Some(rule) = draft_rule(&compiled.set, text) else { return Some(Because::TestFails) };
        let failing =
            tests(&compiled.set, rule, false).iter().find(|test| !test.ok()).map(|test| test.number);
        match may_go_live(rule, approver, has_backtest, failing) {
            Ok(()) => None,
            Err(NotLive::SamePerson(_)) => Some(Because::SamePerson),
            Err(NotLive::Nobody) => Some(Because::Nobody),
            Err(NotLive::NoBacktest) => Some(Because::NoBacktest),
            Err(NotLive::Retired) => Some(Because::Retired),
            Err(NotLive::TestFails(_)) => Some(Because::TestFails),
        }
    }

    fn installed(&self) -> Vec<Installed> {
        let files = self.files();
        let sources: Vec<SourceFile<'_>> =
            files.iter().map(|(path, text)| SourceFile { path, text }).collect();
        let set = RuleSet::compile(&sources, &open::today()).set;
        files.iter().flat_map(|(_, text)| documents(text)).filter_map(|text| installed(&set, text)).collect()
    }
}

/// The documents of a file, without the mark between them.
fn documents(text: &str) -> impl Iterator<Item = String> {
    let mut documents = vec![String::new()];
    for line in text.lines() {
        if line.trim_end() == "---" {
            documents.push(String::new());
        } else if let Some(last) = documents.last_mut() {
            last.push_str(line);
            last.push('\n');
        }
    }
    documents.into_iter()
}

fn installed(set: &RuleSet, source: String) -> Option<Installed> {
    let (kind, (id, text)) =
        Kind::ALL.into_iter().find_map(|kind| Some((kind, Text::read(kind, &source).ok()?)))?;
    let works = match kind {
        Kind::Rule => set.position(&id).and_then(|at| set.rules().get(at)).map(|rule| rule.state.as_str()),
        Kind::List => set.lists().iter().any(|list| list.name == id).then_some("live"),
        Kind::Suppression => Some("live"),
    };
    Some(Installed {
        kind,
        id,
        title: text.title,
        owner: text.owner,
        review_by: text.review_by,
        state: works.unwrap_or("broken"),
        source,
    })
}

#[cfg(test)]
mod tests_of_lab {
    use streife_cases::rulebook::PublishedFile;
    use streife_store::StoreConfig;

    use super::*;

    fn lab(folder: &Path) -> RuleLab {
        let store = Store::connect(StoreConfig::new("http://127.0.0.1:1", "default", "")).unwrap();
        RuleLab::new(folder, Arc::new(store))
    }

    fn text(kind: Kind, id: &str, source: &str) -> RuleText {
        RuleText {
            tenant: Tenant::house(),
            kind,
            id: id.to_owned(),
            source: source.to_owned(),
            book: vec![],
            today: "2026-11-22".to_owned(),
        }
    }

    const RULE: &str = "id: w-1\ntitle: A\nowner: anna\npurpose: demonstration\nlegal_basis: none\nreview_by: 2027-01-31\n\
        when: $seen NEAR/3 kürbis\ntests:\n  - {text: roter kürbis, expect: hit}\n  - {text: roter ball, expect: miss}\n";
    const LIST: &str = "list: seen\nowner: anna\nreview_by: 2027-01-31\nterms: [roter]\n";

    #[test]
    fn a_rule_is_checked_with_the_lists_of_folder_and_book() {
        let folder = tempfile::tempdir().unwrap();
        let lab = lab(folder.path());
        let missing = lab.check(&text(Kind::Rule, "w-1", RULE), true);
        assert!(
            missing.problems.iter().any(|p| p.error && p.line == 7 && !p.excerpt.is_empty()),
            "{missing:?}"
        );
        std::fs::write(folder.path().join("lists.yaml"), LIST).unwrap();
        let sound = lab.check(&text(Kind::Rule, "w-1", RULE), true);
        assert!(sound.sound(), "{sound:?}");
        assert_eq!(sound.tests.len(), 2);

        // The book's list comes before the folder's, and the rule's own earlier version is left aside.
        let file = |path: &str, yaml: &str| PublishedFile { path: path.to_owned(), yaml: yaml.to_owned() };
        let mut with_book = text(Kind::Rule, "w-1", RULE);
        with_book.book = vec![
            file("desk/list/seen.yaml", &LIST.replace("roter", "blauer")),
            file("desk/rule/w-1.yaml", RULE),
        ];
        let report = lab.check(&with_book, true);
        assert!(
            !report.sound() && report.problems.iter().all(|p| !p.error),
            "its test fails now: {report:?}"
        );

        std::fs::write(folder.path().join("rules.yaml"), format!("---\n{RULE}---\nid: kaputt\nwhen: (\n"))
            .unwrap();
        let list = lab.check(&text(Kind::List, "seen", &LIST.replace("roter", "blauer")), false);
        assert!(list.tests.iter().any(|test| test.rule == "w-1" && !test.ok()), "{list:?}");
        let states: Vec<(String, &str)> =
            lab.installed().into_iter().map(|one| (one.id, one.state)).collect();
        assert!(
            states.contains(&("w-1".to_owned(), "live")) && states.contains(&("kaputt".to_owned(), "broken"))
        );
    }

    /// What a new rule begins with works, on the bundled sample too: who tries the desk sees hits.
    #[test]
    fn the_rule_that_a_new_one_begins_with_is_sound() {
        let template = include_str!("../../../../desk/web/assets/new-rule.yaml");
        let source = template.replace("OWNER", "anna").replace("REVIEW_BY", "2027-01-31");
        let folder = tempfile::tempdir().unwrap();
        let report = lab(folder.path()).check(&text(Kind::Rule, "w-neu", &source), true);
        assert!(report.sound() && report.tests.iter().all(TestLine::ok), "{report:?}");
    }

    #[test]
    fn the_engine_itself_refuses_the_owner_as_approver() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("lists.yaml"), LIST).unwrap();
        let (lab, rule) = (lab(folder.path()), text(Kind::Rule, "w-1", RULE));
        assert_eq!(lab.not_live(&rule, "anna", true), Some(Because::SamePerson));
        assert_eq!(lab.not_live(&rule, "paul", false), Some(Because::NoBacktest));
        assert_eq!(lab.not_live(&rule, "paul", true), None);
    }
}
