//! A double-array trie over bytes: one addition and one comparison for each byte looked up.

use std::collections::VecDeque;

/// Marks a free slot and the end of the free list.
const NONE: u32 = u32::MAX;

#[derive(Debug, Clone, Copy)]
struct Node {
    /// The child for byte `b` lies at `base + b`.
    base: u32,
    /// The node this is a child of.
    parent: u32,
    /// The value of the key that ends here.
    value: u32,
}

const FREE: Node = Node { base: 0, parent: NONE, value: NONE };

/// Maps byte strings to numbers and finds all keys that a text starts with.
#[derive(Debug)]
pub(crate) struct Trie {
    nodes: Vec<Node>,
}

impl Trie {
    /// Builds the trie. Nothing when a key is empty or comes twice.
    pub(crate) fn new(mut keys: Vec<(Vec<u8>, u32)>) -> Option<Self> {
        keys.sort_unstable();
        if keys.iter().any(|(key, _)| key.is_empty()) || keys.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            return None;
        }
        Some(Builder::default().build(&keys))
    }

    /// Calls `found(length, value)` for each key that `text` starts with, shortest first.
    #[inline]
    pub(crate) fn prefixes(&self, text: &[u8], mut found: impl FnMut(usize, u32)) {
        let mut at = 0;
        let Some(mut node) = self.nodes.first().copied() else { return };
        for (i, &byte) in text.iter().enumerate() {
            let next = node.base + u32::from(byte);
            match self.nodes.get(next as usize) {
                Some(&child) if child.parent == at => node = child,
                _ => return,
            }
            at = next;
            if node.value != NONE {
                found(i + 1, node.value);
            }
        }
    }
}

/// Keys that share their first `depth` bytes and end in or below `node`.
struct Branch {
    node: usize,
    keys: std::ops::Range<usize>,
    depth: usize,
}

#[derive(Default)]
struct Builder {
    nodes: Vec<Node>,
    /// Places below are taken or too crowded to be worth another look.
    first_free: usize,
}

impl Builder {
    fn build(mut self, keys: &[(Vec<u8>, u32)]) -> Trie {
        self.nodes.push(Node { base: 0, parent: NONE - 1, value: NONE });
        self.first_free = 1;
        let mut branches = VecDeque::from([Branch { node: 0, keys: 0..keys.len(), depth: 0 }]);
        // Breadth first: nodes with many children are placed while there is room.
        while let Some(Branch { node, keys: range, depth }) = branches.pop_front() {
            let mut children: Vec<(u8, std::ops::Range<usize>)> = Vec::new();
            for i in range {
                let (key, value) = &keys[i];
                match key.get(depth) {
                    None => self.nodes[node].value = *value,
                    Some(&byte) => match children.last_mut() {
                        Some((last, keys)) if *last == byte => keys.end = i + 1,
                        _ => children.push((byte, i..i + 1)),
                    },
                }
            }
            if children.is_empty() {
                continue;
            }
            let base = self.place(&children);
            self.nodes[node].base = u32::try_from(base).unwrap_or(NONE);
            for (byte, keys) in children {
                let child = base + usize::from(byte);
                self.nodes[child].parent = u32::try_from(node).unwrap_or(NONE);
                branches.push_back(Branch { node: child, keys, depth: depth + 1 });
            }
        }
        Trie { nodes: self.nodes }
    }

    /// A base at which all children find a free place, which are then grown into.
    fn place(&mut self, children: &[(u8, std::ops::Range<usize>)]) -> usize {
        let first = usize::from(children[0].0);
        let last = usize::from(children[children.len() - 1].0);
        let mut at = self.first_free.max(first + 1);
        let (mut looked, mut taken) = (0_usize, 0_usize);
        let base = loop {
            let base = at - first;
            if self.is_free(at) {
                if children.iter().all(|(byte, _)| self.is_free(base + usize::from(*byte))) {
                    break base;
                }
            } else {
                taken += 1;
            }
            looked += 1;
            at += 1;
        };
        // Where nearly all is taken, later searches need not look again.
        if looked > 64 && taken * 20 > looked * 19 {
            self.first_free = at;
        }
        if self.nodes.len() <= base + last {
            self.nodes.resize(base + last + 1, FREE);
        }
        base
    }

    fn is_free(&self, at: usize) -> bool {
        self.nodes.get(at).is_none_or(|node| node.parent == NONE)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn prefixes(trie: &Trie, text: &[u8]) -> Vec<(usize, u32)> {
        let mut found = Vec::new();
        trie.prefixes(text, |length, value| found.push((length, value)));
        found
    }

    #[test]
    fn an_empty_trie_finds_nothing() {
        assert_eq!(prefixes(&Trie::new(Vec::new()).unwrap(), b"abc"), []);
    }

    #[test]
    fn empty_and_double_keys_are_refused() {
        assert!(Trie::new(vec![(Vec::new(), 1)]).is_none());
        assert!(Trie::new(vec![(b"a".to_vec(), 1), (b"a".to_vec(), 2)]).is_none());
    }

    proptest::proptest! {
        #[test]
        fn finds_what_a_map_finds(
            keys in proptest::collection::btree_map(proptest::collection::vec(0_u8..5, 1..6), 0_u32..100, 0..60),
            text in proptest::collection::vec(0_u8..5, 0..12),
        ) {
            let keys: BTreeMap<Vec<u8>, u32> = keys;
            let trie = Trie::new(keys.clone().into_iter().collect()).unwrap();
            let expected: Vec<_> =
                (1..=text.len()).filter_map(|n| Some((n, *keys.get(&text[..n])?))).collect();
            proptest::prop_assert_eq!(prefixes(&trie, &text), expected);
        }
    }
}
