//! What the daemon and the zygote say to each other: one message a packet of their socket, in host byte order.
//!
//! ```text
//! daemon ── Order, with a worker's socket, arena and page of epochs ──► zygote
//! daemon ◄─ Answer, with a pidfd or an errno ────────────────────────── zygote
//! ```
//! Both ends are this program, so what does not parse is a fault of it, and ends the zygote.

use crate::wave_workers::child::{DeviceLimits, Limits};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// The longest message.
pub(in crate::wave_workers) const MESSAGE_MAX: usize = 4096;

/// A worker to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::wave_workers) struct Order {
    /// Given back with the answer.
    pub number: u64,
    pub limits: Limits,
    /// RLIMIT_DATA.
    pub data: u64,
}

#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct Head {
    number: u64,
    threads: u64,
    memory: u64,
    data: u64,
}

#[derive(Debug, Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
struct Device {
    compute_units: u32,
    counter_khz: u32,
}

/// What became of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(in crate::wave_workers) struct Answer {
    pub number: u64,
    /// The worker's process id, or 0.
    pub pid: u32,
    /// Why there is none.
    pub errno: i32,
}

impl Order {
    pub(in crate::wave_workers) fn encode(&self) -> Vec<u8> {
        let Limits { threads, memory, devices } = &self.limits;
        let head = Head { number: self.number, threads: *threads as u64, memory: *memory, data: self.data };
        let mut out = head.as_bytes().to_vec();
        for DeviceLimits { compute_units, counter_khz } in devices.iter().copied() {
            out.extend_from_slice(Device { compute_units, counter_khz }.as_bytes());
        }
        out
    }

    pub(super) fn decode(message: &[u8]) -> Option<Self> {
        let (head, rest) = Head::read_from_prefix(message).ok()?;
        let (devices, []) = rest.as_chunks::<{ size_of::<Device>() }>() else { return None };
        let device = |bytes: &[u8; size_of::<Device>()]| {
            let Device { compute_units, counter_khz } = zerocopy::transmute!(*bytes);
            DeviceLimits { compute_units, counter_khz }
        };
        let limits = Limits {
            threads: usize::try_from(head.threads).ok()?,
            memory: head.memory,
            devices: devices.iter().map(device).collect(),
        };
        Some(Self { number: head.number, limits, data: head.data })
    }
}

#[cfg(test)]
mod tests {
    use super::{MESSAGE_MAX, Order};
    use crate::wave_workers::child::{DeviceLimits, Limits};

    #[test]
    fn an_order_is_read_as_it_was_written() {
        for count in [0, 1, 64] {
            let devices =
                (0..count).map(|at| DeviceLimits { compute_units: at, counter_khz: 2 * at }).collect();
            let limits = Limits { threads: 3, memory: 1 << 40, devices };
            let order = Order { number: 7, limits, data: 5 };
            let mut message = order.encode();
            assert!(message.len() <= MESSAGE_MAX);
            // A buffer may begin anywhere.
            message.insert(0, 0);
            assert_eq!(Order::decode(&message[1..]), Some(order));
            assert_eq!(Order::decode(&message), None);
        }
    }
}
