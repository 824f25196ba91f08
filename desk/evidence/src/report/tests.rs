use std::collections::BTreeSet;

use ed25519_dalek::SigningKey;
use streife_domain::Span;

use super::blocks::Style;
use super::fonts::Fonts;
use super::shape::lines;
use super::*;

fn drawn(change: &dyn Fn(&mut ReferralInput)) -> Drawn {
    let now = Timestamp::parse("2026-07-04T12:00:00Z").unwrap();
    let mut input = crate::demo_referral(now, &SigningKey::from_bytes(&[1; 32]));
    change(&mut input);
    report(&input, now, &[]).unwrap()
}

#[test]
fn the_same_report_is_drawn_twice_alike() {
    assert_eq!(drawn(&|_| ()).pdf, drawn(&|_| ()).pdf);
}

#[test]
fn texts_in_every_script_are_drawn_and_what_is_missing_is_named() {
    let drawn = drawn(&|input| {
        input.items[0].post.text =
            "Ärger Привет مرحبا שלום Γειά 👍 漢字 简体 かな カナ 한국어 हिन्दी বাংলা தமிழ் ไทย አማርኛ བོད་ \
            𝕳𝖆ᚠ 𒀀 \u{202e}kcart \u{7}"
                .into();
        input.items[0].post.spans = vec![Span(0, 9), Span(40, 4_000)];
    });
    // Cuneiform is nobody's script any more; everything else has its font.
    assert_eq!(drawn.missing_glyphs, ["U+12000"]);
}

#[test]
fn unseen_characters_are_spelt_out() {
    let fonts = Fonts::load().unwrap();
    let line = lines("a\u{202e}b", &[], Style::Body, 400.0, &fonts, &mut BTreeSet::new());
    assert_eq!(line[0].runs[0].text, "a[U+202E]b");
}

#[test]
fn lines_stay_within_their_width_and_lose_nothing() {
    let fonts = Fonts::load().unwrap();
    for text in [
        "ein langer Satz mit vielen Wörtern darin",
        &"0123456789abcdef".repeat(8),
        "مرحبا بالعالم مرحبا بالعالم",
    ] {
        let lines = lines(text, &[], Style::Body, 100.0, &fonts, &mut BTreeSet::new());
        assert!(lines.len() > 1);
        assert!(
            lines.iter().all(|line| line.width < 104.0),
            "{:?}",
            lines.iter().map(|l| l.width).collect::<Vec<_>>()
        );
        let back: String = lines.iter().flat_map(|line| &line.runs).map(|run| run.text.as_str()).collect();
        assert_eq!(back.chars().filter(|c| *c != ' ').count(), text.chars().filter(|c| *c != ' ').count());
    }
}

#[test]
fn scripts_without_spaces_break_between_whole_characters() {
    let fonts = Fonts::load().unwrap();
    let text = "ผู้ที่นี่".repeat(12);
    let lines = lines(&text, &[], Style::Body, 60.0, &fonts, &mut BTreeSet::new());
    assert!(lines.len() > 2);
    for line in &lines {
        // A vowel or tone mark above belongs to the consonant before it.
        let first = line.runs.iter().flat_map(|run| run.text.chars()).next().unwrap();
        assert!(!matches!(first, '\u{e31}' | '\u{e34}'..='\u{e3a}' | '\u{e47}'..='\u{e4e}'), "{first:?}");
    }
}

#[test]
fn a_mark_that_the_letters_font_lacks_is_drawn_from_another() {
    drawn(&|input| input.items[0].post.text = "b\u{20e3} und 5\u{20e3}".to_owned());
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(24))]
    #[test]
    fn any_text_makes_a_report(text in "\\PC{0,200}", start in 0u32..50, end in 0u32..300) {
        drawn(&|input| {
            input.items[0].post.text.clone_from(&text);
            input.items[0].post.spans = vec![Span(start, end)];
        });
    }
}
