//! The models of this repository, from text to score, and what is said when they are broken.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests fail by panicking and say what they skip"
)]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use streife_domain::{Head, Language, Script};
use streife_scoring::{
    Device, LIBRARY, LabelledText, Measured, Models, OpenOptions, Role, ScoringError, card, eval, list,
    verify,
};

fn models_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models")
}

/// The folder of native parts, where they have been fetched.
fn parts() -> Option<PathBuf> {
    let folder = std::env::var_os("STREIFE_PARTS").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/streife/parts"),
        PathBuf::from,
    );
    let there = folder.join(LIBRARY).is_file();
    if !there {
        println!("skipped: {LIBRARY} is not there");
    }
    there.then_some(folder)
}

fn options<'a>(models: &'a Path, parts: &'a Path, encoder: bool) -> OpenOptions<'a> {
    OpenOptions { models, parts, encoder, device: Device::Cpu, sessions: 2 }
}

fn language(code: &str) -> Language {
    Language { code: code.to_owned(), confidence: 0.9, script: Script::LATIN }
}

/// A copy of the models without the large graph, to break.
fn copy(folder: &str) -> tempfile::TempDir {
    let target = tempfile::tempdir().unwrap();
    let to = target.path().join(folder);
    std::fs::create_dir(&to).unwrap();
    for entry in std::fs::read_dir(models_folder().join(folder)).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
        }
    }
    target
}

fn change(folder: &Path, from: &str, to: &str) {
    let path = folder.join("manifest.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{from}");
    std::fs::write(path, text.replacen(from, to, 1)).unwrap();
}

fn open_gate(folder: &Path) -> Result<Models, ScoringError> {
    Models::open(&options(folder, Path::new("/nowhere"), false))
}

#[test]
fn models_off_say_nothing() {
    let models = Models::off();
    assert!(models.gate("text", &language("de")).is_none());
    assert!(matches!(models.encode("text", &language("de")), Err(ScoringError::EncoderOff)));
    assert_eq!(models.versions(), ("none".to_owned(), "none".to_owned()));
    assert_eq!(models.labels(&Default::default(), &language("de")), []);
}

#[test]
fn the_gate_scores_hostile_above_friendly_texts() {
    let models = open_gate(&models_folder()).unwrap();
    let hostile = models
        .gate("Ihr widerlichen Schmarotzer, haut endlich ab aus unserem Land!", &language("de"))
        .unwrap();
    let friendly =
        models.gate("Der Zug nach Köln fährt heute zehn Minuten später.", &language("de")).unwrap();
    assert!(hostile.passes && hostile.score > friendly.score, "{hostile:?} {friendly:?}");
    assert!(hostile.heads.get(Head::Offensive) > friendly.heads.get(Head::Offensive));
    assert!(hostile.heads.get(Head::AttackOnOrder).is_none(), "a head that is not usable says nothing");
    let (gate, encoder) = models.versions();
    assert!(gate.starts_with("gate-ngram@") && gate.len() == "gate-ngram@".len() + 12, "{gate}");
    assert_eq!(encoder, "none");
}

#[test]
fn languages_that_were_not_measured_get_no_scores() {
    let models = open_gate(&models_folder()).unwrap();
    let text = "Ihr widerlichen Schmarotzer, haut endlich ab!";
    for (code, confidence, script, scored) in [
        ("de", 0.99, "Latn", true),
        ("und", 0.0, "Latn", true),
        ("nl", 0.3, "Latn", true),
        ("nl", 0.9, "Latn", false),
        ("und", 0.0, "Cyrl", false),
        ("und", 0.0, "Zyyy", false),
    ] {
        let language = Language { code: code.to_owned(), confidence, script: Script::from_code(script) };
        let score = models.gate(text, &language).unwrap();
        assert_eq!(!score.heads.is_empty(), scored, "{code} {confidence} {script}");
        assert!(scored || !score.passes);
    }
}

#[test]
fn features_are_those_of_the_training_recipe() {
    let vectors = std::fs::read_to_string(models_folder().join("gate/features.golden.json")).unwrap();
    #[derive(serde::Deserialize)]
    struct Vector {
        text: String,
        buckets: Vec<(u64, u32)>,
    }
    let vectors: Vec<Vector> = serde_json::from_str(&vectors).unwrap();
    assert!(vectors.len() >= 8);
    for vector in vectors {
        let mut counts = std::collections::BTreeMap::new();
        streife_scoring::each_feature(&vector.text, |hash| *counts.entry(hash >> 46).or_insert(0_u32) += 1);
        assert_eq!(counts.into_iter().collect::<Vec<_>>(), vector.buckets, "{:?}", vector.text);
    }
}

#[test]
fn no_text_is_too_strange_for_the_gate() {
    let models = open_gate(&models_folder()).unwrap();
    let long = "wort ".repeat(20_000);
    for text in
        ["", " ", "👍", "https://example.org https://example.org", "\u{202e}\u{200b}\u{feff}", "a\0b", &long]
    {
        let score = models.gate(text, &language("de")).unwrap();
        assert!((0.0..=1.0).contains(&score.score), "{}", score.score);
    }
}

#[test]
fn a_broken_model_says_what_is_wrong_and_what_to_do() {
    let nothing = tempfile::tempdir().unwrap();
    let error = open_gate(nothing.path()).unwrap_err();
    assert!(matches!(error, ScoringError::NoModel { kind: "gate", .. }), "{error}");

    type BreakIt = fn(&Path);
    let cases: [(&str, BreakIt, &str); 8] = [
        (
            "file missing",
            |gate| std::fs::remove_file(gate.join("weights.bin")).unwrap(),
            "weights.bin is missing; restore it",
        ),
        (
            "file cut",
            |gate| std::fs::write(gate.join("weights.bin"), b"x").unwrap(),
            "has 1 bytes, the manifest says",
        ),
        (
            "one byte changed",
            |gate| {
                let path = gate.join("weights.bin");
                let mut bytes = std::fs::read(&path).unwrap();
                bytes[1000] ^= 1;
                std::fs::write(path, bytes).unwrap();
            },
            "has SHA-256",
        ),
        ("unknown key", |gate| change(gate, "licence =", "license ="), "unknown field `license`"),
        ("unknown head", |gate| change(gate, "\"profanity\"]", "\"anger\"]"), "unknown head \"anger\""),
        (
            "pair neither calibrated nor unusable",
            |gate| change(gate, "head = \"profanity\"", "head = \"violence\""),
            "both calibrated and unusable",
        ),
        (
            "no pair",
            |gate| change(gate, "[calibration.de.offensive]", "[calibration.de.profanity]"),
            "add [calibration.de.offensive]",
        ),
        (
            "golden score",
            |gate| change(gate, "scores = { offensive = 0.", "scores = { offensive = 1."),
            "golden text 1, head offensive",
        ),
    ];
    for (name, break_it, expected) in cases {
        let folder = copy("gate");
        break_it(&folder.path().join("gate"));
        let error = open_gate(folder.path()).unwrap_err().to_string();
        assert!(error.contains(expected), "{name}: {error}");
    }

    let folder = copy("gate");
    std::fs::create_dir(folder.path().join("second")).unwrap();
    for file in ["manifest.toml", "weights.bin"] {
        std::fs::copy(folder.path().join("gate").join(file), folder.path().join("second").join(file))
            .unwrap();
    }
    let error = open_gate(folder.path()).unwrap_err().to_string();
    assert!(error.contains("role = \"shadow\""), "{error}");
}

#[test]
fn the_encoder_scores_alike_alone_and_among_others() {
    let Some(parts) = parts() else { return };
    let folder = models_folder();
    let models = Models::open(&options(&folder, &parts, true)).unwrap();
    let (german, english) = (language("de"), language("en"));
    let long = "Das ist ein langer Satz über das Wetter. ".repeat(2_500);
    let texts = [
        ("Guten Morgen, der Zug fährt später.", &german),
        ("Ihr widerlichen Schmarotzer, haut endlich ab aus unserem Land!", &german),
        ("", &german),
        ("👍", &german),
        ("https://example.org", &german),
        ("\u{202e}\u{200b}", &german),
        (&long, &german),
        ("What a lovely afternoon.", &english),
        ("Hau ab! <s></s><mask><pad> \0", &german),
    ];
    // Of many lengths, so that some share a run and are filled up for it.
    let words = "Heute fährt der Zug wieder einmal später ab und niemand am Bahnsteig weiß warum".split(' ');
    let sentences: Vec<String> =
        (5..45).map(|n| words.clone().cycle().take(n).collect::<Vec<_>>().join(" ")).collect();
    let mut texts = texts.to_vec();
    texts.extend(sentences.iter().map(|sentence| (sentence.as_str(), &german)));
    let before = streife_scoring::encoder_tokens();
    let together = models.encode_many(&texts);
    assert!(streife_scoring::encoder_tokens().1 > before.1, "some were filled up");
    for ((text, language), result) in texts.iter().zip(together) {
        let alone = models.encode(text, language).unwrap();
        assert_eq!(result.unwrap(), alone);
        for (_, score) in alone.iter() {
            assert!((0.0..=1.0).contains(score));
            assert_eq!(
                (f64::from(*score) * 1e4).round() / 1e4,
                f64::from((f64::from(*score) * 1e6).round() as f32) / 1e6
            );
        }
    }
    let hostile = models.encode(texts[1].0, &german).unwrap();
    assert!(models.labels(&hostile, &german).contains(&Head::Offensive), "{hostile:?}");
    assert!(models.encode("", &german).unwrap().is_empty());
    assert!(models.encode("Bonjour à tous", &language("fr")).unwrap().is_empty(), "French is not measured");

    let spans = models.explain(texts[1].0, &german, Head::Offensive).unwrap();
    assert!(!spans.is_empty());
    let (span, _) = spans[0];
    assert!(texts[1].0.get(span.0 as usize..span.1 as usize).is_some());
    assert!(!models.explain_gate(texts[1].0, None).is_empty());
}

/// More callers and texts than the queue holds: all wait, none is lost, and an exchange in the middle changes nothing.
#[test]
fn a_full_queue_makes_callers_wait_also_while_models_are_exchanged() {
    let Some(parts) = parts() else { return };
    let folder = models_folder();
    let one = OpenOptions { sessions: 1, ..options(&folder, &parts, true) };
    let models = ArcSwap::from_pointee(Models::open(&one).unwrap());
    let german = language("de");
    let text = |i: usize| format!("Zug {i} kommt");
    let alone: Vec<_> = (0..8).map(|i| models.load().encode(&text(i), &german).unwrap()).collect();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let texts: Vec<String> = (0..48).map(|i| text(i % 8)).collect();
                let texts: Vec<_> = texts.iter().map(|text| (text.as_str(), &german)).collect();
                for (i, scores) in models.load_full().encode_many(&texts).into_iter().enumerate() {
                    assert_eq!(scores.unwrap(), alone[i % 8]);
                }
            });
        }
        scope.spawn(|| models.store(Arc::new(Models::open(&one).unwrap())));
    });
    assert_eq!(models.load().encode(&text(0), &german).unwrap(), alone[0]);
}

/// How many handles hold the model of this name, by the metric.
fn in_use(name: &str) -> i64 {
    let text = prometheus::TextEncoder::new().encode_to_string(&prometheus::gather()).unwrap();
    let of_name = format!("version=\"{name}@");
    let lines =
        text.lines().filter(|line| line.starts_with("streife_scoring_model{") && line.contains(&of_name));
    lines.map(|line| line.rsplit(' ').next().unwrap().parse::<i64>().unwrap()).sum()
}

#[test]
fn a_model_is_in_the_metrics_while_it_is_in_use_and_no_longer() {
    let folder = copy("gate");
    change(&folder.path().join("gate"), "name = \"gate-ngram\"", "name = \"counted\"");
    let first = open_gate(folder.path()).unwrap();
    assert_eq!(in_use("counted"), 1);
    let second = open_gate(folder.path()).unwrap();
    assert_eq!(in_use("counted"), 2);
    drop(first);
    assert_eq!(in_use("counted"), 1);
    drop(second);
    assert_eq!(in_use("counted"), 0);
}

#[test]
fn a_shadow_is_recorded_and_not_used() {
    let Some(parts) = parts() else { return };
    let folder = copy("encoder");
    for (from, to) in [("gate", "gate"), ("encoder", "shadow")] {
        let copied = copy(from);
        std::fs::rename(copied.path().join(from), folder.path().join(to)).unwrap();
    }
    let shadow = folder.path().join("shadow");
    change(&shadow, "role = \"active\"", "role = \"shadow\"");
    change(&shadow, "name = \"encoder-e5-small-8h\"", "name = \"candidate\"");
    let models = Models::open(&options(folder.path(), &parts, true)).unwrap();
    let scores = models.encode("Guten Morgen", &language("de")).unwrap();
    let shadows = models.shadow("Guten Morgen", &language("de"));
    assert!(models.versions().1.starts_with("encoder-e5-small-8h@"));
    assert_eq!(shadows.len(), 1);
    assert!(shadows[0].version.starts_with("candidate@"), "{}", shadows[0].version);
    assert_eq!(*shadows[0].scores.as_ref().unwrap(), scores);
}

#[test]
fn a_model_in_reserve_is_verified_and_not_opened() {
    let folder = copy("gate");
    let reserve = folder.path().join("reserve");
    let copied = copy("gate");
    std::fs::rename(copied.path().join("gate"), &reserve).unwrap();
    change(&reserve, "role = \"active\"", "role = \"reserve\"");
    change(&reserve, "name = \"gate-ngram\"", "name = \"candidate\"");
    std::fs::write(reserve.join("weights.bin"), b"broken").unwrap();
    assert!(open_gate(folder.path()).unwrap().versions().0.starts_with("gate-ngram@"));
    let roles: Vec<_> = list(folder.path()).unwrap().into_iter().flatten().map(|model| model.role).collect();
    assert_eq!(roles, [Role::Active, Role::Reserve]);
    let checks = verify(&options(folder.path(), Path::new("/nowhere"), false)).unwrap();
    assert!(checks.iter().any(|check| check.model == "reserve" && !check.ok), "{checks:?}");
    assert!(checks.iter().filter(|check| check.model == "gate").all(|check| check.ok), "{checks:?}");
}

#[test]
fn a_graph_with_other_inputs_is_refused() {
    let Some(parts) = parts() else { return };
    let folder = copy("encoder");
    let gate = folder.path().join("gate");
    std::fs::create_dir(&gate).unwrap();
    for file in ["manifest.toml", "weights.bin"] {
        std::fs::copy(models_folder().join("gate").join(file), gate.join(file)).unwrap();
    }
    change(&folder.path().join("encoder"), "\"attention_mask\"]", "\"token_types\"]");
    let error = Models::open(&options(folder.path(), &parts, true)).unwrap_err();
    assert!(matches!(error, ScoringError::WrongGraph { .. }), "{error}");
    if cfg!(not(feature = "cuda")) {
        let cuda = OpenOptions { device: Device::Cuda(0), ..options(folder.path(), &parts, true) };
        let error = Models::open(&cuda).unwrap_err().to_string();
        assert!(error.contains("--features cuda"), "{error}");
    }
}

#[test]
fn all_golden_scores_hold() {
    let parts = parts();
    let folder = models_folder();
    let options = options(&folder, parts.as_deref().unwrap_or(Path::new("/nowhere")), parts.is_some());
    let checks = verify(&options).unwrap();
    let of = |model: &str| checks.iter().filter(|check| check.model == model).count();
    assert!(of("gate") >= 2 && of("encoder") >= 3, "{checks:?}");
    for check in checks {
        assert!(check.ok, "{check:?}");
    }
}

#[test]
fn models_are_listed_with_licence_and_card() {
    let all = list(&models_folder()).unwrap();
    let encoder = all.iter().flatten().find(|model| model.kind == "encoder").unwrap();
    assert_eq!(encoder.licence, "GPL-3.0-only");
    assert_eq!(encoder.labels, Head::ALL);
    let card = card(&models_folder(), "encoder").unwrap();
    assert!(card.contains("GPL-3.0") && card.contains("attack_on_order"), "{card}");
    assert!(
        streife_scoring::card(&models_folder(), "nothing").unwrap_err().to_string().contains("gate-ngram")
    );
}

#[test]
fn eval_measures_labelled_lines() {
    let models = open_gate(&models_folder()).unwrap();
    let lines = [
        r#"{"id": "1", "text": "Ihr widerlichen Schmarotzer, haut endlich ab!", "lang": "de", "labels": {"offensive": 1, "attack_on_order": 0}}"#,
        r#"{"id": "2", "text": "Der Zug fährt heute später.", "lang": "de", "labels": {"offensive": 0}}"#,
    ];
    let rows = lines.iter().enumerate().map(|(i, line)| LabelledText::parse(line, i + 1));
    let metrics = eval(rows, &models, Measured::Gate).unwrap();
    assert_eq!(metrics.len(), 2);
    assert_eq!(
        (metrics[0].head, metrics[0].n, metrics[0].average_precision),
        (Head::Offensive, 2, Some(1.0))
    );
    assert_eq!((metrics[1].head, metrics[1].n, metrics[1].macro_f1), (Head::AttackOnOrder, 1, None));
    let broken = [LabelledText::parse("{}", 3)].into_iter();
    assert!(eval(broken, &models, Measured::Gate).unwrap_err().to_string().contains("line 3"));
}
