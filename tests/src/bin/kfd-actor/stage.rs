//! What the actor holds, and the forms of its answers.

use client::kernel::Kernel;
use client::{Buffer, ClientError, Device, Signal, UserQueue};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::thread::JoinHandle;

/// Why a verb failed, and the struct as the driver left it (in hexadecimal), if the verb has one.
#[derive(Debug)]
pub struct Refusal {
    pub errno: i32,
    pub after: String,
}

pub type Answer = Result<String, Refusal>;

impl From<ClientError> for Refusal {
    fn from(error: ClientError) -> Self {
        let errno = error.errno().unwrap_or_else(|| panic!("{error}"));
        Self { errno, after: String::new() }
    }
}

impl From<std::io::Error> for Refusal {
    fn from(error: std::io::Error) -> Self {
        let errno = error.raw_os_error().unwrap_or_else(|| panic!("{error}"));
        Self { errno, after: String::new() }
    }
}

impl From<nix::errno::Errno> for Refusal {
    fn from(errno: nix::errno::Errno) -> Self {
        Self { errno: errno as i32, after: String::new() }
    }
}

/// A queue and what its verbs need: a completion signal with an event, and a signal that holds packets back.
#[derive(Debug)]
pub struct Held {
    pub queue: Arc<UserQueue>,
    pub event: client::event::Event,
    pub done: Signal,
    pub stuck: Signal,
}

#[derive(Debug)]
pub struct Stage {
    pub dev: PathBuf,
    pub device: Option<Arc<Device>>,
    pub inherited: Option<RawFd>,
    pub taken: Option<OwnedFd>,
    pub listener: Option<std::os::unix::net::UnixListener>,
    pub queues: Vec<Option<Held>>,
    pub buffers: Vec<Option<Buffer>>,
    pub kernels: Vec<Kernel>,
    pub parked: Vec<JoinHandle<Answer>>,
}

impl Stage {
    pub fn new(dev: PathBuf, inherited: Option<RawFd>) -> Self {
        Self {
            dev,
            device: None,
            inherited,
            taken: None,
            listener: None,
            queues: Vec::new(),
            buffers: Vec::new(),
            kernels: Vec::new(),
            parked: Vec::new(),
        }
    }

    pub fn device(&self) -> &Arc<Device> {
        self.device.as_ref().expect("`open` comes first")
    }

    /// The descriptor of kfd, opened or inherited.
    pub fn kfd(&self) -> RawFd {
        match (&self.device, self.inherited) {
            (Some(device), _) => device.kfd().as_raw_fd(),
            (None, Some(fd)) => fd,
            (None, None) => panic!("`open` comes first"),
        }
    }

    pub fn taken(&self) -> BorrowedFd<'_> {
        self.taken.as_ref().expect("`take` comes first").as_fd()
    }

    pub fn held(&self, index: usize) -> &Held {
        self.queues[index].as_ref().expect("the queue was not destroyed")
    }
}

/// The word at `index` as a number.
pub fn number<T: FromStr>(words: &[&str], index: usize) -> T {
    let word = words.get(index).unwrap_or_else(|| panic!("argument {index} is missing in {words:?}"));
    word.parse().unwrap_or_else(|_| panic!("{word} is not such a number"))
}

pub fn hex(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "-".to_owned();
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn unhex(text: &str) -> Vec<u8> {
    let digits = text.trim_matches('-').as_bytes();
    digits
        .chunks(2)
        .map(|pair| {
            let pair = std::str::from_utf8(pair).expect("hexadecimal digits");
            u8::from_str_radix(pair, 16).expect("hexadecimal digits")
        })
        .collect()
}
