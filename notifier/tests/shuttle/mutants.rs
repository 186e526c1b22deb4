//! Faults of the protocols, each caught by the model named here.

use crate::{callbacks, chain, handle};
use notifier::model::Mutant;

macro_rules! caught {
    ($($test:ident: $mutant:ident by $model:path;)*) => {
        $(
            // Keeps: mutants-caught
            #[test]
            fn $test() {
                eprintln!("{:?}: {}", Mutant::$mutant, $model.catches(Mutant::$mutant));
            }
        )*
    };
}

caught! {
    a_callback_counted_too_late: LateCount by callbacks::ONE_WAITS;
    callbacks_without_a_grace_period: NoGrace by callbacks::READERS;
    barrier_as_synchronize: BarrierIsSynchronize by callbacks::BARRIERS;
    barrier_that_forgets_the_running_batch: BarrierSkipsBatch by callbacks::BARRIERS;
    a_reclaimer_that_announces_its_sleep_too_late: LateSleep by callbacks::ONE_WAITS;
    an_updater_that_announces_its_sleep_too_late: LateWaiting by callbacks::READERS;
    a_sequence_that_is_not_restarted: NoRestart by callbacks::READERS;
    a_turn_that_does_not_wait_for_the_append: HastyTurn by callbacks::FLOOD;
    an_alive_check_outside_the_chain_lock: StaleAliveCheck by chain::STAYERS;
    an_exit_that_unlinks_first: UnlinkBeforeWalk by chain::STAYERS;
    an_unregister_that_does_not_wait: UnregisterNoWait by chain::OWNERS;
    an_unregister_that_trusts_a_begun_exit: TrustDead by chain::OWNERS;
    an_inline_free: InlineFree by handle::PUT_EXIT;
    a_free_queued_before_the_unlink: FreeBeforeUnlink by handle::PUT_EXIT;
    a_slot_that_revives_the_dead: GetFromZero by handle::SLOT;
    a_refused_reference_that_is_put: RefusedPut by handle::SLOT;
    an_attach_that_revives_the_dying: ReviveDying by handle::ATTACH;
}
