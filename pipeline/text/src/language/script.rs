//! Languages that their script alone gives away, wholly or nearly.

use unicode_script::Script;

/// What a script says about the language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Verdict {
    /// The language, or by far the commonest one.
    pub(super) code: &'static str,
    /// Others written in it that fastText knows.
    pub(super) others: &'static [&'static str],
}

/// The language of a script that is (nearly) one language's own; none for scripts of many languages.
pub(super) const fn language_of(script: Script) -> Option<Verdict> {
    let (code, others): (_, &[&str]) = match script {
        Script::Armenian => ("hy", &[]),
        Script::Bengali => ("bn", &["as", "bpy"]),
        Script::Cherokee => ("chr", &[]),
        Script::Devanagari => ("hi", &["mr", "ne", "sa", "mai", "new", "bh", "gom"]),
        Script::Georgian => ("ka", &["xmf"]),
        Script::Greek => ("el", &[]),
        Script::Gujarati => ("gu", &[]),
        Script::Gurmukhi => ("pa", &[]),
        Script::Han => ("zh", &["ja", "yue", "wuu"]),
        Script::Hangul => ("ko", &[]),
        Script::Hebrew => ("he", &["yi"]),
        Script::Hiragana | Script::Katakana => ("ja", &[]),
        Script::Kannada => ("kn", &[]),
        Script::Khmer => ("km", &[]),
        Script::Lao => ("lo", &[]),
        Script::Malayalam => ("ml", &[]),
        Script::Mongolian => ("mn", &[]),
        Script::Myanmar => ("my", &[]),
        Script::Oriya => ("or", &[]),
        Script::Sinhala => ("si", &[]),
        Script::Tamil => ("ta", &[]),
        Script::Telugu => ("te", &[]),
        Script::Thaana => ("dv", &[]),
        Script::Thai => ("th", &[]),
        Script::Tibetan => ("bo", &[]),
        Script::Tifinagh => ("zgh", &[]),
        _ => return None,
    };
    Some(Verdict { code, others })
}

/// ISO 639-1 code (639-3 where there is none) for the ISO 639-3 code of whatlang.
pub(super) fn short_code(code: &str) -> &str {
    const PAIRS: &[(&str, &str)] = &[
        ("afr", "af"),
        ("aka", "ak"),
        ("amh", "am"),
        ("ara", "ar"),
        ("aze", "az"),
        ("bel", "be"),
        ("ben", "bn"),
        ("bul", "bg"),
        ("cat", "ca"),
        ("ces", "cs"),
        ("cmn", "zh"),
        ("cym", "cy"),
        ("dan", "da"),
        ("deu", "de"),
        ("ell", "el"),
        ("eng", "en"),
        ("epo", "eo"),
        ("est", "et"),
        ("fin", "fi"),
        ("fra", "fr"),
        ("guj", "gu"),
        ("heb", "he"),
        ("hin", "hi"),
        ("hrv", "hr"),
        ("hun", "hu"),
        ("hye", "hy"),
        ("ind", "id"),
        ("ita", "it"),
        ("jav", "jv"),
        ("jpn", "ja"),
        ("kan", "kn"),
        ("kat", "ka"),
        ("khm", "km"),
        ("kor", "ko"),
        ("lat", "la"),
        ("lav", "lv"),
        ("lit", "lt"),
        ("mal", "ml"),
        ("mar", "mr"),
        ("mkd", "mk"),
        ("mya", "my"),
        ("nep", "ne"),
        ("nld", "nl"),
        ("nob", "no"),
        ("ori", "or"),
        ("pan", "pa"),
        ("pes", "fa"),
        ("pol", "pl"),
        ("por", "pt"),
        ("ron", "ro"),
        ("rus", "ru"),
        ("sin", "si"),
        ("slk", "sk"),
        ("slv", "sl"),
        ("sna", "sn"),
        ("spa", "es"),
        ("srp", "sr"),
        ("swe", "sv"),
        ("tam", "ta"),
        ("tel", "te"),
        ("tgl", "tl"),
        ("tha", "th"),
        ("tuk", "tk"),
        ("tur", "tr"),
        ("ukr", "uk"),
        ("urd", "ur"),
        ("uzb", "uz"),
        ("vie", "vi"),
        ("yid", "yi"),
        ("zul", "zu"),
    ];
    PAIRS.iter().find(|(long, _)| *long == code).map_or(code, |(_, short)| short)
}

/// The language that a label of fastText's lid.176 stands for: dialects count for their language. None for
/// `sh`, which does not say which of Bosnian, Croatian and Serbian it means.
pub(super) fn language_of_label(label: &str) -> Option<&str> {
    match label.strip_prefix("__label__").unwrap_or(label) {
        "sh" => None,
        "als" | "bar" | "pfl" => Some("de"),
        "arz" => Some("ar"),
        "azb" => Some("az"),
        code => Some(code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_of_whatlang_has_a_short_code() {
        for language in whatlang::Lang::all() {
            assert_eq!(short_code(language.code()).len(), 2, "{language}");
        }
    }
}
