//! What must not compile.
#![cfg(not(loom))]

// Keeps: rule-3
#[test]
fn a_release_hook_has_no_way_to_unlink_itself() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
