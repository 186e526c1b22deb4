//! Eviction for memory: the VRAM of a process is another's for a while.
//!
//! amdkfd's own allocations are refused when they do not fit (ENOMEM); who can push its buffers out of VRAM is the
//! graphics side (TTM calls `amdgpu_amdkfd_evict_userptr` and `kfd_process_evict_queues` through the eviction fence).
//! Here all memory is the host's: what moves is the charge, from VRAM to GTT and back. What comes back pushes graphics
//! buffers out in its turn (`core::pressure`).
//!
//! Not for: who may push, which the calls that allocate say.

use crate::account::Resource;
use crate::core::Core;
use crate::device::Device;
use crate::ids::{Bytes, ProcessId};
use crate::memory::bo::Bo;
use crate::notice::Post;
use crate::process::evictions::Reason;
use crate::process::stage::Stage;
use crate::process::{Inner, Process};

impl Core {
    /// Makes room for `bytes` of VRAM on the device with this index, for somebody other than `but`, by evicting processes:
    /// the one with the most VRAM there first. Whether there is room now.
    pub fn make_room(&self, device: usize, bytes: Bytes, but: ProcessId) -> bool {
        let Some(device) = self.devices.get(device) else { return false };
        let mut post = Post::default();
        let room = self.push_out(device, bytes.0, but, &mut post);
        self.post(post);
        room
    }

    fn push_out(&self, device: &Device, bytes: u64, but: ProcessId, post: &mut Post) -> bool {
        let free = || self.vram_free(device.index);
        if bytes > device.vram() {
            return false;
        }
        let mut victims: Vec<_> = self.table.ids().into_iter().filter(|id| *id != but).collect();
        victims.sort_by_cached_key(|id| std::cmp::Reverse(self.vram_on(*id, device)));
        for victim in victims {
            if free() >= bytes {
                return true;
            }
            let Some(process) = self.process(victim) else { continue };
            // Its queues stop before its memory moves.
            self.evict_for(&process, Reason::Memory, post);
            let mut inner = process.inner.lock();
            if process.stage() == Stage::Live && !inner.revoked {
                move_out(&process, &mut inner, device);
            }
        }
        free() >= bytes
    }

    fn vram_on(&self, process: ProcessId, device: &Device) -> u64 {
        let Some(process) = self.process(process) else { return 0 };
        let inner = process.inner.lock();
        let vram = inner.bindings[device.index].bos.iter().filter_map(Bo::vram);
        vram.sum()
    }

    /// Every buffer of the process that was moved out has its VRAM again, or none of this call's does.
    pub(crate) fn take_back_vram(&self, process: &Process, inner: &mut Inner) -> bool {
        let mut taken = Vec::new();
        for (device, binding) in inner.bindings.iter().enumerate() {
            for bo in binding.bos.iter() {
                if let Some(bytes) = bo.moved_out() {
                    let vram = || {
                        let take = || process.purse.charge(Resource::Vram(device), bytes).ok();
                        take().or_else(|| {
                            self.reclaim();
                            take()
                        })
                    };
                    match vram().or_else(|| self.push_gems_out(device, vram)) {
                        Some(charge) => taken.push(charge),
                        None => return false,
                    }
                }
            }
        }
        let mut taken = taken.into_iter();
        for bo in inner.bindings.iter_mut().flat_map(|binding| binding.bos.iter_mut()) {
            if bo.moved_out().is_some() {
                bo.moved(taken.next().expect("invariant: one charge for each, in the same order"));
            }
        }
        true
    }
}

/// The VRAM of a process on a device becomes system memory, as far as that has room.
fn move_out(process: &Process, inner: &mut Inner, device: &Device) {
    for bo in inner.bindings[device.index].bos.iter_mut() {
        let Some(bytes) = bo.vram() else { continue };
        match process.purse.charge(Resource::Gtt, bytes) {
            Ok(charge) => bo.moved(charge),
            Err(_) => return,
        }
    }
}
