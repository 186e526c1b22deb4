//! What the end of a dispatch means for its queue.
//!
//! | its waves | the queue |
//! |---|---|
//! | all ended | goes on |
//! | accessed memory that is not there | memory violation |
//! | accessed beyond their scratch or group memory | [`QueueError::Aperture`] |
//! | came to an instruction that is none or is not run | [`QueueError::IllegalInstruction`] |
//! | aborted, trapped | [`QueueError::Abort`], [`QueueError::Trap`] |
//! | could not begin | the error of the packet or of the code |
//!
//! How each is told, says [`QueueError`]; who is told, `kfd_core`'s table of receivers.

use door::wave_workers::wire::{End, Spent, Why};
use kfd_core::dispatch::{QueueError, WaveAnswer};
use kfd_core::ids::{GpuVa, Nanos, QueueKey};

/// Addresses of group memory and of scratch, as waves see them: the upper half of a shared or private address of gfx9
/// (`amdgpu_vm.c`, the shared aperture at 1 << 48, the private one at 2 << 48).
const APERTURES: [u64; 2] = [1 << 16, 2 << 16];

/// The answer to the core; none when nobody waits for one. `tells` says how often one has ended badly, if that is to be told.
pub(super) fn answer(
    queue: QueueKey,
    kernel: &str,
    end: End<'_>,
    spent: Spent,
    tells: impl FnOnce() -> Option<u64>,
) -> Option<WaveAnswer> {
    match end {
        // The clocks of the core and of its workers are one.
        End::Done => Some(WaveAnswer::Done { began: Nanos(spent.began), ended: Nanos(spent.ended) }),
        End::Cancelled => None,
        End::Fault { va, write, pc } => {
            if let Some(times) = tells() {
                tracing::warn!(times, process = %queue.process, queue = queue.queue.0, va = format_args!("{va:#x}"), write, pc = format_args!("{pc:#x}"), kernel, "a wave accessed memory that is not there");
            }
            if APERTURES.contains(&(va >> 32)) {
                return Some(WaveAnswer::Error(QueueError::Aperture));
            }
            Some(WaveAnswer::Fault { va: GpuVa(va), write })
        }
        End::Error { why, text, .. } => {
            if let Some(times) = tells() {
                tracing::warn!(times, process = %queue.process, queue = queue.queue.0, kernel, "a dispatch was stopped: {text}");
            }
            Some(WaveAnswer::Error(error(why)))
        }
    }
}

const fn error(why: Why) -> QueueError {
    match why {
        Why::Descriptor => QueueError::DispatchCode,
        Why::Dimensions => QueueError::DispatchDimensions,
        Why::GroupSegment => QueueError::GroupSegmentSize,
        Why::Registers => QueueError::Registers,
        Why::Resources => QueueError::Resources,
        Why::Illegal | Why::Unsupported => QueueError::IllegalInstruction,
        Why::Abort => QueueError::Abort,
        Why::Trap => QueueError::Trap,
    }
}
