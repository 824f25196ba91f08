//! The memory of campaigns: a ring of the signatures seen last, found through hash tables that never grow.

use streife_domain::CampaignKey;

use super::signature::{BANDS, Near, SLOTS, Signature};

/// Share of equal slots from which two texts are near-copies.
const MIN_EQUAL_SLOTS: usize = SLOTS * 5 / 8;
/// Share of equal slots from which a post adds nothing to what is known of its campaign.
const SAME_SLOTS: usize = SLOTS * 15 / 16;
/// Largest capacity; places are numbered in 32 bits.
const MAX_CAPACITY: usize = 1 << 28;

/// Remembers the latest posts by their signatures and names their campaigns.
///
/// Takes about 230 bytes for each post remembered, at once. A post of a known campaign that differs little
/// from the member found takes no place of its own while that member is young, so that one flood does not
/// wash all other campaigns out.
#[derive(Debug)]
pub struct CampaignIndex {
    /// The posts remembered; the post with number n lies at n modulo the length.
    ring: Vec<Member>,
    /// Numbers given so far. The first is 1; 0 in a table means empty.
    last: u64,
    /// For the exact key and for each band: the number of the latest post with that hash. Places are shared
    /// by what hashes alike; whatever is found there is compared.
    tables: Vec<u64>,
    /// Places of one table less one; a table has a power of two of them.
    mask: usize,
}

#[derive(Debug, Clone)]
struct Member {
    campaign: CampaignKey,
    exact: u64,
    /// None for texts that only match exactly.
    slots: Option<[u8; SLOTS]>,
}

impl CampaignIndex {
    /// An index that remembers the last `capacity` posts that were new to it (at least one).
    pub fn new(capacity: usize) -> Self {
        let capacity = capacity.clamp(1, MAX_CAPACITY);
        let places = capacity.next_power_of_two();
        let nobody = Member { campaign: CampaignKey(0), exact: 0, slots: None };
        Self {
            ring: vec![nobody; capacity],
            last: 0,
            tables: vec![0; places * (BANDS + 1)],
            mask: places - 1,
        }
    }

    /// Bytes it takes, which never change.
    pub fn memory_bytes(&self) -> usize {
        self.ring.capacity() * size_of::<Member>() + self.tables.capacity() * size_of::<u64>()
    }

    /// The campaign of a post: that of the most similar post remembered, else a new one named by the post's
    /// own exact key.
    pub fn assign(&mut self, signature: &Signature) -> CampaignKey {
        let exact_place = self.place(0, signature.exact);
        if let Some(member) = self.member(self.tables[exact_place])
            && member.exact == signature.exact
        {
            let campaign = member.campaign;
            if self.is_old(self.tables[exact_place]) {
                self.remember(signature, campaign);
            }
            return campaign;
        }
        let Some((equal, number, campaign)) =
            signature.near.as_ref().and_then(|near| self.most_similar(near))
        else {
            let campaign = CampaignKey(signature.exact);
            self.remember(signature, campaign);
            return campaign;
        };
        if equal < SAME_SLOTS || self.is_old(number) {
            self.remember(signature, campaign);
        }
        campaign
    }

    /// Of the posts that share a band, the most similar that is similar enough; the oldest of equals.
    fn most_similar(&self, near: &Near) -> Option<(usize, u64, CampaignKey)> {
        let mut best: Option<(usize, u64, CampaignKey)> = None;
        for (band, hash) in near.bands.iter().enumerate() {
            let number = self.tables[self.place(band + 1, u64::from(*hash))];
            if best.is_some_and(|(_, seen, _)| seen == number) {
                continue;
            }
            let Some(member) = self.member(number) else { continue };
            let Some(slots) = &member.slots else { continue };
            let equal = near.equal_slots(slots);
            let better =
                best.is_none_or(|(most, oldest, _)| equal > most || (equal == most && number < oldest));
            if equal >= MIN_EQUAL_SLOTS && better {
                best = Some((equal, number, member.campaign));
            }
        }
        best
    }

    /// Puts a post into the ring, in place of the oldest, and into the tables.
    fn remember(&mut self, signature: &Signature, campaign: CampaignKey) {
        self.last += 1;
        let at = self.ring_place(self.last);
        let slots = signature.near.as_ref().map(|near| near.slots);
        self.ring[at] = Member { campaign, exact: signature.exact, slots };
        let place = self.place(0, signature.exact);
        self.tables[place] = self.last;
        for (band, hash) in signature.near.iter().flat_map(|near| near.bands.iter().enumerate()) {
            let place = self.place(band + 1, u64::from(*hash));
            self.tables[place] = self.last;
        }
    }

    /// The post with `number`, unless it is forgotten.
    fn member(&self, number: u64) -> Option<&Member> {
        let age = self.last - number;
        (number != 0 && age < self.ring.len() as u64).then(|| &self.ring[self.ring_place(number)])
    }

    /// Will it be forgotten before the ring has turned half round?
    fn is_old(&self, number: u64) -> bool {
        (self.last - number) * 2 >= self.ring.len() as u64
    }

    fn ring_place(&self, number: u64) -> usize {
        (number % self.ring.len() as u64) as usize
    }

    fn place(&self, table: usize, hash: u64) -> usize {
        // Tables beside each other: the bands of one post lie in different ones, so that they never clash.
        table * (self.mask + 1) + (hash as usize & self.mask)
    }
}
