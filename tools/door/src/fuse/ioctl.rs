//! One ioctl from the wire to its reply.
//!
//! `FUSE_IOCTL` on a file is restricted: the kernel copies the struct in and out and nothing else. What its pointers
//! mean is gathered before the core is called and scattered before the reply. The reply is a *success* header with
//! the return value in `fuse_ioctl_out.result`, negative for an errno: so the struct is copied out with an error too,
//! as `kfd_ioctl` and `drm_ioctl` do. A header error copies nothing; it serves where the struct was never understood.

use super::channel::Channel;
use super::door::Door;
use super::inflight::{InFlight, Interrupted, Parking, Stage};
use super::probe::is_killed;
use super::wire::Reply;
use super::wire::layout::{InHeader, IoctlIn};
use crate::gather::{Plan, scatter, scattered};
use crate::identity::{self, claim};
use kfd_core::abi::admitted::Admitted;
use kfd_core::abi::chain::Chain;
use kfd_core::abi::spec::Ioctl;
use kfd_core::abi::{drm, ioc, table};
use kfd_core::call::{Arg, Caller, Done, Errno, Gathered, Outcome, Refused};
use kfd_core::death::Cause;
use kfd_core::ids::{CallId, ProcessId, Tgid, Tid, UserVa};
use kfd_core::notice::{Lack, UserAccess, UserAnswer};
use std::sync::Arc;

/// This door's number in a [`CallId`].
const DOOR: u16 = 1;

/// Pieces of registered memory that one call looks at. Those of a client with more are looked at as the first go.
const SWEEP_MAX: usize = 256;

/// `_IOC_SIZE` and what came with it, as the struct the table's row describes.
fn admit(row: &'static Ioctl, cmd: u32, input: &[u8]) -> Option<Admitted<'static>> {
    let claimed = ioc::size(cmd);
    if input.len() == claimed {
        return Admitted::new(row, input);
    }
    // The command word has no IOC_IN, so the kernel brought nothing.
    let mut whole = vec![0; claimed];
    whole.iter_mut().zip(input).for_each(|(to, from)| *to = *from);
    Admitted::new(row, &whole)
}

impl Door {
    pub(super) fn ioctl(
        self: &Arc<Self>,
        channel: &Arc<Channel>,
        header: &InHeader,
        request: &IoctlIn,
        input: &[u8],
    ) {
        let refuse = |errno| channel.reply(header.unique, &Reply::Error(Errno(errno)));
        // An ioctl of a directory has no file here.
        let Some(file) = self.files.get(request.fh) else { return refuse(libc::ENOTTY) };
        let tid = Tid(header.pid);
        let row = table::lookup(request.cmd);
        // The group's number is its leader's, and a pending request's thread is there: no need to ask.
        let foreign = tid.0 != file.tgid.0 && !identity::belongs(file.tgid, tid);
        if foreign && !(row.is_some_and(|row| row.privileged) && claim::traces(tid, file.tgid)) {
            return refuse(libc::EBADF);
        }
        let Some(ioctl) = row else {
            // drm_ioctl answers a number it does not know with EINVAL, everyone else with ENOTTY.
            return refuse(if ioc::magic(request.cmd) == drm::MAGIC { libc::EINVAL } else { libc::ENOTTY });
        };
        let Some(admitted) = admit(ioctl, request.cmd, input) else { return refuse(libc::EINVAL) };
        if ioctl.privileged && !claim::is_privileged(tid) {
            return refuse(libc::EACCES);
        }
        let (memory, tgid) = match foreign {
            false => (file.process, file.tgid),
            true => match self.adopt_caller(tid) {
                Ok(known) => known,
                Err(errno) => return refuse(errno.0),
            },
        };
        let caller = Caller {
            process: file.process,
            node: file.node,
            file: file.file,
            tgid,
            tid,
            call: CallId { door: DOOR, serial: header.unique },
        };
        let call = InFlight {
            channel: Arc::clone(channel),
            caller,
            admitted,
            cmd: request.cmd,
            out_size: request.out_size as usize,
            memory,
            found: Gathered { traces: foreign, ..self.claims(ioctl, admitted.arg(), tid) },
            stage: Stage::Inside { interrupted: false },
        };
        let planned = match ioctl.refused {
            Some(_) => Ok(Plan::default()),
            None => Plan::new(&admitted),
        };
        let registered = if ioctl.sweeps { self.driver.registered(memory) } else { Vec::new() };
        let plan = match planned.map(|plan| plan.looking(&admitted, tgid)) {
            Ok(plan) => plan,
            Err(errno) => return answer(&call, header.unique, -errno.0, admitted.arg()),
        };
        if plan.is_empty() && registered.is_empty() {
            let gathered = plan.collect(Vec::new()).unwrap_or_default().with(call.found.clone());
            if !ioctl.parks {
                return self.pass(call, gathered);
            }
            if self.calls.insert(header.unique, call) {
                self.interrupt(header.unique);
            }
            return self.enter(&caller, &admitted, gathered);
        }
        if self.calls.insert(header.unique, InFlight { stage: Stage::Gathering, ..call }) {
            // Answered by this: nothing has begun.
            return self.interrupt(header.unique);
        }
        if registered.is_empty() {
            return self.gather(&caller, ioctl.chain, Vec::new(), plan);
        }
        let door = Arc::clone(self);
        self.sweep(memory, tgid, registered, move || door.gather(&caller, ioctl.chain, Vec::new(), plan));
    }

    /// Tells the core what has become of a client's registered memory, and goes on.
    fn sweep(
        self: &Arc<Self>,
        process: ProcessId,
        tgid: Tgid,
        registered: Vec<(UserVa, u64)>,
        then: impl FnOnce() + Send + 'static,
    ) {
        let look = |(va, bytes): &(UserVa, u64)| UserAccess::Survey { tgid, va: *va, bytes: *bytes };
        let accesses = registered.iter().take(SWEEP_MAX).map(look).collect();
        let door = Arc::clone(self);
        let swept = move |answers: Vec<_>| {
            for (part, answer) in registered.into_iter().zip(&answers) {
                if let UserAnswer::Done(_) = answer {
                    door.driver.surveyed(process, part, &Lack::of(answer));
                }
            }
            then();
        };
        self.memory.submit(process, accesses, Box::new(swept));
    }

    /// Reads what `plan` says, after `before`, and then what `chain` makes of all that.
    fn gather(self: &Arc<Self>, caller: &Caller, chain: Option<Chain>, before: Vec<Vec<u8>>, mut plan: Plan) {
        let (door, accesses, caller) = (Arc::clone(self), plan.take_accesses(), *caller);
        let gathered = move |answers| door.gathered(&caller, chain, before, plan.collect(answers));
        let process = self.calls.memory(caller.call.serial).unwrap_or(caller.process);
        self.memory.submit(process, accesses, Box::new(gathered));
    }

    /// What the struct claims in passing. A task that the caller traces gets a process object where the operation says so.
    fn claims(&self, ioctl: &Ioctl, arg: &Arg, tid: Tid) -> Gathered {
        if ioctl.task.is_none() && !ioctl.privileged && ioctl.descriptor.is_none() {
            return Gathered::default();
        }
        let found = claim::look(&self.resolver, ioctl, arg.bytes(), tid);
        let adopts = ioctl.variant(arg.bytes()).is_some_and(|variant| variant.adopts);
        if let Some(task) = found.task.filter(|task| adopts && task.traced) {
            // Without one the core answers what there is to answer.
            let _known_or_not = self.adopt(Tid(task.tgid.0));
        }
        Gathered { privileged: ioctl.privileged, ..found }
    }

    /// The process object through which a tracer's own memory is reached, and its thread group.
    fn adopt_caller(&self, tid: Tid) -> Result<(ProcessId, Tgid), Errno> {
        let tgid = claim::thread_group(tid).ok_or(Errno::SRCH)?;
        Ok((self.adopt(tid)?, tgid))
    }

    /// Goes on with a call whose pointers have been followed.
    fn gathered(
        self: &Arc<Self>,
        caller: &Caller,
        chain: Option<Chain>,
        before: Vec<Vec<u8>>,
        gathered: Result<Gathered, Errno>,
    ) {
        let unique = caller.call.serial;
        let further = |mut gathered: Gathered| {
            let mut entries = before;
            entries.append(&mut gathered.pointers);
            let plan = chain.map_or(Ok(Plan::default()), |chain| Plan::further(chain, &mut entries))?;
            gathered.pointers = entries;
            Ok((gathered, plan))
        };
        match gathered.and_then(further) {
            Ok((gathered, plan)) if !plan.is_empty() => self.gather(caller, chain, gathered.pointers, plan),
            Ok((gathered, _)) => {
                if let Some(call) = self.calls.enter(unique) {
                    self.enter(&call.caller, &call.admitted, gathered.with(call.found));
                }
            }
            Err(errno) => {
                if let Some(call) = self.calls.remove(unique) {
                    answer(&call, unique, -errno.0, call.admitted.arg());
                    // An inherited file after an exec: its first access of memory is where that shows.
                    self.probe(call.memory);
                }
            }
        }
    }

    /// A call that ends by itself: entered nowhere unless its output has to be scattered. An INTERRUPT for it says
    /// nothing that its end does not; a killed caller is found dead by the next sign.
    fn pass(self: &Arc<Self>, call: InFlight, gathered: Gathered) {
        let unique = call.caller.call.serial;
        match self.driver.serve(&call.caller, &call.admitted, gathered) {
            Outcome::Done(Done { arg, writes, fds, value }) if writes.is_empty() && fds.is_empty() => {
                answer(&call, unique, value, &arg);
            }
            Outcome::Refused(Refused { errno, arg, writes }) if writes.is_empty() => {
                answer(&call, unique, -errno.0, &arg);
            }
            Outcome::Parked => {
                tracing::error!(call = call.admitted.row().name, "a call that cannot wait was parked");
                answer(&call, unique, -libc::EIO, call.admitted.arg());
            }
            ended @ (Outcome::Done(_) | Outcome::Refused(_)) => {
                if self.calls.insert(unique, call) {
                    self.interrupt(unique);
                }
                self.finish(unique, ended);
            }
        }
    }

    fn enter(self: &Arc<Self>, caller: &Caller, call: &Admitted<'static>, gathered: Gathered) {
        let unique = caller.call.serial;
        match self.driver.serve(caller, call, gathered) {
            Outcome::Parked => {
                if self.calls.park(unique) == Parking::Interrupted {
                    self.ask_interrupted(caller);
                }
            }
            ended @ (Outcome::Done(_) | Outcome::Refused(_)) => self.finish(unique, ended),
        }
    }

    /// Scatters what the core wants written, and replies.
    pub(super) fn finish(self: &Arc<Self>, unique: u64, outcome: Outcome) {
        let (result, arg, writes) = match outcome {
            Outcome::Done(Done { arg, writes, fds, value }) => {
                // FUSE cannot pass descriptors; the table lets no call that returns one through this door.
                if fds.is_empty() { (value, arg, writes) } else { (-libc::EOPNOTSUPP, arg, Vec::new()) }
            }
            Outcome::Refused(Refused { errno, arg, writes }) => (-errno.0, arg, writes),
            Outcome::Parked => {
                tracing::error!(unique, "a call was completed as parked");
                return;
            }
        };
        let accesses = scatter(writes);
        let Some(call) = self.calls.complete(unique, !accesses.is_empty()) else { return };
        if accesses.is_empty() {
            return answer(&call, unique, result, &arg);
        }
        let door = Arc::clone(self);
        let process = call.memory;
        let written = move |answers: Vec<_>| {
            let Some(call) = door.calls.remove(unique) else { return };
            match scattered(&answers) {
                Ok(()) => answer(&call, unique, result, &arg),
                Err(errno) => {
                    answer(&call, unique, -errno.0, &arg);
                    door.probe(process);
                }
            }
        };
        self.memory.submit(process, accesses, Box::new(written));
    }

    /// A signal is pending for the caller of `unique`. The call is ended now: each millisecond here is one added to a
    /// death. Whether the signal is SIGKILL is looked up first, while the caller cannot go away; it is the earliest
    /// sure sign of a death, so the doom goes before the answer.
    pub(super) fn interrupt(self: &Arc<Self>, unique: u64) {
        let killed = |(caller, _): &(Caller, ProcessId)| is_killed(caller.tgid, Some(caller.tid));
        if let Some((_, memory)) = self.calls.caller(unique).filter(killed) {
            self.doom(memory, Cause::Killed);
        }
        match self.calls.interrupt(unique) {
            Interrupted::Early(None) => {}
            Interrupted::Early(Some(given_way)) => {
                // The channel that has the request takes the EAGAIN and the kernel sends the INTERRUPT again. If none
                // has it, it is answered.
                let _one_has_it = self.channels.iter().any(|channel| channel.interrupt_again(given_way));
            }
            Interrupted::Unstarted(call) => answer(&call, unique, -Errno::RESTART.0, call.admitted.arg()),
            Interrupted::Ask(caller) => self.ask_interrupted(&caller),
            Interrupted::Ending => {}
        }
    }

    fn ask_interrupted(self: &Arc<Self>, caller: &Caller) {
        if let Some(outcome) = self.driver.interrupt(caller.process, caller.call) {
            self.finish(caller.call.serial, outcome);
        }
    }
}

fn answer(call: &InFlight, unique: u64, result: i32, arg: &Arg) {
    let mut data = call.admitted.row().emit(arg, ioc::size(call.cmd));
    // More than the kernel asked for would be EIO (fs/fuse/ioctl.c).
    data = &data[..data.len().min(call.out_size)];
    call.channel.reply(unique, &Reply::Ioctl { result, data });
}
