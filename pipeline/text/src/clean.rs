//! The normalisation the classifiers were trained with.

/// Cleans `text`.
pub fn clean_for_models(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
