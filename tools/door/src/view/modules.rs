//! `/proc/modules` with an amdgpu line, and an `lsmod` where the machine's cannot show it.
//!
//! rocminfo 5.2.3 runs `lsmod | grep amdgpu` before anything else. A kernel without loadable modules has no
//! `/proc/modules`, nothing can be added to procfs, and a minimal image has no `lsmod`: then a shell script of that
//! name is put first on the command's PATH.

use super::error::{ViewError, step};
use nix::mount::{MsFlags, mount};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const REAL: &str = "/proc/modules";

/// Shows `lines` (a file in the format of proc_modules(5)) above the machine's modules, keeping its files in
/// `private`. Returns the folder to put on PATH, if one is needed.
///
/// # Errors
/// [`ViewError::NotServed`] when `lines` cannot be read; [`ViewError::Step`].
pub(super) fn cover(lines: &Path, private: &Path) -> Result<Option<PathBuf>, ViewError> {
    let ours = fs::read_to_string(lines)
        .map_err(|reason| ViewError::NotServed { path: lines.to_owned(), reason })?;
    let real = fs::read_to_string(REAL).ok();
    let merged = private.join("modules");
    fs::write(&merged, merge(&ours, real.as_deref().unwrap_or(""))).map_err(step("write", &merged))?;
    if real.is_some() {
        mount(Some(&merged), REAL, None::<&str>, MsFlags::MS_BIND, None::<&str>)
            .map_err(step("bind", Path::new(REAL)))?;
        if on_path("lsmod") {
            return Ok(None);
        }
    }
    let folder = private.join("bin");
    fs::create_dir(&folder).map_err(step("create", &folder))?;
    let script = folder.join("lsmod");
    fs::write(&script, lsmod(&read_from(&merged))).map_err(step("write", &script))?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))
        .map_err(step("make executable", &script))?;
    Ok(Some(folder))
}

/// Our lines, then those of the machine's whose module we do not name.
fn merge(ours: &str, real: &str) -> String {
    let name = |line: &str| line.split(' ').next().unwrap_or("").to_owned();
    let named = ours.lines().map(name).collect::<Vec<_>>();
    let rest = real.lines().filter(|line| !named.contains(&name(line)));
    ours.lines().chain(rest).fold(String::new(), |text, line| text + line + "\n")
}

fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| {
        fs::metadata(folder.join(program))
            .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    })
}

/// A redirection of the shell from a file.
fn read_from(modules: &Path) -> String {
    format!("<'{}'", modules.display())
}

/// An lsmod of shell builtins alone, with the columns of kmod's, for those `lines` in the format of proc_modules(5).
#[must_use]
pub fn lsmod_of(lines: &str) -> String {
    lsmod(&format!("<<'.'\n{}\n.", lines.trim_end()))
}

fn lsmod(input: &str) -> String {
    format!(
        "#!/bin/sh\n\
         # The modules that clients of kfdd are shown, where lsmod itself cannot show them.\n\
         echo 'Module                  Size  Used by'\n\
         while read -r name size users by rest; do\n\
         \x20   [ \"$by\" = - ] && by=\n\
         \x20   printf '%-19s %8s  %s %s\\n' \"$name\" \"$size\" \"$users\" \"${{by%,}}\"\n\
         done {input}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machines_own_line_of_a_served_module_gives_way() {
        let merged = merge("amdgpu 1 0 - Live 0x0\n", "ext4 5 1 - Live 0x0\namdgpu 2 3 - Live 0x0\n");
        assert_eq!(merged, "amdgpu 1 0 - Live 0x0\next4 5 1 - Live 0x0\n");
    }

    #[test]
    fn the_script_prints_kmods_columns() {
        let folder = std::env::temp_dir().join(format!("kfdd-lsmod-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (list, script) = (folder.join("modules"), folder.join("lsmod"));
        fs::write(&list, "amdgpu 4096 0 - Live 0x0\njbd2 100 1 ext4, Live 0x0\n").unwrap();
        let lines = "amdgpu 4096 0 - Live 0x0\njbd2 100 1 ext4, Live 0x0\n";
        for text in [lsmod(&read_from(&list)), lsmod_of(lines)] {
            fs::write(&script, text).unwrap();
            let out = std::process::Command::new("sh").arg(&script).output().unwrap();
            assert!(out.status.success(), "{out:?}");
            assert_eq!(
                String::from_utf8_lossy(&out.stdout),
                "Module                  Size  Used by\n\
             amdgpu                  4096  0 \n\
             jbd2                     100  1 ext4\n"
            );
        }
        fs::remove_dir_all(&folder).unwrap();
    }
}
