//! A FUSE mount with one file whose pages never arrive: the server takes the READ and does not answer.
//!
//! Freed, whatever happens, by its drop: abort through fusectl (where that is mounted), closing the device, unmounting.

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::stat::{major, minor, stat};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

const LOOKUP: u32 = 1;
const FORGET: u32 = 2;
const GETATTR: u32 = 3;
const OPEN: u32 = 14;
const READ: u32 = 15;
const RELEASE: u32 = 18;
const FLUSH: u32 = 25;
const INIT: u32 = 26;
const INTERRUPT: u32 = 36;

pub struct HungMount {
    directory: PathBuf,
    /// The connection's number in fusectl.
    connection: u64,
    reads: Receiver<()>,
    server: Option<std::thread::JoinHandle<()>>,
}

impl HungMount {
    /// `None` where FUSE cannot be mounted (no device, no privilege).
    pub fn new(name: &str) -> Option<Self> {
        let directory = std::env::temp_dir().join(format!("kfdd-hung-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let device = File::options().read(true).write(true).open("/dev/fuse").ok()?;
        let options = format!("fd={},rootmode=40000,user_id=0,group_id=0,allow_other", device.as_raw_fd());
        let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        mount(Some("kfdd-hung"), &directory, Some("fuse"), flags, Some(options.as_str())).ok()?;
        let (tell, reads) = channel();
        let server = std::thread::spawn(move || {
            let mut device = device;
            let mut request = vec![0; 1 << 17];
            while let Ok(len) = device.read(&mut request) {
                let word = |at: usize| u32::from_le_bytes(request[at..at + 4].try_into().unwrap());
                assert!(len >= 40);
                match answer(word(4)) {
                    _ if word(4) == READ => tell.send(()).unwrap_or(()),
                    Some(body) => {
                        let mut reply = (16 + body.len() as u32).to_le_bytes().to_vec();
                        reply.extend([0; 4]);
                        reply.extend(&request[8..16]);
                        reply.extend(body);
                        let _ = device.write(&reply);
                    }
                    None => {}
                }
            }
        });
        let number = stat(&directory).unwrap().st_dev;
        assert_eq!(major(number), 0);
        Some(Self { directory, connection: minor(number), reads, server: Some(server) })
    }

    pub fn file(&self) -> PathBuf {
        self.directory.join("page")
    }

    /// Waits until somebody hangs on the page.
    pub fn wait_for_read(&self, patience: Duration) {
        self.reads.recv_timeout(patience).unwrap();
    }

    /// Ends the connection: everybody who hangs on it gets an error.
    pub fn abort(&self) {
        let control = Path::new("/sys/fs/fuse/connections");
        if !control.join("1").exists() && std::fs::read_dir(control).is_ok_and(|mut all| all.next().is_none())
        {
            // Not there on every machine; an error leaves it to the unmount below.
            let _ = mount(Some("fusectl"), control, Some("fusectl"), MsFlags::empty(), None::<&str>);
        }
        if std::fs::write(control.join(self.connection.to_string()).join("abort"), "1").is_err() {
            let _ = umount2(&self.directory, MntFlags::MNT_FORCE);
        }
    }
}

impl Drop for HungMount {
    fn drop(&mut self) {
        self.abort();
        let _ = umount2(&self.directory, MntFlags::MNT_DETACH);
        if let Some(server) = self.server.take() {
            let _ = server.join();
        }
        let _ = std::fs::remove_dir(&self.directory);
    }
}

/// fuse_out bodies by linux/fuse.h, interface 7.31.
fn answer(opcode: u32) -> Option<Vec<u8>> {
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    // fuse_attr: ino, size, blocks, three times, three nanoseconds, mode, nlink, uid, gid, rdev, blksize, flags.
    let attr = |ino: u32, mode: u32| {
        words(&[&[ino, 0, 4096, 0, 8, 0], &[0; 9][..], &[mode, 1, 0, 0, 0, 4096, 0]].concat())
    };
    match opcode {
        // major, minor, max_readahead, flags, background, congestion (two u16), max_write, granularity, rest.
        INIT => Some(words(&[&[7, 31, 0, 0, 0, 65536, 1], &[0; 9][..]].concat())),
        // nodeid, generation, entry_valid, attr_valid, two nanoseconds, attr.
        LOOKUP => Some([words(&[2, 0, 0, 0, 60, 0, 60, 0, 0, 0]), attr(2, 0o100_444)].concat()),
        // attr_valid, nanoseconds, dummy, attr. Of the root, the only one asked for: the file's are cached.
        GETATTR => Some([words(&[60, 0, 0, 0]), attr(1, 0o40_755)].concat()),
        // fh, FOPEN_KEEP_CACHE: without that an open waits for the pages of a read that hangs.
        OPEN => Some(words(&[1, 0, 2, 0])),
        FLUSH | RELEASE => Some(Vec::new()),
        FORGET | INTERRUPT | READ => None,
        _ => None,
    }
}
