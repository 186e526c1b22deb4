//! A process's memory as its wave worker reaches it: what it is given, what its addresses mean, and what it cannot reach itself.
//!
//! Nothing here waits. What the client itself has is for a memory worker, and the embedder asks it. Not for: dispatches
//! (`waves`).

use crate::access::UserAccess;
use crate::account::Resource;
use crate::call::Errno;
use crate::core::Core;
use crate::ids::{EventId, GpuVa, ProcessId, UserVa};
use crate::memory::address::{Span, Target};
use crate::memory::arena::Arena;
use crate::memory::epochs::EpochPage;
use crate::notice::Post;
use crate::process::stage::Stage;
use crate::sync::Arc;
use crate::waves::{Change, ClientAccess, Place, Reached, WaveAccess, WaveClient, WaveHold, WaveSpan, Width};

impl Core {
    /// What a worker of a process is made with.
    ///
    /// # Errors
    /// BADF: no such live process. NOMEM: a limit on workers, or as ENFILE the kernel's own refusal.
    pub fn wave_client(&self, process: ProcessId) -> Result<WaveClient, Errno> {
        let process =
            self.process(process).filter(|process| process.stage() == Stage::Live).ok_or(Errno::BADF)?;
        let charge = process.purse.charge(Resource::WaveWorker, 1).map_err(|_| Errno::NOMEM)?;
        let refused = |error: std::io::Error| Errno(error.raw_os_error().unwrap_or(libc::ENOMEM));
        let arena = process.arena(self.limits.arena_bytes).and_then(|arena| arena.dup()).map_err(refused)?;
        let page = match process.epochs.get() {
            Some(page) => Arc::clone(page),
            None => {
                let page = Arc::new(EpochPage::new().map_err(refused)?);
                Arc::clone(process.epochs.get_or_init(|| page))
            }
        };
        for (index, pdd) in process.pdds.iter().enumerate() {
            pdd.map.tell(Arc::clone(&page), index);
        }
        let epochs = page.dup().map_err(refused)?;
        Ok(WaveClient { arena, epochs, hold: WaveHold { _charge: charge, process } })
    }

    /// What an address of a process means on its device with this index: the epoch, and the interval around it.
    #[must_use]
    pub fn wave_span(&self, process: ProcessId, device: usize, va: GpuVa) -> (u64, Option<WaveSpan>) {
        let Some(process) = self.process(process) else { return (0, None) };
        let Some(pdd) = process.pdds.get(device) else { return (0, None) };
        let (epoch, found) = pdd.map.look(va);
        let span = found.map(|span| {
            let place = match &span.target {
                Target::Arena(arena, offset) if process.has_arena(arena) => Place::Own(*offset),
                Target::Arena(..) | Target::User(_) => Place::Far,
                Target::Doorbells => Place::Rings,
                Target::Registers => Place::Sink,
            };
            let Span { start, len, writable, executable, .. } = span;
            WaveSpan { start, len, writable, executable, place }
        });
        (epoch, span)
    }

    /// An access of a wave to memory that its worker does not reach.
    #[must_use]
    pub fn wave_reach(
        &self,
        process: ProcessId,
        device: usize,
        va: GpuVa,
        access: WaveAccess<'_>,
    ) -> Reached {
        let reach = || {
            let process = self.process(process)?;
            let (len, write) = match access {
                WaveAccess::Load(len) => (len as u64, false),
                WaveAccess::Store(bytes) => (bytes.len() as u64, true),
                WaveAccess::Atomic { width, .. } => (width.bytes(), true),
            };
            let (span, _) = process.pdds.get(device)?.map.find(va, len)?;
            if write && !span.writable {
                return None;
            }
            let skip = va.0 - span.start;
            match &span.target {
                Target::Arena(arena, offset) => in_arena(arena, offset + skip, access).map(Reached::Done),
                Target::User(user) => client(UserVa(user.0.wrapping_add(skip)), access).map(Reached::Client),
                Target::Doorbells | Target::Registers => None,
            }
        };
        reach().unwrap_or(Reached::Fault)
    }

    /// Stores of waves to memory that their worker does not reach, in their order: all of them, or those before one that cannot be
    /// made. What the client itself has is stored after the rest.
    #[must_use]
    pub fn wave_stores<'a>(
        &self,
        process: ProcessId,
        device: usize,
        stores: impl Iterator<Item = (GpuVa, &'a [u8])>,
    ) -> Reached {
        let mut own = Vec::new();
        for (va, bytes) in stores {
            match self.wave_reach(process, device, va, WaveAccess::Store(bytes)) {
                Reached::Done(_) => {}
                Reached::Client(ClientAccess::Each(accesses)) => own.extend(accesses),
                Reached::Client(ClientAccess::Change(_)) | Reached::Fault => return Reached::Fault,
            }
        }
        if own.is_empty() { Reached::Done(Vec::new()) } else { Reached::Client(ClientAccess::Each(own)) }
    }

    /// Waves stored to doorbells of their process, one bit of `pages` for each page: as if its client had.
    pub fn wave_rang(&self, process: ProcessId, device: usize, pages: u64) {
        let mut post = Post::default();
        if let Some(process) = self.process(process)
            && let Some(device) = self.devices.get(device)
        {
            self.rings(device, &process, pages, &mut post);
        }
        self.post(post);
    }

    /// Waves sent the interrupt of this event.
    pub fn wave_interrupt(&self, process: ProcessId, event: u32) {
        let mut post = Post::default();
        if let Some(process) = self.process(process) {
            let mut table = process.events.lock();
            let woken = table.raise(EventId(event));
            process.settle(&mut table, woken, &self.deadlines, &mut post);
        }
        self.post(post);
    }
}

fn in_arena(arena: &Arena, offset: u64, access: WaveAccess<'_>) -> Option<Vec<u8>> {
    match access {
        WaveAccess::Load(len) => {
            let mut bytes = vec![0; len];
            arena.read(offset, &mut bytes)?;
            Some(bytes)
        }
        WaveAccess::Store(bytes) => arena.write(offset, bytes).map(|()| Vec::new()),
        WaveAccess::Atomic { kind, width, operand, comparand } => {
            let (window, at) = arena.window(offset)?;
            loop {
                let old = match width {
                    Width::Four => window.load_u32(at).map(u64::from),
                    Width::Eight => window.load_u64(at),
                }?;
                let new = kind.apply(width, old, operand, comparand);
                let found = match width {
                    Width::Four => window.compare_exchange_u32(at, old as u32, new as u32).map(u64::from),
                    Width::Eight => window.compare_exchange_u64(at, old, new),
                }?;
                if found == old {
                    return Some(old.to_le_bytes()[..width.bytes() as usize].to_vec());
                }
            }
        }
    }
}

fn client(va: UserVa, access: WaveAccess<'_>) -> Option<ClientAccess> {
    Some(match access {
        WaveAccess::Load(len) => {
            ClientAccess::Each(vec![UserAccess::Read { va, len: u32::try_from(len).ok()? }])
        }
        WaveAccess::Store(bytes) => ClientAccess::Each(vec![UserAccess::Write { va, bytes: bytes.to_vec() }]),
        WaveAccess::Atomic { kind, width, operand, comparand } => {
            ClientAccess::Change(Change { va, width, kind, operand, comparand })
        }
    })
}
