//! What this process may do.

use super::check::Check;
use std::fs;

/// linux/capability.h.
const CAP_SYS_PTRACE: u32 = 19;
/// linux/capability.h.
const CAP_SYS_ADMIN: u32 = 21;

fn effective(capability: u32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    mask.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok())
        .is_some_and(|mask| mask >> capability & 1 == 1)
}

/// Whether this is the initial user namespace, which maps every id onto itself (user_namespaces(7)).
fn in_initial_namespace() -> bool {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    map.split_whitespace().eq(["0", "0", "4294967295"])
}

pub(super) fn admin() -> Check {
    const NAME: &str = "CAP_SYS_ADMIN";
    const ADVICE: &str =
        "the daemon mounts and opens passthrough backing files: run it as root of the machine";
    match (effective(CAP_SYS_ADMIN), in_initial_namespace()) {
        (true, true) => Check::ok(NAME, "held in the initial user namespace"),
        (true, false) => Check::missing(NAME, "held, but only inside a user namespace", ADVICE),
        (false, _) => Check::missing(NAME, "not held", ADVICE),
    }
}

pub(super) fn ptrace() -> Check {
    const NAME: &str = "CAP_SYS_PTRACE";
    if effective(CAP_SYS_PTRACE) {
        Check::ok(NAME, "held")
    } else {
        Check::missing(
            NAME,
            "not held",
            "the daemon reads the memory of clients of other users: run it as root (in a container: --cap-add SYS_PTRACE)",
        )
    }
}

/// Documentation/admin-guide/LSM/Yama.rst: 3 refuses every attach, whatever the capabilities.
pub(super) fn yama() -> Check {
    const NAME: &str = "yama ptrace_scope";
    match fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").as_deref().map(str::trim) {
        Err(_) => Check::ok(NAME, "no Yama"),
        Ok("3") => Check::missing(
            NAME,
            "3: nobody may read another process's memory",
            "set kernel.yama.ptrace_scope to 2 or less and reboot (3 cannot be lowered at run time)",
        ),
        Ok(scope) => Check::ok(NAME, format!("{scope}: does not hinder a daemon with CAP_SYS_PTRACE")),
    }
}

pub(super) fn user_namespaces() -> Check {
    const NAME: &str = "user namespaces";
    let setting = |path: &str| fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
    let refused = [
        ("user.max_user_namespaces", "/proc/sys/user/max_user_namespaces", "0"),
        ("kernel.unprivileged_userns_clone", "/proc/sys/kernel/unprivileged_userns_clone", "0"),
        (
            "kernel.apparmor_restrict_unprivileged_userns",
            "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
            "1",
        ),
    ]
    .into_iter()
    .find(|(_, path, bad)| setting(path).as_deref() == Some(bad));
    match refused {
        Some((name, _, value)) => Check::note(
            NAME,
            format!("{name} = {value}"),
            "only root can use `kfdctl run`; change that setting to let users",
        ),
        None if fs::metadata("/proc/self/ns/user").is_err() => {
            Check::note(NAME, "the kernel has none", "only root can use `kfdctl run`")
        }
        None => Check::ok(NAME, "allowed"),
    }
}
