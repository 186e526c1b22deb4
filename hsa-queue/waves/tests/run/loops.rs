//! What the compiler makes of the loops over lanes.

use std::process::Command;

/// Where a function for x86-64-v3 calls the library's multiply-add, it was compiled without the feature: some closure or
/// function of it is not inlined.
#[test]
fn loops_for_x86_64_v3_multiply_and_add_by_an_instruction() {
    let test = "loops_for_x86_64_v3_multiply_and_add_by_an_instruction";
    // The engine is optimised in debug builds too.
    if !cfg!(target_arch = "x86_64") {
        println!("skipped: {test}: needs x86-64");
        return;
    }
    let own = std::env::current_exe().expect("this program");
    let Ok(out) = Command::new("objdump").args(["-d", "-C", "--no-show-raw-insn"]).arg(own).output() else {
        println!("skipped: {test}: needs objdump");
        return;
    };
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    let (mut function, mut loops, mut fused) = ("", 0, 0);
    for line in text.lines() {
        if let Some(name) = line.strip_suffix(">:") {
            function = name;
            loops += usize::from(name.ends_with("::v3"));
        } else if function.ends_with("::v3") {
            fused += usize::from(line.contains("vfmadd"));
            let calls = line.contains("call") && (line.contains("<fma") || line.contains("mul_add"));
            assert!(!calls, "{function}: {line}");
        }
    }
    assert!(loops > 100 && fused > 10, "{loops} loops, {fused} of their instructions multiply and add");
}
