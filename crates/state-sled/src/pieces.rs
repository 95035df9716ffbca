//! Values of any size in a database that likes small ones.
//!
//! sled keeps up to 17 values in one page of its tree, and writes a page of more than 128 KiB to a file of
//! its own, which it does not sync. So no value here is larger than [`PIECE`]: a larger one is cut up, its
//! first piece under its key and the others under keys of their own.

use sled::{Batch, IVec, Tree};

/// The most bytes of one piece: 17 of them and their keys stay below 128 KiB.
const PIECE: usize = 6 * 1024;
/// The prefix of the keys of all pieces but the first.
const FURTHER: &[u8] = b"x/";
/// Bytes in front of the first piece: how many further pieces there are.
const HEADER: usize = 4;

/// Puts a value, and removes what is left of a longer one that was there.
pub(crate) fn put(tree: &Tree, batch: &mut Batch, key: &[u8], value: &[u8]) -> sled::Result<()> {
    let before = further_pieces(tree.get(key)?.as_deref());
    let first_length = value.len().min(PIECE);
    let (first, rest) = value.split_at(first_length);
    let mut further: u32 = 0;
    for piece in rest.chunks(PIECE) {
        batch.insert(further_key(key, further), piece);
        further += 1;
    }
    batch.insert(key, [&further.to_be_bytes(), first].concat());
    for stale in further..before {
        batch.remove(further_key(key, stale));
    }
    Ok(())
}

/// Removes a value, if it is there.
pub(crate) fn remove(tree: &Tree, batch: &mut Batch, key: &[u8]) -> sled::Result<()> {
    if let Some(first) = tree.get(key)? {
        for piece in 0..further_pieces(Some(&first)) {
            batch.remove(further_key(key, piece));
        }
        batch.remove(key);
    }
    Ok(())
}

/// The value of which `first` was found under `key`; `None` when a piece is missing.
pub(crate) fn whole(tree: &Tree, key: &[u8], first: &IVec) -> sled::Result<Option<Vec<u8>>> {
    let Some(start) = first.get(HEADER..) else {
        return Ok(None);
    };
    let mut value = start.to_vec();
    for piece in 0..further_pieces(Some(first)) {
        match tree.get(further_key(key, piece))? {
            Some(bytes) => value.extend_from_slice(&bytes),
            None => return Ok(None),
        }
    }
    Ok(Some(value))
}

fn further_pieces(first: Option<&[u8]>) -> u32 {
    first
        .and_then(|first| first.first_chunk::<HEADER>())
        .map_or(0, |header| u32::from_be_bytes(*header))
}

fn further_key(key: &[u8], piece: u32) -> Vec<u8> {
    [FURTHER, key, b"/", &piece.to_be_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_all_sizes_come_back_and_leave_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let db = sled::open(folder.path()).unwrap();
        let change = |change: &dyn Fn(&mut Batch) -> sled::Result<()>| {
            let mut batch = Batch::default();
            change(&mut batch).unwrap();
            db.apply_batch(batch).unwrap();
        };
        for size in [0, 1, PIECE - 1, PIECE, PIECE + 1, 20 * PIECE, 3 * PIECE, 5] {
            let value: Vec<u8> = (0..size).map(|byte| byte as u8).collect();
            change(&|batch| put(&db, batch, b"key", &value));
            let first = db.get(b"key").unwrap().unwrap();
            assert_eq!(whole(&db, b"key", &first).unwrap().unwrap(), value, "{size}");
            assert_eq!(db.len(), size.div_ceil(PIECE).max(1), "{size}");
        }
        change(&|batch| remove(&db, batch, b"key"));
        assert!(db.is_empty());
    }

    #[test]
    fn a_missing_piece_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let db = sled::open(folder.path()).unwrap();
        let mut batch = Batch::default();
        put(&db, &mut batch, b"key", &[7; 3 * PIECE]).unwrap();
        db.apply_batch(batch).unwrap();
        db.remove(further_key(b"key", 1)).unwrap();
        let first = db.get(b"key").unwrap().unwrap();
        assert_eq!(whole(&db, b"key", &first).unwrap(), None);
    }
}
