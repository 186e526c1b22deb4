/*
 * Memory of one process in another through the unmodified HSA runtime: hsa_amd_ipc_memory_create in the exporter,
 * hsa_amd_ipc_memory_attach in the importer, which is all that the two share but a socket.
 *
 *   cc -O2 -I tests/clients -o ipc tests/clients/ipc.c -lhsa-runtime64
 *   ipc
 *
 * The exporter fills device memory and passes its handle; the importer reads it, writes it, and goes on reading it after
 * the exporter was killed. One line for each step; exit status 0 when all hold, 1 otherwise (what was seen is on stderr).
 */
#include "agent.h"
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define BYTES ((size_t)1 << 20)
#define COPY_PATIENCE_S 20

static hsa_agent_t cpu;
static hsa_amd_memory_pool_t vram, host;

static hsa_status_t pick_cpu(hsa_agent_t agent, void *found) {
    hsa_device_type_t type;
    must(hsa_agent_get_info(agent, HSA_AGENT_INFO_DEVICE, &type), "device type");
    if (type != HSA_DEVICE_TYPE_CPU) return HSA_STATUS_SUCCESS;
    cpu = agent;
    *(bool *)found = true;
    return HSA_STATUS_INFO_BREAK;
}

static hsa_status_t pick_pool(hsa_amd_memory_pool_t pool, void *found) {
    hsa_amd_segment_t segment;
    bool can = false;
    must(hsa_amd_memory_pool_get_info(pool, HSA_AMD_MEMORY_POOL_INFO_SEGMENT, &segment), "segment");
    must(hsa_amd_memory_pool_get_info(pool, HSA_AMD_MEMORY_POOL_INFO_RUNTIME_ALLOC_ALLOWED, &can), "alloc allowed");
    if (segment != HSA_AMD_SEGMENT_GLOBAL || !can) return HSA_STATUS_SUCCESS;
    *(hsa_amd_memory_pool_t *)found = pool;
    return HSA_STATUS_INFO_BREAK;
}

static void open_both(void) {
    bool found = false;
    open_agent();
    hsa_status_t walked = hsa_iterate_agents(pick_cpu, &found);
    if (!found) fail("no CPU agent: 0x%x", walked);
    if (hsa_amd_agent_iterate_memory_pools(gpu, pick_pool, &vram) != HSA_STATUS_INFO_BREAK) fail("no device memory");
    if (hsa_amd_agent_iterate_memory_pools(cpu, pick_pool, &host) != HSA_STATUS_INFO_BREAK) fail("no host memory");
}

static void *take(hsa_amd_memory_pool_t pool) {
    void *at = NULL;
    must(hsa_amd_memory_pool_allocate(pool, BYTES, 0, &at), "hsa_amd_memory_pool_allocate");
    must(hsa_amd_agents_allow_access(1, &gpu, NULL, at), "hsa_amd_agents_allow_access");
    return at;
}

static void copy(void *to, hsa_agent_t there, const void *from, hsa_agent_t here) {
    hsa_signal_t done = new_signal(1, true);
    must(hsa_amd_memory_async_copy(to, there, from, here, BYTES, 0, NULL, done), "hsa_amd_memory_async_copy");
    hsa_signal_value_t value = hsa_signal_wait_scacquire(done, HSA_SIGNAL_CONDITION_LT, 1, COPY_PATIENCE_S * ticks_per_s,
                                                         HSA_WAIT_STATE_BLOCKED);
    if (value != 0) fail("a copy is not done within %d s: signal %" PRId64, COPY_PATIENCE_S, (int64_t)value);
    must(hsa_signal_destroy(done), "hsa_signal_destroy");
}

static uint32_t word_at(uint32_t seed, size_t i) {
    return (uint32_t)((seed + i + 1) * 0x9e3779b97f4a7c15u >> 29);
}

static void fill(uint32_t *at, uint32_t seed) {
    for (size_t i = 0; i < BYTES / 4; i++) at[i] = word_at(seed, i);
}

static void compare(const uint32_t *at, uint32_t seed, const char *what) {
    for (size_t i = 0; i < BYTES / 4; i++)
        if (at[i] != word_at(seed, i)) fail("%s: word %zu is 0x%08x, not 0x%08x", what, i, at[i], word_at(seed, i));
}

static void say(int to, const void *what, size_t bytes) {
    if (send(to, what, bytes, MSG_NOSIGNAL) != (ssize_t)bytes) fail("the other process does not listen");
}

static void hear(int from, void *what, size_t bytes) {
    if (recv(from, what, bytes, MSG_WAITALL) != (ssize_t)bytes) fail("the other process says nothing more");
}

static void exporter(int importer) {
    hsa_amd_ipc_memory_t handle;
    char go;
    open_both();
    uint32_t *shared = take(vram), *here = take(host);
    fill(here, 1);
    copy(shared, gpu, here, cpu);
    must(hsa_amd_ipc_memory_create(shared, BYTES, &handle), "hsa_amd_ipc_memory_create");
    say(importer, &handle, sizeof handle);
    hear(importer, &go, 1);
    copy(here, cpu, shared, gpu);
    compare(here, 2, "what the importer wrote");
    puts("ipc: the exporter sees what the importer wrote");
    say(importer, &go, 1);
    for (;;) pause();
}

static void importer(int exporter, pid_t its_pid) {
    hsa_amd_ipc_memory_t handle, wrong;
    void *attached = NULL;
    char go = 0;
    open_both();
    uint32_t *here = take(host);
    hear(exporter, &handle, sizeof handle);
    wrong = handle;
    wrong.handle[0] ^= 1;
    if (hsa_amd_ipc_memory_attach(&wrong, BYTES, 1, &gpu, &attached) == HSA_STATUS_SUCCESS)
        fail("a handle that differs in one bit was attached");
    must(hsa_amd_ipc_memory_attach(&handle, BYTES, 1, &gpu, &attached), "hsa_amd_ipc_memory_attach");
    memset(here, 0, BYTES);
    copy(here, cpu, attached, gpu);
    compare(here, 1, "what the exporter wrote");
    puts("ipc: the importer sees what the exporter wrote");
    fill(here, 2);
    copy(attached, gpu, here, cpu);
    say(exporter, &go, 1);
    hear(exporter, &go, 1);
    if (kill(its_pid, SIGKILL) != 0) fail("cannot kill the exporter");
    while (kill(its_pid, 0) == 0) nap(1);
    /* Whatever its death takes back is taken back by then. */
    nap(200);
    memset(here, 0, BYTES);
    copy(here, cpu, attached, gpu);
    compare(here, 2, "after the exporter's death");
    fill(here, 3);
    copy(attached, gpu, here, cpu);
    memset(here, 0, BYTES);
    copy(here, cpu, attached, gpu);
    compare(here, 3, "written after the exporter's death");
    puts("ipc: the importer goes on when the exporter is dead");
    must(hsa_amd_ipc_memory_detach(attached), "hsa_amd_ipc_memory_detach");
    must(hsa_amd_memory_pool_free(here), "hsa_amd_memory_pool_free");
    must(hsa_shut_down(), "hsa_shut_down");
    puts("ipc: detached");
}

int main(void) {
    int ends[2], status;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) fail("no socket pair");
    pid_t one = fork();
    if (one == 0) {
        close(ends[1]);
        exporter(ends[0]);
    }
    pid_t two = fork();
    if (two == 0) {
        close(ends[0]);
        importer(ends[1], one);
        return 0;
    }
    close(ends[0]), close(ends[1]);
    /* The one that fails must not leave the other waiting. */
    pid_t first = waitpid(-1, &status, 0);
    bool killed = first == one && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    if (!killed) {
        fprintf(stderr, "the %s ended first, with status 0x%x\n", first == one ? "exporter" : "importer", status);
        kill(first == one ? two : one, SIGKILL);
        return 1;
    }
    if (waitpid(two, &status, 0) != two || !WIFEXITED(status)) return 1;
    return WEXITSTATUS(status);
}
