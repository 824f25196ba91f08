//! The registration table of connectors: one line for each crate, nothing found by magic.

use std::sync::LazyLock;

use streife_sdk::Kind;

/// All kinds of sources.
pub(crate) fn all() -> &'static [Kind] {
    static ALL: LazyLock<Vec<Kind>> = LazyLock::new(|| {
        [
            streife_archive::KINDS,
            streife_feed::KINDS,
            streife_bluesky::KINDS,
            streife_mastodon::KINDS,
            streife_telegram::KINDS,
            streife_nostr::KINDS,
            streife_discourse::KINDS,
            streife_lemmy::KINDS,
            streife_imageboard::KINDS,
            streife_forum::KINDS,
            streife_nntp::KINDS,
            streife_matrix::KINDS,
            streife_youtube::KINDS,
            streife_licensed::KINDS,
            streife_exchange::KINDS,
        ]
        .concat()
    });
    &ALL
}

/// The kind called `name`.
pub(crate) fn find(name: &str) -> Option<&'static Kind> {
    all().iter().find(|kind| kind.name == name)
}
