/*
 * The unmodified HSA runtime, started and shut down again and again in one process: each must find what the first found.
 *
 *   cc -O2 -o init_again tests/clients/init_again.c -lhsa-runtime64        (libhsa-runtime-dev)
 *
 * One line; exit status 0 when all starts found the same agents.
 */
#include <hsa/hsa.h>
#include <stdio.h>

static hsa_status_t count(hsa_agent_t agent, void *data) {
    (void)agent;
    ++*(unsigned *)data;
    return HSA_STATUS_SUCCESS;
}

int main(void) {
    unsigned first = 0;
    for (int start = 0; start < 20; start++) {
        unsigned agents = 0;
        hsa_status_t status = hsa_init();
        if (status == HSA_STATUS_SUCCESS) status = hsa_iterate_agents(count, &agents);
        if (status == HSA_STATUS_SUCCESS) status = hsa_shut_down();
        if (status != HSA_STATUS_SUCCESS) {
            printf("start %d: 0x%x\n", start, (unsigned)status);
            return 1;
        }
        if (start == 0) first = agents;
        if (agents != first || agents < 2) {
            printf("start %d: %u agents, %u before\n", start, agents, first);
            return 1;
        }
    }
    printf("20 starts, %u agents in each\n", first);
    return 0;
}
