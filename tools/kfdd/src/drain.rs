//! Dooming everybody, at shutdown.
//!
//! A thread of the door may have won a process's death and not handed its token in: that process is not live, and its
//! token is in no mailbox. It takes microseconds, and a drain that did not wait for it would find the process left.
//!
//! Not for: refusing opens before, and the barrier after, which `daemon` does.

use kfd_core::Core;
use kfd_core::death::{Cause, Doom, Doomed};
use std::time::{Duration, Instant};

/// How long tokens that others have won are waited for. One that takes longer is lost, and the leak report says so.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two looks for them.
const LOOK: Duration = Duration::from_micros(100);

/// Dooms every process and tears it down; `tokens` are those that other threads have handed in. Returns when no process is
/// published, and in any case after [`PATIENCE`].
pub(crate) fn doom_all(
    core: &Core,
    mut tokens: impl FnMut() -> Vec<Doom<Doomed>>,
    mut teardown: impl FnMut(Doom<Doomed>),
) {
    for process in core.live() {
        if let Some(doom) = core.doom(process, Cause::Shutdown) {
            teardown(doom);
        }
    }
    let until = Instant::now() + PATIENCE;
    loop {
        tokens().into_iter().for_each(&mut teardown);
        let left = core.published();
        if left.is_empty() {
            return;
        }
        if Instant::now() > until {
            return tracing::error!(?left, "deaths that somebody began and nobody goes on with");
        }
        std::thread::sleep(LOOK);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kfd_core::CoreConfig;
    use kfd_core::call::{Identity, Node};
    use kfd_core::ids::{Tgid, Uid};
    use kfd_core::notice::{Notice, Outbox};
    use kfd_core::profile::Profile;
    use notifier::MmId;
    use std::sync::{Arc, Mutex};

    struct Nobody;

    impl Outbox for Nobody {
        fn post(&self, _: Notice) {}
    }

    // Keeps: drain
    #[test]
    fn a_death_that_another_thread_has_won_is_waited_for() {
        let profile = Profile::named("gfx900").expect("compiled in");
        let core = Core::new(CoreConfig::new(profile), Arc::new(Nobody)).expect("a valid configuration");
        let open = |tgid| {
            let mm = MmId { pidfd_inode: u64::from(tgid), exec_id: 0 };
            let identity = Identity { tgid: Tgid(tgid), uid: Uid(0), mm };
            core.open(identity, Node::Kfd).expect("a first open").process
        };
        let (won, _) = (open(1), open(2));
        let token = core.doom(won, Cause::Killed).expect("it is alive");
        let mailbox = Mutex::new(Vec::new());
        let mut torn_down = Vec::new();
        core.shutdown_begin();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(50));
                mailbox.lock().expect("nobody panics with it").push(token);
            });
            let tokens = || std::mem::take(&mut *mailbox.lock().expect("nobody panics with it"));
            doom_all(&core, tokens, |doom| {
                torn_down.push(doom.cause());
                doom.stop_queues(&core).answer_waiters(&core).unpublish(&core);
            });
        });
        assert_eq!(torn_down, [Cause::Shutdown, Cause::Killed]);
        core.barrier();
        let report = core.leak_report();
        assert!(report.is_empty(), "{report:?}");
    }
}
