/*
 * Memory that is locked for the device must be there (hsa_amd_memory_lock, which is what hipHostRegister does).
 *
 * Prints a line for each thing that held. Needs libhsa-runtime-dev; link with -lhsa-runtime64.
 */
#include "agent.h"
#include <sys/mman.h>

#define BYTES (64 << 10)

static hsa_status_t lock(void *at, size_t bytes) {
    void *seen = NULL;
    hsa_status_t status = hsa_amd_memory_lock(at, bytes, &gpu, 1, &seen);
    if (status == HSA_STATUS_SUCCESS && seen == NULL) fail("locked, but nowhere");
    return status;
}

static void must_refuse(void *at, size_t bytes, const char *what) {
    if (lock(at, bytes) == HSA_STATUS_SUCCESS) fail("%s was locked", what);
    printf("%s is refused\n", what);
}

int main(void) {
    open_agent();
    char *memory = mmap(NULL, 4 * BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) fail("no memory");
    if (munmap(memory + 2 * BYTES, BYTES) != 0) fail("munmap");
    must_refuse(memory + 2 * BYTES, BYTES, "a hole");
    must_refuse(memory, 4 * BYTES, "memory around a hole");
    must_refuse((void *)0x1000, 4096, "the lowest page");
    must(lock(memory, BYTES), "memory that is there");
    must(hsa_amd_memory_unlock(memory), "unlock");
    printf("memory is locked and unlocked\n");
    must(hsa_shut_down(), "hsa_shut_down");
    return 0;
}
