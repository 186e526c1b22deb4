//! No circle of more than two files: what names each other in a loop can only be learnt, tested and moved as one.
//!
//! Two files that name each other are one idea in two pieces, a module and its child mostly, and are let be.

use super::arrows::Arrows;
use anyhow::bail;
use std::collections::{BTreeMap, BTreeSet};

/// The most files that may name each other in a loop.
const MOST: usize = 2;

const RULE: &str = "files name each other in a loop. Move what the lower ones take from the upper ones, a value or \
                    a trait mostly, into a file of its own below them all";

/// Refuses a circle of more than [`MOST`] files.
///
/// # Errors
/// Each circle with its arrows.
pub fn check(crates: &[Arrows]) -> anyhow::Result<()> {
    let told: Vec<String> = crates
        .iter()
        .flat_map(|arrows| circles(arrows).into_iter().map(|circle| told(arrows, &circle)))
        .collect();
    if !told.is_empty() {
        bail!("circles:\n  {}", told.join("\n  "));
    }
    println!("circles: none of more than {MOST} files in {} targets", crates.len());
    Ok(())
}

/// A circle as it is told: the rule, then each arrow of it and what rides on that.
fn told(arrows: &Arrows, circle: &BTreeSet<&str>) -> String {
    let mut lines = vec![format!("{} {RULE}:", circle.len())];
    for from in circle {
        let inside = arrows.from(from).filter(|(to, _)| circle.contains(to));
        lines.extend(inside.map(|(to, names)| format!("  {from} -> {to}: {}", names.join(", "))));
    }
    lines.join("\n  ")
}

/// The strongly connected components of more than [`MOST`] files, the largest first (Tarjan, SIAM J. Comput. 1972).
fn circles(arrows: &Arrows) -> Vec<BTreeSet<&str>> {
    let mut search = Search { arrows, met: BTreeMap::new(), stack: Vec::new(), found: Vec::new() };
    for file in arrows.named.keys() {
        if !search.met.contains_key(file.as_str()) {
            search.visit(file);
        }
    }
    let mut found = search.found;
    found.retain(|circle| circle.len() > MOST);
    found.sort_by_key(|circle| std::cmp::Reverse(circle.len()));
    found
}

struct Search<'a> {
    arrows: &'a Arrows,
    /// The number in order of meeting, and the lowest that is reached from there.
    met: BTreeMap<&'a str, (usize, usize)>,
    stack: Vec<&'a str>,
    found: Vec<BTreeSet<&'a str>>,
}

impl<'a> Search<'a> {
    fn visit(&mut self, file: &'a str) -> usize {
        let number = self.met.len();
        let mut low = number;
        self.met.insert(file, (number, low));
        self.stack.push(file);
        for (to, _) in self.arrows.from(file) {
            match self.met.get(to) {
                None => low = low.min(self.visit(to)),
                Some(&(seen, _)) if self.stack.contains(&to) => low = low.min(seen),
                Some(_) => {}
            }
        }
        self.met.insert(file, (number, low));
        if low == number {
            let from = self.stack.iter().position(|on| *on == file).expect("pushed above");
            self.found.push(self.stack.split_off(from).into_iter().collect());
        }
        low
    }
}

#[cfg(test)]
mod tests {
    use super::{check, circles, told};
    use crate::imports::arrows::tests::arrows;

    #[test]
    fn three_files_in_a_loop_are_a_circle_and_told_with_what_ties_them() {
        let made = arrows(&[
            ("src/lib.rs", "mod a; mod b; mod c; mod d;"),
            ("src/a.rs", "use crate::b::B; pub struct A;"),
            ("src/b.rs", "use crate::c::C; pub struct B;"),
            ("src/c.rs", "fn f(_: super::a::A) {} pub struct C;"),
            ("src/d.rs", "use crate::a::A; pub struct D;"),
        ]);
        let found = circles(&made);
        assert_eq!(found.len(), 1);
        let text = told(&made, &found[0]);
        for arrow in ["src/a.rs -> src/b.rs: B", "src/b.rs -> src/c.rs: C", "src/c.rs -> src/a.rs: A"] {
            assert!(text.contains(arrow), "{text}");
        }
        assert!(!text.contains("src/d.rs"), "{text}");
        let refused = check(&[made]).expect_err("a circle").to_string();
        assert!(refused.contains("3 files name each other in a loop"), "{refused}");
    }

    #[test]
    fn two_files_that_name_each_other_are_let_be() {
        let made = arrows(&[
            ("src/lib.rs", "mod a;"),
            ("src/a/mod.rs", "mod b; pub use b::B; pub struct A;"),
            ("src/a/b.rs", "use super::A; pub struct B(A);"),
        ]);
        assert!(circles(&made).is_empty());
    }
}
