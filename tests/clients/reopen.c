/*
 * Closes /dev/kfd and opens it again: the process object lives with the address space, not with the file, so the queue
 * and the event made before are still there.
 *
 *   cc -O2 -I tests/clients -o reopen tests/clients/reopen.c
 */
#include "kfd.h"

int main(void) {
    struct kfd gpu = kfd_attach();
    struct kfd_queue queue = kfd_new_queue(&gpu);
    uint32_t event = kfd_new_event(gpu.kfd);
    if (close(gpu.kfd) == -1) kfd_fail("close");
    gpu.kfd = kfd_open_node();

    struct kfd_ioctl_set_event_args set = {.event_id = event};
    kfd_call(gpu.kfd, AMDKFD_IOC_SET_EVENT, &set, "SET_EVENT after reopening");
    printf("reopen: event %u found\n", event);

    struct kfd_ioctl_destroy_queue_args destroy = {.queue_id = queue.id};
    kfd_call(gpu.kfd, AMDKFD_IOC_DESTROY_QUEUE, &destroy, "DESTROY_QUEUE after reopening");
    printf("reopen: queue %u found\n", queue.id);

    if (ioctl(gpu.kfd, AMDKFD_IOC_DESTROY_QUEUE, &destroy) != -1) {
        fprintf(stderr, "DESTROY_QUEUE succeeded twice\n");
        return 1;
    }
    puts("reopen: gone after its destruction");
    return 0;
}
