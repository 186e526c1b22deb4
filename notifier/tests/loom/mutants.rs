//! Deliberate faults, each caught by the model named here. `tests/mutants.rs` looks that none is missing.

use crate::{callbacks, chain, grace, handle, waits};
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
    lock_sum_before_unlock_sum: LockSumFirst by grace::NESTED;
    one_bank_instead_of_two: OneBank by grace::STRAGGLER;
    no_fence_in_the_reader: NoReaderFence by grace::ONE_READER;
    no_fence_after_ones_own_word: NoOwnFence by grace::OWN_TWICE;
    no_fence_after_ones_first_section: NoFirstFence by grace::OWN_STRIPE;
    no_fence_after_a_cpus_counter: NoCpuFence by grace::PER_CPU;
    no_fence_after_a_cpus_counter_for_want_of_a_word: NoCpuFirstFence by grace::PER_CPU_FIRST;
    a_sequence_that_is_not_restarted: NoRestart by grace::PER_CPU_SHARED;
    no_fence_in_the_updater: NoUpdaterFence by grace::ONE_READER;
    no_fence_when_a_shared_period_begins: NoPeriodFence by grace::TWO_UPDATERS;
    no_fence_when_a_shared_period_is_asked_for: NoTicketFence by grace::POLL;
    a_reader_that_leaves_without_release: RelaxedLeave by grace::ONE_READER;
    a_reader_that_leaves_by_its_own_word_and_misses_the_sleeper: NoWakeFence by grace::OWN_TWICE;
    a_reader_that_leaves_by_its_cpus_counter_and_misses_the_sleeper: NoCpuWakeFence by grace::PER_CPU;
    a_reader_that_leaves_by_a_shared_counter_and_misses_the_sleeper: NoSharedWakeFence by grace::ONE_READER;
    a_dropped_domain_that_misses_the_sleeper: NoCloseFence by callbacks::CLOSE;
    an_updater_that_announces_its_sleep_too_late: LateWaiting by grace::ONE_READER;
    callbacks_without_a_grace_period: NoGrace by callbacks::RETIRE;
    barrier_as_synchronize: BarrierIsSynchronize by callbacks::BARRIER_ALONE;
    barrier_that_forgets_the_running_batch: BarrierSkipsBatch by callbacks::BARRIER_ALONE;
    counters_that_are_summed_too_late: LateStripe by grace::OWN_STRIPE;
    an_updater_that_sleeps_without_a_fence: NoSleepFence by grace::ONE_READER;
    a_push_that_misses_the_sleeper: NoPushFence by callbacks::WAKE;
    a_reclaimer_that_sleeps_without_a_fence: NoIdleFence by callbacks::WAKE;
    a_reclaimer_that_lingers_without_a_fence: NoLingerFence by waits::LINGER;
    a_reclaimer_that_announces_its_sleep_too_late: LateSleep by callbacks::WAKE;
    news_without_a_fence: NoNewsFence by callbacks::BARRIER_ALONE;
    a_waiter_without_a_fence: NoWaiterFence by callbacks::BARRIER_ALONE;
    an_append_that_misses_the_turn: NoAppendFence by callbacks::FLOOD;
    a_turn_that_misses_the_append: NoTurnFence by callbacks::FLOOD;
    a_turn_that_does_not_wait_for_the_append: HastyTurn by callbacks::FLOOD;
    an_append_without_release: RelaxedAppend by callbacks::FLOOD;
    lanes_that_are_shut_before_they_were_turned: EarlyShut by callbacks::FLOOD;
    a_reclaimer_that_sleeps_beside_open_lanes: OpenSleep by callbacks::FLOOD_WAKE;
    an_opening_that_misses_the_sleeper: NoOpenFence by callbacks::FLOOD_WAKE;
    a_flood_looked_for_too_late: LateFloodLook by waits::FLOOD;
    impatience_taken_for_the_end: TimeoutEndsPeriod by waits::IMPATIENT;
    a_stall_that_is_not_told_of: SilentStall by waits::STALL;
    an_alive_check_outside_the_chain_lock: StaleAliveCheck by chain::REGISTER_EXIT;
    an_exit_that_unlinks_first: UnlinkBeforeWalk by chain::UNREGISTER_EXIT;
    an_unregister_that_does_not_wait: UnregisterNoWait by chain::UNREGISTER_EXIT;
    an_unregister_that_trusts_a_begun_exit: TrustDead by chain::UNREGISTER_EXIT;
    a_last_put_that_acquires_nothing: NoPutFence by handle::TWO_PUTS;
    an_inline_free: InlineFree by handle::PUT_EXIT;
    a_free_queued_before_the_unlink: FreeBeforeUnlink by handle::PUT_EXIT;
    a_slot_that_revives_the_dead: GetFromZero by handle::SLOT;
    an_attach_that_revives_the_dying: ReviveDying by handle::GET_PUT;
}
