//! Contexts, submissions and waits for them (amdgpu/amdgpu_ctx.c, amdgpu/amdgpu_cs.c).
//!
//! A submission runs inside its call: its indirect buffers go through the packet processor of the copy engines, over the
//! file's address space, until they are done or the budget is. What does not come to its end so (a fault, a packet that
//! is none, a wait for something, or more than the budget) is what amdgpu makes of a hang after its time-out: the context
//! is guilty and takes no more, and whoever waits for the submission gets ECANCELED. Other engines than the copy engines
//! have no ring here, which is EINVAL.

use crate::abi::drm as abi;
use crate::call::Errno;
use crate::clock::DeviceClock;
use crate::device::Device;
use crate::device::profile::DMA_RINGS;
use crate::ids::{QueueId, QueueKey};
use crate::ioctl::queue::engines;
use crate::ioctl::{Ctx, Flow, Handled};
use crate::process::render::{BoList, Context, Gem, State};
use crate::queue::view::{OpenAccess, View};
use crate::sync::Arc;
use hsa_queue::sdma::Sdma;
use hsa_queue::stream::Machine;
use hsa_queue::{GpuVa, Step};
use zerocopy::FromBytes;

/// `AMDGPU_VM_MAX_NUM_CTX` (amdgpu/amdgpu_vm.h): contexts of a file.
const CONTEXTS_MAX: u32 = 4096;
/// Turns that one submission gets; each moves at most 64 KiB.
const TURNS: u32 = 1024;
/// Packets that one turn of a submission runs at most.
const TURN_PACKETS: u32 = 256;

/// What the chunks of a submission say.
#[derive(Default)]
struct Parsed {
    buffers: Vec<abi::CsChunkIb>,
    list: Option<BoList>,
    fence: Option<(Arc<Gem>, u32)>,
}

impl Ctx<'_> {
    pub(super) fn context(&mut self) -> Handled {
        let args: abi::Context = self.read()?;
        let (_, file) = self.render()?;
        let mut state = file.state.lock();
        let answer = match args.op {
            abi::CTX_OP_ALLOC_CTX => {
                if args.priority > abi::CTX_PRIORITY_NORMAL && self.process.uid().0 != 0 {
                    return Err(Errno::ACCES);
                }
                let number = state.contexts.insert(Context::default()).ok_or(Errno::NOMEM)?;
                if number >= CONTEXTS_MAX {
                    state.contexts.remove(number);
                    return Err(Errno::NOSPC);
                }
                abi::Context { op: number, ..Default::default() }
            }
            abi::CTX_OP_FREE_CTX => {
                state.contexts.remove(args.ctx_id).ok_or(Errno::INVAL)?;
                args
            }
            abi::CTX_OP_QUERY_STATE => {
                let context = state.contexts.get_mut(args.ctx_id).ok_or(Errno::INVAL)?;
                let told = std::mem::replace(&mut context.told, true);
                let status = if context.hangs > 0 && !told { abi::CTX_GUILTY_RESET } else { 0 };
                abi::Context::state(0, context.hangs, status)
            }
            abi::CTX_OP_QUERY_STATE2 => {
                let context = state.contexts.get(args.ctx_id).ok_or(Errno::INVAL)?;
                let flags = if context.hangs > 0 { abi::CTX_QUERY2_FLAGS_GUILTY } else { 0 };
                abi::Context::state(flags, 0, 0)
            }
            _ => return Err(Errno::INVAL),
        };
        drop(state);
        self.answer(&answer);
        Ok(Flow::Done)
    }

    pub(super) fn submit(&mut self) -> Handled {
        let args: abi::Cs = self.read()?;
        let (device, file) = self.render()?;
        let mut state = file.state.lock();
        if args.num_chunks == 0 {
            return Err(Errno::INVAL);
        }
        let context = state.contexts.get(args.ctx_id).ok_or(Errno::INVAL)?;
        if context.hangs > 0 {
            return Err(Errno::CANCELED);
        }
        let mut parsed = self.parse(&mut state, args.num_chunks as usize)?;
        if args.bo_list_handle != 0 {
            let list = state.lists.get(args.bo_list_handle).map(Arc::clone).ok_or(Errno::NOENT)?;
            if parsed.list.replace(list).is_some() {
                return Err(Errno::INVAL);
            }
        }
        // All buffers of a submission go to one ring, or `amdgpu_cs_job_idx` would make it a gang.
        let first = parsed.buffers.first().ok_or(Errno::INVAL)?;
        let ring = (first.ip_type, first.ring);
        for buffer in &parsed.buffers {
            ring_of(buffer.ip_type, buffer.ip_instance, buffer.ring)?;
            if (buffer.ip_type, buffer.ring) != ring {
                return Err(Errno::INVAL);
            }
        }
        self.bring_in(device, parsed.list.as_deref().unwrap_or_default());
        let began = self.core.now();
        let ran = parsed.buffers.iter().try_for_each(|buffer| self.run(device, &state, buffer));
        state.copied += self.core.now().0.saturating_sub(began.0);
        let context = state.contexts.get_mut(args.ctx_id).ok_or(Errno::INVAL)?;
        if ran.is_err() {
            context.hung();
        }
        let number = context.ring(ring).ended(ran);
        if let (Some((gem, offset)), Ok(())) = (&parsed.fence, ran) {
            // The address was checked against the buffer's one page.
            let _ = gem.arena().write(gem.offset() + u64::from(*offset), &number.to_le_bytes());
        }
        drop(state);
        drop(parsed);
        self.answer(&abi::Cs::submitted(number));
        Ok(Flow::Done)
    }

    /// The chunks: what pointed at them has been followed (`abi::chain`).
    fn parse(&self, state: &mut State, count: usize) -> Result<Parsed, Errno> {
        let mut parsed = Parsed::default();
        for index in 0..count {
            let header = abi::CsChunk::read_from_prefix(self.input(1 + index)).map_err(|_| Errno::FAULT)?.0;
            let data = self.input(1 + count + index);
            if data.len() < header.length_dw as usize * 4 {
                return Err(Errno::FAULT);
            }
            match header.chunk_id {
                abi::CHUNK_ID_IB => {
                    let buffer = abi::CsChunkIb::read_from_prefix(data).map_err(|_| Errno::INVAL)?.0;
                    parsed.buffers.push(buffer);
                }
                abi::CHUNK_ID_FENCE => {
                    let fence = abi::CsChunkFence::read_from_prefix(data).map_err(|_| Errno::INVAL)?.0;
                    let gem = self.gem(fence.handle).map_err(|_| Errno::INVAL)?;
                    let end = fence.offset.checked_add(8).ok_or(Errno::INVAL)?;
                    if gem.len != crate::memory::arena::PAGE || u64::from(end) > gem.len {
                        return Err(Errno::INVAL);
                    }
                    parsed.fence = Some((gem, fence.offset));
                }
                abi::CHUNK_ID_DEPENDENCIES | abi::CHUNK_ID_SCHEDULED_DEPENDENCIES => {
                    for dependency in data.chunks_exact(size_of::<abi::CsChunkDependency>()) {
                        let of = abi::CsChunkDependency::read_from_bytes(dependency);
                        comes_after(state, &of.map_err(|_| Errno::INVAL)?)?;
                    }
                }
                abi::CHUNK_ID_BO_HANDLES => {
                    // Its entries are one pointer further, which no client of compute follows.
                    return Err(Errno::INVAL);
                }
                _ => return Err(Errno::INVAL),
            }
        }
        Ok(parsed)
    }

    /// Runs an indirect buffer to its end.
    fn run(&self, device: &Device, state: &State, buffer: &abi::CsChunkIb) -> Result<(), Errno> {
        let clock = DeviceClock { clock: &*self.core.clock, khz: device.profile.compute.counter_khz };
        let key = QueueKey { process: self.process.id(), queue: QueueId(u32::MAX) };
        let mut open = OpenAccess::default();
        let mut view = View::new(state.vm.map(), key, &mut open);
        let dwords = u64::from(buffer.ib_bytes / 4);
        let mut machine = Machine::over_buffer(GpuVa(buffer.va_start), dwords, Sdma::new(engines(device)));
        for _ in 0..TURNS {
            match machine.run(&mut view, &clock, TURN_PACKETS).step {
                Step::Progress { .. } => {}
                Step::Empty => return Ok(()),
                Step::Parked { .. }
                | Step::Pending(_)
                | Step::Dispatched(_)
                | Step::Stopped { .. }
                | Step::Faulted(_) => break,
            }
        }
        tracing::debug!(process = %self.process.id(), va = buffer.va_start, "a submission did not come to its end");
        Err(Errno::CANCELED)
    }

    /// Whatever is submitted has ended: a wait for it ends at once.
    pub(super) fn wait_cs(&mut self) -> Handled {
        let args: abi::WaitCs = self.read()?;
        let (_, file) = self.render()?;
        let mut state = file.state.lock();
        let context = state.contexts.get_mut(args.ctx_id).ok_or(Errno::INVAL)?;
        ring_of(args.ip_type, args.ip_instance, args.ring)?;
        let ring = context.ring((args.ip_type, args.ring));
        let number = if args.handle == u64::MAX { ring.last() } else { args.handle };
        ring.outcome(number)?;
        drop(state);
        self.answer(&abi::WaitCs::default());
        Ok(Flow::Done)
    }
}

/// A dependency on a submission that was never made is an error; on any other it is met.
fn comes_after(state: &mut State, of: &abi::CsChunkDependency) -> Result<(), Errno> {
    let context = state.contexts.get_mut(of.ctx_id).ok_or(Errno::INVAL)?;
    ring_of(of.ip_type, of.ip_instance, of.ring)?;
    match context.ring((of.ip_type, of.ring)).outcome(of.handle) {
        Err(Errno::INVAL) => Err(Errno::INVAL),
        _ => Ok(()),
    }
}

/// `amdgpu_ctx_get_entity`: which rings there are.
fn ring_of(ip_type: u32, instance: u32, ring: u32) -> Result<(), Errno> {
    let known = ip_type == abi::HW_IP_DMA && instance == 0 && ring < DMA_RINGS;
    if known { Ok(()) } else { Err(Errno::INVAL) }
}
