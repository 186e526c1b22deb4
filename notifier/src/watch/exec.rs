//! Execs as the kernel's process connector reports them.
//!
//! An exec with an inherited descriptor causes no event on it and none on the pidfd; the connector is the
//! only prompt sign. It needs CAP_NET_ADMIN and the initial pid and user namespaces, and tells of every
//! exec on the machine; which tgids matter is the caller's to know.
//!
//! ```text
//!   open: listen ──► acknowledged ──► narrowed to execs ──► drain …
//!              └──► silence (another namespace): Unsupported
//! ```
//!
//! Only execs wake the listener. The kernel's own filter (`struct proc_input`, Linux 6.6) drops the rest
//! where it arises, and a socket filter drops it on older kernels.
//! Not the only sign to rely on: messages are lost when the socket's buffer is full ([`Coverage::Lost`]).

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::sockopt::RcvBufForce;
use nix::sys::socket::{MsgFlags, NetlinkAddr, bind, recvfrom, send, setsockopt};

use super::ids::Tgid;
use super::sys;

/// `CN_IDX_PROC` and `CN_VAL_PROC` (linux/connector.h): the connector's address, also its multicast group.
const CN_IDX_PROC: u32 = 1;
const CN_VAL_PROC: u32 = 1;
/// `enum proc_cn_mcast_op` (linux/cn_proc.h).
const PROC_CN_MCAST_LISTEN: u32 = 1;
/// `enum proc_cn_event` (linux/cn_proc.h): the acknowledgement, and the event we are after.
const PROC_EVENT_NONE: u32 = 0;
const PROC_EVENT_EXEC: u32 = 2;
/// `struct nlmsghdr` (linux/netlink.h) and `struct cn_msg` (linux/connector.h), in bytes.
const NLMSGHDR: usize = 16;
const CN_MSG: usize = 20;
/// Offsets within `struct proc_event` (linux/cn_proc.h): what, cpu, timestamp, then the event's own data.
const EVENT_WHAT: usize = NLMSGHDR + CN_MSG;
const EVENT_DATA: usize = EVENT_WHAT + 16;
/// `NLMSG_DONE` (linux/netlink.h), which every connector message carries.
const NLMSG_DONE: u16 = 3;
/// Room for some thousand messages, in bytes.
const RECEIVE_BUFFER: usize = 1 << 20;
/// The acknowledgement is sent within the request's system call; this is only for a slow machine.
const ACKNOWLEDGE_WITHIN: Duration = Duration::from_millis(200);

/// Whether every exec since the last [`ExecListener::drain`] was reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "after a loss every mm has to be probed"]
#[allow(missing_docs, reason = "the names say it")]
pub enum Coverage {
    Complete,
    /// Some were dropped: any process may have exec'ed.
    Lost,
}

/// A subscription to the machine's execs. Poll it for reading.
#[derive(Debug)]
pub struct ExecListener(OwnedFd);

impl ExecListener {
    /// Starts to listen.
    ///
    /// # Errors
    /// EPERM: no CAP_NET_ADMIN. Unsupported: not in the initial namespaces, or a kernel without
    /// CONFIG_PROC_EVENTS.
    pub fn open() -> io::Result<Self> {
        let listener = Self::by_socket_filter()?;
        listener.request(&[PROC_CN_MCAST_LISTEN, PROC_EVENT_EXEC])?;
        Ok(listener)
    }

    /// A listener as kernels before 6.6 allow it, where every event is dropped at the socket only.
    pub(super) fn by_socket_filter() -> io::Result<Self> {
        let unsupported = |what| io::Error::new(io::ErrorKind::Unsupported, what);
        let socket = sys::connector_socket().map_err(|e| match e.raw_os_error() {
            Some(libc::EPROTONOSUPPORT) => {
                unsupported("the kernel has no process connector (CONFIG_PROC_EVENTS)")
            }
            _ => e,
        })?;
        // Port 0: the kernel picks one, so that several listeners of one process do not collide.
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, 1 << (CN_IDX_PROC - 1)))?;
        // Needs the capability that the socket needs anyhow; without it the default buffer has to do.
        if let Err(errno) = setsockopt(&socket, RcvBufForce, &RECEIVE_BUFFER) {
            tracing::debug!(%errno, "exec listener keeps the default receive buffer");
        }
        let listener = Self(socket);
        // The acknowledgement reaches only a listener to everything, so the narrowing comes second.
        sys::attach_filter(listener.as_fd(), &accept_only(&[PROC_EVENT_EXEC, PROC_EVENT_NONE]))?;
        listener.request(&[PROC_CN_MCAST_LISTEN]).map_err(|e| match e.raw_os_error() {
            Some(libc::ECONNREFUSED) => {
                unsupported("the process connector serves only the initial network namespace")
            }
            _ => e,
        })?;
        if !listener.acknowledged()? {
            return Err(unsupported(
                "the process connector does not answer: it serves only the initial pid and user namespaces",
            ));
        }
        sys::attach_filter(listener.as_fd(), &accept_only(&[PROC_EVENT_EXEC]))?;
        Ok(listener)
    }

    /// Appends the processes that have exec'ed since the last call. Does not block.
    ///
    /// # Errors
    /// The socket is broken.
    pub fn drain(&self, execs: &mut Vec<Tgid>) -> io::Result<Coverage> {
        let mut coverage = Coverage::Complete;
        loop {
            match self.receive() {
                Ok(Some((PROC_EVENT_EXEC, tgid))) => execs.push(tgid),
                Ok(_) => {}
                Err(Errno::EAGAIN) => return Ok(coverage),
                Err(Errno::ENOBUFS) => coverage = Coverage::Lost,
                Err(Errno::EINTR) => {}
                Err(e) => return Err(e.into()),
            }
        }
    }

    fn acknowledged(&self) -> io::Result<bool> {
        let until = Instant::now() + ACKNOWLEDGE_WITHIN;
        loop {
            match self.receive() {
                Ok(Some((PROC_EVENT_NONE, _))) => return Ok(true),
                Ok(_) | Err(Errno::EINTR | Errno::ENOBUFS) => {}
                Err(Errno::EAGAIN) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Ok(false);
                    }
                    // Rounded up, and looked at again: signals neither lengthen nor shorten it.
                    let millis = u16::try_from(left.as_micros().div_ceil(1000)).unwrap_or(u16::MAX);
                    let mut polled = [PollFd::new(self.as_fd(), PollFlags::POLLIN)];
                    match poll(&mut polled, PollTimeout::from(millis)) {
                        Ok(_) | Err(Errno::EINTR) => {}
                        Err(e) => return Err(e.into()),
                    }
                }
                Err(e) => return Err(e.into()),
            }
        }
    }

    /// One message: what happened, and to which process. `None` for one that is not the kernel's.
    fn receive(&self) -> nix::Result<Option<(u32, Tgid)>> {
        // A message is 16 + 20 + 40 bytes (`struct proc_event`).
        let mut buffer = [0; 128];
        let (length, from) = recvfrom::<NetlinkAddr>(self.0.as_raw_fd(), &mut buffer)?;
        if from.is_none_or(|from| from.pid() != 0) {
            return Ok(None);
        }
        Ok(parse(&buffer[..length.min(buffer.len())]))
    }

    fn request(&self, payload: &[u32]) -> io::Result<()> {
        let payload: Vec<u8> = payload.iter().flat_map(|word| word.to_ne_bytes()).collect();
        let total = NLMSGHDR + CN_MSG + payload.len();
        let mut message = Vec::with_capacity(total);
        // struct nlmsghdr: len, type, flags, seq, pid.
        message.extend((total as u32).to_ne_bytes());
        message.extend(NLMSG_DONE.to_ne_bytes());
        message.extend([0; 10]);
        // struct cn_msg: id, seq, ack, len, flags.
        message.extend(CN_IDX_PROC.to_ne_bytes());
        message.extend(CN_VAL_PROC.to_ne_bytes());
        message.extend([0; 8]);
        message.extend((payload.len() as u16).to_ne_bytes());
        message.extend([0; 2]);
        message.extend(payload);
        send(self.0.as_raw_fd(), &message, MsgFlags::empty())?;
        Ok(())
    }
}

impl AsFd for ExecListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn word(message: &[u8], offset: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(message.get(offset..offset + 4)?.try_into().ok()?))
}

fn parse(message: &[u8]) -> Option<(u32, Tgid)> {
    let id = (word(message, NLMSGHDR)?, word(message, NLMSGHDR + 4)?);
    if id != (CN_IDX_PROC, CN_VAL_PROC) {
        return None;
    }
    // struct exec_proc_event: process_pid (a thread's), process_tgid.
    Some((word(message, EVENT_WHAT)?, Tgid(word(message, EVENT_DATA + 4)?)))
}

/// A socket filter that lets through messages whose `what` is one of `whats` (at most a few).
fn accept_only(whats: &[u32]) -> Vec<libc::sock_filter> {
    let op = |code: u32, jt, jf, k| libc::sock_filter { code: code as u16, jt, jf, k };
    // Absolute loads convert from network order; the event is in the machine's own.
    let mut program = vec![op(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, EVENT_WHAT as u32)];
    for (index, what) in whats.iter().enumerate() {
        let to_accept = (whats.len() - index) as u8;
        program.push(op(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, to_accept, 0, what.to_be()));
    }
    program.push(op(libc::BPF_RET | libc::BPF_K, 0, 0, 0));
    program.push(op(libc::BPF_RET | libc::BPF_K, 0, 0, u32::MAX));
    program
}

#[cfg(test)]
mod tests {
    use super::{PROC_EVENT_EXEC, Tgid, parse};

    #[test]
    fn a_short_or_foreign_message_is_no_event() {
        let mut message = [0; 76];
        message[16] = 1;
        message[20] = 1;
        message[36] = 2;
        message[56] = 9;
        assert_eq!(parse(&message), Some((PROC_EVENT_EXEC, Tgid(9))));
        for length in 0..60 {
            assert_eq!(parse(&message[..length]), None);
        }
        message[16] = 3;
        assert_eq!(parse(&message), None);
    }
}
