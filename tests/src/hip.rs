//! The HIP programs of `tests/clients/hip`: compiled as Debian's hipcc does, and kept.
//!
//! What is compiled is kept below the target folder by a hash of all that it is made of, since a compiler takes longer for most of
//! them than they run. The runtime and the headers are HIP's; hipcc itself is a script that runs this compiler so.

use crate::able;
use crate::program::target;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

/// How much the compiler does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Level {
    /// -O0: everything in scratch, calls are calls.
    O0,
    /// -O3, with what hipcc adds: nothing is called that can be inlined.
    O3,
}

impl Level {
    /// Both.
    pub const ALL: [Self; 2] = [Self::O0, Self::O3];

    const fn flags(self) -> &'static [&'static str] {
        match self {
            Self::O0 => &["-O0"],
            Self::O3 => {
                &["-O3", "-mllvm", "-amdgpu-early-inline-all=true", "-mllvm", "-amdgpu-function-calls=false"]
            }
        }
    }
}

/// What a program needs beside the runtime: a file, and the package that has it.
pub type Need = (&'static str, &'static str);

const COMPILER: &str = "clang++-15";
const LIBRARY: &str = "/usr/lib/x86_64-linux-gnu/amdgcn/bitcode";
const HEADER: &str = "/usr/include/hip/hip_runtime.h";
const NEEDS: &[Need] = &[
    (HEADER, "libamdhip64-dev"),
    ("/usr/lib/x86_64-linux-gnu/amdgcn/bitcode/ocml.bc", "rocm-device-libs"),
    ("/usr/bin/clang-offload-bundler-15", "clang-tools-15"),
    ("/usr/bin/ld.lld-15", "lld-15"),
];

/// The folder of the programs' sources.
#[must_use]
pub fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/hip")
}

/// Whether all files are there; the first that is not is a skip.
#[must_use]
pub fn there(needs: &[Need]) -> bool {
    let missing = needs.iter().find(|(file, _)| !Path::new(file).exists());
    if let Some((file, package)) = missing {
        able::skip(&format!("needs {file} ({package})"));
    }
    missing.is_none()
}

/// `tests/clients/hip/NAME.hip` for gfx900. `None`, said as a skip, where the compiler or a package is missing.
///
/// # Panics
/// It does not compile though what it needs is there.
#[must_use]
pub fn compiled(name: &str, level: Level, options: &[&str], needs: &[Need]) -> Option<PathBuf> {
    if !able::has(COMPILER) || !there(NEEDS) || !there(needs) {
        return None;
    }
    let mut command = Command::new(COMPILER);
    command.args(["-x", "hip", "--offload-arch=gfx900", "--rocm-path=/usr", "--hip-version=5.2.21153"]);
    command.args(["-Wall", "-Werror", "-Wno-unused-result"]).arg(format!("--rocm-device-lib-path={LIBRARY}"));
    command.args(level.flags());
    Some(kept(command, &format!("{name}.hip"), &format!("{name}.{level:?}"), options))
}

/// `tests/clients/hip/NAME.cpp` by the machine's own compiler: its kernels are compiled by HIP when it runs.
///
/// # Panics
/// It does not compile though what it needs is there.
#[must_use]
pub fn compiled_by_host(name: &str, options: &[&str], needs: &[Need]) -> Option<PathBuf> {
    let builtins = ("/usr/lib/x86_64-linux-gnu/libhiprtc-builtins.so.5", "libhiprtc-builtins5");
    if !able::has("c++") || !there(&[(HEADER, "libamdhip64-dev"), builtins]) || !there(needs) {
        return None;
    }
    let mut command = Command::new("c++");
    command.args(["-O2", "-Wall", "-Werror"]);
    Some(kept(command, &format!("{name}.cpp"), name, options))
}

fn kept(mut command: Command, source: &str, name: &str, options: &[&str]) -> PathBuf {
    let source = sources().join(source);
    command.arg(&source);
    // After a source, else its language would be theirs.
    command.args(["-lamdhip64"]).args(options);
    let mut hash = DefaultHasher::new();
    let header = sources().join("check.h");
    for file in [source.as_path(), &header, Path::new("/usr/share/hip/version")] {
        fs::read(file).unwrap_or_default().hash(&mut hash);
    }
    command.get_args().for_each(|argument| argument.hash(&mut hash));
    let folder = target().join("hip");
    let program = folder.join(format!("{name}.{:016x}", hash.finish()));
    if program.exists() {
        return program;
    }
    fs::create_dir_all(&folder).expect("the target folder is ours");
    // Under another name until it is whole: two tests may want it at once.
    let unfinished = tempfile::NamedTempFile::new_in(&folder).expect("the folder is ours").into_temp_path();
    let compiled = command.arg("-o").arg(&unfinished).output().expect("the compiler is on PATH");
    assert!(compiled.status.success(), "{name}: {}", String::from_utf8_lossy(&compiled.stderr));
    unfinished.persist(&program).expect("both names are in one folder");
    program
}
