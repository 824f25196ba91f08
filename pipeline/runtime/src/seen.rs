//! Which posts a partition has shown already: fixed memory, constant cost, oldest forgotten first.
//!
//! A record redelivered after a crash is not a duplicate of itself: the window keeps the offset at which a key was
//! first seen, and only a *later* offset with the same key is one. That makes dropping duplicates idempotent.

const WAYS: usize = 4;

#[derive(Clone, Copy)]
struct Slot {
    key: u64,
    offset: i64,
}

const EMPTY: Slot = Slot { key: 0, offset: -1 };

/// A four-way set-associative table of 16 bytes a slot. A forgotten key means a duplicate stored twice under one id
/// (which the store collapses), never a post lost.
pub struct SeenWindow {
    slots: Vec<Slot>,
    set_mask: usize,
}

impl SeenWindow {
    /// A window of at least `capacity` keys (rounded up to a power of two; 16 bytes each).
    pub fn new(capacity: usize) -> Self {
        let sets = capacity.div_ceil(WAYS).next_power_of_two();
        Self { slots: vec![EMPTY; sets * WAYS], set_mask: sets - 1 }
    }

    /// Was `key` seen at an earlier offset? Remembers it if not.
    pub fn is_duplicate(&mut self, key: u64, offset: i64) -> bool {
        let first = (key as usize & self.set_mask) * WAYS;
        let set = &mut self.slots[first..first + WAYS];
        if let Some(slot) = set.iter_mut().find(|slot| slot.key == key && slot.offset >= 0) {
            let earlier = slot.offset < offset;
            slot.offset = slot.offset.min(offset);
            return earlier;
        }
        if let Some(oldest) = set.iter_mut().min_by_key(|slot| slot.offset) {
            *oldest = Slot { key, offset };
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_later_offset_is_a_duplicate_the_same_offset_is_not() {
        let mut window = SeenWindow::new(64);
        assert!(!window.is_duplicate(7, 10));
        assert!(!window.is_duplicate(7, 10), "redelivery of the record itself");
        assert!(window.is_duplicate(7, 11));
        assert!(window.is_duplicate(7, 11), "redelivery of the duplicate");
    }

    proptest! {
        /// Redelivering from any earlier offset gives each record the decision it had the first time.
        #[test]
        fn redelivery_repeats_decisions(keys in proptest::collection::vec(1u64..9, 1..60), from in 0usize..60) {
            let mut window = SeenWindow::new(1024);
            let first: Vec<bool> = (0i64..).zip(&keys).map(|(offset, key)| window.is_duplicate(*key, offset)).collect();
            for (offset, key) in keys.iter().enumerate().skip(from) {
                prop_assert_eq!(window.is_duplicate(*key, offset as i64), first[offset]);
            }
        }
    }
}
