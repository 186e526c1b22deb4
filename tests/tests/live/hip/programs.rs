//! Programs that compute: each compares what kernels made of its numbers with what its host makes of them.

use super::{PATIENCE, both, device, right};
use kfd_tests::hip::{self, Level};

// Keeps: hip-kernels
#[test]
fn two_vectors_are_added_up_to_their_ends() {
    both("vadd");
}

// Keeps: hip-fill
#[test]
fn memory_is_filled_to_the_last_byte_and_nothing_beside_it() {
    both("fill");
}

// Keeps: hip-copy
#[test]
fn copies_of_every_size_and_direction_are_whole() {
    both("copy");
}

// Keeps: hip-copy
#[test]
fn rows_and_boxes_are_copied_in_every_direction() {
    both("copy_box");
}

// Keeps: hip-arithmetic
#[test]
fn integers_and_floats_are_computed_as_on_the_host() {
    both("arithmetic");
}

// Keeps: hip-arithmetic
#[test]
fn doubles_are_computed_as_on_the_host() {
    both("doubles");
}

// Keeps: hip-arithmetic
#[test]
fn halves_alone_and_in_pairs_are_rounded_once() {
    both("halves");
}

// Keeps: hip-math
#[test]
fn functions_of_the_mathematical_library_are_within_their_bounds() {
    both("math");
}

// Keeps: hip-groups
#[test]
fn many_numbers_are_reduced_to_one() {
    both("reduce");
}

// Keeps: hip-groups
#[test]
fn matrices_are_multiplied_by_tiles() {
    both("matmul");
}

// Keeps: hip-groups
#[test]
fn shared_words_of_every_width_are_what_another_thread_wrote() {
    both("lds");
}

// Keeps: hip-groups
#[test]
fn lanes_tell_each_other_what_they_have() {
    both("lanes");
}

// Keeps: hip-groups
#[test]
fn grids_of_every_shape_run_each_thread_once() {
    both("grids");
}

// Keeps: hip-atomics
#[test]
fn every_atomic_counts_every_thread() {
    both("atomics");
}

// Keeps: hip-calls
#[test]
fn a_threads_arrays_are_its_own_by_every_index() {
    both("indexing");
}

// Keeps: hip-calls
#[test]
fn functions_call_themselves_and_each_other() {
    both("calls");
}

// Keeps: hip-kernels
#[test]
fn a_device_a_kernel_and_a_pointer_tell_what_they_are() {
    both("attributes");
}

// Keeps: hip-waits
#[test]
fn groups_of_a_grid_wait_for_each_other() {
    both("cooperative");
}

// Keeps: hip-waits
#[test]
fn a_kernel_waits_for_the_host_and_for_another_kernel() {
    both("host_wait");
}

// Keeps: hip-streams
#[test]
fn streams_keep_their_order_and_wait_for_events() {
    both("streams");
}

// Keeps: hip-streams
#[test]
fn graphs_run_again_and_with_other_arguments() {
    both("graphs");
}

// Keeps: hip-streams
#[test]
fn events_and_clocks_tell_times_that_fit_the_hosts() {
    both("events");
}

// Keeps: hip-memory
#[test]
fn managed_memory_is_the_hosts_and_the_devices_in_turns() {
    both("managed");
}

// Keeps: hip-memory
#[test]
fn kernels_reach_pinned_and_registered_memory() {
    both("host_memory");
}

// Keeps: hip-memory
#[test]
fn kernels_take_and_free_memory() {
    both("heap");
}

// Keeps: hip-modules
#[test]
fn a_module_in_the_place_of_another_runs_its_own_code() {
    both("module");
}

// Keeps: hip-modules
#[test]
fn a_program_compiles_its_kernels_when_it_runs() {
    let Some(program) = hip::compiled_by_host("hiprtc", &[], &[]) else { return };
    let Some(kfdd) = device() else { return };
    right(&kfdd, "hiprtc", &program);
    kfdd.finish();
}

// Keeps: hip-printf
#[test]
fn kernels_print_each_line_whole_and_once() {
    for said in both("printf") {
        let (conversions, by_thread): (Vec<_>, Vec<_>) =
            said.lines().filter(|line| *line != "ok printf").partition(|line| !line.starts_with("thread "));
        let expected = [
            "int 42 -42    42|42   |00042 +42",
            "unsigned 42 2a 2A 52 0x2a",
            "wide -1234567890123 18446744073709551615 feedfacecafebeef",
            "float 3.141593 3.142       3.14 3.141593e+00 3.14159",
            "char abc percent %",
            "string zero,   right|left  |",
            "short -7 byte -3",
            "many 1 2 3 4 5 6 7 8 9 10 42",
            // What printf answers is how much it has said.
            "said 29",
        ];
        assert_eq!(conversions, expected);
        let mut threads: Vec<String> = by_thread.iter().map(|line| (*line).to_owned()).collect();
        let mut each: Vec<String> = (0..500)
            .step_by(3)
            .map(|i| format!("thread {} group {} of {}", 1000 + i, i / 100, ["one", "two"][i % 2]))
            .collect();
        threads.sort();
        each.sort();
        assert_eq!(threads, each);
    }
}

// Keeps: report-fidelity
#[test]
fn a_report_names_what_hardware_approximates() {
    let (Some(program), Some(kfdd)) = (hip::compiled("math", Level::O3, &[], &[]), device()) else { return };
    let file = kfdd.folder().join("kernels.json");
    let mut run = kfdd.kfdctl(&["run", "--report"]);
    run.arg(&file).args(["--", "timeout", PATIENCE]).arg(&program);
    let out = run.output().expect("kfdctl can be executed");
    assert!(out.status.success(), "{out:?}");
    let text = std::fs::read_to_string(&file).expect("a report");
    let report: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let kernels = report["kernels"].as_array().expect("kernels");
    let of = |part: &str| {
        kernels.iter().find(|row| row["kernel"].as_str().is_some_and(|name| name.contains(part)))
    };
    let unaries = of("unaries").expect("it ran");
    let near = unaries["fidelity"]["within 1 ulp"].as_array().expect("hardware approximates some");
    for mnemonic in ["v_rcp_f32", "v_exp_f32", "v_log_f32"] {
        assert!(near.contains(&mnemonic.into()), "{unaries:#}");
        assert!(unaries["summary"].as_str().is_some_and(|line| line.contains(mnemonic)), "{unaries:#}");
    }
    assert!(kernels.iter().all(|row| row["fidelity"].get("unsupported").is_none()), "{report:#}");
    kfdd.finish();
}
