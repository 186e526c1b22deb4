/*
 * A small KFD client for C programs: devices, buffers, events, AQL, PM4 and SDMA queues, against kfdd or a real amdkfd.
 *
 * Link with -lkfd_client. Every function that returns int returns 0 or a negative errno, as the driver gave it; a NULL
 * handle is -EINVAL. A handle is ended once, and not after its device; two threads do not use one handle at the same time.
 */
#ifndef KFD_CLIENT_LIBRARY_H
#define KFD_CLIENT_LIBRARY_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct kfd_client_device kfd_client_device;
typedef struct kfd_client_buffer kfd_client_buffer;
typedef struct kfd_client_aql kfd_client_aql;
typedef struct kfd_client_stream kfd_client_stream;

/* An event: `id` for signals and waits, `trigger` what raises it, `slot` its place in the event page. */
typedef struct kfd_client_event {
    uint32_t id;
    uint32_t trigger;
    uint32_t slot;
} kfd_client_event;

/* A signal of an AQL queue; `handle` is what packets name. */
typedef struct kfd_client_signal {
    uint64_t handle;
    uint32_t index;
} kfd_client_signal;

/* Engines of a stream queue. */
enum { KFD_CLIENT_PM4 = 0, KFD_CLIENT_SDMA = 1, KFD_CLIENT_SDMA_XGMI = 2 };

/* Opens `dev`/kfd and the render node of the device number `index`, and binds its VM. `dev` is "/dev". */
int kfd_client_open(const char *dev, uint32_t index, kfd_client_device **device);
void kfd_client_close(kfd_client_device *device);
int kfd_client_version(const kfd_client_device *device, uint32_t *major, uint32_t *minor);
uint32_t kfd_client_gpu_id(const kfd_client_device *device);

/* Memory of the device (`vram` not 0) or the host, mapped on both sides; `bytes` is rounded up to pages. */
int kfd_client_alloc(const kfd_client_device *device, int vram, uint64_t bytes, kfd_client_buffer **buffer);
void *kfd_client_host(const kfd_client_buffer *buffer);
uint64_t kfd_client_va(const kfd_client_buffer *buffer);
int kfd_client_map(const kfd_client_buffer *buffer, const kfd_client_device *other);
int kfd_client_unmap(const kfd_client_buffer *buffer, const kfd_client_device *other);
int kfd_client_free(kfd_client_buffer *buffer, const kfd_client_device *device);

/* Events. A wait ends with 0, with -ETIME after `milliseconds` (0xffffffff: never), or with -EIO when the event ends. */
int kfd_client_event_create(const kfd_client_device *device, kfd_client_event *event);
int kfd_client_event_set(const kfd_client_device *device, kfd_client_event event);
int kfd_client_event_wait(const kfd_client_device *device, kfd_client_event event, uint32_t milliseconds);
int kfd_client_event_destroy(const kfd_client_device *device, kfd_client_event event);

/* AQL queues of `packets` slots (a power of two, at least 16), with at most 64 signals each (-ENOSPC). */
int kfd_client_aql_create(const kfd_client_device *device, uint32_t packets, kfd_client_aql **queue);
int kfd_client_aql_signal(kfd_client_aql *queue, uint64_t initial, const kfd_client_event *event,
                          kfd_client_signal *signal);
uint64_t kfd_client_aql_value(const kfd_client_aql *queue, kfd_client_signal signal);
int kfd_client_aql_barrier(const kfd_client_aql *queue, const uint64_t *after, uint32_t count,
                           const kfd_client_signal *done);
int kfd_client_aql_destroy(kfd_client_aql *queue, const kfd_client_device *device);

/* PM4 and SDMA queues of `dwords` dwords (a power of two, at least 1024). A full ring is -EAGAIN. */
int kfd_client_stream_create(const kfd_client_device *device, uint32_t engine, uint32_t dwords,
                             kfd_client_stream **queue);
int kfd_client_stream_submit(kfd_client_stream *queue, const uint32_t *dwords, uint32_t count);
int kfd_client_stream_copy(kfd_client_stream *queue, uint64_t dst, uint64_t src, uint64_t bytes);
int kfd_client_stream_wait(const kfd_client_stream *queue, uint32_t milliseconds);
int kfd_client_stream_destroy(kfd_client_stream *queue, const kfd_client_device *device);

#ifdef __cplusplus
}
#endif

#endif
