/*
 * Queue priorities, against the unmodified HSA runtime: of twelve queues with as much to do, those of high priority are done
 * first, and those of low priority are done too.
 *
 *   cc -O2 -pthread -o priority tests/clients/priority.c -lhsa-runtime64
 *
 * One line for each property; exit status 0 when all hold.
 */
#include "agent.h"

enum { QUEUES = 12, PACKETS = 8192, ROUNDS = 9 };

static int by_value(const void *one, const void *other) {
    uint64_t a = *(const uint64_t *)one, b = *(const uint64_t *)other;
    return (a > b) - (a < b);
}

int main(void) {
    open_agent();
    static struct queue queues[QUEUES];
    static const hsa_amd_queue_priority_t priorities[] = {HSA_AMD_QUEUE_PRIORITY_LOW, HSA_AMD_QUEUE_PRIORITY_NORMAL,
                                                          HSA_AMD_QUEUE_PRIORITY_HIGH};
    for (int i = 0; i < QUEUES; i++) {
        open_queue_of(&queues[i], 2 * PACKETS);
        must(hsa_amd_queue_set_priority(queues[i].hsa, priorities[i % 3]), "hsa_amd_queue_set_priority");
    }
    puts("priority: set to low, normal and high");

    /* Everything is queued behind a gate, so that all queues begin together. */
    static uint64_t ends[3][ROUNDS * QUEUES / 3];
    size_t counts[3] = {0};
    for (int round = 0; round < ROUNDS; round++) {
        hsa_signal_t gate = new_signal(1, true), done[QUEUES];
        for (int i = 0; i < QUEUES; i++) {
            done[i] = new_signal(1, true);
            submit_barrier(&queues[i], HSA_PACKET_TYPE_BARRIER_AND, true, &gate, 1, (hsa_signal_t){0});
            for (int packet = 2; packet < PACKETS; packet++)
                submit_barrier(&queues[i], HSA_PACKET_TYPE_BARRIER_AND, false, NULL, 0, (hsa_signal_t){0});
            submit_barrier(&queues[i], HSA_PACKET_TYPE_BARRIER_AND, true, NULL, 0, done[i]);
        }
        hsa_signal_store_screlease(gate, 0);
        uint64_t first = UINT64_MAX;
        for (int i = 0; i < QUEUES; i++) {
            must_complete(&queues[i], done[i], "a queue of some priority");
            const amd_signal_t *raw = (const amd_signal_t *)(uintptr_t)done[i].handle;
            if (raw->end_ts < first) first = raw->end_ts;
        }
        for (int i = 0; i < QUEUES; i++) {
            const amd_signal_t *raw = (const amd_signal_t *)(uintptr_t)done[i].handle;
            ends[i % 3][counts[i % 3]++] = raw->end_ts - first;
            must(hsa_signal_destroy(done[i]), "hsa_signal_destroy");
        }
        must(hsa_signal_destroy(gate), "hsa_signal_destroy");
    }
    uint64_t median[3];
    for (int class = 0; class < 3; class++) {
        qsort(ends[class], counts[class], sizeof *ends[class], by_value);
        median[class] = ends[class][counts[class] / 2];
    }
    printf("median end after the first: low %" PRIu64 ", normal %" PRIu64 ", high %" PRIu64 " ticks\n", median[0],
           median[1], median[2]);
    puts("priority: every queue finished");
    if (median[2] >= median[0]) fail("queues of high priority are not done before those of low priority");
    puts("priority: high before low");
    for (int i = 0; i < QUEUES; i++) {
        must_be_sound(&queues[i], "at the end");
        close_queue(&queues[i]);
    }
    must(hsa_shut_down(), "hsa_shut_down");
    return 0;
}
