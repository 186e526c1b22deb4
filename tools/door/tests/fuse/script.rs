//! A driver that does what a test says, with its own clients' memory, so that a call can be held in any state.

use door::fuse::{Calls, ClientMemory, Figures, Host, Lives, Orders, Pages};
use door::workers::MmState;
use kfd_core::abi::admitted::Admitted;
use kfd_core::call::{Arg, Caller, Done, Errno, Gathered, Identity, Node, Outcome, Refused, UserWrite};
use kfd_core::death::{Cause, Doom, Doomed};
use kfd_core::ids::{CallId, FileId, ProcessId, QueueId, RenderMinor, Tgid, UserVa};
use kfd_core::notice::{Lack, UserAccess, UserAnswer};
use kfd_core::procfs::{ItsQueue, OnDevice};
use kfd_core::topology::Live;
use kfd_core::{Opened, Trapped};
use notifier::MmId;
use notifier::watch::{self, Pidfd, mm_state};
use std::collections::HashMap;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};

/// Bytes of each kfd node.
pub const KFD_BYTES: u64 = 8 << 32;
/// Bytes of each arena.
pub const ARENA: u64 = 1 << 20;

/// What the door told the driver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    Opened(u32, ProcessId, bool),
    Released(FileId),
    Trap(ProcessId, u64, i64),
    Parked(CallId),
    Interrupted(CallId),
    Forgotten(ProcessId, Node),
    Doomed(ProcessId, Cause),
    Ordered(RenderMinor, Vec<u8>),
}

#[derive(Default)]
struct State {
    processes: HashMap<(Tgid, MmId), ProcessId>,
    arenas: HashMap<ProcessId, File>,
    parked: HashMap<CallId, (Caller, Arg)>,
    files: u64,
    doomed: Vec<ProcessId>,
    figures: std::collections::VecDeque<u64>,
    listed: Option<Tgid>,
}

/// See the module's head.
pub struct Script {
    state: Mutex<State>,
    seen: Sender<Seen>,
}

impl Script {
    pub fn new() -> (Arc<Self>, Receiver<Seen>) {
        let (seen, receive) = channel();
        (Arc::new(Self { state: Mutex::default(), seen }), receive)
    }

    fn tell(&self, seen: Seen) {
        let _ = self.seen.send(seen);
    }

    pub fn arena_file(&self, process: ProcessId) -> File {
        self.state.lock().unwrap().arenas[&process].try_clone().unwrap()
    }

    /// What the next readings of figures show.
    pub fn show_figures<const N: usize>(&self, figures: [u64; N]) {
        self.state.lock().unwrap().figures = figures.into();
    }

    /// The process that uses KFD.
    pub fn list_process(&self, tgid: Option<u32>) {
        self.state.lock().unwrap().listed = tgid.map(Tgid);
    }

    /// The parked call of a caller, to be completed.
    pub fn take_parked(&self, call: CallId) -> Option<(Caller, Arg)> {
        self.state.lock().unwrap().parked.remove(&call)
    }
}

/// The one device and the one process that a test says there are.
impl Figures for Script {
    fn figure(&self, _: Live) -> Vec<u8> {
        let next = self.state.lock().unwrap().figures.pop_front().unwrap_or_default();
        format!("{next}\n").into_bytes()
    }

    fn kfd_processes(&self) -> Vec<Tgid> {
        self.state.lock().unwrap().listed.into_iter().collect()
    }

    fn pasid(&self, tgid: Tgid) -> Option<u32> {
        (self.state.lock().unwrap().listed == Some(tgid)).then_some(0x8001)
    }

    fn on_device(&self, tgid: Tgid, device: usize) -> Option<OnDevice> {
        self.pasid(tgid).filter(|_| device == 0)?;
        Some(OnDevice { gpu: 64700, vram: 4096, copied_us: 11, compute_units: 0, evicted_ms: 12 })
    }

    fn its_queues(&self, tgid: Tgid) -> Vec<ItsQueue> {
        let queue = ItsQueue { id: QueueId(3), gpu: 64700, bytes: 8192, kind: 1 };
        self.pasid(tgid).map(|_| queue).into_iter().collect()
    }

    fn fdinfo(&self, file: FileId) -> Option<String> {
        Some(format!("drm-client-id:\t{}\n", file.0))
    }
}

impl Lives for Script {
    fn open(&self, who: Identity, _: Node) -> Result<Opened, Errno> {
        let mut state = self.state.lock().unwrap();
        let next = ProcessId { slot: state.processes.len() as u32, generation: 1 };
        let process = *state.processes.entry((who.tgid, who.mm)).or_insert(next);
        let fresh = process == next;
        state.files += 1;
        let file = FileId(state.files);
        drop(state);
        self.tell(Seen::Opened(who.tgid.0, process, fresh));
        Ok(Opened { process, file, fresh })
    }

    /// Nobody debugs anybody here.
    fn adopt(&self, _: Identity) -> Result<(ProcessId, bool), Errno> {
        Err(Errno::NODEV)
    }

    fn release(&self, file: FileId) {
        self.tell(Seen::Released(file));
    }

    fn find(&self, tgid: Tgid, mm: Option<MmId>) -> Option<ProcessId> {
        let state = self.state.lock().unwrap();
        let mut found =
            state.processes.iter().filter(|((owner, _), id)| *owner == tgid && !state.doomed.contains(id));
        found.find(|((_, space), _)| mm.is_none_or(|mm| mm == *space)).map(|(_, id)| *id)
    }

    fn is_live(&self, process: ProcessId) -> bool {
        !self.state.lock().unwrap().doomed.contains(&process)
    }

    fn doom(&self, process: ProcessId, cause: Cause) -> Option<Doom<Doomed>> {
        let mut state = self.state.lock().unwrap();
        if !state.doomed.contains(&process) {
            state.doomed.push(process);
            drop(state);
            self.tell(Seen::Doomed(process, cause));
        }
        None
    }
}

impl Pages for Script {
    fn kfd_node_bytes(&self) -> u64 {
        KFD_BYTES
    }

    fn has_kfd_page(&self, _: u64) -> bool {
        true
    }

    fn trap(&self, process: ProcessId, offset: u64) -> Trapped {
        self.tell(Seen::Trap(process, offset, crate::client::now()));
        Trapped::default()
    }

    fn trapped(&self, _: Trapped) {}

    fn arena(&self, process: ProcessId, _: RenderMinor) -> Result<OwnedFd, Errno> {
        let mut state = self.state.lock().unwrap();
        let file = state.arenas.entry(process).or_insert_with(|| {
            let memory =
                nix::sys::memfd::memfd_create(c"arena", nix::sys::memfd::MFdFlags::MFD_CLOEXEC).unwrap();
            let file = File::from(memory);
            file.set_len(ARENA).unwrap();
            file
        });
        Ok(file.try_clone().unwrap().into())
    }

    fn node_forgotten(&self, process: ProcessId, node: Node) {
        self.tell(Seen::Forgotten(process, node));
    }
}

impl Calls for Script {
    fn serve(&self, caller: &Caller, call: &Admitted<'static>, gathered: Gathered) -> Outcome {
        let mut arg = *call.arg();
        let done = |arg| Outcome::Done(Done::new(arg));
        if self.state.lock().unwrap().doomed.contains(&caller.process) {
            return Outcome::Refused(Refused { errno: Errno(libc::EBADF), arg, writes: Vec::new() });
        }
        match u32::from(call.row().number()) {
            // GET_VERSION.
            0x01 => {
                arg.bytes_mut()[..8].copy_from_slice(&[1, 0, 0, 0, 18, 0, 0, 0]);
                done(arg)
            }
            // GET_CLOCK_COUNTERS.
            0x05 => {
                arg.bytes_mut()[..8].copy_from_slice(&7u64.to_le_bytes());
                done(arg)
            }
            // CREATE_EVENT: fails, and changes its struct.
            0x08 => {
                arg.bytes_mut()[0] = 0xab;
                Outcome::Refused(Refused { errno: Errno(libc::EINVAL), arg, writes: Vec::new() })
            }
            // WAIT_EVENTS: parks, except with a timeout of 0, when it gives the events back with each byte inverted.
            0x0c => {
                if arg.bytes()[16..20] == [0; 4] {
                    let va = UserVa(u64::from_le_bytes(arg.bytes()[..8].try_into().unwrap()));
                    let bytes = gathered.pointers[0].iter().map(|byte| !byte).collect();
                    let writes = vec![UserWrite { va, bytes }];
                    return Outcome::Done(Done { writes, ..Done::new(arg) });
                }
                self.state.lock().unwrap().parked.insert(caller.call, (*caller, arg));
                self.tell(Seen::Parked(caller.call));
                Outcome::Parked
            }
            _ => Outcome::Refused(Refused { errno: Errno(libc::ENOTTY), arg, writes: Vec::new() }),
        }
    }

    fn undelivered(&self, _: ProcessId) {}

    fn interrupt(&self, _: ProcessId, call: CallId) -> Option<Outcome> {
        let (_, mut arg) = self.take_parked(call)?;
        // Half of the time is left.
        let timeout = u32::from_le_bytes(arg.bytes()[16..20].try_into().unwrap()) / 2;
        arg.bytes_mut()[16..20].copy_from_slice(&timeout.to_le_bytes());
        self.tell(Seen::Interrupted(call));
        Some(Outcome::Refused(Refused { errno: Errno::RESTART, arg, writes: Vec::new() }))
    }

    fn registered(&self, _: ProcessId) -> Vec<(UserVa, u64)> {
        Vec::new()
    }

    fn surveyed(&self, _: ProcessId, _: (UserVa, u64), _: &[Lack]) {}
}

impl Orders for Script {
    fn ras_control(&self, minor: RenderMinor, command: &[u8]) -> Result<(), Errno> {
        self.tell(Seen::Ordered(minor, command.to_vec()));
        if command.starts_with(b"inject") { Ok(()) } else { Err(Errno::INVAL) }
    }
}

impl Host for Script {
    fn attached(&self, _: ProcessId, _: Tgid, _: Pidfd) {}
    fn doomed(&self, _: Doom<Doomed>) {}
}

/// Clients' memory, reached by a thread per access.
#[derive(Default)]
pub struct Memory {
    clients: Mutex<HashMap<ProcessId, Arc<File>>>,
    held: Mutex<bool>,
    let_go: Condvar,
}

impl Memory {
    /// Holds all accesses back, or lets them go.
    pub fn hold(&self, held: bool) {
        *self.held.lock().unwrap() = held;
        self.let_go.notify_all();
    }
}

/// The memory as the door takes it.
pub struct Reach(pub Arc<Memory>);

impl ClientMemory for Reach {
    fn attach(&self, process: ProcessId, _: Tgid, _: MmId, mem: OwnedFd) {
        self.0.clients.lock().unwrap().insert(process, Arc::new(mem.into()));
    }

    fn detach(&self, process: ProcessId) {
        self.0.clients.lock().unwrap().remove(&process);
    }

    fn submit(
        &self,
        process: ProcessId,
        accesses: Vec<UserAccess>,
        done: Box<dyn FnOnce(Vec<UserAnswer>) + Send>,
    ) {
        let memory = Arc::clone(&self.0);
        std::thread::spawn(move || {
            let held = memory.held.lock().unwrap();
            drop(memory.let_go.wait_while(held, |held| *held).unwrap());
            let mem = Arc::clone(&memory.clients.lock().unwrap()[&process]);
            let answers = accesses.into_iter().map(|access| match access {
                UserAccess::Read { va, len } => {
                    let mut bytes = vec![0; len as usize];
                    mem.read_exact_at(&mut bytes, va.0)
                        .map_or(UserAnswer::Failed, |()| UserAnswer::Done(bytes))
                }
                UserAccess::Write { va, bytes } => mem
                    .write_all_at(&bytes, va.0)
                    .map_or(UserAnswer::Failed, |()| UserAnswer::Done(Vec::new())),
                UserAccess::FetchSub { .. } | UserAccess::Packets { .. } | UserAccess::Survey { .. } => {
                    UserAnswer::Failed
                }
            });
            done(answers.collect());
        });
    }

    fn probe(&self, process: ProcessId, done: Box<dyn FnOnce(MmState) + Send>) {
        let mem = self.0.clients.lock().unwrap().get(&process).map(Arc::clone);
        std::thread::spawn(move || {
            let gone = mem.is_some_and(|mem| matches!(mm_state(mem.as_fd()), Ok(watch::MmState::Gone)));
            done(if gone { MmState::Gone } else { MmState::Unknown });
        });
    }
}
