//! Level `stem`: the endings of German and English words go.

use super::{Folded, spelling};

/// Folds `text` to level `stem`.
pub(super) fn fold(text: &str, folded: &mut Folded) {
    spelling::fold(text, folded);
}
