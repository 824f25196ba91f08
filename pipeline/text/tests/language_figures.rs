//! The figures of `models/lid/README.md`: accuracy and cost of the cascade against fastText alone and
//! whatlang, on the held-out sentences beside the checkout.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a measurement prints its table")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use streife_text::language::Identifier;

/// The sentences from this one on were kept out of training (`DEV_FROM` in `models/lid/data.py`).
const DEV_FROM: usize = 300;

/// NTREX code, and the code expected.
const LANGUAGES: &[(&str, &str)] = &[
    ("afr", "af"),
    ("amh", "am"),
    ("arb", "ar"),
    ("aze-Latn", "az"),
    ("bel", "be"),
    ("bos", "bs"),
    ("bul", "bg"),
    ("cat", "ca"),
    ("ces", "cs"),
    ("ckb-Arab", "ckb"),
    ("dan", "da"),
    ("deu", "de"),
    ("eng", "en"),
    ("est", "et"),
    ("eus", "eu"),
    ("fas", "fa"),
    ("fil", "tl"),
    ("fin", "fi"),
    ("fra", "fr"),
    ("gle", "ga"),
    ("glg", "gl"),
    ("hau", "ha"),
    ("hrv", "hr"),
    ("hun", "hu"),
    ("ibo", "ig"),
    ("ind", "id"),
    ("isl", "is"),
    ("ita", "it"),
    ("kaz", "kk"),
    ("kmr", "ku"),
    ("lav", "lv"),
    ("lit", "lt"),
    ("ltz", "lb"),
    ("mkd", "mk"),
    ("mlt", "mt"),
    ("msa", "ms"),
    ("nld", "nl"),
    ("nno", "nn"),
    ("nob", "no"),
    ("pol", "pl"),
    ("por", "pt"),
    ("por-BR", "pt"),
    ("prs", "fa"),
    ("pus", "ps"),
    ("ron", "ro"),
    ("rus", "ru"),
    ("slk", "sk"),
    ("slv", "sl"),
    ("som", "so"),
    ("spa", "es"),
    ("sqi", "sq"),
    ("srp-Cyrl", "sr"),
    ("srp-Latn", "sr"),
    ("swa", "sw"),
    ("swe", "sv"),
    ("tat", "tt"),
    ("tir", "ti"),
    ("tur", "tr"),
    ("ukr", "uk"),
    ("urd", "ur"),
    ("uzb", "uz"),
    ("vie", "vi"),
    ("yor", "yo"),
];
/// The languages that German patrol teams mostly meet.
const COMMON: &[&str] = &["ar", "de", "en", "es", "fa", "fr", "it", "nl", "pl", "pt", "ro", "ru", "tr", "uk"];

type Teller<'a> = &'a dyn Fn(&str) -> String;

fn beside(name: &str, variable: &str, default: &str) -> Option<PathBuf> {
    let folder = std::env::var_os(variable).map_or_else(|| PathBuf::from(default), PathBuf::from);
    let path = folder.join(name);
    if !path.exists() {
        println!("skipped: {} is not there", path.display());
        return None;
    }
    Some(path)
}

fn sentences(path: &Path) -> Vec<(&'static str, String)> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    let mut kept = Vec::new();
    for (code, sentence) in text.lines().filter_map(|line| line.split_once('\t')) {
        let place = places.entry(code).or_default();
        *place += 1;
        if let Some((_, expected)) = LANGUAGES.iter().find(|(ntrex, _)| *ntrex == code)
            && *place > DEV_FROM
        {
            kept.push((*expected, sentence.to_owned()));
        }
    }
    kept
}

/// Nanoseconds this thread has run on a CPU (Linux), so that other load does not count.
fn cpu_nanos() -> u64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0)
}

/// Two or three words from the middle of a sentence.
fn fragment(place: usize, sentence: &str) -> String {
    let words: Vec<&str> = sentence.split_whitespace().collect();
    let length = (2 + place % 2).min(words.len());
    let at = (words.len() - length) * (place % 7) / 7;
    words[at..at + length].join(" ")
}

fn without_marks(text: &str) -> String {
    use unicode_normalization::UnicodeNormalization;
    text.nfd().filter(|c| !('\u{300}'..='\u{36f}').contains(c)).collect()
}

#[test]
#[ignore = "long: run with --release -- --ignored --nocapture"]
fn accuracy_and_cost() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let Some(data) = beside("data/lid_ntrex/train.tsv", "STREIFE_SHARED", &format!("{root}/../shared"))
    else {
        return;
    };
    let cache = format!("{}/.cache/streife/parts", std::env::var("HOME").unwrap_or_default());
    let Some(fasttext) = beside("lid-176/lid.176.ftz", "STREIFE_PARTS", &cache) else { return };

    let models = Path::new(root).join("models/lid");
    let linear = Identifier::open(&models, None).unwrap();
    let cascade = Identifier::open(&models, Some(&fasttext)).unwrap();
    let alone = Identifier::fasttext_alone(&models, &fasttext).unwrap();
    let rules_only = Identifier::rules_only();

    let tellers: [(&str, Teller<'_>); 4] = [
        ("cascade", &|text| cascade.identify(text).code),
        ("linear alone", &|text| linear.identify(text).code),
        ("fastText alone", &|text| alone.identify(text).code),
        ("whatlang", &|text| rules_only.identify(text).code),
    ];

    let sentences = sentences(&data);
    let view = |change: &dyn Fn(usize, &str) -> String| -> Vec<(&str, String)> {
        sentences.iter().enumerate().map(|(place, (code, text))| (*code, change(place, text))).collect()
    };
    let views = [
        ("sentences", view(&|_, text| text.to_owned())),
        ("2-3 words", view(&fragment)),
        ("upper case", view(&|_, text| text.to_uppercase())),
        ("2-3 words, upper case", view(&|place, text| fragment(place, text).to_uppercase())),
        ("without marks", view(&|_, text| without_marks(text))),
    ];
    println!(
        "| texts | asked | right, all languages | right, common languages | right, German | und | CPU µs |"
    );
    for (name, texts) in &views {
        for (teller, tell) in tellers {
            let begun = cpu_nanos();
            let told: Vec<(&str, String)> = texts.iter().map(|(code, text)| (*code, tell(text))).collect();
            let micros = (cpu_nanos() - begun) as f64 / 1e3 / told.len() as f64;
            let share = |keep: &dyn Fn(&str) -> bool| {
                let kept = told.iter().filter(|(code, _)| keep(code)).count();
                told.iter().filter(|(code, told)| keep(code) && code == told).count() as f64 / kept as f64
            };
            let undetermined =
                told.iter().filter(|(_, told)| told == "und").count() as f64 / told.len() as f64;
            println!(
                "| {name} ({}) | {teller} | {:.3} | {:.3} | {:.3} | {undetermined:.3} | {micros:.1} |",
                told.len(),
                share(&|_| true),
                share(&|code| COMMON.contains(&code)),
                share(&|code| code == "de"),
            );
        }
    }
    println!("| confidence of the cascade | texts | right |");
    for tenth in 3..10 {
        let range = f64::from(tenth) / 10.0..f64::from(tenth + 1) / 10.0 + 1e-6;
        let mut all = 0;
        let mut right = 0;
        for (code, text) in views.iter().flat_map(|(_, texts)| texts) {
            let told = cascade.identify(text);
            if told.code != "und" && range.contains(&f64::from(told.confidence)) {
                all += 1;
                right += usize::from(told.code == *code);
            }
        }
        println!(
            "| {:.1} to {:.1} | {all} | {:.3} |",
            range.start,
            range.end,
            f64::from(right as u32) / f64::from(all.max(1))
        );
    }
}
