//! Rules of several authorities in one set: each sees its sources alone, and nothing of one changes what another gets.

use proptest::prelude::*;
use streife_rules::{Compiled, Evaluation, PostView, RuleSet, Scratch, Severity, SourceFile, run_tests};

const TODAY: &str = "2026-11-22";
const HOUSE_LIST: &str = "list: seen\nowner: anna\nreview_by: 2027-01-31\nterms: [roter]\n";
const NORD_SOURCES: &str = "space: nord\nsources: [\"nord-forum\", \"nord: kanal\"]\n";

fn rule(id: &str, when: &str) -> String {
    format!(
        "id: {id}\nowner: anna\npurpose: demonstration\nlegal_basis: none\nreview_by: 2027-01-31\nwhen: {when}\n\
         tests:\n  - {{text: roter kürbis, expect: hit}}\n  - {{text: ein ball, expect: miss}}\n"
    )
}

fn compile(files: &[(&str, String)]) -> Compiled {
    let files: Vec<SourceFile<'_>> = files.iter().map(|(path, text)| SourceFile { path, text }).collect();
    RuleSet::compile(&files, TODAY)
}

fn evaluate(set: &RuleSet, source: &str, text: &str) -> Evaluation {
    set.evaluate(&PostView { text, source, ..PostView::default() }, &mut Scratch::default())
}

fn hits(set: &RuleSet, source: &str, text: &str) -> Vec<String> {
    evaluate(set, source, text).hits.into_iter().map(|hit| hit.rule).collect()
}

#[test]
fn a_rule_of_a_space_hits_its_sources_alone_and_the_houses_rules_hit_everywhere() {
    let compiled = compile(&[
        ("desk/rule/w.yaml", rule("w", "kürbis")),
        ("space/nord/rule/w.yaml", rule("w", "kürbis")),
        ("space/nord/sources.yaml", NORD_SOURCES.to_owned()),
        ("space/sued/rule/w.yaml", rule("w", "kürbis")),
    ]);
    let errors: Vec<_> =
        compiled.problems.iter().filter(|problem| problem.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:?}");
    let set = compiled.set;
    for source in ["nord-forum", "nord: kanal"] {
        assert_eq!(hits(&set, source, "roter Kürbis"), ["nord/w", "w"], "{source}");
    }
    for source in ["", "anderes", "nord", "NORD-FORUM", "nord-forum "] {
        assert_eq!(hits(&set, source, "roter Kürbis"), ["w"], "{source}");
    }
    // The other ways in are bound alike: the quick one, the one of history, and the explanation.
    let (mut scratch, mut matched) = (Scratch::default(), Vec::new());
    let strange = PostView { text: "roter Kürbis", source: "anderes", ..PostView::default() };
    let position = set.position("nord/w").unwrap();
    set.matching(&strange, &mut scratch, &mut matched);
    assert!(!matched.contains(&(position as u32)) && matched.len() == 1);
    assert!(!set.matches(position, &strange, &mut scratch));
    assert!(!set.explain("nord/w", &strange, &mut scratch).unwrap().holds);
    assert!(set.matches_anywhere(position, &strange, &mut scratch));
    assert!(run_tests(&set).iter().all(|test| test.ok), "a rule's own tests are of no source");
}

#[test]
fn a_list_is_ones_own_first_then_the_houses_and_never_anothers() {
    let own = HOUSE_LIST.replace("roter", "blauer");
    let uses = rule("w", "$seen NEAR/3 kürbis");
    let with = |files: &[(&'static str, &String)]| {
        let house = HOUSE_LIST.to_owned();
        let sources = NORD_SOURCES.to_owned();
        let mut all = vec![("space/nord/sources.yaml", sources), ("desk/list/seen.yaml", house)];
        all.extend(files.iter().map(|(path, text)| (*path, (*text).clone())));
        compile(&all)
    };
    let set = with(&[("space/nord/rule/w.yaml", &uses), ("desk/rule/w.yaml", &uses)]).set;
    assert_eq!(hits(&set, "nord-forum", "roter Kürbis"), ["nord/w", "w"]);
    let set = with(&[
        ("space/nord/rule/w.yaml", &uses),
        ("desk/rule/w.yaml", &uses),
        ("space/nord/list/seen.yaml", &own),
    ])
    .set;
    assert_eq!(hits(&set, "nord-forum", "roter Kürbis"), ["w"], "the house's rule means the house's list");
    assert_eq!(hits(&set, "nord-forum", "blauer Kürbis"), ["nord/w"]);

    let theirs = rule("w", "$geheim NEAR/3 kürbis");
    let list = HOUSE_LIST.replace("seen", "geheim");
    let compiled = with(&[("space/nord/rule/w.yaml", &theirs), ("space/sued/list/geheim.yaml", &list)]);
    assert!(compiled.set.position("nord/w").is_none());
    let told = format!("{:?}", compiled.problems);
    assert!(told.contains("there is no list `geheim`") && !told.contains("sued"), "{told}");
}

#[test]
fn a_suppression_of_a_space_keeps_back_only_on_its_sources() {
    let suppression = |rules: &str| {
        format!("suppress: s\nrules: [{rules}]\nowner: anna\nreason: Übung\nexpires: 2026-12-01\n")
    };
    let base = [
        ("desk/rule/w.yaml", rule("w", "kürbis")),
        ("space/nord/rule/x.yaml", rule("x", "kürbis")),
        ("space/nord/sources.yaml", NORD_SOURCES.to_owned()),
    ];
    let with = |path: &'static str, rules: &str| {
        let mut files = base.to_vec();
        files.push((path, suppression(rules)));
        compile(&files).set
    };
    let set = with("space/nord/suppression/s.yaml", "w");
    assert_eq!(hits(&set, "nord-forum", "Kürbis"), ["nord/x"]);
    assert_eq!(hits(&set, "anderes", "Kürbis"), ["w"], "elsewhere the house's rule goes on");
    // Neither another space nor the house reaches a rule of this space by any name.
    for (path, rules) in
        [("space/sued/suppression/s.yaml", "x, nord/x, w"), ("desk/suppression/s.yaml", "x, nord/x")]
    {
        let set = with(path, rules);
        assert_eq!(hits(&set, "nord-forum", "Kürbis"), ["nord/x", "w"], "{path}");
        assert_eq!(hits(&set, "anderes", "Kürbis"), ["w"], "{path}");
    }
}

#[test]
fn nothing_written_in_a_space_widens_its_sight() {
    let sources = ("space/nord/sources.yaml", NORD_SOURCES.to_owned());
    for attack in [
        "space: nord\nsources: [anderes]\n".to_owned(),
        "space: sued\nsources: [anderes]\n".to_owned(),
        format!("{}sources: [anderes]\nspace: nord\n", rule("x", "kürbis")),
    ] {
        let set = compile(&[
            ("space/nord/rule/w.yaml", rule("w", "kürbis")),
            ("space/nord/rule/attack.yaml", attack.clone()),
            sources.clone(),
        ])
        .set;
        assert!(hits(&set, "anderes", "Kürbis").is_empty(), "{attack}");
        assert!(hits(&set, "nord-forum", "Kürbis").contains(&"nord/w".to_owned()), "{attack}");
    }
}

#[test]
fn a_change_of_sources_is_another_set() {
    let with = |sources: &str| {
        compile(&[
            ("space/nord/rule/w.yaml", rule("w", "kürbis")),
            ("space/nord/sources.yaml", sources.to_owned()),
        ])
        .set
        .version()
        .to_owned()
    };
    assert_ne!(with(NORD_SOURCES), with("space: nord\nsources: [nord-forum]\n"));
    assert_ne!(with(NORD_SOURCES), with("space: nord\nsources: []\n"));
}

fn file() -> impl Strategy<Value = (String, String)> {
    let names = || prop::sample::select(vec!["w", "x", "seen"]);
    let rules = (names(), prop::sample::select(vec!["kürbis", "$seen", "ball OR $seen"]))
        .prop_map(|(id, when)| (format!("rule/{id}"), rule(id, when)));
    let lists = (names(), prop::sample::select(vec!["roter", "ball"])).prop_map(|(name, term)| {
        (format!("list/{name}"), HOUSE_LIST.replace("seen", name).replace("roter", term))
    });
    let suppressions = names().prop_map(|id| {
        let text =
            format!("suppress: s\nrules: [{id}, nord/{id}]\nowner: a\nreason: b\nexpires: 2026-12-01\n");
        (format!("suppression/{id}"), text)
    });
    prop_oneof![rules, lists, suppressions]
}

proptest! {
    /// Whatever another authority writes, under whatever names: what the house and its neighbours get stays as it is.
    #[test]
    fn what_one_space_writes_changes_nothing_for_anybody_else(
        house in prop::collection::vec(file(), 0..4),
        nord in prop::collection::vec(file(), 0..4),
        sued in prop::collection::vec(file(), 1..6),
    ) {
        let named = |prefix: &str, files: &[(String, String)]| -> Vec<(String, String)> {
            files.iter().map(|(name, text)| (format!("{prefix}/{name}.yaml"), text.clone())).collect()
        };
        let mut without = named("desk", &house);
        without.push(("space/nord/sources.yaml".to_owned(), NORD_SOURCES.to_owned()));
        without.extend(named("space/nord", &nord));
        let mut with = named("space/sued", &sued);
        with.push(("space/sued/sources.yaml".to_owned(), "space: sued\nsources: [sued-forum]\n".to_owned()));
        with.extend(without.clone());
        let compiled = |files: &[(String, String)]| {
            let files: Vec<SourceFile<'_>> = files.iter().map(|(path, text)| SourceFile { path, text }).collect();
            RuleSet::compile(&files, TODAY).set
        };
        let (without, with) = (compiled(&without), compiled(&with));
        for source in ["", "nord-forum", "anderes"] {
            for text in ["roter Kürbis", "ein Ball", "Ball und roter Kürbis"] {
                let (a, b) = (evaluate(&without, source, text), evaluate(&with, source, text));
                prop_assert_eq!((a.hits, a.suppressed, a.shadow), (b.hits, b.suppressed, b.shadow));
            }
        }
        for text in ["roter Kürbis", "ein Ball"] {
            let theirs = hits(&with, "sued-forum", text);
            prop_assert!(theirs.iter().all(|rule| !rule.starts_with("nord/")), "{:?}", theirs);
        }
    }
}
