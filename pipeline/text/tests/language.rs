//! The cascade with the models of this repository: answers, doubt, files that are not what they should be.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::path::{Path, PathBuf};

use proptest::prelude::*;
use streife_text::language::{Identifier, LanguageError};

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/lid")
}

fn identifier() -> Identifier {
    Identifier::open(&models(), None).unwrap()
}

#[test]
fn plain_sentences_in_many_languages() {
    let (with_model, rules_only) = (identifier(), Identifier::rules_only());
    for (code, script, text) in [
        ("de", "Latn", "Morgen treffen wir uns um acht Uhr vor dem Rathaus."),
        ("en", "Latn", "We will meet in front of the town hall at eight tomorrow."),
        ("fr", "Latn", "Nous nous retrouverons demain à huit heures devant la mairie."),
        ("tr", "Latn", "Yarın sabah saat sekizde belediye binasının önünde buluşacağız."),
        ("pl", "Latn", "Spotkamy się jutro o ósmej rano przed budynkiem ratusza."),
        ("ru", "Cyrl", "Завтра в восемь часов мы встретимся перед зданием ратуши."),
        ("uk", "Cyrl", "Завтра о восьмій годині ми зустрінемося перед будівлею ратуші."),
        ("ar", "Arab", "سنلتقي غدا في الساعة الثامنة أمام مبنى البلدية"),
        ("fa", "Arab", "فردا ساعت هشت جلوی ساختمان شهرداری همدیگر را می‌بینیم"),
        ("el", "Grek", "Θα συναντηθούμε αύριο στις οκτώ μπροστά στο δημαρχείο."),
        ("ko", "Hang", "내일 아침 여덟 시에 시청 앞에서 만나요."),
        ("ja", "Jpan", "明日の朝八時に市役所の前で会いましょう。"),
        ("zh", "Hani", "明天早上八点我们在市政厅门口见面。"),
        ("he", "Hebr", "ניפגש מחר בשמונה בבוקר ליד בניין העירייה."),
    ] {
        for identifier in [&with_model, &rules_only] {
            let language = identifier.identify(text);
            assert_eq!(language.code, code, "{text} {language:?}");
            assert!(script == "Jpan" || language.script.as_str() == script, "{language:?}");
        }
    }
}

#[test]
fn shouting_addresses_and_names_do_not_matter() {
    let identifier = identifier();
    for text in [
        "GUTEN MORGEN ALLE ZUSAMMEN",
        "@some_english_name https://the.english.example/of/and/the Guten Morgen zusammen #morgen",
        "schoene gruesse an alle aus der nachbarschaft",
    ] {
        assert_eq!(identifier.identify(text).code, "de", "{text}");
    }
}

#[test]
fn nothing_told_is_und() {
    for identifier in [identifier(), Identifier::rules_only()] {
        for text in [
            "",
            "   ",
            "😀😀",
            "1234 !!!",
            "@name",
            "https://host.example/das/ist/deutsch",
            "\u{200f}\u{200b}",
            "a",
        ] {
            let language = identifier.identify(text);
            assert_eq!((language.code.as_str(), language.confidence), ("und", 0.0), "{text:?}");
        }
    }
    for text in ["hahahahahaha", "xxxxxxx", "xqzvw kpfzt"] {
        assert_eq!(identifier().identify(text).code, "und", "{text}");
    }
}

#[test]
fn a_wrong_file_is_named_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let copy = |name: &str| std::fs::copy(models().join(name), folder.path().join(name)).unwrap();
    let open = || Identifier::open(folder.path(), None).map(|_| ());
    assert!(matches!(open(), Err(LanguageError::Read { .. })));
    copy("manifest.toml");
    copy("weights.bin");
    open().unwrap();

    let weights = folder.path().join("weights.bin");
    let mut content = std::fs::read(&weights).unwrap();
    content[100] ^= 1;
    std::fs::write(&weights, &content).unwrap();
    assert!(matches!(open(), Err(LanguageError::Hash { .. })));
    content.pop();
    std::fs::write(&weights, &content).unwrap();
    assert!(matches!(open(), Err(LanguageError::Size { .. })));
    std::fs::write(folder.path().join("manifest.toml"), "name = 7").unwrap();
    assert!(matches!(open(), Err(LanguageError::Manifest { .. })));
    copy("manifest.toml");
    copy("weights.bin");
    let other = Identifier::open(folder.path(), Some(&weights)).map(|_| ());
    assert!(matches!(other, Err(LanguageError::Hash { .. })), "fastText's file is checked too");
}

#[test]
fn versions_tell_the_models_apart() {
    let (one, two) = (identifier().version(), Identifier::rules_only().version());
    assert!(one.starts_with("lid@") && one.len() == 16 && one != two, "{one} {two}");
}

proptest! {
    #[test]
    fn any_text_has_an_answer(text in any::<String>()) {
        let rules_only = Identifier::rules_only().identify(&text);
        prop_assert!((0.0..=1.0).contains(&rules_only.confidence) && rules_only.code.len() >= 2);
    }
}

#[test]
fn any_text_has_an_answer_from_the_model() {
    let identifier = identifier();
    let mut runner = proptest::test_runner::TestRunner::default();
    runner
        .run(&any::<String>(), |text| {
            let language = identifier.identify(&text);
            prop_assert!((0.0..=1.0).contains(&language.confidence), "{:?}", language);
            prop_assert_eq!(language, identifier.identify(&text));
            Ok(())
        })
        .unwrap();
}
