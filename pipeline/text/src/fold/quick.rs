//! The path that most posts take through level `std`.
pub(super) fn fold(_text: &str, _folded: &mut super::Folded) -> bool {
    false
}
