//! A FUSE mount with one file whose pages never arrive: its server takes the READ and does not answer.
//!
//! Freed by its drop, whatever happened: abort through fusectl, close of the device, unmount. Not for: a well-behaved
//! file system; only what a client needs in order to map the file's first page is answered.
//!
//! The door's tests of its workers include this file as theirs, because the door is below this crate: it may name nothing
//! of this crate.

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::stat::{minor, stat};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::Duration;
use tempfile::TempDir;

/// Opcodes (linux/fuse.h).
mod opcode {
    pub const LOOKUP: u32 = 1;
    pub const GETATTR: u32 = 3;
    pub const OPEN: u32 = 14;
    pub const READ: u32 = 15;
    pub const RELEASE: u32 = 18;
    pub const FLUSH: u32 = 25;
    pub const INIT: u32 = 26;
}

/// Where the kernel lists FUSE connections.
const CONTROL: &str = "/sys/fs/fuse/connections";

/// The mount and its silent server.
#[derive(Debug)]
pub struct HungMount {
    directory: TempDir,
    connection: u64,
    reads: Receiver<()>,
    server: Option<JoinHandle<()>>,
}

impl HungMount {
    /// Mounts it in a folder of its own.
    ///
    /// # Errors
    /// There is no FUSE here, or no right to mount.
    ///
    /// # Panics
    /// Its server does not answer.
    pub fn new() -> std::io::Result<Self> {
        let directory = TempDir::new()?;
        let mut device = File::options().read(true).write(true).open("/dev/fuse")?;
        let options = format!("fd={},rootmode=40000,user_id=0,group_id=0,allow_other", device.as_raw_fd());
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        mount(Some("hung"), directory.path(), Some("fuse"), flags, Some(options.as_str()))?;
        let (tell, reads) = channel();
        let server = std::thread::spawn(move || {
            let mut request = vec![0; 1 << 17];
            while let Ok(length) = device.read(&mut request) {
                assert!(length >= 40, "a request has a header");
                let opcode = u32::from_le_bytes(request[4..8].try_into().expect("four bytes"));
                if opcode == opcode::READ {
                    let _ = tell.send(());
                } else if let Some(body) = answer(opcode) {
                    let length = u32::try_from(16 + body.len()).expect("answers are short");
                    let header = [&length.to_le_bytes()[..], &[0; 4], &request[8..16]].concat();
                    // A request that was interrupted takes no answer.
                    let _ = device.write(&[header, body].concat());
                }
            }
        });
        let connection = minor(stat(directory.path()).expect("the server answers").st_dev);
        Ok(Self { directory, connection, reads, server: Some(server) })
    }

    /// The file whose pages never arrive.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        self.directory.path().join("page")
    }

    /// Waits until somebody hangs on the page; false when `patience` passed first.
    #[must_use]
    pub fn is_read_within(&self, patience: Duration) -> bool {
        self.reads.recv_timeout(patience).is_ok()
    }

    /// Ends the connection: whoever hangs on it gets an error.
    pub fn abort(&self) {
        let abort = Path::new(CONTROL).join(self.connection.to_string()).join("abort");
        if !abort.exists() {
            // Not mounted on every machine.
            let _ = mount(Some("fusectl"), CONTROL, Some("fusectl"), MsFlags::empty(), None::<&str>);
        }
        if std::fs::write(abort, "1").is_err() {
            let _ = umount2(self.directory.path(), MntFlags::MNT_FORCE);
        }
    }
}

impl Drop for HungMount {
    fn drop(&mut self) {
        self.abort();
        let _ = umount2(self.directory.path(), MntFlags::MNT_DETACH);
        if let Some(server) = self.server.take() {
            drop(server.join());
        }
    }
}

/// The bodies of interface 7.31 (linux/fuse.h): fuse_init_out, fuse_entry_out, fuse_attr_out, fuse_open_out.
fn answer(opcode: u32) -> Option<Vec<u8>> {
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    // fuse_attr: ino, size, blocks as two words each; six words of time; mode, nlink, uid, gid, rdev, blksize, flags.
    let attr =
        |ino, mode| words(&[&[ino, 0, 4096, 0, 8, 0][..], &[0; 9], &[mode, 1, 0, 0, 0, 4096, 0]].concat());
    match opcode {
        opcode::INIT => Some(words(&[&[7, 31, 0, 0, 0, 1 << 16, 1][..], &[0; 9]].concat())),
        // nodeid, generation, two times to live of 60 s with their nanoseconds, then the attributes.
        opcode::LOOKUP => Some([words(&[2, 0, 0, 0, 60, 0, 60, 0, 0, 0]), attr(2, 0o100_444)].concat()),
        opcode::GETATTR => Some([words(&[60, 0, 0, 0]), attr(1, 0o040_755)].concat()),
        // fh, FOPEN_KEEP_CACHE: without that an open waits for the pages of a read that hangs.
        opcode::OPEN => Some(words(&[1, 0, 2, 0])),
        opcode::FLUSH | opcode::RELEASE => Some(Vec::new()),
        _ => None,
    }
}
