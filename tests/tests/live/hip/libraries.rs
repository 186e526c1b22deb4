//! Libraries of Debian 12 whose kernels nobody here has compiled, and algorithms of theirs that programs compile.

use super::{device, right};
use kfd_tests::able;
use kfd_tests::hip::{self, Level};

// Keeps: hip-libraries
#[test]
fn rocrand_generates_the_published_sequences() {
    let needs = [("/usr/include/rocrand/rocrand.h", "librocrand-dev")];
    let Some(program) = hip::compiled_by_host("rocrand", &["-lrocrand"], &needs) else { return };
    let Some(kfdd) = device() else { return };
    right(&kfdd, "rocrand", &program);
    kfdd.finish();
}

// Keeps: hip-libraries, hip-waits
#[test]
fn rocprim_scans_by_groups_that_wait_for_the_ones_before_them_and_sorts() {
    if !able::live() {
        return;
    }
    let needs = [("/usr/include/rocprim/rocprim.hpp", "librocprim-dev")];
    // Without optimisation its compilation alone takes as long as five other programs.
    let Some(program) = hip::compiled("scan_sort", Level::O3, &["-std=c++17"], &needs) else { return };
    let Some(kfdd) = device() else { return };
    right(&kfdd, "scan_sort", &program);
    kfdd.finish();
}

// Keeps: hip-compiler
#[test]
fn hipcc_finds_the_device_and_compiles_for_it() {
    if !able::live() || !able::has("hipcc") {
        return;
    }
    let Some(kfdd) = device() else { return };
    let program = kfdd.folder().join("vadd");
    // Nobody tells it for which device: it asks rocm_agent_enumerator.
    let mut run = kfdd.kfdctl(&["run", "--", "hipcc", "-O3", "-o"]);
    let out =
        run.arg(&program).arg(hip::sources().join("vadd.hip")).output().expect("kfdctl can be executed");
    assert!(out.status.success(), "{out:?}");
    right(&kfdd, "vadd", &program);
    kfdd.finish();
}
