//! A client that speaks ioctls and touches its arena as a real one would.

use super::{World, gpu};
use kfd_core::Core;
use kfd_core::abi::kfd as abi;
use kfd_core::abi::table;
use kfd_core::call::{Arg, Caller, Errno, FileIdentity, Gathered, Identity, Node, Outcome, UserWrite};
use kfd_core::ids::{CallId, FileId, ProcessId, Tid};
use std::collections::HashMap;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use zerocopy::{FromBytes, Immutable, IntoBytes};

pub struct Client<'w> {
    pub world: &'w World,
    pub process: ProcessId,
    pub identity: Identity,
    pub files: Vec<FileId>,
    pub(super) serial: u64,
    pub(super) arena: Option<File>,
    /// Where waves are saved, by device: one area for all queues of a client and its twins.
    pub(super) save_areas: HashMap<u32, u64>,
    /// Which twin.
    pub(super) lane: u64,
}

impl<'w> Client<'w> {
    pub fn core(&self) -> &'w Core {
        &self.world.core
    }

    /// Another thread of the same process.
    pub fn twin(&self, lane: u64) -> Client<'w> {
        let arena = self.arena.as_ref().map(|file| file.try_clone().unwrap());
        let serial = (lane + 1) << 32;
        Client {
            world: self.world,
            process: self.process,
            identity: self.identity,
            files: vec![],
            serial,
            arena,
            save_areas: self.save_areas.clone(),
            lane: lane + 1,
        }
    }

    pub fn open(&mut self, node: Node) {
        let opened = self.core().open(self.identity, node).expect("a later open");
        assert_eq!((opened.process, opened.fresh), (self.process, false));
        self.files.push(opened.file);
    }

    /// Opens the render node, so that the arena can be touched, and binds nothing.
    pub fn open_unbound(&mut self) {
        let (_, minor, _) = gpu();
        self.open(Node::Render(minor));
        self.arena = Some(File::from(self.core().arena(self.process, minor).expect("an arena")));
    }

    pub fn bind(&mut self) {
        let (gpu_id, _, _) = gpu();
        self.open_unbound();
        self.ok(0x15, &mut abi::AcquireVm { drm_fd: 5, gpu_id });
    }

    pub fn caller(&mut self, node: Node) -> Caller {
        self.serial += 1;
        let call = CallId { door: 0, serial: self.serial };
        let tgid = self.identity.tgid;
        let file = self.files.last().copied().unwrap_or(FileId(0));
        Caller { process: self.process, node, file, tgid, tid: Tid(tgid.0), call }
    }

    /// One ioctl on kfd, raw.
    pub fn raw(&mut self, number: u8, arg: &[u8], gathered: Vec<Vec<u8>>) -> (CallId, Outcome) {
        let cmd = table::KFD.iter().find(|row| row.number() == number).expect("a known number").cmd;
        let caller = self.caller(Node::Kfd);
        (caller.call, self.core().call(&caller, cmd, Arg::new(arg).unwrap(), Gathered::from(gathered)))
    }

    pub fn ioctl<T: IntoBytes + FromBytes + Immutable>(
        &mut self,
        number: u8,
        arg: &mut T,
        gathered: Vec<Vec<u8>>,
    ) -> Result<Vec<UserWrite>, Errno> {
        let mut bytes = arg.as_bytes().to_vec();
        if number == 0x02 {
            // Without an area: the call itself says why there is none.
            let _refused = self.complete(&mut bytes);
        }
        let (_, outcome) = self.raw(number, &bytes, gathered);
        let (out, result) = match outcome {
            Outcome::Done(done) => (done.arg, Ok(done.writes)),
            Outcome::Refused(refused) => (refused.arg, Err(refused.errno)),
            Outcome::Parked => panic!("{number:#x} parked"),
        };
        *arg = T::read_from_prefix(out.bytes()).unwrap().0;
        result
    }

    /// One ioctl on kfd by a door that carries descriptors: `file` is what the struct's own leads to. The descriptor that
    /// is answered, if any.
    pub fn passing<T: IntoBytes + FromBytes + Immutable>(
        &mut self,
        number: u8,
        arg: &mut T,
        file: Option<FileIdentity>,
    ) -> Result<Option<OwnedFd>, Errno> {
        let cmd = table::KFD.iter().find(|row| row.number() == number).expect("a known number").cmd;
        let caller = self.caller(Node::Kfd);
        let gathered = Gathered { file, passes: true, ..Gathered::default() };
        match self.core().call(&caller, cmd, Arg::new(arg.as_bytes()).unwrap(), gathered) {
            Outcome::Done(mut done) => {
                *arg = T::read_from_prefix(done.arg.bytes()).unwrap().0;
                Ok(done.fds.pop())
            }
            Outcome::Refused(refused) => Err(refused.errno),
            Outcome::Parked => panic!("{number:#x} parked"),
        }
    }

    /// A stream of that device's events.
    pub fn stream(&mut self, gpuid: u32) -> UnixStream {
        let mut arg = abi::SmiEvents { gpuid, anon_fd: 0 };
        let fd = self.passing(0x1f, &mut arg, None).expect("a stream");
        UnixStream::from(fd.expect("a descriptor is answered"))
    }

    pub fn ok<T: IntoBytes + FromBytes + Immutable>(&mut self, number: u8, arg: &mut T) -> Vec<UserWrite> {
        self.ioctl(number, arg, vec![]).unwrap_or_else(|errno| panic!("{number:#x}: {errno}"))
    }

    pub fn no<T: IntoBytes + FromBytes + Immutable>(&mut self, number: u8, arg: &mut T) -> i32 {
        self.ioctl(number, arg, vec![]).expect_err("a refusal").0
    }

    pub fn poke(&self, at: u64, bytes: &[u8]) {
        self.arena.as_ref().expect("bound").write_all_at(bytes, at).unwrap();
    }

    pub fn arena_file(&self) -> &File {
        self.arena.as_ref().expect("bound")
    }

    pub fn peek(&self, at: u64) -> u64 {
        let mut word = [0; 8];
        self.arena.as_ref().expect("bound").read_exact_at(&mut word, at).unwrap();
        u64::from_le_bytes(word)
    }

    pub fn peek_all(&self, at: u64, out: &mut [u8]) {
        self.arena.as_ref().expect("bound").read_exact_at(out, at).unwrap();
    }
}
