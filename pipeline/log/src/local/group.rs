//! Consumer groups inside one process: who reads which partition. Pure; no clock, no randomness.
//!
//! The split is even and sticky: a partition changes hands only when the balance asks for it. Every change of
//! hands gives the partition a new epoch, so that a member that has not heard of it yet can be told apart.

use std::collections::{BTreeMap, BTreeSet};

use crate::TopicPartition;

/// A member of a group; never used twice.
pub(crate) type MemberId = u64;

/// Which tenure of a partition.
pub(crate) type Epoch = u64;

/// All groups of one log.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    groups: BTreeMap<String, Group>,
    last_member: MemberId,
    last_epoch: Epoch,
}

#[derive(Debug, Default)]
struct Group {
    members: BTreeMap<MemberId, BTreeSet<String>>,
    partitions: BTreeSet<TopicPartition>,
    owners: BTreeMap<TopicPartition, (MemberId, Epoch)>,
}

impl Groups {
    /// A new member of `group` that reads `partitions`.
    pub(crate) fn join(&mut self, group: &str, partitions: &[TopicPartition]) -> MemberId {
        self.last_member += 1;
        let member = self.last_member;
        let state = self.groups.entry(group.to_owned()).or_default();
        state.members.insert(member, partitions.iter().map(|p| p.topic.clone()).collect());
        state.partitions.extend(partitions.iter().cloned());
        state.rebalance(&mut self.last_epoch);
        member
    }

    /// The member is gone, its partitions go to the others.
    pub(crate) fn leave(&mut self, group: &str, member: MemberId) {
        let Some(state) = self.groups.get_mut(group) else { return };
        if state.members.remove(&member).is_some() {
            state.rebalance(&mut self.last_epoch);
        }
        if state.members.is_empty() {
            self.groups.remove(group);
        }
    }

    /// Every member is gone at once.
    pub(crate) fn leave_all(&mut self) {
        self.groups.clear();
    }

    /// What `member` owns, or `None` when it is no member any more.
    pub(crate) fn owned(&self, group: &str, member: MemberId) -> Option<BTreeMap<TopicPartition, Epoch>> {
        let state = self.groups.get(group)?;
        state.members.get(&member)?;
        let mine = state.owners.iter().filter(|(_, (owner, _))| *owner == member);
        Some(mine.map(|(partition, (_, epoch))| (partition.clone(), *epoch)).collect())
    }

    /// Does `member` still own `partition` in the tenure it knows of?
    pub(crate) fn holds(
        &self,
        group: &str,
        member: MemberId,
        partition: &TopicPartition,
        epoch: Epoch,
    ) -> bool {
        self.groups.get(group).and_then(|state| state.owners.get(partition)) == Some(&(member, epoch))
    }
}

impl Group {
    fn rebalance(&mut self, last_epoch: &mut Epoch) {
        let before: BTreeMap<TopicPartition, MemberId> =
            self.owners.iter().map(|(partition, (owner, _))| (partition.clone(), *owner)).collect();
        let after = assign(&self.members, &self.partitions, &before);
        self.owners = after
            .into_iter()
            .map(|(partition, owner)| match self.owners.get(&partition) {
                Some((same, epoch)) if *same == owner => (partition, (owner, *epoch)),
                _ => {
                    *last_epoch += 1;
                    (partition, (owner, *last_epoch))
                }
            })
            .collect();
    }
}

/// An even split that moves as little as possible from `before`. A member gets only partitions of its topics.
fn assign(
    members: &BTreeMap<MemberId, BTreeSet<String>>,
    partitions: &BTreeSet<TopicPartition>,
    before: &BTreeMap<TopicPartition, MemberId>,
) -> BTreeMap<TopicPartition, MemberId> {
    let reads = |member: &MemberId, partition: &TopicPartition| {
        members.get(member).is_some_and(|topics| topics.contains(&partition.topic))
    };
    let mut load: BTreeMap<MemberId, usize> = members.keys().map(|member| (*member, 0)).collect();
    let mut owners = BTreeMap::new();
    for (partition, owner) in before.iter().filter(|(partition, owner)| reads(owner, partition)) {
        owners.insert(partition.clone(), *owner);
        *load.entry(*owner).or_default() += 1;
    }

    let lightest = |load: &BTreeMap<MemberId, usize>, partition: &TopicPartition| {
        load.iter()
            .filter(|(member, _)| reads(member, partition))
            .min_by_key(|(_, count)| **count)
            .map(|(m, _)| *m)
    };
    for partition in partitions {
        if owners.contains_key(partition) {
            continue;
        }
        if let Some(member) = lightest(&load, partition) {
            owners.insert(partition.clone(), member);
            *load.entry(member).or_default() += 1;
        }
    }

    // Each move makes the split more even, so this ends. The heaviest gives first, so that nobody but a
    // newcomer grows.
    loop {
        let uneven = owners
            .iter()
            .filter_map(|(partition, from)| {
                let to = lightest(&load, partition)?;
                let surplus = load.get(from)?.checked_sub(load.get(&to)? + 1)?;
                (surplus > 0).then(|| (surplus, partition.clone(), *from, to))
            })
            .max_by_key(|(surplus, ..)| *surplus)
            .map(|(_, partition, from, to)| (partition, from, to));
        let Some((partition, from, to)) = uneven else { return owners };
        owners.insert(partition, to);
        load.entry(from).and_modify(|count| *count -= 1);
        *load.entry(to).or_default() += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn partitions(topic: &str, count: i32) -> Vec<TopicPartition> {
        (0..count).map(|partition| TopicPartition { topic: topic.to_owned(), partition }).collect()
    }

    #[test]
    fn the_second_member_takes_half_and_gives_it_back() {
        let mut groups = Groups::default();
        let all = partitions("t", 4);
        let first = groups.join("g", &all);
        let alone = groups.owned("g", first).unwrap();
        assert_eq!(alone.len(), 4);
        let second = groups.join("g", &all);
        let shared = groups.owned("g", first).unwrap();
        assert_eq!(shared.len(), 2);
        assert!(
            shared.iter().all(|(partition, epoch)| alone[partition] == *epoch),
            "what stays keeps its epoch"
        );
        groups.leave("g", second);
        let again = groups.owned("g", first).unwrap();
        assert_eq!(again.len(), 4);
        let came_back = all.iter().filter(|p| !shared.contains_key(p));
        assert!(came_back.into_iter().all(|p| again[p] > alone[p]), "what came back has a new epoch");
        assert_eq!(groups.owned("g", second), None);
    }

    proptest! {
        #[test]
        fn any_coming_and_going_leaves_every_partition_with_one_member_evenly(
            steps in proptest::collection::vec((any::<bool>(), 0usize..6), 1..40), count in 1i32..20,
        ) {
            let mut groups = Groups::default();
            let all = partitions("t", count);
            let mut members: Vec<MemberId> = Vec::new();
            for (join, which) in steps {
                let before: Vec<_> = members.iter().map(|m| groups.owned("g", *m).unwrap()).collect();
                if join || members.is_empty() {
                    members.push(groups.join("g", &all));
                } else {
                    let gone = members.remove(which % members.len());
                    groups.leave("g", gone);
                }
                let owned: Vec<_> = members.iter().map(|m| groups.owned("g", *m).unwrap()).collect();
                if members.is_empty() { continue; }
                prop_assert_eq!(owned.iter().map(BTreeMap::len).sum::<usize>(), all.len());
                let most = owned.iter().map(BTreeMap::len).max().unwrap();
                let least = owned.iter().map(BTreeMap::len).min().unwrap();
                prop_assert!(most - least <= 1);
                if join {
                    let kept: usize = owned.iter().zip(&before).map(|(now, then)| {
                        then.iter().filter(|(p, e)| now.get(*p) == Some(e)).count()
                    }).sum();
                    let moved = before.iter().map(BTreeMap::len).sum::<usize>() - kept;
                    prop_assert!(moved <= all.len().div_ceil(members.len()), "only the newcomer's share moves");
                }
            }
        }
    }
}
