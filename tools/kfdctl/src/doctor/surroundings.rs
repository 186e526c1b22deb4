//! Around the daemon: the daemon itself, the machine's own GPUs, leftovers, and what clients need.

use super::check::Check;
use door::mountinfo::{Mounted, mounts};
use door::view::{PAGED_MEM_ENV, host};
use kfdd::control::{Control, Request};
use nix::errno::Errno;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

pub(super) fn daemon(run_dir: &Path) -> Check {
    const NAME: &str = "daemon";
    match Control::of(run_dir).ask(&Request::Version) {
        Ok(_) => Check::ok(NAME, format!("answers in {}", run_dir.display())),
        Err(error) => Check::note(
            NAME,
            error.to_string(),
            "`kfdctl run` starts one for its command when it is privileged",
        ),
    }
}

pub(super) fn real_gpu() -> Check {
    const NAME: &str = "real GPU";
    let mut nodes = host::real_kfd().into_iter().collect::<Vec<_>>();
    nodes.extend(host::real_render_nodes());
    if nodes.is_empty() {
        return Check::ok(NAME, "none that a private view would hide");
    }
    let list = nodes.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
    Check::note(NAME, list, "`kfdctl run` refuses to hide it unless --hide-real-gpu says so")
}

pub(super) fn paged_mem() -> Check {
    match std::env::var(PAGED_MEM_ENV).as_deref() {
        Ok("0") => Check::ok(PAGED_MEM_ENV, "0"),
        Ok(other) => Check::note(
            PAGED_MEM_ENV,
            format!("{other:?}: system memory is user memory, slow to reach and without atomics"),
            format!("unset {PAGED_MEM_ENV}, or set it to 0"),
        ),
        Err(_) => Check::note(
            PAGED_MEM_ENV,
            "not set",
            "`kfdctl run` sets it to 0; do so for clients of a system-wide daemon (export it in their environment)",
        ),
    }
}

/// rocminfo 5.2.3 runs lsmod; a private view brings one where it is missing, the system-wide door cannot.
pub(super) fn lsmod() -> Option<Check> {
    let listed = fs::read_to_string("/proc/modules")
        .is_ok_and(|text| text.starts_with("amdgpu ") || text.contains("\namdgpu "));
    (!listed).then(|| {
        Check::note(
            "lsmod",
            "shows no amdgpu",
            "rocminfo before 6.0 asks lsmod: run it with `kfdctl run`, which shows one",
        )
    })
}

/// FUSE mounts of ours whose daemon is gone.
pub(super) fn stale_mounts() -> Check {
    const NAME: &str = "stale mounts";
    let table = fs::read("/proc/self/mountinfo").unwrap_or_default();
    let stale = ours(&table).into_iter().filter(|path| !alive(path)).collect::<Vec<_>>();
    if stale.is_empty() {
        return Check::ok(NAME, "none");
    }
    let list = stale.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" ");
    Check::note(
        NAME,
        format!("no daemon behind {list}"),
        format!("umount --lazy {list} (a kfdd started there does it)"),
    )
}

/// Mount points of kfdd's file systems in a mount table.
fn ours(table: &[u8]) -> Vec<PathBuf> {
    let of_kfdd = |mounted: &Mounted| {
        let Mounted { kind, source, .. } = mounted;
        kind.starts_with("fuse") && (kind.ends_with(".kfdd") || source == "kfdd")
    };
    mounts(table).filter(of_kfdd).map(|mounted| mounted.point).collect()
}

/// Whether somebody serves `mount`: asked by statfs, which no cache answers. A server that takes the request and never
/// answers counts as alive; the thread that waits for it ends with this program.
fn alive(mount: &Path) -> bool {
    let (answer, answered) = mpsc::channel();
    let path = mount.to_owned();
    std::thread::spawn(move || answer.send(nix::sys::statfs::statfs(&path).map(drop)));
    // ENOTCONN: the server closed its descriptor; ECONNABORTED: the connection was aborted.
    !matches!(answered.recv_timeout(Duration::from_secs(1)), Ok(Err(Errno::ENOTCONN | Errno::ECONNABORTED)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_mounts_of_kfdd_are_ours() {
        let table = b"36 35 0:40 / /run/kfdd/dev rw - fuse.kfdd kfdd rw,user_id=0\n\
            37 35 0:41 / /mnt/with\\040space rw shared:1 - fuse kfdd rw\n\
            38 35 0:42 / /home/x rw - fuse.sshfs x:/ rw\n";
        assert_eq!(ours(table), [PathBuf::from("/run/kfdd/dev"), PathBuf::from("/mnt/with space")]);
    }
}
