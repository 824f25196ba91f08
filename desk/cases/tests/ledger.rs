//! Any change to a written ledger is found.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use ed25519_dalek::SigningKey;
use proptest::prelude::*;
use serde_json::json;
use streife_cases::ledger::{Checkpoint, Entry, InclusionProof, Note, verify};
use streife_domain::Timestamp;

const LEDGER: &str = "audit/2026";

fn chain(n: usize) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    for i in 0..n {
        let note = Note {
            at: Timestamp::from_secs(1_790_000_000 + i as i64),
            actor: format!("u{}", i % 3),
            role: "reviewer".to_owned(),
            action: "read.item".to_owned(),
            subject: format!("post {i}"),
            reason: "queue".to_owned(),
            details: json!({ "i": i }),
        };
        let previous = entries.last().map(|e| (e.seq, e.hash.clone()));
        let entry =
            Entry::after(LEDGER, previous.as_ref().map(|(seq, hash)| (*seq, hash.as_str())), note).unwrap();
        entries.push(entry);
    }
    entries
}

fn key() -> SigningKey {
    SigningKey::from_bytes(&[7; 32])
}

#[test]
fn a_sound_ledger_has_no_faults_and_proves_each_entry() {
    let entries = chain(20);
    let checkpoint = Checkpoint::sign(LEDGER, &entries[..13], Timestamp::from_secs(1), &key()).unwrap();
    assert_eq!(verify(LEDGER, &entries, &[checkpoint], &key().verifying_key()), vec![]);
    for index in 0..entries.len() {
        let proof = InclusionProof::of(LEDGER, &entries, index).unwrap().unwrap();
        assert!(proof.holds());
        assert!(!InclusionProof { leaf: "00".repeat(32), ..proof }.holds());
    }
}

#[test]
fn a_checkpoint_by_another_key_is_refused() {
    let entries = chain(3);
    let forged =
        Checkpoint::sign(LEDGER, &entries, Timestamp::from_secs(1), &SigningKey::from_bytes(&[8; 32]))
            .unwrap();
    assert!(!verify(LEDGER, &entries, &[forged], &key().verifying_key()).is_empty());
}

/// Recomputes all hashes: what somebody with the database, but without the key, can do.
fn rewrite(entries: Vec<Entry>) -> Vec<Entry> {
    let mut out: Vec<Entry> = Vec::new();
    for e in entries {
        let note = Note {
            at: e.at,
            actor: e.actor,
            role: e.role,
            action: e.action,
            subject: e.subject,
            reason: e.reason,
            details: e.details,
        };
        let previous = out.last().map(|p| (p.seq, p.hash.clone()));
        let entry = Entry::after(LEDGER, previous.as_ref().map(|(s, h)| (*s, h.as_str())), note).unwrap();
        out.push(entry);
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_flipped_removed_or_moved_entry_is_found(n in 2usize..24, at in 0usize..24, other in 0usize..24, kind in 0..5) {
        let sound = chain(n);
        let (at, other) = (at % n, other % n);
        let checkpoint = Checkpoint::sign(LEDGER, &sound, Timestamp::from_secs(1), &key()).unwrap();
        let mut bad = sound.clone();
        match kind {
            0 => bad[at].reason.push('!'),
            1 => bad[at].at = bad[at].at.plus_secs(1),
            2 => { bad.remove(at); }
            3 => { bad[at].subject.push('x'); bad = rewrite(bad); }
            _ => { prop_assume!(at != other); bad.swap(at, other); }
        }
        prop_assert!(!verify(LEDGER, &bad, &[checkpoint], &key().verifying_key()).is_empty());
    }
}
