use proptest::prelude::*;

use super::*;

const LEVELS: [FoldLevel; 4] = [FoldLevel::None, FoldLevel::Case, FoldLevel::Std, FoldLevel::Stem];

fn std(text: &str) -> String {
    fold(text, FoldLevel::Std).text
}

#[test]
fn case_folds_case_only() {
    assert_eq!(fold("ÄRGER Straße ΣΊΣΥΦΟΣ", FoldLevel::Case).text, "ärger straße σίσυφοσ");
    assert_eq!(fold("ÄRGER", FoldLevel::None).text, "ÄRGER");
}

#[test]
fn umlauts_and_their_substitutes_meet() {
    for (one, other) in [("Straße", "STRASSE"), ("Köln", "koeln"), ("Übung", "uebung"), ("Øl", "oel")] {
        assert_eq!(std(one), std(other));
    }
}

#[test]
fn disguises_come_off() {
    for disguised in [
        "n4zi",
        "N\u{200b}azi",
        "nаzi",
        "ＮＡＺＩ",
        "𝓃𝒶𝓏𝒾",
        "n a z i",
        "n.a.z.i",
        "naaaazi",
        "Ⓝⓐⓩⓘ",
        "n̴a̸z̷i̶",
        "NΑZI",
        "nnnazi",
        "n@zi",
    ] {
        assert_eq!(std(disguised), "nazi", "{disguised}");
    }
    assert_eq!(std("hasssss"), std("Haß"));
    assert_eq!(std("a$$hole"), "asshole");
}

#[test]
fn numbers_stay_numbers() {
    for text in [
        "88",
        "1488",
        "14/88",
        "12a",
        "mp3",
        "ak47",
        "18er",
        "combat18",
        "g20gipfel",
        "wm2014finale",
        "100km",
        "1990",
        "20.04.1889",
        "h1n1",
        "5g",
        "3,50 $",
        "$100",
        "nr. 7b",
    ] {
        assert_eq!(std(text), text);
    }
}

#[test]
fn mentions_prices_and_addresses_stay() {
    for text in
        ["@name", "max@mail.example", "@max@host.example", "https://host.example/@max", "$tsla", "us$"]
    {
        assert_eq!(std(text), text);
    }
}

#[test]
fn letters_alone_stay_three() {
    assert_eq!(std("KKK III. Weg kkkkkk"), "kkk iii. weg kkk");
}

#[test]
fn spaced_out_words_end_at_a_wider_gap() {
    assert_eq!(std("ein h a s s  t o t, s. o. u."), "ein hass  tot, s. o. u.");
    assert_eq!(std("a b"), "a b");
}

#[test]
fn ordinary_posts_take_the_quick_path() {
    for text in [
        "Am 20. April 1990, „wie üblich“ – große Straße 12 😀!",
        "@user12345 Combat18, 88er, WM2014Finale",
        "@name Sieh mal: #Tag",
        "plain ASCII, 12 words",
    ] {
        assert!(quick::fold(text, &mut Folded::default()), "{text}");
    }
    for text in ["n4zi", "haaass", "h a s s", "nаzi", "ﬁn"] {
        assert!(!quick::fold(text, &mut Folded::default()), "{text}");
    }
}

#[test]
fn spans_point_into_the_original() {
    let text = "Über n\u{200b}4zi, h a s s…";
    let folded = fold(text, FoldLevel::Std);
    assert_eq!(folded.text, "ueber nazi, hass...");
    for (part, original) in
        [("ueber", "Über"), ("nazi", "n\u{200b}4zi"), ("hass", "h a s s"), ("as", "a s"), ("...", "…")]
    {
        let at = folded.text.find(part).unwrap();
        let span = folded.original_span(at, at + part.len());
        assert_eq!(&text[span.0 as usize..span.1 as usize], original);
    }
    assert_eq!(folded.original_span(99, 120), streife_domain::Span(text.len() as u32, text.len() as u32));
    assert_eq!(folded.original_span(3, 1), streife_domain::Span(3, 3));
}

/// Texts made of what folding looks at, and of anything else.
fn texts() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        4 => "[a-zA-Z]{1,6}",
        2 => "[a-z0-9@$]{1,6}",
        2 => prop::sample::select(vec![" ", ".", "-", "  ", "@", "$", "4", "1", "a", "A", "ä", "ẞ", "ß", "s", "aaa", "sss", "ﬀ", "а", "Η", "ı", "İ", "\u{308}", "\u{301}", "\u{334}", "\u{200d}", "\u{200b}", "\u{fe0f}", "\u{640}", "ﷺ", "ｶﾞ", "가", "\u{1161}", "\u{11a8}", "ᄀ", "😀", "🅰", "👨‍👩‍👧", "://", "www.", "…", "½", "ǆ", "ŉ", "\u{345}", "ᾳ"]).prop_map(str::to_owned),
        1 => any::<String>(),
        1 => any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn folding_twice_changes_nothing_more(text in texts()) {
        for level in LEVELS {
            let once = fold(&text, level).text;
            prop_assert_eq!(&fold(&once, level).text, &once, "{:?}", level);
        }
    }

    #[test]
    fn every_range_maps_to_character_borders(text in texts(), start in 0usize..90, length in 0usize..90) {
        for level in LEVELS {
            let folded = fold(&text, level);
            let span = folded.original_span(start, start + length);
            prop_assert!(text.get(span.0 as usize..span.1 as usize).is_some(), "{:?} {:?}", level, span);
        }
    }

    #[test]
    fn spans_follow_the_order_of_the_text(text in texts()) {
        for level in LEVELS {
            let folded = fold(&text, level);
            let mut last = 0;
            for (at, c) in folded.text.char_indices() {
                let span = folded.original_span(at, at + c.len_utf8());
                prop_assert!(span.0 >= last && span.1 > span.0, "{:?} {:?}", level, span);
                last = span.0;
            }
        }
    }

    #[test]
    fn parts_fold_like_the_whole(text in prop_oneof![texts(), "[aAb4s5.@ -]{0,40}", "[a-dA-D0-5ä ]{0,60}"]) {
        let (mut whole, mut by_part) = (Folded::default(), Folded::default());
        spelling::fold_part(&text, 0..text.len(), &mut whole);
        fold_std_into(&text, &mut by_part);
        prop_assert_eq!(&by_part.text, &whole.text);
        for (at, c) in whole.text.char_indices() {
            let end = at + c.len_utf8();
            prop_assert_eq!(by_part.original_span(at, end), whole.original_span(at, end));
        }
    }

    #[test]
    fn the_quick_path_agrees_with_the_thorough_one(text in prop_oneof![texts(), "[a-zA-ZäöüßÄÉéñæÞ×€„“–•😀 .,!?0-9@#s-]{0,60}", "[a-zäß …\u{a0}\u{ad}\u{200d}\u{fe0f}§«°\u{2600}-\u{27bf}\u{1f1e6}-\u{1f1ff}\u{1f300}-\u{1f9ff}.]{0,40}"]) {
        let mut quick = Folded::default();
        if quick::fold(&text, &mut quick) {
            let mut thorough = Folded::default();
            spelling::fold_part(&text, 0..text.len(), &mut thorough);
            prop_assert_eq!(&quick.text, &thorough.text);
            for (at, c) in quick.text.char_indices() {
                let end = at + c.len_utf8();
                prop_assert_eq!(quick.original_span(at, end), thorough.original_span(at, end));
            }
        }
    }
}
