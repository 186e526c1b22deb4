/*
 * 64 threads that sleep on signals, against the unmodified HSA runtime: all of them on one signal, each on one of its own,
 * and each on a value that many packets count down to.
 *
 *   cc -O2 -pthread -o waiters tests/clients/waiters.c -lhsa-runtime64
 *
 * One line for each property; exit status 0 when all hold. Of several threads on one signal the runtime lets the first one
 * sleep in the driver and the others spin, so the first and last property cost processor time.
 */
#include "agent.h"
#include <pthread.h>

enum { WAITERS = 64, ROUNDS = 5 };

struct waiter {
    pthread_t thread;
    hsa_signal_t signal;
    hsa_signal_value_t below; /* sleeps until the signal is lower than this */
    hsa_signal_value_t seen;
};

static atomic_uint asleep;

static void *sleeper(void *argument) {
    struct waiter *waiter = argument;
    atomic_fetch_add(&asleep, 1);
    waiter->seen = hsa_signal_wait_scacquire(waiter->signal, HSA_SIGNAL_CONDITION_LT, waiter->below,
                                             PATIENCE_S * ticks_per_s, HSA_WAIT_STATE_BLOCKED);
    return NULL;
}

static void start(struct waiter *waiters, hsa_signal_t (*signal)(int), hsa_signal_value_t (*below)(int)) {
    atomic_store(&asleep, 0);
    for (int i = 0; i < WAITERS; i++) {
        waiters[i] = (struct waiter){.signal = signal(i), .below = below(i)};
        if (pthread_create(&waiters[i].thread, NULL, sleeper, &waiters[i]) != 0) fail("pthread_create");
    }
    while (atomic_load(&asleep) < WAITERS) nap(1);
    nap(20);
}

static void join(struct waiter *waiters, const char *what) {
    for (int i = 0; i < WAITERS; i++) {
        pthread_join(waiters[i].thread, NULL);
        if (waiters[i].seen >= waiters[i].below)
            fail("%s: waiter %d saw %" PRId64 " and waits for less than %" PRId64, what, i, (int64_t)waiters[i].seen,
                 (int64_t)waiters[i].below);
    }
}

static hsa_signal_t signals[WAITERS];

static hsa_signal_t first_signal(int index) {
    (void)index;
    return signals[0];
}

static hsa_signal_t own_signal(int index) {
    return signals[index];
}

static hsa_signal_value_t one(int index) {
    (void)index;
    return 1;
}

static hsa_signal_value_t step(int index) {
    return index + 1;
}

int main(void) {
    open_agent();
    struct queue queue;
    struct waiter waiters[WAITERS];
    open_queue(&queue);
    for (int i = 0; i < WAITERS; i++) signals[i] = new_signal(1, true);

    for (int round = 0; round < ROUNDS; round++) {
        hsa_signal_store_screlease(signals[0], 1);
        start(waiters, first_signal, one);
        submit_barrier(&queue, HSA_PACKET_TYPE_BARRIER_AND, true, NULL, 0, signals[0]);
        join(waiters, "one signal");
    }
    printf("waiters: %d threads on one signal, %d times\n", WAITERS, ROUNDS);

    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < WAITERS; i++) hsa_signal_store_screlease(signals[i], 1);
        start(waiters, own_signal, one);
        for (int i = 0; i < WAITERS; i++)
            submit_barrier(&queue, HSA_PACKET_TYPE_BARRIER_AND, true, NULL, 0, signals[WAITERS - 1 - i]);
        join(waiters, "a signal each");
    }
    printf("waiters: %d threads on a signal each, %d times\n", WAITERS, ROUNDS);

    for (int round = 0; round < ROUNDS; round++) {
        hsa_signal_store_screlease(signals[0], WAITERS);
        start(waiters, first_signal, step);
        for (int i = 0; i < WAITERS; i++) submit_barrier(&queue, HSA_PACKET_TYPE_BARRIER_AND, true, NULL, 0, signals[0]);
        join(waiters, "a value each");
    }
    printf("waiters: %d threads on a value each of one signal, %d times\n", WAITERS, ROUNDS);

    must_be_sound(&queue, "at the end");
    for (int i = 0; i < WAITERS; i++) must(hsa_signal_destroy(signals[i]), "hsa_signal_destroy");
    close_queue(&queue);
    must(hsa_shut_down(), "hsa_shut_down");
    return 0;
}
