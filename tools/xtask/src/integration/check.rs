//! What is run in a root, and what it is to say.

use super::attend::{Ended, Interrupts};
use super::report::Outcome;
use super::root::Root;
use crate::cargo::root as workspace;
use anyhow::Context;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// The longest that one may take: rocrtst copies for two minutes and a half on two busy cores.
const PATIENCE: Duration = Duration::from_secs(600);

/// Where a root has what is put into it.
const OWN: &str = "opt/kfdd";

/// A command, and what its output is to have.
#[derive(Debug)]
pub struct Check {
    /// Its name in reports.
    pub name: &'static str,
    /// How many devices are shown.
    gpus: u32,
    /// A program of `tests/clients`, compiled in the root, with these libraries.
    compiled: Option<(&'static str, &'static [&'static str])>,
    /// The only profile with which it is made.
    only: Option<&'static str>,
    /// For a shell.
    command: &'static str,
    /// Whether the output is right: what was seen of it, or what is missing.
    judge: fn(&str, &Shown) -> Result<String, String>,
}

/// What a profile is called, and its memory.
#[derive(Debug)]
pub struct Shown {
    profile: &'static str,
    /// PCI device id.
    device: &'static str,
    vram_mib: u64,
}

/// The profile whose kernels the daemon executes.
const EXECUTED: &str = "gfx900";

const SHOWN: [Shown; 3] = [
    Shown { profile: "gfx900", device: "0x6863", vram_mib: 16 << 10 },
    Shown { profile: "gfx942", device: "0x74a1", vram_mib: 0x2f_ff00_0000 >> 20 },
    Shown { profile: "gfx1100", device: "0x744c", vram_mib: 0x5_ff00_0000 >> 20 },
];

/// The checks, in the order in which they are made.
pub const CHECKS: &[Check] = &[
    Check {
        name: "rocminfo",
        gpus: 1,
        compiled: None,
        only: None,
        command: "rocminfo",
        judge: |text, shown| agents(text, shown, 1),
    },
    Check {
        name: "rocminfo, 8 devices",
        gpus: 8,
        compiled: None,
        only: None,
        command: "rocminfo",
        judge: |text, shown| agents(text, shown, 8),
    },
    Check {
        name: "HSA started 20 times",
        gpus: 1,
        compiled: Some(("init_again.c", &["-lhsa-runtime64"])),
        only: None,
        command: "/opt/kfdd/init_again",
        judge: |text, _| found(text, &["20 starts"]),
    },
    Check {
        name: "HIP memory and copies",
        gpus: 2,
        compiled: Some(("hip.c", &["-lamdhip64"])),
        only: None,
        command: "/opt/kfdd/hip",
        judge: |text, _| found(text, &["2 devices: memory, streams and copies"]),
    },
    Check {
        name: "HIP managed, pooled and virtual memory",
        gpus: 2,
        compiled: Some(("hip_memory.cpp", &["-lamdhip64"])),
        only: None,
        command: "/opt/kfdd/hip_memory",
        judge: |text, _| parts(text),
    },
    Check {
        name: "HIP kernels",
        gpus: 1,
        compiled: Some(("kernels.c", &["-lamdhip64", "-lm"])),
        only: Some(EXECUTED),
        command: "/opt/kfdd/kernels",
        judge: |text, _| {
            found(
                text,
                &[
                    "saxpy: 1000003 results, bit for bit",
                    "sum of 1048576 numbers",
                    "n-body of 1024",
                    "printf inside a kernel: group 1 of 2",
                ],
            )
        },
    },
    Check {
        name: "rocm-smi",
        gpus: 2,
        compiled: None,
        only: None,
        command: "rocm-smi --json --showid --showmeminfo vram",
        judge: rocm_smi,
    },
    Check {
        name: "amd-smi",
        gpus: 2,
        compiled: None,
        only: None,
        command: "amd-smi static --asic --vram",
        judge: |text, shown| {
            let hex = shown.device.trim_start_matches("0x");
            let text = text.to_lowercase();
            let (id, size) = (format!("device_id: 0x{hex}"), format!("size: {} mb", shown.vram_mib));
            twice(&text, &[&id, &size])
        },
    },
    Check {
        name: "nvtop",
        gpus: 1,
        compiled: None,
        only: None,
        command: "nvtop -s",
        judge: |text, _| found(text, &["\"device_name\"", "\"gpu_clock\"", "\"gpu_util\": \"0%\""]),
    },
    Check {
        name: "amd-smi, processes",
        gpus: 2,
        compiled: Some(("vram.c", &[])),
        only: None,
        command: "/opt/kfdd/vram 48 amd-smi process --json",
        judge: |text, _| amd_smi_processes(text),
    },
    Check {
        name: "nvtop, processes",
        gpus: 1,
        compiled: Some(("vram.c", &[])),
        only: None,
        // Its list is on a terminal only; it is ended when that has the client.
        command: r#"/opt/kfdd/vram 48 bash -c '
            exec 3< <(exec timeout 60 script -qfc "stty cols 160 rows 40; TERM=xterm exec nvtop" /dev/null)
            while IFS= read -r -u 3 -d $(printf \\033) seen; do
                case $seen in */opt/kfdd/vram*) echo "$seen"; kill $!; exit;; esac
            done
            exit 1'"#,
        judge: |text, _| found(text, &["48MiB"]),
    },
    Check {
        name: "radeontop",
        gpus: 2,
        compiled: None,
        only: None,
        command: "radeontop -p /dev/dri/renderD129 -d - -l 1 -i 1",
        judge: |text, _| found(text, &["gpu 0.00%", "vram 0.00% 0.00mb"]),
    },
];

/// rocrtst's tests that launch no kernel.
pub const ROCRTST: &[&str] = &[
    "AgentProp_UUID",
    "Concurrent_Init_Shutdown_Test",
    "Concurrent_Init_Test",
    "Concurrent_Shutdown",
    "Deallocation_Notifier_Test",
    "MemoryAllocateAndFreeTest",
    "MemoryAllocateContiguousTest",
    "Memory_Alignment_Test",
    "Memory_Async_Copy",
    "Memory_Available",
    "Memory_Concurrent_Allocate_Test",
    "Memory_Concurrent_Free_Test",
    "Memory_Concurrent_Pool_Info_Test",
    "Memory_Max_Mem",
    "Queue_Add_Write_Index_ConcurrentTest",
    "Queue_CAS_Write_Index_ConcurrentTest",
    "Queue_LoadStore_Write_Index_ConcurrentTest",
    "Queue_Validation_InvalidPacket",
    "Reference_Count",
    "Signal_Create_Concurrently",
    "Signal_Destroy_Concurrently",
    "Signal_Max_Consumer",
    "VirtMemory_Basic_Test",
    "VirtMemory_Interprocess_Test",
];

/// A test whose threads pass a turn from one to the next, each spinning until it has it: how many there are. With fewer
/// processors each turn costs a time slice, and there are millions (queue_write_index_concurrent_tests.cc).
const SPINNING: (&str, usize) = ("Queue_CAS_Write_Index_ConcurrentTest", 4);

/// Tests whose threads start the runtime at once, before it has the lock that holds them apart: of ROCR 6.1, 6.4 and 7.2 each
/// thread may make one of its own (of 6.4 one run in ten failed). What is preloaded makes the lock; the rest of the test is as it is.
const STARTED_BY_THREADS: [&str; 2] = ["Concurrent_Init_Shutdown_Test", "Concurrent_Init_Test"];

/// Makes the lock: a library of `tests/clients`, and what it is compiled with.
const LOCK: (&str, &[&str]) = ("hsa_lock.c", &["-shared", "-fPIC", "-lhsa-runtime64"]);

/// Where checks are made.
#[derive(Debug)]
pub struct Bench<'a> {
    pub root: &'a Root,
    pub kfdctl: PathBuf,
    pub rocrtst: Option<&'a Path>,
}

impl Bench<'_> {
    /// Makes a check.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn run(&self, check: &Check, profile: &str, interrupts: &Interrupts) -> anyhow::Result<Outcome> {
        if let Some(only) = check.only.filter(|only| *only != profile) {
            return Ok(Outcome::Skipped(format!("kernels of {only} alone are executed")));
        }
        if let Some((source, libraries)) = check.compiled
            && let Err(why) = self.compile(source, libraries)?
        {
            return Ok(Outcome::Failed(format!("{source} does not compile: {why}")));
        }
        let shown = SHOWN.iter().find(|shown| shown.profile == profile).context("a profile that is known")?;
        let (text, ended) = self.text(check.gpus, profile, &format!("exec {}", check.command), interrupts)?;
        Ok(match ended {
            Ended::Late => Outcome::Failed(format!("it did not end within {} s", PATIENCE.as_secs())),
            Ended::Interrupted => Outcome::Skipped("interrupted".to_owned()),
            Ended::By(status) => match (check.judge)(&text, shown) {
                Ok(seen) if status.success() => Outcome::Passed(seen),
                Ok(_) => Outcome::Failed(format!("{status}: {}", last(&text))),
                Err(why) => Outcome::Failed(why),
            },
        })
    }

    /// Makes one of rocrtst's tests.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn rocrtst(&self, test: &str, profile: &str, interrupts: &Interrupts) -> anyhow::Result<Outcome> {
        let Some(folder) = self.rocrtst else {
            return Ok(Outcome::Skipped("needs --rocrtst DIR".to_owned()));
        };
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        if test == SPINNING.0 && processors < SPINNING.1 {
            return Ok(Outcome::Skipped(format!(
                "needs {} processors, one for each of its threads",
                SPINNING.1
            )));
        }
        let own = self.root.folder.join(OWN).join("rocrtst");
        copy(folder, &own)?;
        if !own.join(profile).is_dir() {
            return Ok(Outcome::Skipped(format!("{} has no kernels of {profile}", folder.display())));
        }
        let mut first = "";
        if STARTED_BY_THREADS.contains(&test) {
            if let Err(why) = self.compile(LOCK.0, LOCK.1)? {
                return Ok(Outcome::Failed(format!("{} does not compile: {why}", LOCK.0)));
            }
            // After kfdctl's own.
            first = "LD_PRELOAD=$LD_PRELOAD:/opt/kfdd/hsa_lock";
        }
        let command = format!(
            "cd /{OWN}/rocrtst/{profile} && \
             exec env LD_LIBRARY_PATH=/{OWN}/rocrtst {first} ../rocrtst64 --gtest_filter='*.{test}'"
        );
        let (text, ended) = self.text(1, profile, &command, interrupts)?;
        let said = |word: &str| text.lines().any(|line| line.starts_with(word));
        Ok(match ended {
            Ended::Late => Outcome::Failed(format!("it did not end within {} s", PATIENCE.as_secs())),
            Ended::Interrupted => Outcome::Skipped("interrupted".to_owned()),
            Ended::By(status) if status.code() == Some(127) => Outcome::Skipped(last(&text)),
            Ended::By(_) if said("[==========] Running 0 tests") => {
                Outcome::Skipped("it has no such test".to_owned())
            }
            Ended::By(status) if status.success() && said("[  PASSED  ] 1 test") => {
                Outcome::Passed(String::new())
            }
            Ended::By(status) => {
                let why = text.lines().find(|line| line.contains(": Failure") || line.contains("error"));
                Outcome::Failed(format!("{status}: {}", why.map_or_else(|| last(&text), str::to_owned)))
            }
        })
    }

    /// What a command says in the root, with devices. It is to be what the shell becomes: a signal ends the shell alone.
    fn text(
        &self,
        gpus: u32,
        profile: &str,
        command: &str,
        interrupts: &Interrupts,
    ) -> anyhow::Result<(String, Ended)> {
        let out = tempfile::NamedTempFile::new()?;
        let mut run = Command::new(&self.kfdctl);
        run.args([
            "run",
            "--embedded",
            "--device-nodes",
            "always",
            "--profile",
            profile,
            "--gpus",
            &gpus.to_string(),
        ]);
        let waves = if profile == EXECUTED { "run" } else { self.root.release.waves };
        run.args(["--waves", waves, "--root"]).arg(&self.root.folder);
        run.args(["--", "sh", "-c", command]).env_remove("KFDD_RUN_DIR");
        // One file with one place in it, so that neither overwrites the other.
        let said = out.reopen()?;
        run.stdin(Stdio::null()).stdout(said.try_clone()?).stderr(said);
        let ended = interrupts.attend(&mut run, PATIENCE)?;
        Ok((String::from_utf8_lossy(&fs::read(out.path())?).into_owned(), ended))
    }

    /// Compiles a client in the root, if it is not there in this form.
    fn compile(&self, source: &str, libraries: &[&str]) -> anyhow::Result<Result<(), String>> {
        let own = self.root.folder.join(OWN);
        fs::create_dir_all(&own)?;
        let clients = workspace().join("tests/clients");
        let read = |name: &str| {
            let from = clients.join(name);
            fs::read_to_string(&from).with_context(|| format!("cannot read {}", from.display()))
        };
        let text = read(source)?;
        let mut fresh = true;
        for header in text.lines().filter_map(|line| line.strip_prefix("#include \"")?.strip_suffix('"')) {
            let (text, there) = (read(header)?, own.join(header));
            if !fs::read_to_string(&there).is_ok_and(|old| old == text) {
                fs::write(&there, text)?;
                fresh = false;
            }
        }
        let program = Path::new(source).file_stem().context("a source has a name")?;
        let there = own.join(source);
        if fresh && own.join(program).is_file() && fs::read_to_string(&there).is_ok_and(|old| old == text) {
            return Ok(Ok(()));
        }
        fs::write(&there, text)?;
        let mut compile = Command::new("chroot");
        let compiler = if source.ends_with(".cpp") { "g++" } else { "gcc" };
        compile
            .arg(&self.root.folder)
            .args([compiler, "-O2", "-w", "-o"])
            .arg(Path::new("/").join(OWN).join(program));
        let out = compile
            .arg(Path::new("/").join(OWN).join(source))
            .args(libraries)
            .args(self.root.release.libraries)
            .output()?;
        if !out.status.success() {
            fs::remove_file(&there)?;
            let said = String::from_utf8_lossy(&out.stderr).into_owned();
            return Ok(Err(said.lines().find(|line| line.contains("error")).unwrap_or(&said).to_owned()));
        }
        Ok(Ok(()))
    }
}

/// rocminfo's agents with the profile's name.
fn agents(text: &str, shown: &Shown, count: usize) -> Result<String, String> {
    let seen = text.lines().filter(|line| line.split_whitespace().eq(["Name:", shown.profile])).count();
    if seen == count {
        Ok(format!("{count} of {}", shown.profile))
    } else {
        Err(format!("{seen} of {}: {}", shown.profile, last(text)))
    }
}

fn rocm_smi(text: &str, shown: &Shown) -> Result<String, String> {
    let bytes = format!("\"VRAM Total Memory (B)\": \"{}\"", shown.vram_mib << 20);
    twice(
        text,
        &[&format!("\"Device ID\": \"{}\"", shown.device), &bytes, "\"VRAM Total Used Memory (B)\": \"0\""],
    )
}

/// The client is on each of two devices, with its 48 MiB of the first and twice as much of the second.
fn amd_smi_processes(text: &str) -> Result<String, String> {
    // Warnings come before.
    let json = text.find("\n[").map_or(text, |at| &text[at..]);
    let gpus: Vec<Value> = serde_json::from_str(json).map_err(|error| format!("{error}: {}", last(text)))?;
    let is_client = |process: &&Value| {
        process["name"].as_str().is_some_and(|name| name.rsplit('/').next() == Some("vram"))
    };
    let vram = |gpu: &Value| {
        // A list since ROCm 6.2, the only one or words before.
        let all = gpu["process_list"].as_array().map_or(std::slice::from_ref(gpu), Vec::as_slice).iter();
        let its: Vec<_> = all.map(|process| &process["process_info"]).filter(is_client).collect();
        if let [one] = its[..] { one["memory_usage"]["vram_mem"]["value"].as_u64() } else { None }
    };
    let seen: Vec<_> = gpus.iter().map(vram).collect();
    // It takes the kernel's KiB for 1000 bytes (gpuvsmi_get_pid_info, fdinfo.cc), and took them for 1024 in ROCm 6.
    let fits = |bytes: u64| seen == [1, 2].map(|times| Some(times * (48 << 10) * bytes));
    if fits(1000) || fits(1024) { Ok("2 devices".to_owned()) } else { Err(format!("VRAM {seen:?}")) }
}

/// Each word once for each of two devices.
fn twice(text: &str, words: &[&str]) -> Result<String, String> {
    match words.iter().find(|word| text.matches(**word).count() != 2) {
        None => Ok("2 devices".to_owned()),
        Some(word) => Err(format!("{} times `{word}`: {}", text.matches(*word).count(), last(text))),
    }
}

fn found(text: &str, words: &[&str]) -> Result<String, String> {
    match words.iter().find(|word| !text.contains(**word)) {
        None => Ok(String::new()),
        Some(word) => Err(format!("no `{word}`: {}", last(text))),
    }
}

/// The lines of a program that says of each of its parts how it went.
fn parts(text: &str) -> Result<String, String> {
    let of =
        |word: &str| text.lines().filter_map(|line| line.strip_prefix(word)).collect::<Vec<_>>().join("; ");
    let (ok, skipped, failed) = (of("ok "), of("skip "), of("FAILED "));
    if !failed.is_empty() {
        Err(failed)
    } else if !ok.contains("exhausted") {
        Err(format!("it ended after {ok}: {}", last(text)))
    } else if skipped.is_empty() {
        Ok(ok)
    } else {
        Ok(format!("{ok}; left out: {skipped}"))
    }
}

fn last(text: &str) -> String {
    text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it says nothing").trim().to_owned()
}

/// Copies a folder's files, and those of its folders, that are not there with the same size and a newer time.
fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("cannot read {}", from.display()))? {
        let entry = entry?;
        let (at, there) = (entry.path(), to.join(entry.file_name()));
        let found = fs::metadata(&at)?;
        if found.is_dir() {
            copy(&at, &there)?;
        } else if !fs::metadata(&there)
            .is_ok_and(|old| old.len() == found.len() && old.modified().ok() >= found.modified().ok())
        {
            fs::copy(&at, &there).with_context(|| format!("cannot copy {}", at.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{SHOWN, agents, amd_smi_processes, parts, twice};

    #[test]
    fn output_is_judged_by_what_it_says_of_each_device() {
        let text =
            "  Name:   gfx900  \n  Name: amdgcn-amd-amdhsa--gfx900:xnack-\nName: gfx900\n*** Done ***\n";
        assert!(agents(text, &SHOWN[0], 2).is_ok());
        assert!(agents(text, &SHOWN[0], 1).is_err() && agents(text, &SHOWN[1], 2).is_err());
        assert!(twice("a b a", &["a"]).is_ok());
        assert_eq!(twice("a b a\nend", &["a", "b"]), Err("1 times `b`: end".to_owned()));
    }

    // Keeps: tools-processes
    #[test]
    fn a_process_is_to_be_on_each_device_with_its_own_memory() {
        let gpu = |name: &str, vram: u64| {
            let info =
                serde_json::json!({"name": name, "memory_usage": {"vram_mem": {"value": vram, "unit": "B"}}});
            serde_json::json!({"process_list": [{"process_info": info}]})
        };
        let judge = |gpus: [serde_json::Value; 2]| {
            amd_smi_processes(&format!("a warning\n{}", serde_json::json!(gpus)))
        };
        assert!(judge([gpu("/opt/kfdd/vram", 49_152_000), gpu("vram", 98_304_000)]).is_ok());
        assert!(judge([gpu("vram", 48 << 20), gpu("vram", 96 << 20)]).is_ok());
        assert!(judge([gpu("vram", 48 << 20), gpu("vram", 48 << 20)]).is_err());
        assert!(judge([gpu("vram", 48 << 20), gpu("other", 96 << 20)]).is_err());
        assert!(amd_smi_processes("no JSON").is_err());
    }

    #[test]
    fn a_program_that_ends_early_has_failed() {
        assert_eq!(
            parts("ok a\nskip b: none\nok exhausted\n"),
            Ok("a; exhausted; left out: b: none".to_owned())
        );
        assert!(parts("ok a\n").is_err());
        assert_eq!(parts("FAILED b: x\nok exhausted\n"), Err("b: x".to_owned()));
    }
}
