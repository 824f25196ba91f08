//! Near-copies join a campaign, others do not, memory stays, order decides.

use proptest::prelude::*;
use streife_domain::CampaignKey;
use streife_text::duplicate::{CampaignIndex, signature};
use streife_text::{FoldLevel, fold};

fn key(index: &mut CampaignIndex, text: &str) -> CampaignKey {
    index.assign(&signature(&fold(text, FoldLevel::Std).text))
}

/// Texts of made-up words, long enough to compare.
fn text(words: std::ops::Range<usize>) -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec("[a-zäöü]{3,9}|[а-я]{3,7}", words)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn an_edited_copy_joins(words in text(20..40), other in "[a-z]{4,7}", at in 0usize..20, others in prop::collection::vec(text(10..30), 0..20)) {
        let mut index = CampaignIndex::new(1_000);
        let original = words.join(" ");
        let campaign = key(&mut index, &original);
        for unrelated in &others {
            prop_assert_ne!(key(&mut index, &unrelated.join(" ")), campaign);
        }
        let mut changed = words;
        changed[at] = other;
        for copy in [
            original.clone(),
            format!("{original} https://host.example/{at}"),
            format!("@name {original}!!! {at}"),
            original.to_uppercase(),
            changed.join(" "),
        ] {
            prop_assert_eq!(key(&mut index, &copy), campaign, "{}", copy);
        }
    }

    #[test]
    fn short_texts_join_only_when_equal(one in "[a-z]{1,6}( [a-z]{1,6}){0,2}", two in "[a-z]{1,6}( [a-z]{1,6}){0,2}") {
        let mut index = CampaignIndex::new(10);
        let (a, b) = (key(&mut index, &one), key(&mut index, &two));
        prop_assert_eq!(a == b, fold(&one, FoldLevel::Std).text == fold(&two, FoldLevel::Std).text);
    }

    #[test]
    fn any_text_has_a_campaign_and_memory_stays(texts in prop::collection::vec(any::<String>(), 0..60), capacity in 0usize..40) {
        let (mut one, mut two) = (CampaignIndex::new(capacity), CampaignIndex::new(capacity));
        let memory = one.memory_bytes();
        for text in &texts {
            prop_assert_eq!(key(&mut one, text), key(&mut two, text));
        }
        prop_assert_eq!(one.memory_bytes(), memory);
    }
}

/// The n-th of many texts that have nothing in common.
fn numbered(n: u32) -> String {
    (1..13).map(|i| letters((n + 1) * i)).collect::<Vec<_>>().join(" ")
}

fn letters(n: u32) -> String {
    let mixed = n.wrapping_mul(2_654_435_761).rotate_left(11).wrapping_mul(2_246_822_519);
    mixed.to_string().bytes().map(|digit| char::from(digit - b'0' + b'b')).collect()
}

#[test]
fn the_oldest_is_forgotten_first() {
    let mut index = CampaignIndex::new(100);
    let first = key(&mut index, &numbered(0));
    for n in 1..100 {
        key(&mut index, &numbered(n));
    }
    assert_eq!(key(&mut index, &format!("{} x", numbered(0))), first, "still known, and young again");
    for n in 100..199 {
        key(&mut index, &numbered(n));
    }
    assert_eq!(key(&mut index, &format!("{} y", numbered(0))), first);
    for n in 1_000..1_200 {
        key(&mut index, &numbered(n));
    }
    assert_ne!(key(&mut index, &format!("{} z", numbered(0))), first, "a new campaign by its own name");
}

#[test]
fn a_flood_does_not_wash_others_out() {
    let mut index = CampaignIndex::new(50);
    let quiet = key(&mut index, &numbered(1));
    for n in 0..10_000 {
        key(&mut index, &format!("{} https://host.example/{n}", numbered(2)));
    }
    // The flood renews its one member each time it grows old: twice in a turn of the ring at most.
    assert_eq!(key(&mut index, &format!("{} more", numbered(1))), quiet);
}
