/*
 * Uses every function of kfd_client.h: copies through an SDMA queue, stores and signals through a PM4 queue, a barrier packet
 * through an AQL queue, and between two devices where there are two. Prints one line for each thing that held.
 *
 *   cc -I tests/clients -I tools/client-c/include -o streams tests/clients/streams.c -lkfd_client
 */
#include <errno.h>
#include <kfd_client.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BYTES (9u << 20)
#define PATIENCE 20000u

static void must(int result, const char *what) {
    if (result == 0) return;
    fflush(stdout);
    fprintf(stderr, "%s: %s\n", what, strerror(-result));
    exit(1);
}

static void expect(int holds, const char *what) {
    if (!holds) {
        fflush(stdout);
        fprintf(stderr, "does not hold: %s\n", what);
        exit(1);
    }
    printf("%s\n", what);
}

static unsigned char pattern(size_t at) {
    return (unsigned char)(at * 31 + (at >> 12));
}

static void copies(kfd_client_device *device) {
    kfd_client_buffer *from, *there, *back;
    must(kfd_client_alloc(device, 0, BYTES, &from), "alloc of host memory");
    must(kfd_client_alloc(device, 1, BYTES, &there), "alloc of device memory");
    must(kfd_client_alloc(device, 0, BYTES, &back), "alloc of host memory");
    unsigned char *bytes = kfd_client_host(from);
    for (size_t i = 0; i < BYTES; i++) bytes[i] = pattern(i);
    kfd_client_stream *sdma;
    must(kfd_client_stream_create(device, KFD_CLIENT_SDMA, 1024, &sdma), "an SDMA queue");
    must(kfd_client_stream_copy(sdma, kfd_client_va(there), kfd_client_va(from), BYTES), "copy");
    must(kfd_client_stream_copy(sdma, kfd_client_va(back), kfd_client_va(there), BYTES), "copy");
    must(kfd_client_stream_wait(sdma, PATIENCE), "the copies");
    expect(memcmp(kfd_client_host(back), bytes, BYTES) == 0, "sdma: host to device to host");

    /* A trap at the end of a copy raises an event. */
    kfd_client_event event;
    must(kfd_client_event_create(device, &event), "an event");
    uint32_t trap[] = {6, event.id};
    must(kfd_client_stream_submit(sdma, trap, 2), "a trap");
    must(kfd_client_event_wait(device, event, PATIENCE), "the trap's event");
    expect(kfd_client_event_wait(device, event, 0) == -ETIME, "sdma: a trap raises its event once");
    must(kfd_client_event_set(device, event), "SET_EVENT");
    must(kfd_client_event_wait(device, event, 0), "an event that the host set");
    must(kfd_client_event_destroy(device, event), "DESTROY_EVENT");

    /* More copies than the ring holds: it says so and takes them later. Wraps several times. */
    unsigned full = 0;
    for (unsigned i = 0; i < 1000; i++) {
        int result;
        while ((result = kfd_client_stream_copy(sdma, kfd_client_va(back) + i * 64, kfd_client_va(from) + i * 128, 64)) ==
               -EAGAIN) {
            full++;
            must(kfd_client_stream_wait(sdma, PATIENCE), "the ring");
        }
        must(result, "copy");
    }
    must(kfd_client_stream_wait(sdma, PATIENCE), "the copies");
    for (unsigned i = 0; i < 1000; i++)
        if (memcmp((char *)kfd_client_host(back) + i * 64, bytes + i * 128, 64) != 0)
            expect(0, "sdma: a wrapping ring of copies");
    printf("sdma: a wrapping ring of copies\n");
    must(kfd_client_stream_destroy(sdma, device), "DESTROY_QUEUE");
    must(kfd_client_free(from, device), "free");
    must(kfd_client_free(there, device), "free");
    must(kfd_client_free(back, device), "free");
}

static void packets(kfd_client_device *device) {
    kfd_client_buffer *memory;
    must(kfd_client_alloc(device, 0, 4096, &memory), "alloc of host memory");
    volatile uint32_t *words = kfd_client_host(memory);
    uint64_t va = kfd_client_va(memory);
    kfd_client_event event;
    must(kfd_client_event_create(device, &event), "an event");
    kfd_client_stream *pm4;
    must(kfd_client_stream_create(device, KFD_CLIENT_PM4, 1024, &pm4), "a PM4 queue");
    /* WRITE_DATA of one dword, then RELEASE_MEM of 64 bits with an interrupt. */
    uint32_t stores[] = {
        3u << 30 | 3 << 16 | 0x37 << 8, 5 << 8 | 1 << 20, (uint32_t)va, (uint32_t)(va >> 32), 0x600d,
        3u << 30 | 6 << 16 | 0x49 << 8, 0x14 | 5 << 8, 2u << 29 | 2 << 24, (uint32_t)(va + 8), (uint32_t)(va >> 32),
        0xbeef, 0xdead, event.id,
    };
    must(kfd_client_stream_submit(pm4, stores, sizeof stores / sizeof *stores), "PM4 packets");
    must(kfd_client_event_wait(device, event, PATIENCE), "RELEASE_MEM's event");
    expect(words[0] == 0x600d && words[2] == 0xbeef && words[3] == 0xdead, "pm4: stores, then the event");
    must(kfd_client_stream_wait(pm4, PATIENCE), "the PM4 packets");
    must(kfd_client_stream_destroy(pm4, device), "DESTROY_QUEUE");

    kfd_client_aql *aql;
    must(kfd_client_aql_create(device, 64, &aql), "an AQL queue");
    kfd_client_signal first, second;
    must(kfd_client_aql_signal(aql, 1, NULL, &first), "a signal");
    must(kfd_client_aql_signal(aql, 1, &event, &second), "a signal");
    must(kfd_client_aql_barrier(aql, NULL, 0, &first), "a barrier");
    must(kfd_client_aql_barrier(aql, &first.handle, 1, &second), "a barrier");
    must(kfd_client_event_wait(device, event, PATIENCE), "the second barrier's event");
    expect(kfd_client_aql_value(aql, first) == 0 && kfd_client_aql_value(aql, second) == 0, "aql: one barrier after another");
    must(kfd_client_aql_destroy(aql, device), "DESTROY_QUEUE");
    must(kfd_client_event_destroy(device, event), "DESTROY_EVENT");
    must(kfd_client_free(memory, device), "free");
}

static void peers(kfd_client_device *one) {
    kfd_client_device *other;
    if (kfd_client_open("/dev", 1, &other) != 0) return;
    kfd_client_buffer *here, *there;
    must(kfd_client_alloc(one, 1, 8192, &here), "alloc on the first device");
    must(kfd_client_alloc(other, 1, 8192, &there), "alloc on the second device");
    must(kfd_client_map(there, one), "a mapping on a peer");
    memset(kfd_client_host(here), 0x5a, 8192);
    kfd_client_stream *sdma;
    must(kfd_client_stream_create(one, KFD_CLIENT_SDMA, 1024, &sdma), "an SDMA queue");
    must(kfd_client_stream_copy(sdma, kfd_client_va(there), kfd_client_va(here), 8192), "copy to a peer");
    must(kfd_client_stream_wait(sdma, PATIENCE), "the copy to a peer");
    expect(memcmp(kfd_client_host(here), kfd_client_host(there), 8192) == 0, "peers: device to device");
    must(kfd_client_stream_destroy(sdma, one), "DESTROY_QUEUE");
    must(kfd_client_unmap(there, one), "unmapping on a peer");
    must(kfd_client_free(there, other), "free");
    must(kfd_client_free(here, one), "free");
    kfd_client_close(other);
}

int main(void) {
    kfd_client_device *device;
    must(kfd_client_open("/dev", 0, &device), "open of the first device");
    uint32_t major, minor;
    must(kfd_client_version(device, &major, &minor), "GET_VERSION");
    expect(major == 1 && kfd_client_gpu_id(device) != 0, "device: open");
    expect(kfd_client_open("/nowhere", 0, &device) == -ENOENT, "device: an absent one is -ENOENT");
    expect(kfd_client_alloc(NULL, 0, 1, NULL) == -EINVAL, "device: none is -EINVAL");
    copies(device);
    packets(device);
    peers(device);
    kfd_client_close(device);
    return 0;
}
