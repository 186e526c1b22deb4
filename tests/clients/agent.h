/*
 * What the test programs of the HSA runtime share: the agent named gfx900, queues whose error callback is watched, barrier
 * packets, signals. Everything fails loudly: what was seen goes to stderr, and the program ends with status 1.
 *
 * Needs libhsa-runtime-dev (Debian 12: 5.2.3); link with -lhsa-runtime64.
 */
#ifndef AGENT_H
#define AGENT_H

#include <hsa/amd_hsa_signal.h>
#include <hsa/hsa.h>
#include <hsa/hsa_ext_amd.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PATIENCE_S 20
#define RING 64

static const uint16_t SYSTEM_FENCES = HSA_FENCE_SCOPE_SYSTEM << HSA_PACKET_HEADER_SCACQUIRE_FENCE_SCOPE |
                                      HSA_FENCE_SCOPE_SYSTEM << HSA_PACKET_HEADER_SCRELEASE_FENCE_SCOPE;

struct queue {
    hsa_queue_t *hsa;
    _Atomic(uint32_t) error; /* the hsa_status_t of the error callback; 0 until it is called */
    atomic_uint calls;
};

static hsa_agent_t gpu;
static uint64_t ticks_per_s;

_Noreturn static inline void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fflush(stdout);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

static inline const char *name_of(hsa_status_t status) {
    switch (status) {
    case HSA_STATUS_SUCCESS: return "HSA_STATUS_SUCCESS";
    case HSA_STATUS_ERROR_INVALID_PACKET_FORMAT: return "HSA_STATUS_ERROR_INVALID_PACKET_FORMAT";
    case HSA_STATUS_ERROR_INVALID_CODE_OBJECT: return "HSA_STATUS_ERROR_INVALID_CODE_OBJECT";
    case HSA_STATUS_ERROR_INCOMPATIBLE_ARGUMENTS: return "HSA_STATUS_ERROR_INCOMPATIBLE_ARGUMENTS";
    case HSA_STATUS_ERROR_INVALID_ALLOCATION: return "HSA_STATUS_ERROR_INVALID_ALLOCATION";
    case HSA_STATUS_ERROR_INVALID_ARGUMENT: return "HSA_STATUS_ERROR_INVALID_ARGUMENT";
    case HSA_STATUS_ERROR_INVALID_ISA: return "HSA_STATUS_ERROR_INVALID_ISA";
    default: {
        static char number[32];
        snprintf(number, sizeof number, "hsa_status_t 0x%x", status);
        return number;
    }
    }
}

static inline void must(hsa_status_t status, const char *what) {
    if (status != HSA_STATUS_SUCCESS) {
        const char *text = NULL;
        hsa_status_string(status, &text);
        fail("%s: %s (%s)", what, name_of(status), text ? text : "no description");
    }
}

static inline void nap(long milliseconds) {
    struct timespec time = {.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000};
    nanosleep(&time, NULL);
}

static inline hsa_status_t pick_agent(hsa_agent_t agent, void *found) {
    char name[64] = "";
    must(hsa_agent_get_info(agent, HSA_AGENT_INFO_NAME, name), "agent name");
    if (strcmp(name, "gfx900") != 0) return HSA_STATUS_SUCCESS;
    *(bool *)found = true;
    gpu = agent;
    return HSA_STATUS_INFO_BREAK;
}

static inline void on_error(hsa_status_t status, hsa_queue_t *source, void *data) {
    struct queue *queue = data;
    if (source != queue->hsa) fail("the error callback names another queue");
    atomic_fetch_add(&queue->calls, 1);
    atomic_store(&queue->error, status);
}

static inline void open_queue_of(struct queue *queue, uint32_t packets) {
    memset(queue, 0, sizeof *queue);
    must(hsa_queue_create(gpu, packets, HSA_QUEUE_TYPE_MULTI, on_error, queue, UINT32_MAX, UINT32_MAX, &queue->hsa),
         "hsa_queue_create");
}

static inline void open_queue(struct queue *queue) {
    open_queue_of(queue, RING);
}

static inline void close_queue(struct queue *queue) {
    must(hsa_queue_destroy(queue->hsa), "hsa_queue_destroy");
}

static inline void must_be_sound(struct queue *queue, const char *what) {
    uint32_t error = atomic_load(&queue->error);
    if (error) fail("%s: the queue's error callback was called with %s", what, name_of(error));
}

/* Waits for a free slot, writes `body` (64 bytes) into it, its header last, and rings the doorbell. */
static inline void submit(struct queue *queue, const void *body, uint16_t header, uint16_t second) {
    uint64_t index = hsa_queue_add_write_index_screlease(queue->hsa, 1);
    for (int waited = 0; index - hsa_queue_load_read_index_scacquire(queue->hsa) >= queue->hsa->size; waited++) {
        must_be_sound(queue, "waiting for a free slot");
        if (waited > PATIENCE_S * 1000) fail("the ring stays full: read index %" PRIu64 " of %" PRIu64,
                                             hsa_queue_load_read_index_scacquire(queue->hsa), index);
        nap(1);
    }
    uint32_t *slot = (uint32_t *)((char *)queue->hsa->base_address + index % queue->hsa->size * 64);
    memcpy(slot + 1, (const char *)body + 4, 60);
    __atomic_store_n(slot, (uint32_t)second << 16 | header, __ATOMIC_RELEASE);
    hsa_signal_store_screlease(queue->hsa->doorbell_signal, (hsa_signal_value_t)index);
}

static inline void submit_barrier(struct queue *queue, hsa_packet_type_t type, bool ordered, const hsa_signal_t *deps,
                           int count, hsa_signal_t completion) {
    hsa_barrier_and_packet_t packet; /* BARRIER_OR has the same layout */
    memset(&packet, 0, sizeof packet);
    for (int i = 0; i < count; i++) packet.dep_signal[i] = deps[i];
    packet.completion_signal = completion;
    uint16_t header = (uint16_t)type << HSA_PACKET_HEADER_TYPE | SYSTEM_FENCES;
    submit(queue, &packet, header | (ordered ? 1 << HSA_PACKET_HEADER_BARRIER : 0), 0);
}

/* A signal that the host waits for in the kernel (with an event), or one that only agents look at (no event). */
static inline hsa_signal_t new_signal(hsa_signal_value_t value, bool with_event) {
    hsa_signal_t signal;
    must(hsa_signal_create(value, with_event ? 0 : 1, with_event ? NULL : &gpu, &signal), "hsa_signal_create");
    return signal;
}

static inline void must_complete(struct queue *queue, hsa_signal_t signal, const char *what) {
    hsa_signal_value_t value = hsa_signal_wait_scacquire(signal, HSA_SIGNAL_CONDITION_LT, 1, PATIENCE_S * ticks_per_s,
                                                         HSA_WAIT_STATE_BLOCKED);
    must_be_sound(queue, what);
    if (value != 0) {
        fail("%s: not completed within %d s: signal %" PRId64 ", read index %" PRIu64 ", write index %" PRIu64, what,
             PATIENCE_S, (int64_t)value, hsa_queue_load_read_index_scacquire(queue->hsa),
             hsa_queue_load_write_index_scacquire(queue->hsa));
    }
}

static inline void must_not_complete(struct queue *queue, hsa_signal_t signal, const char *what) {
    nap(50);
    must_be_sound(queue, what);
    if (hsa_signal_load_scacquire(signal) != 1) fail("%s: completed too early", what);
}

/* Starts the runtime and finds the agent. */
static inline void open_agent(void) {
    setvbuf(stdout, NULL, _IOLBF, 0);
    must(hsa_init(), "hsa_init");
    must(hsa_system_get_info(HSA_SYSTEM_INFO_TIMESTAMP_FREQUENCY, &ticks_per_s), "timestamp frequency");
    bool found = false;
    hsa_status_t walked = hsa_iterate_agents(pick_agent, &found);
    if (walked != HSA_STATUS_INFO_BREAK) must(walked, "hsa_iterate_agents");
    if (!found) fail("no agent named gfx900");
}

#endif
