//! How waves are launched and what they trap on, as a debugger says it: checked, kept and told. A wave runs nowhere.

use super::is_per_process;
use crate::abi::kfd as abi;
use crate::call::Errno;
use crate::device::Device;
use crate::ids::GpuId;
use crate::ioctl::{Ctx, Flow, Handled};
use crate::process::Process;

/// `KFD_DBG_TRAP_MASK_DBG_ADDRESS_WATCH`: all that gfx9 takes before gfx90a (`kgd_gfx_v9_validate_trap_override_request`).
const ADDRESS_WATCH: u32 = 128;

/// gfx11.5 and gfx12 also trap at a wave's start and end (`kgd_gfx_v11_validate_trap_override_request`).
const WITH_START_AND_END: u32 = 110_500;

/// The traps that a device can be made to take, or the errno for a mode that it has not.
fn supported(device: &Device, mode: u32) -> Result<u32, Errno> {
    let per_process = is_per_process(device);
    match mode {
        abi::DBG_TRAP_OVERRIDE_OR => {}
        abi::DBG_TRAP_OVERRIDE_REPLACE if per_process => {}
        _ if per_process => return Err(Errno::PERM),
        _ => return Err(Errno::INVAL),
    }
    let ends = abi::DBG_TRAP_MASK_TRAP_ON_WAVE_START | abi::DBG_TRAP_MASK_TRAP_ON_WAVE_END;
    Ok(match device.profile.gfx_target_version {
        WITH_START_AND_END.. => abi::DBG_TRAP_MASK_COMMON | ends,
        _ if per_process => abi::DBG_TRAP_MASK_COMMON,
        _ => ADDRESS_WATCH,
    })
}

impl Ctx<'_> {
    /// EACCES when more is asked for than there is on all devices, which is told in either case.
    pub(super) fn dbg_launch_override(&mut self, target: &Process) -> Handled {
        let mut args: abi::DbgTrapSetWaveLaunchOverride = self.operation()?;
        let asked = args.support_request_mask;
        args.support_request_mask = u32::MAX;
        for device in self.core.devices.iter() {
            args.support_request_mask &= supported(device, args.override_mode)?;
        }
        if asked & !args.support_request_mask != 0 {
            self.answer_operation(&args);
            return Err(Errno::ACCES);
        }
        {
            let mut debug = target.debug.lock();
            let session = debug.session.as_mut().ok_or(Errno::INVAL)?;
            let former = session.waves.traps;
            session.waves.traps = args.enable_mask & asked | former & !asked;
            session.waves.override_mode = args.override_mode;
            args.enable_mask = former;
        }
        self.answer_operation(&args);
        Ok(Flow::Done)
    }

    pub(super) fn dbg_launch_mode(&mut self, target: &Process) -> Handled {
        let args: abi::DbgTrapSetWaveLaunchMode = self.operation()?;
        // `kfd_dbg_trap_set_wave_launch_mode` takes a byte.
        let mode = args.launch_mode & 0xff;
        let known = [
            abi::DBG_TRAP_WAVE_LAUNCH_MODE_NORMAL,
            abi::DBG_TRAP_WAVE_LAUNCH_MODE_HALT,
            abi::DBG_TRAP_WAVE_LAUNCH_MODE_DEBUG,
        ];
        if !known.contains(&mode) {
            return Err(Errno::INVAL);
        }
        target.debug.lock().session.as_mut().ok_or(Errno::INVAL)?.waves.launch_mode = mode;
        Ok(Flow::Done)
    }

    /// EACCES when a device cannot stop after single memory operations; the former flags are told in either case.
    pub(super) fn dbg_flags(&mut self, target: &Process) -> Handled {
        let mut args: abi::DbgTrapSetFlags = self.operation()?;
        let single = args.flags & abi::DBG_TRAP_FLAG_SINGLE_MEM_OP;
        let able = single == 0 || self.core.devices.iter().all(is_per_process);
        {
            let mut debug = target.debug.lock();
            let waves = &mut debug.session.as_mut().ok_or(Errno::INVAL)?.waves;
            args.flags = waves.flags;
            if able {
                waves.flags = single;
            }
        }
        self.answer_operation(&args);
        if able { Ok(Flow::Done) } else { Err(Errno::ACCES) }
    }

    /// ENODEV for a device that there is not, ENOMEM when all of its watch points are taken.
    pub(super) fn dbg_set_watch(&mut self, target: &Process) -> Handled {
        let mut args: abi::DbgTrapSetNodeAddressWatch = self.operation()?;
        let device = self.core.device(GpuId(args.gpu_id)).ok_or(Errno::NODEV)?;
        let point = device.watch.take().ok_or(Errno::NOMEM)?;
        args.id = point.id;
        let mut debug = target.debug.lock();
        debug.session.as_mut().ok_or(Errno::INVAL)?.watches.push((device.index, point));
        drop(debug);
        self.answer_operation(&args);
        Ok(Flow::Done)
    }

    /// ENODEV for a device that there is not, EINVAL for a watch point that this session has not.
    pub(super) fn dbg_clear_watch(&mut self, target: &Process) -> Handled {
        let args: abi::DbgTrapClearNodeAddressWatch = self.operation()?;
        let device = self.core.device(GpuId(args.gpu_id)).ok_or(Errno::NODEV)?;
        let mut debug = target.debug.lock();
        let watches = &mut debug.session.as_mut().ok_or(Errno::INVAL)?.watches;
        let its = watches.iter().position(|(index, point)| (*index, point.id) == (device.index, args.id));
        watches.swap_remove(its.ok_or(Errno::INVAL)?);
        Ok(Flow::Done)
    }
}
