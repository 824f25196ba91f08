//! Merkle trees as in RFC 6962 s. 2.1: leaves are hashed with a leading 0, inner nodes with a leading 1, so that
//! no leaf can pass as a node.

use sha2::{Digest, Sha256};

/// A sha256.
pub type Hash = [u8; 32];

/// The deepest proof accepted: a tree of 2^64 leaves.
const MAX_PROOF_LEN: usize = 64;

/// sha256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> Hash {
    Sha256::digest(bytes).into()
}

/// sha256 of `bytes` in lower-case hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(sha256(bytes))
}

/// Hash of a leaf.
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(leaf).finalize().into()
}

fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// The largest power of two below `n`; `n` is at least 2.
fn split(n: usize) -> usize {
    1 << (usize::BITS - 1 - (n - 1).leading_zeros())
}

/// Root of the tree over hashed leaves. The empty tree has the hash of nothing.
pub fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => sha256(&[]),
        [one] => *one,
        many => {
            let (left, right) = many.split_at(split(many.len()));
            node_hash(&root(left), &root(right))
        }
    }
}

/// The inclusion proof of leaf `index`, siblings from leaf to root; `None` when there is no such leaf.
pub fn prove(leaves: &[Hash], index: usize) -> Option<Vec<Hash>> {
    if index >= leaves.len() {
        return None;
    }
    if leaves.len() == 1 {
        return Some(Vec::new());
    }
    let (left, right) = leaves.split_at(split(leaves.len()));
    let (mut path, sibling) = if index < left.len() {
        (prove(left, index)?, root(right))
    } else {
        (prove(right, index - left.len())?, root(left))
    };
    path.push(sibling);
    Some(path)
}

/// Does `proof` lead from `leaf` at `index` to `root` in a tree of `size` leaves? (RFC 9162 s. 2.1.3.2)
pub fn includes(root: &Hash, size: u64, index: u64, leaf: &Hash, proof: &[Hash]) -> bool {
    if index >= size || proof.len() > MAX_PROOF_LEN {
        return false;
    }
    let (mut place, mut last, mut hash) = (index, size - 1, *leaf);
    for sibling in proof {
        if last == 0 {
            return false;
        }
        if place & 1 == 1 || place == last {
            hash = node_hash(sibling, &hash);
            while place & 1 == 0 && place != 0 {
                place >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        place >>= 1;
        last >>= 1;
    }
    last == 0 && hash == *root
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roots_of_the_rfc_test_tree() {
        // Leaves and roots published with the Certificate Transparency test vectors.
        let leaves: Vec<Hash> =
            ["", "00", "10", "2021"].iter().map(|l| leaf_hash(&hex::decode(l).unwrap())).collect();
        assert_eq!(
            hex::encode(root(&leaves[..1])),
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
        );
        assert_eq!(
            hex::encode(root(&leaves[..2])),
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"
        );
        assert_eq!(
            hex::encode(root(&leaves[..3])),
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"
        );
        assert_eq!(
            hex::encode(root(&leaves)),
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"
        );
    }

    proptest::proptest! {
        #[test]
        fn every_leaf_is_proven_and_nothing_else(size in 1usize..70, at in 0usize..70, other in 0u8..255) {
            let leaves: Vec<Hash> = (0..size).map(|i| leaf_hash(&i.to_be_bytes())).collect();
            let at = at % size;
            let root = root(&leaves);
            let proof = prove(&leaves, at).unwrap();
            proptest::prop_assert!(includes(&root, size as u64, at as u64, &leaves[at], &proof));
            let wrong = leaf_hash(&[other]);
            proptest::prop_assert!(!includes(&root, size as u64, at as u64, &wrong, &proof));
            proptest::prop_assert!(!includes(&root, size as u64, (at + 1) as u64, &leaves[at], &proof));
            if !proof.is_empty() {
                proptest::prop_assert!(!includes(&root, size as u64, at as u64, &leaves[at], &proof[1..]));
            }
        }
    }
}
