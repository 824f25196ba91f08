//! HTML character references, decoded as Python's `html.unescape` does: leniently, in one pass.

use std::borrow::Cow;

use htmlize::ENTITIES;

/// Longest name looked at, in characters, without `&` and `;`.
const MAX_NAME_CHARS: usize = 32;

/// What the references `&#128;` to `&#159;` mean: the characters of Windows-1252, not the control characters
/// of those numbers.
const WINDOWS_1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}',
    '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// Decodes the character references in `text`.
pub(super) fn unescape(text: &str) -> Cow<'_, str> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        let reference = &rest[at + 1..];
        let length = match reference.strip_prefix('#') {
            Some(number) => decode_number(number, &mut out).map(|length| 1 + length),
            None => decode_name(reference, &mut out),
        };
        if length.is_none() {
            out.push('&');
        }
        rest = &reference[length.unwrap_or(0)..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Decodes a number (`104`, `x68`, with or without `;`); its length, or none when there is no digit.
fn decode_number(number: &str, out: &mut String) -> Option<usize> {
    let (radix, prefix) = if number.starts_with(['x', 'X']) { (16, 1) } else { (10, 0) };
    let digits = number[prefix..].bytes().take_while(|b| char::from(*b).is_digit(radix)).count();
    if digits == 0 {
        return None;
    }
    let end = prefix + digits;
    // Too long to be a number of 32 bits is too large to be a character.
    out.extend(character(u32::from_str_radix(&number[prefix..end], radix).unwrap_or(u32::MAX)));
    Some(end + usize::from(number[end..].starts_with(';')))
}

/// The character a number stands for; none for those that HTML drops.
fn character(number: u32) -> Option<char> {
    match number {
        0 => Some(char::REPLACEMENT_CHARACTER),
        0x80..=0x9f => WINDOWS_1252.get(number as usize - 0x80).copied(),
        0x01..=0x08 | 0x0b | 0x0e..=0x1f | 0x7f | 0xfdd0..=0xfdef => None,
        _ if number <= 0x10_ffff && number & 0xfffe == 0xfffe => None,
        _ => Some(char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER)),
    }
}

/// Decodes a name: the whole of it, else the longest beginning that is one without `;`. Its length, or none
/// when no beginning is a name.
fn decode_name(reference: &str, out: &mut String) -> Option<usize> {
    let ends_name = |c: char| matches!(c, '\t' | '\n' | '\x0c' | ' ' | '<' | '&' | '#' | ';');
    let name_end = reference
        .char_indices()
        .take(MAX_NAME_CHARS)
        .take_while(|(_, c)| !ends_name(*c))
        .last()
        .map(|(at, c)| at + c.len_utf8())?;
    let whole = name_end + usize::from(reference[name_end..].starts_with(';'));
    let borders = reference[..whole].char_indices().map(|(at, _)| at).filter(|at| *at > 1).rev();
    for end in std::iter::once(whole).chain(borders) {
        let key = &[b"&", &reference.as_bytes()[..end]].concat()[..];
        if let Some(value) = ENTITIES.get(key).and_then(|value| std::str::from_utf8(value).ok()) {
            out.push_str(value);
            return Some(end);
        }
    }
    None
}
