//! Rooms use only what is below them.

use std::collections::BTreeSet;

use super::rooms::{CRATES, Room, SUMS};
use crate::checked::{Checked, Failure, failing};
use crate::sources::Sources;
use crate::uses::{Place, Tree, tree, uses};

#[test]
fn rooms_use_only_what_is_below_them() -> Checked {
    let mut wrong = Vec::new();
    for (name, rooms) in CRATES {
        wrong.extend(against_the_table(name, rooms, &tree(name))?);
    }
    failing(
        "Put it into a room further down, or the table in tests/house/layers/rooms.rs right.",
        wrong,
    )
}

#[test]
fn every_file_is_in_a_room() -> Checked {
    let mut lost = Vec::new();
    for (name, rooms) in CRATES {
        let files: BTreeSet<_> = tree(name).modules.into_iter().map(|it| it.file).collect();
        let outside = |it: &String| {
            room(rooms, it).is_none() && !["lib.rs", "guide.rs"].contains(&it.as_str())
        };
        lost.extend(files.into_iter().filter(outside).map(|it| format!("{name}/src/{it}")));
    }
    failing("These files are in no room of the table in tests/house/layers/rooms.rs.", lost)
}

#[test]
fn the_table_goes_from_the_bottom_up() {
    for (name, rooms) in CRATES {
        for (at, (room, below)) in rooms.iter().enumerate() {
            let known = |it: &&str| rooms[..at].iter().any(|(room, _)| room == it);
            assert!(below.iter().all(known), "{name}: {room} is above all that it may use");
        }
    }
}

#[test]
fn what_uses_a_room_above_it_is_told() {
    let rooms: [Room; 3] = [("low", &[]), ("low/own", &["low"]), ("high", &["low"])];
    let files = [
        ("lib.rs", "mod low; mod high; pub use high::High;"),
        ("low/mod.rs", "mod own; pub struct Low {\n it: crate::High }"),
        ("low/own.rs", "use super::Low; pub struct Own { it: Low }"),
        (
            "high.rs",
            "pub struct High; fn f(_: crate::low::Low) {}\nfn g(_: crate::low::own::Own) {}",
        ),
    ];
    let tree = Tree::new(&Sources::made_up(&files), BTreeSet::new());
    let told = against_the_table("made_up", &rooms, &tree).unwrap();
    let expected = [
        "made_up: high may not use low/own: high.rs:2 names Own",
        "made_up: low may not use high: low/mod.rs:2 names High",
    ];
    assert_eq!(told.into_iter().collect::<Vec<_>>(), expected);
}

fn against_the_table(name: &str, rooms: &[Room], tree: &Tree) -> Result<BTreeSet<String>, Failure> {
    let mut wrong = BTreeSet::new();
    for it in uses(name, tree)?.own {
        let (Some(from), Some(to)) = (room(rooms, &it.from), room(rooms, &it.to)) else {
            continue;
        };
        let is_sum = it.place == Place::Field && SUMS.contains(&from.0);
        if from != to && !from.1.contains(&to.0) && !is_sum {
            let (from, to, file, line, item) = (from.0, to.0, it.from, it.line, it.item);
            wrong.insert(format!("{name}: {from} may not use {to}: {file}:{line} names {item}"));
        }
    }
    Ok(wrong)
}

/// The room of a file.
fn room<'a>(rooms: &'a [Room], file: &str) -> Option<&'a Room> {
    let inside = |name: &str| {
        file.strip_prefix(name).is_some_and(|rest| rest.starts_with('/') || rest == ".rs")
    };
    rooms.iter().filter(|it| inside(it.0)).max_by_key(|it| it.0.len())
}
