//! Where `exec` put a program, its heap and its stack: the part of `/proc/TID/stat` that tells address spaces apart.
//!
//! proc(5): fields 26 `startcode`, 28 `startstack`, 47 `start_brk`, counted from 1. A task without an address space shows
//! zeros; a reader without the right to look sees 1 and zeros.

/// The three addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Layout {
    pub start_code: u64,
    pub start_brk: u64,
    pub start_stack: u64,
}

impl Layout {
    /// Parses a line of `stat`. `None` when it is malformed or shows no address space.
    pub(super) fn parse(stat: &str) -> Option<Self> {
        // Field 2, the name, may hold blanks and parentheses: what follows the last one is field 3.
        let (_, rest) = stat.rsplit_once(')')?;
        let mut fields = rest.split_ascii_whitespace();
        let start_code = fields.nth(26 - 3)?.parse().ok()?;
        let start_stack = fields.nth(28 - 26 - 1)?.parse().ok()?;
        let start_brk = fields.nth(47 - 28 - 1)?.parse().ok()?;
        (start_stack != 0).then_some(Self { start_code, start_brk, start_stack })
    }
}

#[cfg(test)]
mod tests {
    use super::Layout;

    #[test]
    fn fields_are_counted_behind_the_last_parenthesis() {
        let fields: Vec<String> = (3..=52).map(|n| (n * 10).to_string()).collect();
        let stat = format!("77 (a) b (c) {}", fields.join(" "));
        assert_eq!(Layout::parse(&stat), Some(Layout { start_code: 260, start_brk: 470, start_stack: 280 }));
    }

    #[test]
    fn a_task_without_an_address_space_has_no_layout() {
        let stat = format!("77 (x) {}", vec!["0"; 50].join(" "));
        assert_eq!(Layout::parse(&stat), None);
        assert_eq!(Layout::parse("77 (x) S 1"), None);
        assert_eq!(Layout::parse(""), None);
    }
}
