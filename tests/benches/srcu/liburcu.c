/*
 * liburcu's side of the SRCU bench: userspace RCU with membarrier, as a program of its own.
 *
 * Each line on standard input is one measurement, "WHAT NUMBER"; its figure is a line on standard output.
 * Built by the bench with `cc` when liburcu's headers are there; LGPL_SOURCE inlines the read side, as a user who
 * wants its best figure would. Three flavours: memb, or with -DQSBR or -DBP the other two, of which only "read" is asked.
 */
#define _GNU_SOURCE
#define _LGPL_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#if defined(QSBR)
#include <urcu-qsbr.h>
#elif defined(BP)
#include <urcu-bp.h>
#else
#define RCU_MEMBARRIER
#include <urcu.h>
#endif

struct object {
    struct rcu_head head;
    unsigned long payload[4];
};

static volatile unsigned long ran;
static volatile int stop_reader;
static volatile unsigned long sections;
static unsigned long sections_meanwhile;
static pthread_t reader;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e9 + t.tv_nsec;
}

static double read_side(long count)
{
    double start = now();
    for (long i = 0; i < count; i++) {
        rcu_read_lock();
        rcu_read_unlock();
#ifdef QSBR
        /* Without it a qsbr reader never ends. */
        rcu_quiescent_state();
#endif
    }
    return (now() - start) / count;
}

/* This thread runs on the nth of the CPUs that the program was started on, or with 2 on all of them. */
static cpu_set_t started_on;

static void pin(int which)
{
    cpu_set_t set;
    int cpu = 0;
    if (which == 2) {
        sched_setaffinity(0, sizeof started_on, &started_on);
        return;
    }
    while (cpu < CPU_SETSIZE && !(CPU_ISSET(cpu, &started_on) && which-- == 0))
        cpu++;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    sched_setaffinity(0, sizeof set, &set);
}

static void *reading(void *arg)
{
    pin(1);
    rcu_register_thread();
    double nanos = read_side(*(long *)arg);
    rcu_unregister_thread();
    double *result = malloc(sizeof *result);
    *result = nanos;
    return result;
}

static double two_readers(long count)
{
    pthread_t other;
    void *result;
    pthread_create(&other, NULL, reading, &count);
    double own = read_side(count);
    pthread_join(other, &result);
    double sum = own + *(double *)result;
    free(result);
    return sum / 2;
}

static void count_only(struct rcu_head *head)
{
    (void)head;
    ran = ran + 1;
}

static void count_and_free(struct rcu_head *head)
{
    ran = ran + 1;
    free(caa_container_of(head, struct object, head));
}

/* The objects are as a caller has just left them; the second of two turns counts, on both sides of the comparison. */
#define TURNS 2

static void leave(struct object *objects, long count)
{
    for (long i = 0; i < count; i++)
        objects[i].payload[0]++;
}

/* Under an open section, so that no callback runs meanwhile. */
static double call(long count)
{
    struct object *objects = calloc(count, sizeof *objects);
    double nanos = 0;
    for (int turn = 0; turn < TURNS; turn++) {
        leave(objects, count);
        rcu_read_lock();
        double start = now();
        for (long i = 0; i < count; i++)
            call_rcu(&objects[i].head, count_only);
        nanos = (now() - start) / count;
        rcu_read_unlock();
        rcu_barrier();
    }
    free(objects);
    return nanos;
}

/* Until the last has run, seen without rcu_barrier's own wait. */
static double flood(long count, int allocate)
{
    struct object *objects = allocate ? NULL : calloc(count, sizeof *objects);
    double nanos = 0;
    for (int turn = 0; turn < TURNS; turn++) {
        unsigned long target = ran + count;
        if (!allocate)
            leave(objects, count);
        double start = now();
        for (long i = 0; i < count; i++) {
            if (allocate)
                call_rcu(&((struct object *)malloc(sizeof(struct object)))->head, count_and_free);
            else
                call_rcu(&objects[i].head, count_only);
        }
        while (ran != target)
            usleep(10);
        nanos = (now() - start) / count;
        rcu_barrier();
    }
    free(objects);
    return nanos;
}

static double synchronize(long count)
{
    unsigned long before = sections;
    double start = now();
    for (long i = 0; i < count; i++)
        synchronize_rcu();
    double nanos = (now() - start) / count;
    sections_meanwhile = sections - before;
    return nanos;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double synchronize_p99(long count)
{
    double *each = malloc(count * sizeof *each);
    unsigned long before = sections;
    for (long i = 0; i < count; i++) {
        double start = now();
        synchronize_rcu();
        each[i] = now() - start;
    }
    sections_meanwhile = sections - before;
    qsort(each, count, sizeof *each, ascending);
    double nanos = each[count * 99 / 100];
    free(each);
    return nanos;
}

/* One callback queued and waited for; the clock runs from before it is queued. */
static double barrier(long count)
{
    struct object *objects = calloc(count, sizeof *objects);
    double start = now();
    for (long i = 0; i < count; i++) {
        call_rcu(&objects[i].head, count_only);
        rcu_barrier();
    }
    double nanos = (now() - start) / count;
    free(objects);
    return nanos;
}

/* The callback is held by a section until the clock runs, so that it is pending when the barrier begins. */
static double barrier_pending(long count)
{
    struct object *objects = calloc(count, sizeof *objects);
    double nanos = 0;
    for (long i = 0; i < count; i++) {
        rcu_read_lock();
        call_rcu(&objects[i].head, count_only);
        double start = now();
        rcu_read_unlock();
        rcu_barrier();
        nanos += now() - start;
    }
    free(objects);
    return nanos / count;
}

static void *idle(void *arg)
{
    (void)arg;
    rcu_register_thread();
    rcu_read_lock();
    rcu_read_unlock();
    for (;;)
        pause();
    return NULL;
}

static double add_idle(long count)
{
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 64 * 1024);
    for (long i = 0; i < count; i++)
        if (pthread_create(&thread, &attributes, idle, NULL) != 0)
            exit(1);
    usleep(200000);
    return 0;
}

static void *active(void *arg)
{
    (void)arg;
    pin(1);
    rcu_register_thread();
    while (!stop_reader) {
        rcu_read_lock();
        rcu_read_unlock();
        sections = sections + 1;
    }
    rcu_unregister_thread();
    return NULL;
}

/* A reader on the second CPU; this thread was told to stay on the first. Its end says how many sections it has had during the last
 * "synchronize". */
static double active_reader(long on)
{
    stop_reader = !on;
    if (on) {
        sections = 0;
        pthread_create(&reader, NULL, active, NULL);
        while (sections == 0)
            ;
        return 0;
    }
    pthread_join(reader, NULL);
    return sections_meanwhile;
}

int main(void)
{
    char what[32];
    long number;
    sched_getaffinity(0, sizeof started_on, &started_on);
    rcu_register_thread();
    /* Its thread is made now, free to run anywhere. */
    get_default_call_rcu_data();
    while (scanf("%31s %ld", what, &number) == 2) {
        double figure;
        if (!strcmp(what, "read"))
            figure = read_side(number);
        else if (!strcmp(what, "read2"))
            figure = two_readers(number);
        else if (!strcmp(what, "call"))
            figure = call(number);
        else if (!strcmp(what, "flood"))
            figure = flood(number, 0);
        else if (!strcmp(what, "flood-malloc"))
            figure = flood(number, 1);
        else if (!strcmp(what, "synchronize"))
            figure = synchronize(number);
        else if (!strcmp(what, "synchronize-p99"))
            figure = synchronize_p99(number);
        else if (!strcmp(what, "barrier"))
            figure = barrier(number);
        else if (!strcmp(what, "barrier-pending"))
            figure = barrier_pending(number);
        else if (!strcmp(what, "stay"))
            pin(number), figure = 0;
        else if (!strcmp(what, "idle"))
            figure = add_idle(number);
        else if (!strcmp(what, "active"))
            figure = active_reader(number);
        else
            return 1;
        printf("%.6f\n", figure);
        fflush(stdout);
    }
    return 0;
}
