//! The rooms of `kfd-core`: values below, verbs above.
//!
//! A file that holds a value does not name the thing that holds all values, so each can be learnt and tested by itself.

use super::arrows::Arrows;
use anyhow::bail;

/// The crate that has the rooms.
const HOUSE: &str = "kfd-core/src/";

/// A room, the rooms that may name it besides, and where that belongs which another one wants of it.
const ABOVE: &[(&str, &[&str], &str)] = &[
    (
        "core",
        &["ioctl"],
        "what is done with several values, an `impl Core`, belongs into core/; a value that the other file needs of it \
         belongs beside its owner, below core/",
    ),
    (
        "ioctl",
        &[],
        "what a call means belongs into ioctl/, and only a door's entry into the core calls it; what others need of it \
         is a value or a step of core/",
    ),
];

/// Refuses an arrow of [`HOUSE`] that leads up into a room.
///
/// # Errors
/// Each such arrow, and where the thing belongs.
pub fn check(crates: &[Arrows]) -> anyhow::Result<()> {
    let (mut wrong, mut files) = (Vec::new(), 0);
    for arrows in crates {
        for from in arrows.named.keys().filter(|file| file.starts_with(HOUSE)) {
            files += 1;
            wrong.extend(arrows.from(from).filter_map(|(to, names)| refused(from, to, names)));
        }
    }
    if !wrong.is_empty() {
        bail!("rooms of {HOUSE}:\n  {}", wrong.join("\n  "));
    }
    println!("rooms: {files} files of {HOUSE}, none of which names one above");
    Ok(())
}

/// Why an arrow is refused, if it is. The crate's face, which hands names on, may name every room.
fn refused(from: &str, to: &str, names: &[String]) -> Option<String> {
    let (name, others, where_to) = ABOVE.iter().find(|(name, ..)| room(to) == Some(name))?;
    let own = room(from);
    let allowed = own.is_none_or(|own| own == *name || others.contains(&own));
    (!allowed).then(|| format!("{from} names {name}/ ({to}: {}): {where_to}", names.join(", ")))
}

/// The room of a file: its first folder, or its own name where it has none. The face, `lib.rs`, is in no room.
fn room(file: &str) -> Option<&str> {
    let inside = file.strip_prefix(HOUSE)?;
    let first = inside.split('/').next()?;
    Some(first.strip_suffix(".rs").unwrap_or(first)).filter(|room| *room != "lib")
}

#[cfg(test)]
mod tests {
    use super::{check, room};
    use crate::imports::arrows::tests::arrows;

    #[test]
    fn a_value_that_names_the_core_is_told_where_the_thing_belongs_and_verbs_may() {
        let made = arrows(&[
            ("kfd-core/src/lib.rs", "mod core; mod ioctl; mod event; mod clock; pub use crate::core::Core;"),
            ("kfd-core/src/core/mod.rs", "mod tick; pub struct Core;"),
            (
                "kfd-core/src/core/tick.rs",
                "use crate::{core::Core, event::Event}; fn f(_: Core, _: Event) {}",
            ),
            ("kfd-core/src/ioctl/mod.rs", "use crate::Core; pub fn call(_: Core) {}"),
            ("kfd-core/src/event.rs", "pub struct Event; fn f(_: crate::Core) {}"),
            ("kfd-core/src/clock.rs", "use crate::ioctl::call;"),
        ]);
        let told = check(&[made]).expect_err("two files name what is above them").to_string();
        let lines: Vec<_> = told.lines().skip(1).map(str::trim).collect();
        assert_eq!(lines.len(), 2, "{told}");
        assert!(lines[0].starts_with("kfd-core/src/clock.rs names ioctl/ (kfd-core/src/ioctl/mod.rs: call)"));
        assert!(lines[1].starts_with("kfd-core/src/event.rs names core/ (kfd-core/src/core/mod.rs: Core)"));
        assert!(lines[1].contains("belongs into core/"));
    }

    #[test]
    fn other_crates_have_no_rooms_and_the_face_is_in_none() {
        assert_eq!(room("tools/door/src/core/mod.rs"), None);
        assert_eq!(room("kfd-core/src/lib.rs"), None);
        assert_eq!(room("kfd-core/src/queue/dqm/state.rs"), Some("queue"));
        assert_eq!(room("kfd-core/src/clock.rs"), Some("clock"));
    }
}
