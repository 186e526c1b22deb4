/*
 * Memory copies through the unmodified HSA runtime: hsa_amd_memory_async_copy, which on these devices is a packet of an
 * SDMA queue that the runtime makes.
 *
 *   cc -O2 -o copy tests/clients/copy.c -lhsa-runtime64
 *   copy [there|after|rect|many]...     some parts only; without an argument all
 *
 * Within a device the runtime copies 1 MiB and more by a kernel, unless HSA_FORCE_SDMA_SIZE says otherwise, as `kfdctl run`
 * has it where waves do not run. One line for each part; exit status 0 when all hold, 1 at the first that does not (what was seen is on stderr).
 */
#include "agent.h"

static hsa_agent_t cpu;
static hsa_amd_memory_pool_t vram, host;

struct search {
    hsa_amd_memory_pool_t *pool;
    bool found;
};

static hsa_status_t on_pool(hsa_amd_memory_pool_t pool, void *data) {
    struct search *search = data;
    hsa_amd_segment_t segment;
    bool can = false;
    must(hsa_amd_memory_pool_get_info(pool, HSA_AMD_MEMORY_POOL_INFO_SEGMENT, &segment), "segment");
    must(hsa_amd_memory_pool_get_info(pool, HSA_AMD_MEMORY_POOL_INFO_RUNTIME_ALLOC_ALLOWED, &can), "alloc allowed");
    if (segment == HSA_AMD_SEGMENT_GLOBAL && can && !search->found) {
        *search->pool = pool;
        search->found = true;
    }
    return HSA_STATUS_SUCCESS;
}

static void find_pool(hsa_agent_t agent, hsa_amd_memory_pool_t *pool) {
    struct search search = {pool, false};
    must(hsa_amd_agent_iterate_memory_pools(agent, on_pool, &search), "hsa_amd_agent_iterate_memory_pools");
    if (!search.found) fail("an agent without memory of its own");
}

static hsa_status_t on_agent(hsa_agent_t agent, void *found) {
    hsa_device_type_t type;
    must(hsa_agent_get_info(agent, HSA_AGENT_INFO_DEVICE, &type), "device type");
    if (type != HSA_DEVICE_TYPE_CPU || *(bool *)found) return HSA_STATUS_SUCCESS;
    cpu = agent;
    *(bool *)found = true;
    return HSA_STATUS_SUCCESS;
}

static void *take(hsa_amd_memory_pool_t pool, size_t bytes) {
    void *at = NULL;
    hsa_agent_t both[] = {gpu, cpu};
    must(hsa_amd_memory_pool_allocate(pool, bytes, 0, &at), "hsa_amd_memory_pool_allocate");
    must(hsa_amd_agents_allow_access(pool.handle == host.handle ? 2 : 1, both, NULL, at), "hsa_amd_agents_allow_access");
    return at;
}

static void give(void *at) {
    must(hsa_amd_memory_pool_free(at), "hsa_amd_memory_pool_free");
}

static hsa_signal_t gate(void) {
    return new_signal(1, true);
}

static void wait_for(hsa_signal_t signal, const char *what) {
    hsa_signal_value_t value = hsa_signal_wait_scacquire(signal, HSA_SIGNAL_CONDITION_LT, 1, PATIENCE_S * ticks_per_s,
                                                         HSA_WAIT_STATE_BLOCKED);
    if (value != 0) fail("%s: not done within %d s: signal %" PRId64, what, PATIENCE_S, (int64_t)value);
}

/* Bytes that no shift, no swap of pages and no repetition leaves as they are. */
static uint8_t byte_at(uint64_t seed, size_t i) {
    uint64_t mixed = (seed + i / 8 + 1) * 0x9e3779b97f4a7c15u;
    return (uint8_t)(mixed >> (8 + i % 8 * 7));
}

static void fill(uint8_t *at, size_t bytes, uint64_t seed) {
    for (size_t i = 0; i < bytes; i++) at[i] = byte_at(seed, i);
}

static void compare(const uint8_t *at, size_t bytes, uint64_t seed, const char *what) {
    for (size_t i = 0; i < bytes; i++)
        if (at[i] != byte_at(seed, i))
            fail("%s: byte %zu of %zu is 0x%02x, not 0x%02x", what, i, bytes, at[i], byte_at(seed, i));
}

/* Host, device, another place of the device, host: the bytes come back and nothing beside them is written. */
static void there(size_t bytes, size_t skip) {
    enum { GUARD = 64 };
    uint8_t *from = take(host, bytes + skip), *back = take(host, bytes + 2 * GUARD + skip);
    uint8_t *one = take(vram, bytes + skip), *two = take(vram, bytes + skip);
    hsa_signal_t done[3] = {gate(), gate(), gate()};
    fill(from + skip, bytes, bytes);
    memset(back, 0xa5, bytes + 2 * GUARD + skip);
    must(hsa_amd_memory_async_copy(one + skip, gpu, from + skip, cpu, bytes, 0, NULL, done[0]), "to the device");
    must(hsa_amd_memory_async_copy(two + skip, gpu, one + skip, gpu, bytes, 1, &done[0], done[1]), "on the device");
    must(hsa_amd_memory_async_copy(back + GUARD + skip, cpu, two + skip, gpu, bytes, 1, &done[1], done[2]), "back");
    wait_for(done[2], "copy");
    if (hsa_signal_load_scacquire(done[0]) || hsa_signal_load_scacquire(done[1])) fail("an earlier copy is not done");
    compare(back + GUARD + skip, bytes, bytes, "there and back");
    for (size_t i = 0; i < GUARD; i++)
        if (back[skip + i] != 0xa5 || back[GUARD + skip + bytes + i] != 0xa5) fail("bytes beside the copy were written");
    for (int i = 0; i < 3; i++) must(hsa_signal_destroy(done[i]), "hsa_signal_destroy");
    give(from), give(back), give(one), give(two);
}

/* A copy waits for signals that the host lowers, and does not go before the last. */
static void after(void) {
    enum { BYTES = 4096, SIGNALS = 6 };
    uint8_t *from = take(host, BYTES), *back = take(host, BYTES), *far = take(vram, BYTES);
    hsa_signal_t gates[SIGNALS], there = gate(), done = gate();
    for (int i = 0; i < SIGNALS; i++) gates[i] = gate();
    fill(from, BYTES, 1);
    memset(back, 0, BYTES);
    must(hsa_amd_memory_async_copy(far, gpu, from, cpu, BYTES, SIGNALS, gates, there), "behind signals");
    must(hsa_amd_memory_async_copy(back, cpu, far, gpu, BYTES, 1, &there, done), "behind the copy");
    for (int i = 0; i < SIGNALS; i++) {
        hsa_signal_value_t value = hsa_signal_wait_scacquire(done, HSA_SIGNAL_CONDITION_LT, 1, ticks_per_s / 50,
                                                             HSA_WAIT_STATE_BLOCKED);
        if (value != 1 || back[0] != 0) fail("the copy did not wait for signal %d", i);
        if (i + 1 == SIGNALS) fill(from, BYTES, 2);
        hsa_signal_store_screlease(gates[i], 0);
    }
    wait_for(done, "copy behind signals");
    compare(back, BYTES, 2, "copy behind signals");
    for (int i = 0; i < SIGNALS; i++) must(hsa_signal_destroy(gates[i]), "hsa_signal_destroy");
    must(hsa_signal_destroy(there), "hsa_signal_destroy"), must(hsa_signal_destroy(done), "hsa_signal_destroy");
    give(from), give(back), give(far);
}

/* A window of a pitched image, by hsa_amd_memory_async_copy_rect. */
static void rect(void) {
    enum { PITCH = 512, ROWS = 64, SLICES = 3, BYTES = PITCH * ROWS * SLICES };
    uint8_t *from = take(host, BYTES), *back = take(host, BYTES), *far = take(vram, BYTES);
    hsa_signal_t there = gate(), done = gate();
    hsa_pitched_ptr_t source = {from, PITCH, PITCH * ROWS}, device = {far, PITCH, PITCH * ROWS};
    hsa_pitched_ptr_t sink = {back, PITCH, PITCH * ROWS};
    hsa_dim3_t at = {16, 5, 1}, to = {32, 7, 0}, home = {48, 9, 1}, size = {96, 20, 2};
    fill(from, BYTES, 3);
    memset(back, 0, BYTES);
    must(hsa_amd_memory_async_copy_rect(&device, &to, &source, &at, &size, gpu, hsaHostToDevice, 0, NULL, there), "window");
    must(hsa_amd_memory_async_copy_rect(&sink, &home, &device, &to, &size, gpu, hsaDeviceToHost, 1, &there, done), "window");
    wait_for(done, "window");
    for (uint32_t z = 0; z < SLICES; z++)
        for (uint32_t y = 0; y < ROWS; y++)
            for (uint32_t x = 0; x < PITCH; x++) {
                bool inside = x - home.x < size.x && y - home.y < size.y && z - home.z < size.z;
                size_t origin = (x - home.x + at.x) + (size_t)(y - home.y + at.y) * PITCH +
                                (size_t)(z - home.z + at.z) * PITCH * ROWS;
                uint8_t wanted = inside ? byte_at(3, origin) : 0;
                uint8_t seen = back[x + y * PITCH + z * PITCH * ROWS];
                if (seen != wanted) fail("window: (%u, %u, %u) is 0x%02x, not 0x%02x", x, y, z, seen, wanted);
            }
    must(hsa_signal_destroy(there), "hsa_signal_destroy"), must(hsa_signal_destroy(done), "hsa_signal_destroy");
    give(from), give(back), give(far);
}

/* More copies than the runtime's ring holds, each timed by the device. */
static void many(void) {
    enum { COPIES = 3000, BYTES = 256 };
    uint8_t *from = take(host, COPIES * BYTES), *back = take(host, COPIES * BYTES), *far = take(vram, COPIES * BYTES);
    hsa_signal_t last = {0};
    fill(from, COPIES * BYTES, 4);
    must(hsa_amd_profiling_async_copy_enable(true), "hsa_amd_profiling_async_copy_enable");
    for (size_t i = 0; i < COPIES; i++) {
        hsa_signal_t there = gate(), done = gate();
        size_t at = i * BYTES;
        must(hsa_amd_memory_async_copy(far + at, gpu, from + at, cpu, BYTES, last.handle != 0, last.handle ? &last : NULL, there), "there");
        must(hsa_amd_memory_async_copy(back + at, cpu, far + at, gpu, BYTES, 1, &there, done), "back");
        wait_for(done, "one of many copies");
        hsa_amd_profiling_async_copy_time_t one, two;
        must(hsa_amd_profiling_get_async_copy_time(there, &one), "copy time");
        must(hsa_amd_profiling_get_async_copy_time(done, &two), "copy time");
        if (!(one.start && one.start <= one.end && one.end <= two.start && two.start <= two.end))
            fail("times of copies out of order: %" PRIu64 "-%" PRIu64 ", %" PRIu64 "-%" PRIu64, one.start, one.end,
                 two.start, two.end);
        must(hsa_signal_destroy(there), "hsa_signal_destroy");
        if (last.handle) must(hsa_signal_destroy(last), "hsa_signal_destroy");
        last = done;
    }
    must(hsa_signal_destroy(last), "hsa_signal_destroy");
    must(hsa_amd_profiling_async_copy_enable(false), "hsa_amd_profiling_async_copy_enable");
    compare(back, COPIES * BYTES, 4, "many copies");
    give(from), give(back), give(far);
}

static bool asked(int argc, char **argv, const char *part) {
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], part) == 0) return true;
    return argc == 1;
}

int main(int argc, char **argv) {
    static const size_t sizes[] = {1, 3, 4, 64, 4095, 4096, 65537, 1 << 20, (4 << 20) + 12, (16 << 20) + 5};
    bool found = false;
    open_agent();
    must(hsa_iterate_agents(on_agent, &found), "hsa_iterate_agents");
    if (!found) fail("no CPU");
    find_pool(gpu, &vram);
    find_pool(cpu, &host);
    if (asked(argc, argv, "there")) {
        for (size_t n = 0; n < sizeof sizes / sizeof *sizes; n++) there(sizes[n], n % 3);
        puts("copy: to the device, on it, and back");
    }
    if (asked(argc, argv, "after")) after(), puts("copy: waited for its signals");
    if (asked(argc, argv, "rect")) rect(), puts("copy: a window of an image");
    if (asked(argc, argv, "many")) many(), puts("copy: three thousand, in order and timed");
    must(hsa_shut_down(), "hsa_shut_down");
    return 0;
}
