/*
 * Barrier packets and bad packets, against the unmodified HSA runtime.
 *
 *   cc -O2 -o barrier tests/clients/barrier.c -lhsa-runtime64
 *   barrier [barrier|bad]        one half only; without an argument both
 *   barrier refused              a dispatch where the daemon refuses them
 *
 * One line for each property; exit status 0 when all hold, 1 at the first that does not (what was seen is on stderr).
 * Needs libhsa-runtime-dev (Debian 12: 5.2.3) and an agent named gfx900.
 */
#include "agent.h"

static void plain(struct queue *queue) {
    hsa_signal_t done = new_signal(1, true);
    must(hsa_amd_profiling_set_profiler_enabled(queue->hsa, 1), "hsa_amd_profiling_set_profiler_enabled");
    submit_barrier(queue, HSA_PACKET_TYPE_BARRIER_AND, false, NULL, 0, done);
    must_complete(queue, done, "barrier");
    puts("barrier: completed");

    hsa_amd_profiling_dispatch_time_t time;
    uint64_t now;
    must(hsa_amd_profiling_get_dispatch_time(gpu, done, &time), "hsa_amd_profiling_get_dispatch_time");
    must(hsa_system_get_info(HSA_SYSTEM_INFO_TIMESTAMP, &now), "timestamp");
    const amd_signal_t *raw = (const amd_signal_t *)(uintptr_t)done.handle;
    if (raw->start_ts == 0 || raw->end_ts < raw->start_ts)
        fail("timestamps: start %" PRIu64 ", end %" PRIu64, raw->start_ts, raw->end_ts);
    if (time.end < time.start || time.end > now || now - time.start > 2 * PATIENCE_S * ticks_per_s)
        fail("timestamps in system time: start %" PRIu64 ", end %" PRIu64 ", now %" PRIu64, time.start, time.end, now);
    puts("barrier: timestamps in order");
    must(hsa_signal_destroy(done), "hsa_signal_destroy");
}

static void dependency(struct queue *queue, bool with_event) {
    const char *kind = with_event ? "a signal with an event" : "a signal that nobody announces";
    hsa_signal_t done = new_signal(1, true), dep = new_signal(1, with_event);
    submit_barrier(queue, HSA_PACKET_TYPE_BARRIER_AND, true, &dep, 1, done);
    must_not_complete(queue, done, "dependency");
    hsa_signal_store_screlease(dep, 0);
    must_complete(queue, done, "dependency");
    printf("barrier: waited for %s\n", kind);
    must(hsa_signal_destroy(dep), "hsa_signal_destroy");
    must(hsa_signal_destroy(done), "hsa_signal_destroy");
}

static void all_and_any(struct queue *queue) {
    hsa_signal_t done = new_signal(1, true), deps[5];
    for (int i = 0; i < 5; i++) deps[i] = new_signal(1, true);
    submit_barrier(queue, HSA_PACKET_TYPE_BARRIER_OR, true, deps, 5, done);
    must_not_complete(queue, done, "barrier-OR");
    hsa_signal_store_screlease(deps[3], 0);
    must_complete(queue, done, "barrier-OR");
    puts("barrier-OR: completed by one of five");

    hsa_signal_store_screlease(done, 1);
    submit_barrier(queue, HSA_PACKET_TYPE_BARRIER_AND, true, deps, 5, done);
    must_not_complete(queue, done, "barrier-AND of five");
    for (int i = 0; i < 4; i++) hsa_signal_store_screlease(deps[i], 0);
    must_not_complete(queue, done, "barrier-AND of five with one left");
    hsa_signal_store_screlease(deps[4], 0);
    must_complete(queue, done, "barrier-AND of five");
    puts("barrier-AND: completed by all of five");
    for (int i = 0; i < 5; i++) must(hsa_signal_destroy(deps[i]), "hsa_signal_destroy");
    must(hsa_signal_destroy(done), "hsa_signal_destroy");
}

/* More packets than the ring has slots, so the indices wrap; one signal counts them. */
static void many(struct queue *queue) {
    enum { PACKETS = 20 * RING };
    hsa_signal_t done = new_signal(PACKETS, true);
    for (int i = 0; i < PACKETS; i++) submit_barrier(queue, HSA_PACKET_TYPE_BARRIER_AND, false, NULL, 0, done);
    must_complete(queue, done, "many");
    printf("barrier: %d in a ring of %d completed\n", PACKETS, RING);
    must(hsa_signal_destroy(done), "hsa_signal_destroy");
}

/* One queue completes what the other waits for. */
static void across(void) {
    struct queue first, second;
    open_queue(&first);
    open_queue(&second);
    hsa_signal_t between = new_signal(1, false), done = new_signal(1, true);
    submit_barrier(&second, HSA_PACKET_TYPE_BARRIER_AND, true, &between, 1, done);
    must_not_complete(&second, done, "across queues");
    submit_barrier(&first, HSA_PACKET_TYPE_BARRIER_AND, true, NULL, 0, between);
    must_complete(&second, done, "across queues");
    must_be_sound(&first, "across queues");
    puts("barrier: waited for another queue");
    must(hsa_signal_destroy(between), "hsa_signal_destroy");
    must(hsa_signal_destroy(done), "hsa_signal_destroy");
    close_queue(&second);
    close_queue(&first);
}

/* Submits a packet that cannot run to a queue of its own; the error callback must be called once, with `expected`. */
static void bad(const char *what, const void *packet, uint16_t header, uint16_t second, hsa_status_t expected) {
    struct queue queue;
    open_queue(&queue);
    submit(&queue, packet, header, second);
    for (int waited = 0; atomic_load(&queue.error) == 0; waited++) {
        if (waited > PATIENCE_S * 1000) fail("%s: no error callback within %d s", what, PATIENCE_S);
        nap(1);
    }
    nap(20);
    hsa_status_t error = atomic_load(&queue.error);
    if (error != expected) fail("%s: error callback %s, expected %s", what, name_of(error), name_of(expected));
    if (atomic_load(&queue.calls) != 1) fail("%s: %u error callbacks", what, atomic_load(&queue.calls));
    printf("%s: error callback %s\n", what, name_of(error));
    close_queue(&queue);
}

static void barriers(void) {
    struct queue queue;
    open_queue(&queue);
    plain(&queue);
    dependency(&queue, true);
    dependency(&queue, false);
    all_and_any(&queue);
    many(&queue);
    must_be_sound(&queue, "at the end");
    close_queue(&queue);
    across();
}

/* A dispatch of no kernel, over so many work-items. */
static void dispatch(const char *what, uint32_t grid, hsa_status_t expected) {
    hsa_kernel_dispatch_packet_t kernel;
    memset(&kernel, 0, sizeof kernel);
    kernel.workgroup_size_x = 64;
    kernel.workgroup_size_y = kernel.workgroup_size_z = 1;
    kernel.grid_size_x = grid;
    kernel.grid_size_y = kernel.grid_size_z = 1;
    bad(what, &kernel, HSA_PACKET_TYPE_KERNEL_DISPATCH << HSA_PACKET_HEADER_TYPE | SYSTEM_FENCES,
        1 << HSA_KERNEL_DISPATCH_PACKET_SETUP_DIMENSIONS, expected);
}

static void bad_packets(void) {
    struct queue bystander;
    open_queue(&bystander);

    hsa_barrier_and_packet_t nothing;
    memset(&nothing, 0, sizeof nothing);
    bad("bad packet", &nothing, 7 << HSA_PACKET_HEADER_TYPE | SYSTEM_FENCES, 0, HSA_STATUS_ERROR_INVALID_PACKET_FORMAT);

    hsa_agent_dispatch_packet_t agent;
    memset(&agent, 0, sizeof agent);
    bad("agent dispatch", &agent, HSA_PACKET_TYPE_AGENT_DISPATCH << HSA_PACKET_HEADER_TYPE | SYSTEM_FENCES, 1,
        HSA_STATUS_ERROR_INVALID_PACKET_FORMAT);

    dispatch("empty grid", 0, HSA_STATUS_ERROR_INCOMPATIBLE_ARGUMENTS);

    hsa_signal_t done = new_signal(1, true);
    submit_barrier(&bystander, HSA_PACKET_TYPE_BARRIER_AND, true, NULL, 0, done);
    must_complete(&bystander, done, "another queue after the errors");
    puts("bad packet: another queue goes on");
    must(hsa_signal_destroy(done), "hsa_signal_destroy");
    close_queue(&bystander);
}

int main(int argc, char **argv) {
    const char *part = argc > 1 ? argv[1] : "";
    bool barrier = argc == 1 || strcmp(part, "barrier") == 0, malformed = argc == 1 || strcmp(part, "bad") == 0;
    bool refused = strcmp(part, "refused") == 0;
    if (argc > 2 || !(barrier || malformed || refused)) {
        fprintf(stderr, "usage: %s [barrier|bad|refused]\n", argv[0]);
        return 2;
    }
    open_agent();
    if (barrier) barriers();
    if (malformed) bad_packets();
    /* Not of all: an agent that executes it finds no code at its address, which is a memory fault. */
    if (refused) dispatch("kernel dispatch", 64, HSA_STATUS_ERROR_INVALID_CODE_OBJECT);
    must(hsa_shut_down(), "hsa_shut_down");
    return 0;
}
