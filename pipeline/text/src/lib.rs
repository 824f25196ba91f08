//! Normalising and folding with offset maps, tokens, language identification, near-duplicate keys.
