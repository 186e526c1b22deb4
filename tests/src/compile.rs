//! The C programs of `tests/clients`, compiled into a folder of the test's own.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Compiles `tests/clients/<name>.c` into `folder`. `None`, said as a skip, where the compiler or a package is missing.
///
/// # Panics
/// The program does not compile though what it needs is there.
#[must_use]
pub fn client(name: &str, folder: &Path, libraries: &[&str]) -> Option<PathBuf> {
    if !crate::able::has("cc") {
        return None;
    }
    let headers =
        ["/usr/include/hsa/hsa.h", "/usr/include/linux/kfd_ioctl.h", "/usr/include/libdrm/amdgpu.h"];
    for header in headers {
        if !Path::new(header).exists() {
            crate::able::skip(&format!("needs {header} (libhsa-runtime-dev, linux-libc-dev, libdrm-dev)"));
            return None;
        }
    }
    let clients = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients");
    let program = folder.join(name);
    let compiled = Command::new("cc")
        .args(["-O2", "-pthread", "-Wall", "-Werror", "-I"])
        .arg(&clients)
        .arg("-o")
        .arg(&program)
        .arg(clients.join(format!("{name}.c")))
        .args(libraries)
        .output()
        .expect("cc is on PATH");
    assert!(compiled.status.success(), "{name}.c: {}", String::from_utf8_lossy(&compiled.stderr));
    Some(program)
}
