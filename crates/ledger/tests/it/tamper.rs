//! Attacks on the files: each is found, and the place named.

use crate::support::{START, config, filled, open, permit, wait};
use backstop_ledger::{
    Breakage, Broken, Checkpoint, Config, Ledger, LedgerFault, Reader, Verified, VerifyOptions,
    Witness,
};
use backstop_model::event::Fact;
use backstop_model::id::QuarantineId;
use backstop_model::standing::Quarantined;
use backstop_model::time::Timestamp;
use rusqlite::Connection;
use std::path::Path;

fn attack(directory: &Path, sql: &str) {
    Connection::open(directory.join("ledger.db")).unwrap().execute_batch(sql).unwrap();
}

fn verify(directory: &Path, options: &VerifyOptions) -> Result<Verified, Broken> {
    Reader::open(directory).unwrap().verify(options)
}

fn found(directory: &Path) -> (Option<u64>, Breakage) {
    let broken = verify(directory, &VerifyOptions::default()).unwrap_err();
    (broken.row, broken.kind)
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[test]
fn an_untouched_ledger_verifies() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 30);
    let verified = verify(dir.path(), &VerifyOptions::default()).unwrap();
    assert_eq!((verified.rows, verified.first, verified.last), (30, 1, 30));
    assert_eq!((verified.signed, verified.checkpoints), (30, 4));
}

#[test]
fn a_flipped_byte_is_found() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 30);
    let file = dir.path().join("ledger.db");
    let mut bytes = std::fs::read(&file).unwrap();
    let marker = b"api.weather.example";
    let hits: Vec<_> =
        bytes.windows(marker.len()).enumerate().filter(|(_, w)| *w == marker).collect();
    let (place, _) = hits[hits.len() / 2];
    bytes[place] = b'b';
    std::fs::write(&file, bytes).unwrap();
    let broken = verify(dir.path(), &VerifyOptions::default()).unwrap_err();
    assert_eq!(broken.kind, Breakage::Altered);
    let row = broken.row.unwrap();
    let body: Vec<u8> = Connection::open(&file)
        .unwrap()
        .query_row("SELECT body FROM events WHERE seq = ?1", [row.cast_signed()], |r| r.get(0))
        .unwrap();
    assert!(String::from_utf8(body).unwrap().contains("bpi.weather.example"));
    assert!(broken.to_string().starts_with(&format!("row {row}: it is not as it was written")));
}

#[test]
fn swapped_bodies_are_found() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 30);
    attack(
        dir.path(),
        "CREATE TEMP TABLE t AS SELECT seq, body FROM events WHERE seq IN (7, 19);
         UPDATE events SET body = (SELECT body FROM t WHERE seq = 19) WHERE seq = 7;
         UPDATE events SET body = (SELECT body FROM t WHERE seq = 7) WHERE seq = 19;",
    );
    let broken = verify(dir.path(), &VerifyOptions::default()).unwrap_err();
    assert_eq!((broken.row, broken.kind), (Some(7), Breakage::Swapped));
    assert_eq!(broken.to_string(), "row 7: it has changed places with row 19");
}

#[test]
fn swapped_rows_are_found() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 30);
    attack(
        dir.path(),
        "UPDATE events SET seq = -1 WHERE seq = 7;
         UPDATE events SET seq = 7 WHERE seq = 8;
         UPDATE events SET seq = 8 WHERE seq = -1;",
    );
    assert_eq!(found(dir.path()), (Some(7), Breakage::Swapped));
}

#[test]
fn a_deleted_row_is_found() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 30);
    attack(dir.path(), "DELETE FROM events WHERE seq = 12");
    assert_eq!(found(dir.path()), (Some(12), Breakage::Missing));
    attack(dir.path(), "UPDATE events SET seq = seq - 1 WHERE seq > 12");
    assert_eq!(found(dir.path()), (Some(12), Breakage::Altered));
}

#[test]
fn a_deleted_beginning_is_found() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 30);
    attack(dir.path(), "DELETE FROM events WHERE seq <= 8; DELETE FROM checkpoints WHERE seq < 8");
    assert_eq!(found(dir.path()), (Some(1), Breakage::Missing));
}

#[test]
fn a_hidden_row_is_found() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 30);
    attack(dir.path(), "UPDATE events SET session = NULL WHERE seq = 5");
    let broken = verify(dir.path(), &VerifyOptions::default()).unwrap_err();
    assert_eq!(broken.to_string(), "row 5: its session is not what its body says");
}

#[test]
fn a_cut_tail_is_found() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 30);
    let kept = Reader::open(dir.path()).unwrap().checkpoint().unwrap().unwrap();
    attack(dir.path(), "DELETE FROM events WHERE seq > 20");
    assert_eq!(found(dir.path()), (Some(21), Breakage::CutTail));
    // Cut back to a checkpoint, later checkpoints removed: what stands was folded further.
    attack(dir.path(), "DELETE FROM events WHERE seq > 16; DELETE FROM checkpoints WHERE seq > 16");
    assert_eq!(found(dir.path()), (None, Breakage::Standing));
    // Without that table too: only what was kept elsewhere shows it.
    attack(dir.path(), "DELETE FROM standing; DELETE FROM meta WHERE name <> 'ledger'");
    verify(dir.path(), &VerifyOptions::default()).unwrap();
    let options = VerifyOptions { checkpoint: Some(kept), ..VerifyOptions::default() };
    let broken = verify(dir.path(), &options).unwrap_err();
    assert_eq!((broken.row, broken.kind), (Some(17), Breakage::RolledBack));
}

#[test]
fn a_rolled_back_file_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let (live, old) = (dir.path().join("live"), dir.path().join("old"));
    let witness = dir.path().join("witness.jsonl");
    let config = Config { witness: Witness::File(witness.clone()), ..config(&live) };
    let at = Timestamp::from_unix_micros(START);
    let run = |rows: usize| {
        wait(async {
            let ledger = Ledger::open(config.clone(), crate::support::Hand::new().as_fn()).unwrap();
            for _ in 0..rows {
                ledger.commit(permit(1, at)).await.unwrap();
            }
            ledger.close().await;
        });
    };
    run(20);
    copy(&live, &old);
    run(20);
    let options = VerifyOptions { witness: Some(witness.clone()), ..VerifyOptions::default() };
    let verified = verify(&live, &options).unwrap();
    assert_eq!((verified.rows, verified.witnessed), (40, 6));

    // The older copy is put back.
    std::fs::remove_dir_all(&live).unwrap();
    copy(&old, &live);
    verify(&live, &VerifyOptions::default()).unwrap();
    let broken = verify(&live, &options).unwrap_err();
    assert_eq!((broken.row, broken.kind), (Some(21), Breakage::RolledBack));

    // A start with that witness says so as well,
    let ledger = Ledger::open(config.clone(), crate::support::Hand::new().as_fn()).unwrap();
    let said = ledger.health().last_error.unwrap();
    assert!(said.contains("has a checkpoint at row 40, the ledger ends at row 20"), "{said}");
    drop(ledger);

    // and goes on from there, past where it was: what was signed then is not what is there now.
    let kept = std::fs::read(&witness).unwrap();
    run(30);
    std::fs::write(&witness, kept).unwrap();
    let broken = verify(&live, &options).unwrap_err();
    assert_eq!((broken.row, broken.kind), (Some(28), Breakage::Rewritten));
}

#[test]
fn a_forged_checkpoint_is_found() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 30);
    attack(
        dir.path(),
        "UPDATE checkpoints SET line = replace(line, '\"base\":0', '\"base\":8') WHERE seq = 16",
    );
    assert_eq!(found(dir.path()), (Some(16), Breakage::ForgedCheckpoint));
    let fault = Ledger::open(config(dir.path()), crate::support::Hand::new().as_fn());
    fault.unwrap();
}

#[test]
fn a_checkpoint_of_another_row_is_found() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 30);
    attack(
        dir.path(),
        "UPDATE checkpoints SET line = (SELECT line FROM checkpoints WHERE seq = 8) WHERE seq = 16",
    );
    assert_eq!(found(dir.path()), (Some(16), Breakage::ForgedCheckpoint));
}

#[test]
fn history_rewritten_with_another_key_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let (real, fake) = (dir.path().join("real"), dir.path().join("fake"));
    filled(&real, 30);
    let reader = Reader::open(&real).unwrap();
    let kept = reader.checkpoint().unwrap().unwrap();
    let key = reader.public_key().unwrap();
    let id = reader.id().unwrap();
    filled(&fake, 30);
    // By itself the fake is sound; the key kept elsewhere tells it apart,
    let options = VerifyOptions { key: Some(key), ..VerifyOptions::default() };
    verify(&fake, &VerifyOptions::default()).unwrap();
    let broken = verify(&fake, &options).unwrap_err();
    assert_eq!((broken.row, broken.kind), (Some(8), Breakage::ForgedCheckpoint));
    // so does the checkpoint, even if the fake takes the ledger's id.
    let options = VerifyOptions { checkpoint: Some(kept), ..VerifyOptions::default() };
    assert_eq!(verify(&fake, &options).unwrap_err().kind, Breakage::Foreign);
    attack(&fake, &format!("UPDATE meta SET value = '{id}' WHERE name = 'ledger'"));
    assert_eq!(verify(&fake, &options).unwrap_err().kind, Breakage::ForgedCheckpoint);
}

#[test]
fn a_forged_witness_is_found() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 30);
    let real = Reader::open(dir.path()).unwrap().checkpoint().unwrap().unwrap();
    let forged = Checkpoint { seq: real.seq + 1, ..real };
    let options = VerifyOptions { checkpoint: Some(forged), ..VerifyOptions::default() };
    assert_eq!(verify(dir.path(), &options).unwrap_err().kind, Breakage::Foreign);
}

#[test]
fn a_ledger_whose_signed_end_is_gone_does_not_open() {
    let dir = tempfile::tempdir().unwrap();
    filled(dir.path(), 30);
    attack(
        dir.path(),
        "DELETE FROM events WHERE seq > 20; DELETE FROM standing; DELETE FROM meta WHERE name <> 'ledger'",
    );
    let fault =
        Ledger::open(config(dir.path()), crate::support::Hand::new().as_fn()).err().unwrap();
    assert!(matches!(fault, LedgerFault::Broken { .. }));
    assert!(fault.to_string().contains("rows 21 to 30 are missing"), "{fault}");
    attack(dir.path(), "DELETE FROM events; DELETE FROM checkpoints");
    drop(open(dir.path()));
}

#[test]
fn a_quarantine_deleted_from_what_stands_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(dir.path());
    let at = Timestamp::from_unix_micros(START);
    let imposed = Fact::QuarantineImposed {
        id: QuarantineId::draw(at, [1; 10]),
        target: Quarantined::Session(crate::support::session(1)),
        by: None,
        reason: "undeclared egress".into(),
    };
    wait(ledger.commit(crate::support::event(None, at, imposed))).unwrap();
    wait(ledger.close());
    drop(ledger);
    verify(dir.path(), &VerifyOptions::default()).unwrap();
    for sql in [
        "DELETE FROM standing WHERE kind = 'quarantine'",
        "UPDATE meta SET value = '0' WHERE name = 'folded'",
        "DELETE FROM meta WHERE name = 'seal'",
        "DELETE FROM meta WHERE name IN ('seal', 'folded')",
    ] {
        attack(dir.path(), sql);
        let broken = verify(dir.path(), &VerifyOptions::default());
        // With neither table nor seal the events are folded again: nothing is lost.
        if sql.ends_with("'folded')") {
            broken.unwrap();
            assert_eq!(open(dir.path()).views().quarantines().len(), 1);
            return;
        }
        assert_eq!(broken.unwrap_err().kind, Breakage::Standing, "{sql}");
        let fault = Ledger::open(config(dir.path()), crate::support::Hand::new().as_fn());
        assert!(fault.err().unwrap().to_string().contains("what stands was changed"));
    }
}
