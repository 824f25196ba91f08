//! Properties of single characters, as the rest of this crate needs them.

use std::sync::LazyLock;

use unicode_properties::{
    EmojiStatus, GeneralCategory, GeneralCategoryGroup, UnicodeEmoji, UnicodeGeneralCategory,
};

/// Is it part of a word: a letter, mark or digit (general category L, M or N)?
pub(crate) fn is_word_char(c: char) -> bool {
    let code = u32::from(c);
    match WORD_CHARS.get((code >> 6) as usize) {
        Some(block) => block >> (code & 63) & 1 == 1,
        None => is_word_category(c),
    }
}

/// One bit for each character of the Basic Multilingual Plane: is it a word character?
static WORD_CHARS: LazyLock<[u64; 1024]> = LazyLock::new(|| {
    let mut bits = [0; 1024];
    for c in '\0'..='\u{ffff}' {
        let code = u32::from(c);
        bits[(code >> 6) as usize] |= u64::from(is_word_category(c)) << (code & 63);
    }
    bits
});

fn is_word_category(c: char) -> bool {
    matches!(
        c.general_category_group(),
        GeneralCategoryGroup::Letter | GeneralCategoryGroup::Mark | GeneralCategoryGroup::Number
    )
}

/// Is it a letter (general category L)?
pub(crate) fn is_letter(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphabetic();
    }
    is_word_char(c) && c.general_category_group() == GeneralCategoryGroup::Letter
}

/// Is it a mark that stands on another character (general category M)?
pub(crate) fn is_mark(c: char) -> bool {
    c >= '\u{300}' && is_word_char(c) && c.general_category_group() == GeneralCategoryGroup::Mark
}

/// Is it an emoji by itself? ASCII digits, `#` and `*` only become emoji with a keycap and are not.
pub(crate) fn is_emoji(c: char) -> bool {
    // The first emoji outside ASCII is U+00A9; the second U+00AE; then U+203C.
    (c >= '\u{203c}' || c == '\u{a9}' || c == '\u{ae}')
        && c.is_emoji_char()
        && c.emoji_status() != EmojiStatus::NonEmoji
}

/// Half of a flag.
pub(crate) fn is_regional_indicator(c: char) -> bool {
    ('\u{1f1e6}'..='\u{1f1ff}').contains(&c)
}

/// Changes the emoji before it: variation selectors, skin tones, tags of sub-flags, the keycap frame.
pub(crate) fn is_emoji_modifier(c: char) -> bool {
    matches!(c, '\u{fe0e}' | '\u{fe0f}' | '\u{20e3}' | '\u{1f3fb}'..='\u{1f3ff}' | '\u{e0020}'..='\u{e007f}')
}

/// Joins two emoji into one.
pub(crate) const ZERO_WIDTH_JOINER: char = '\u{200d}';

/// Shows nothing by itself: zero-width characters, controls of writing direction, soft hyphen, variation
/// selectors, fillers, tags. Removed at fold level `std`.
pub(crate) fn is_invisible(c: char) -> bool {
    match c {
        '\0'..='\u{ac}' => false,
        '\u{ad}'
        | '\u{34f}'
        | '\u{115f}'..='\u{1160}'
        | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{3164}'
        | '\u{ffa0}'
        | '\u{fe00}'..='\u{fe0f}' => true,
        _ => c.general_category() == GeneralCategory::Format || ('\u{e0000}'..='\u{e0fff}').contains(&c),
    }
}

/// Simple case folding (the C and S mappings of Unicode's CaseFolding.txt): one character to one character.
///
/// Derived from the standard library's tables by way of upper case, so that for example both Greek small
/// sigmas meet; where only a mapping to several characters exists (`İ`), the character stays. `ı` stays too:
/// its upper case is `I` only in Turkic text.
pub(crate) fn fold_case(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_lowercase();
    }
    match c {
        // The commonest: lower-case letters of Latin-1, whose way by upper case leads back.
        'ß'..='ÿ' | 'ı' => return c,
        // Their upper cases are several characters, so the way by upper case does not see that they meet.
        '\u{1fd3}' => return '\u{390}',
        '\u{1fe3}' => return '\u{3b0}',
        '\u{fb05}' => return '\u{fb06}',
        _ => {}
    }
    let upper = single(c.to_uppercase()).unwrap_or(c);
    single(upper.to_lowercase()).unwrap_or(c)
}

fn single(mut chars: impl Iterator<Item = char>) -> Option<char> {
    let first = chars.next()?;
    chars.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn categories_of_common_characters() {
        for c in ['a', 'ß', 'я', 'ش', '中', '7', '½', '\u{301}'] {
            assert!(is_word_char(c), "{c:?}");
        }
        for c in [' ', '_', '.', '@', '#', '\u{200d}', '😀', '…'] {
            assert!(!is_word_char(c), "{c:?}");
        }
        assert!(is_emoji('😀') && is_emoji('❤') && is_emoji('🇩') && !is_emoji('7') && !is_emoji('a'));
        assert!(is_letter('я') && !is_letter('7') && !is_letter('\u{301}') && is_mark('\u{301}'));
    }

    #[test]
    fn case_folding_is_simple_and_stable() {
        for (from, to) in [('Ä', 'ä'), ('ẞ', 'ß'), ('ς', 'σ'), ('ſ', 's'), ('K', 'k'), ('İ', 'İ'), ('ı', 'ı')]
        {
            assert_eq!(fold_case(from), to);
        }
        for c in '\0'..=char::MAX {
            assert_eq!(fold_case(fold_case(c)), fold_case(c), "{c:?}");
        }
    }

    /// All that folds alike by Unicode's simple mappings (as another library has them) folds alike here.
    #[test]
    fn case_folding_agrees_with_unicode() {
        use regex_syntax::hir::{ClassUnicode, ClassUnicodeRange};
        for c in ('\0'..=char::MAX).filter(|c| is_letter(*c) || is_mark(*c)) {
            let mut class = ClassUnicode::new([ClassUnicodeRange::new(c, c)]);
            class.case_fold_simple();
            for same in class.ranges().iter().flat_map(|range| range.start()..=range.end()) {
                assert_eq!(fold_case(same), fold_case(c), "{same:?} {c:?}");
            }
        }
    }
}
