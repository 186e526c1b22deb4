//! The table of fidelity as a whole: each mnemonic of programs is in it, run, and held by a test that there is.

use std::collections::BTreeSet;
use std::path::Path;
use waves::fidelity::{self, Fidelity};

/// What programs are made of; see `gcn`.
const USED: &str = include_str!("../../../gcn/tests/used-by-programs.txt");

/// All Rust below a folder, one text.
fn sources(folder: &Path) -> String {
    let entries = std::fs::read_dir(folder).expect("a folder");
    entries
        .map(|entry| entry.expect("an entry").path())
        .map(|path| match path.extension().and_then(|extension| extension.to_str()) {
            _ if path.is_dir() => sources(&path),
            Some("rs") => std::fs::read_to_string(&path).expect("a file"),
            _ => String::new(),
        })
        .collect()
}

// Keeps: wave-fidelity
#[test]
fn each_mnemonic_of_programs_is_in_the_table_with_its_test() {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let all = sources(&crate_folder.join("src")) + &sources(&crate_folder.join("tests"));
    let tests: BTreeSet<&str> = fidelity::table().map(|entry| entry.test).collect();
    for test in &tests {
        assert!(
            all.contains(&format!("#[test]\nfn {test}()"))
                || all.contains(&format!("#[test]\n    fn {test}()")),
            "{test}"
        );
    }
    let unsupported: Vec<&str> = USED
        .lines()
        .filter(|used| fidelity::of(used).expect("a line of the table").fidelity == Fidelity::Unsupported)
        .collect();
    assert_eq!(unsupported, [""; 0]);
    assert!(USED.lines().count() > 300 && tests.len() > 4);
}

#[test]
fn a_line_of_the_table_is_a_row_of_markdown() {
    let line = |mnemonic| fidelity::of(mnemonic).map(|entry| entry.to_string());
    assert_eq!(
        line("v_rcp_f64").as_deref(),
        Some("| `v_rcp_f64` | within 536870912 ulp | `each_instruction_does_what_its_pseudo_code_says` |")
    );
    assert_eq!(line("v_madam_f32"), None);
    assert!(fidelity::table().count() > 1000);
}
