//! Memory of one process in another: through the unmodified runtime, and what a client can do with what it imports.

use kfd_core::abi::kfd as abi;
use kfd_tests::{Actor, Kfdd, compile, eventually};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

// Keeps: ipc-hsa
#[test]
fn two_processes_share_device_memory_through_the_unmodified_hsa_runtime_and_one_survives_the_other() {
    let Some(kfdd) = Kfdd::start() else { return };
    if let Some(client) = compile::client("ipc", kfdd.folder(), &["-lhsa-runtime64"]) {
        let mut command = kfdd.kfdctl(&["run", "--"]);
        command.arg(client);
        let out = command.output().expect("kfdctl can be executed");
        assert!(out.status.success(), "{out:?}");
        let text = String::from_utf8_lossy(&out.stdout);
        for line in
            ["the exporter sees what", "the importer sees what", "when the exporter is dead", "detached"]
        {
            assert!(text.contains(line), "`{line}` is missing in {text}");
        }
    }
    kfdd.finish();
}

/// VRAM of `exporter`, two pages: its key.
fn export(exporter: &mut Actor) -> [u32; 4] {
    let handle = exporter.ok("alloc vram 8192")[2];
    let gpu_id = u32::try_from(handle >> 32).unwrap();
    let mut arg = abi::IpcExportHandle { handle, gpu_id, ..Default::default() };
    exporter.call("IPC_EXPORT_HANDLE", &mut arg).unwrap();
    arg.share_handle
}

fn import(importer: &mut Actor, share_handle: [u32; 4]) -> Result<abi::IpcImportHandle, i32> {
    let gpu_id = u32::try_from(importer.ok("alloc gtt 4096")[2] >> 32).unwrap();
    let mut arg =
        abi::IpcImportHandle { share_handle, gpu_id, va_addr: 0x7000_0000_0000, ..Default::default() };
    importer.call("IPC_IMPORT_HANDLE", &mut arg)?;
    Ok(arg)
}

// Keeps: ipc-any-order
#[test]
fn memory_that_outlives_its_owner_is_listed_under_its_name_until_the_last_importer_goes() {
    let Some(kfdd) = Kfdd::start() else { return };
    let (mut exporter, mut importer, mut other) = (kfdd.client(), kfdd.client(), kfdd.client());
    let key = export(&mut exporter);
    import(&mut importer, key).unwrap();
    let owner = exporter.pid();
    let row = || kfdd.shares().into_iter().find(|row| row.tgid.0 == owner);
    assert_eq!(row().map(|row| (row.bytes.0, row.holders, row.orphaned)), Some((8192, 2, false)));

    exporter.kill();
    assert!(eventually(PATIENCE, || row().filter(|row| row.orphaned)).is_some(), "{:?}", kfdd.shares());
    let listed = kfdd.kfdctl(&["shares"]).output().expect("kfdctl runs");
    let text = String::from_utf8_lossy(&listed.stdout);
    assert!(
        text.lines().any(|line| line.starts_with(&owner.to_string()) && line.ends_with("true")),
        "{text}"
    );
    import(&mut other, key).expect("the key finds it for as long as somebody holds it");
    importer.kill();
    let left = eventually(PATIENCE, || row().filter(|row| row.holders == 1));
    assert_eq!(left.map(|row| row.orphaned), Some(true));
    other.kill();
    assert!(eventually(PATIENCE, || row().is_none().then_some(())).is_some(), "{:?}", kfdd.shares());
    kfdd.finish();
}

// Keeps: import-no-host
#[test]
fn a_host_access_to_imported_memory_is_a_sigbus_and_never_another_page() {
    let Some(kfdd) = Kfdd::start() else { return };
    let (mut exporter, mut importer) = (kfdd.client(), kfdd.client());
    let key = export(&mut exporter);
    let imported = import(&mut importer, key).unwrap();
    let at = importer.one(&format!("mmap render {} 8192", imported.mmap_offset));
    importer.tell(&format!("peek {at} 8"));
    let status = importer.reap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(libc::SIGBUS), "{status:?}");
    exporter.ok("alloc vram 4096");
    exporter.kill();
    kfdd.finish();
}

/// A forked child of a client, which ends with the test.
struct Killed(u64);

impl Drop for Killed {
    fn drop(&mut self) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.0).expect("a process id"));
        // It may have ended by itself.
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL);
    }
}

// Keeps: ipc-forked-child
#[test]
fn a_forked_childs_mapping_of_the_dead_exporters_node_keeps_its_pages_until_it_ends() {
    let Some(kfdd) = Kfdd::start() else { return };
    let (mut exporter, mut importer) = (kfdd.client(), kfdd.client());
    let key = export(&mut exporter);
    let at = exporter.ok("alloc vram 4096")[1];
    exporter.poke(at, b"the dead");
    import(&mut importer, key).unwrap();
    let child = Killed(exporter.one("fork-hold"));
    exporter.kill();
    let gone = |pid: u64| !std::path::Path::new(&format!("/proc/{pid}")).exists();
    assert!(!gone(child.0), "the child outlives its parent");
    let orphaned = || kfdd.shares().into_iter().any(|row| row.orphaned);
    assert!(eventually(PATIENCE, || orphaned().then_some(())).is_some(), "{:?}", kfdd.shares());
    importer.kill();
    let none = eventually(PATIENCE, || kfdd.shares().is_empty().then_some(()));
    assert!(none.is_some(), "{:?}", kfdd.shares());
    let memory = std::fs::File::open(format!("/proc/{}/mem", child.0)).expect("the child lives");
    let mut bytes = [0; 8];
    std::os::unix::fs::FileExt::read_exact_at(&memory, &mut bytes, at).expect("it maps the dead one's page");
    assert_eq!(&bytes, b"the dead", "what the child maps stays as it was");
    drop(child);
    kfdd.finish();
}
