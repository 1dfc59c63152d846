//! Proofs of single events, checked with the public key alone.

use crate::support::{START, filled, open, permit, wait};
use backstop_ledger::proof::ProofFault;
use backstop_ledger::{LedgerFault, Proof, Reader};
use backstop_model::id::Digest;
use backstop_model::time::Timestamp;

#[test]
fn every_event_can_be_proved_and_no_forgery_passes() {
    let dir = tempfile::tempdir().unwrap();
    let receipts = filled(dir.path(), 21);
    let reader = Reader::open(dir.path()).unwrap();
    let key = reader.public_key().unwrap();
    for (row, receipt) in (1u64..).zip(&receipts) {
        let proof = reader.prove(receipt).unwrap();
        let proof = Proof::parse(&proof.to_json()).unwrap();
        let proved = proof.check(&key).unwrap();
        assert_eq!((&proved.event.receipt, proved.seq), (receipt, row));
    }

    let good = reader.prove(&receipts[10]).unwrap();
    assert_eq!(good.following.len(), 5);
    let other = reader.prove(&receipts[11]).unwrap();
    let mut shorter = good.clone();
    shorter.following.pop();
    let chain = [
        Proof { body: good.body.replace("weather", "attacks"), ..good.clone() },
        Proof { body: other.body.clone(), ..good.clone() },
        Proof { seq: good.seq + 1, ..good.clone() },
        Proof { seq: u64::MAX, ..good.clone() },
        Proof { previous: Digest::ZERO, ..good.clone() },
        Proof { following: other.following.clone(), ..good.clone() },
        shorter,
    ];
    for forged in chain {
        assert_eq!(forged.check(&key), Err(ProofFault::Chain), "{forged:?}");
    }
    let mut signed = good.clone();
    signed.checkpoint.hash = Digest::ZERO;
    assert_eq!(signed.check(&key), Err(ProofFault::Signature));
    let foreign = Proof { ledger: "ldg_other".into(), ..good.clone() };
    assert_eq!(foreign.check(&key), Err(ProofFault::Ledger));

    let elsewhere = tempfile::tempdir().unwrap();
    filled(elsewhere.path(), 1);
    let wrong = Reader::open(elsewhere.path()).unwrap().public_key().unwrap();
    assert_eq!(good.check(&wrong), Err(ProofFault::Signature));
    assert!(matches!(Proof::parse("{}"), Err(ProofFault::Malformed(_))));
}

#[test]
fn what_is_not_signed_yet_cannot_be_proved() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    let receipt = wait(ledger.commit(permit(1, Timestamp::from_unix_micros(START)))).unwrap().id;
    let fault = Reader::open(dir.path()).unwrap().prove(&receipt).unwrap_err();
    assert_eq!(
        fault,
        LedgerFault::Missing(format!(
            "receipt `{receipt}` is on record, but no checkpoint covers it yet"
        ))
    );
    wait(ledger.close());
    Reader::open(dir.path()).unwrap().prove(&receipt).unwrap();
}
