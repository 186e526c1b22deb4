//! What a life does with its device's files, seen from outside and done again with another server's file.
//!
//! The life stops at each open, ioctl and mmap (seccomp's user notification), is looked at, and goes on.

use super::actor::Actor;
use super::lanes::Held;
use super::shm::Shared;
use super::sync::Ordering;
use super::{bare, sys};
use anyhow::{Context, bail, ensure};
use kfd_core::abi::ioc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use std::fmt;
use std::fs::{File, read_link};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// Doorbell pages that a life may have.
const DOORBELLS: usize = 4;

/// One call on a file of the device.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// Of a device node.
    Open,
    /// Of a file or folder beside them, to be read: the topology.
    Read(PathBuf),
    /// With a struct of so many bytes.
    Ioctl(usize),
    /// Of so many bytes of the render node: memory.
    Memory(usize),
    /// Of so many bytes of the kfd node: a doorbell page, which is stored to.
    Doorbell(usize),
}

/// All of a life's, in their order.
#[derive(Debug, PartialEq, Eq)]
pub struct Script(Vec<Step>);

impl Script {
    /// As an argument of a role.
    pub fn to_text(&self) -> String {
        let word = |step: &Step| match step {
            Step::Open => "open:".to_owned(),
            Step::Read(path) => format!("read:{}", path.display()),
            Step::Ioctl(size) => format!("ioctl:{size}"),
            Step::Memory(size) => format!("memory:{size}"),
            Step::Doorbell(size) => format!("doorbell:{size}"),
        };
        self.0.iter().map(word).collect::<Vec<_>>().join(",")
    }

    /// Back from there.
    pub fn of_text(text: &str) -> anyhow::Result<Self> {
        let step = |word: &str| {
            let (kind, what) = word.split_once(':').context("a step has a colon")?;
            Ok(match kind {
                "open" => Step::Open,
                "read" => Step::Read(what.into()),
                "ioctl" => Step::Ioctl(what.parse()?),
                "memory" => Step::Memory(what.parse()?),
                "doorbell" => Step::Doorbell(what.parse()?),
                _ => bail!("{kind} is no step"),
            })
        };
        text.split(',').map(step).collect::<anyhow::Result<_>>().map(Self)
    }

    /// Does it with the bare server's file; no two lives of a server have the same number.
    pub fn play(&self, folder: &str, number: usize) -> anyhow::Result<Held> {
        let (mut files, mut maps) = (Vec::new(), Vec::new());
        let pages = usize::try_from(bare::FILE_BYTES)? / 4096;
        let mut doorbell = number * DOORBELLS;
        for step in &self.0 {
            let file = || files.last().map(AsFd::as_fd).context("a life begins with an open");
            match step {
                Step::Open => files.push(bare::open_in(Path::new(folder))?),
                Step::Read(path) if path.is_dir() => drop(std::fs::read_dir(path)?.count()),
                Step::Read(path) => drop(std::fs::read(path)?),
                Step::Ioctl(size) => sys::ioctl(file()?, bare::echo(*size), &mut vec![0; *size])?,
                Step::Memory(size) => maps.push(Shared::of(file()?, 0, *size)?),
                Step::Doorbell(size) => {
                    ensure!(doorbell < pages, "the bare file has no fresh page left");
                    let page = Shared::of(file()?, doorbell as u64 * 4096, *size)?;
                    page.word(0).store(1, Ordering::Release);
                    doorbell += 1;
                    maps.push(page);
                }
            }
        }
        Ok(Box::new((files, maps)))
    }

    fn count(&self, which: impl Fn(&Step) -> bool) -> usize {
        self.0.iter().filter(|step| which(step)).count()
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let opens = self.count(|step| *step == Step::Open);
        let reads = self.count(|step| matches!(step, Step::Read(_)));
        let ioctls = self.count(|step| matches!(step, Step::Ioctl(_)));
        let memory = self.count(|step| matches!(step, Step::Memory(_)));
        let doorbells = self.count(|step| matches!(step, Step::Doorbell(_)));
        write!(
            f,
            "{opens} opens, {reads} files read, {ioctls} ioctls, {memory} mappings of memory, {doorbells} of doorbells"
        )
    }
}

/// The shown life's part: its calls stop from here on; the listener goes over the socket.
pub fn show(socket: &str, life: impl FnOnce() -> anyhow::Result<Held>) -> anyhow::Result<()> {
    let socket = UnixStream::connect(socket)?;
    // Nothing between these two may open or map anything: nobody would let it go on.
    let listener = sys::stop_calls(&[libc::SYS_openat, libc::SYS_ioctl, libc::SYS_mmap])?;
    door::seccomp::handover::send(&socket, b"listener\n", &listener)?;
    drop(listener);
    let _held = life()?;
    Ok(())
}

/// Starts a life in a role that [`show`]s it, with the device files of this folder.
pub fn record(role: &str, dev: &str) -> anyhow::Result<Script> {
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("listener");
    let listening = UnixListener::bind(&path)?;
    let mut actor = Actor::start(role, &[dev, &path.display().to_string()], None)?;
    let (socket, _) = listening.accept()?;
    let (_, listener) = door::seccomp::handover::receive(&socket, 64, true)?;
    let listener = listener.context("the listener came along")?;
    let (mut steps, dev) = (Vec::new(), Path::new(dev).canonicalize()?);
    loop {
        let mut wait = [PollFd::new(listener.as_fd(), PollFlags::POLLIN)];
        poll(&mut wait, PollTimeout::NONE)?;
        if !wait[0].revents().is_some_and(|seen| seen.contains(PollFlags::POLLIN)) {
            break;
        }
        if let Some(call) = sys::stopped(listener.as_fd())? {
            steps.extend(step(&call, actor.id(), &dev)?);
            go_on(listener.as_fd(), &call)?;
        }
    }
    ensure!(actor.reap()?.success(), "the life that was looked at failed");
    let script = Script(steps);
    let doorbells = script.count(|step| matches!(step, Step::Doorbell(_)));
    ensure!(
        script.0.first() == Some(&Step::Open) && (1..=DOORBELLS).contains(&doorbells),
        "a life opens its device and maps doorbells, {DOORBELLS} at most; seen were {script}"
    );
    Ok(script)
}

fn go_on(listener: BorrowedFd<'_>, call: &sys::Stopped) -> anyhow::Result<()> {
    sys::answer(listener, call, sys::Answer::GoesOn)?;
    Ok(())
}

/// What a stopped call is, when it is one on the device's files.
fn step(call: &sys::Stopped, process: u32, dev: &Path) -> anyhow::Result<Option<Step>> {
    let [first, second, _, flags, fd, _] = call.args;
    let name = |fd: u64| read_link(format!("/proc/{process}/fd/{}", fd as u32)).ok();
    let of_device = |path: Option<PathBuf>| path.filter(|path| path.starts_with(dev));
    Ok(match call.number {
        libc::SYS_openat => of_device(Some(path_at(process, second)?)).map(opened),
        libc::SYS_ioctl => of_device(name(first)).map(|_| Step::Ioctl(ioc::size(second as u32))),
        libc::SYS_mmap if flags & libc::MAP_ANONYMOUS as u64 == 0 => of_device(name(fd)).map(|path| {
            let size = second as usize;
            if path.ends_with("kfd") { Step::Doorbell(size) } else { Step::Memory(size) }
        }),
        _ => None,
    })
}

/// What the open of a path below the device folder is for.
fn opened(path: PathBuf) -> Step {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let node = name == "kfd" || name.starts_with("renderD");
    if node && !path.iter().any(|part| part == "..") { Step::Open } else { Step::Read(path) }
}

/// A path in another process's memory.
fn path_at(process: u32, address: u64) -> anyhow::Result<PathBuf> {
    let mut bytes = [0; 4096];
    // A path may end just before memory that is not there.
    let room = bytes.len() - usize::try_from(address % 4096)?;
    let length = File::open(format!("/proc/{process}/mem"))?.read_at(&mut bytes[..room], address)?;
    let text = bytes[..length].split(|byte| *byte == 0).next().unwrap_or_default();
    Ok(PathBuf::from(String::from_utf8_lossy(text).into_owned()))
}
