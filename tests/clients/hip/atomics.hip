/* Every atomic of HIP on integers of 32 and 64 bits and on floats, in device memory, in LDS and in the host's memory. */
#include "check.h"

enum { GROUPS = 12, SIZE = 96, COUNT = GROUPS * SIZE };

struct Cells {
    int add, sub, low, high, all, any, odd, cas;
    unsigned uadd, ulow, uhigh, uall, uany, uodd, inc, dec, exchanged;
    unsigned long long ladd, llow, lhigh, lall, lany, lodd, lcas, lexchanged;
    float fadd, flow, fhigh;
    double dadd;
    unsigned locked, lock;
};

__host__ __device__ inline int number(int i) { return (i * 7919) % 10007 - 5000; }
__host__ __device__ inline unsigned mask(int i) { return 1u << i % 32; }

static Cells initial() {
    Cells cells = {};
    cells.low = INT_MAX, cells.high = INT_MIN, cells.all = -1;
    cells.ulow = UINT_MAX, cells.uall = ~0u, cells.dec = 5;
    cells.llow = ~0ull, cells.lall = ~0ull;
    cells.flow = 1e30f, cells.fhigh = -1e30f;
    return cells;
}

/* What the host expects: the same, one after the other. */
static Cells expected() {
    Cells c = initial();
    for (int i = 0; i < COUNT; i++) {
        int n = number(i);
        unsigned u = (unsigned)n;
        unsigned long long l = (unsigned long long)u << 20 | i;
        c.add += n, c.sub -= n, c.odd ^= n;
        c.low = n < c.low ? n : c.low, c.high = n > c.high ? n : c.high;
        if (i % 5 == 0) c.all &= ~(int)mask(i);
        if (i % 3 == 0) c.any |= (int)mask(i);
        c.cas += n;
        c.uadd += u, c.uodd ^= u;
        c.ulow = u < c.ulow ? u : c.ulow, c.uhigh = u > c.uhigh ? u : c.uhigh;
        if (i % 5 == 0) c.uall &= ~mask(i);
        if (i % 3 == 0) c.uany |= mask(i);
        c.inc = c.inc >= 100 ? 0 : c.inc + 1;
        c.dec = c.dec == 0 || c.dec > 77 ? 77 : c.dec - 1;
        c.ladd += l, c.lodd ^= l, c.lcas += l;
        c.llow = l < c.llow ? l : c.llow, c.lhigh = l > c.lhigh ? l : c.lhigh;
        c.lall &= ~(1ull << i % 61), c.lany |= 1ull << i % 47;
        c.fadd += (float)(i % 16), c.dadd += n * 0.25;
        c.flow = n < c.flow ? n : c.flow, c.fhigh = n > c.fhigh ? n : c.fhigh;
        c.locked++;
    }
    return c;
}

__device__ void all(Cells *c, int i) {
    int n = number(i);
    unsigned u = (unsigned)n;
    unsigned long long l = (unsigned long long)u << 20 | i;
    atomicAdd(&c->add, n), atomicSub(&c->sub, n), atomicXor(&c->odd, n), atomicMin(&c->low, n), atomicMax(&c->high, n);
    if (i % 5 == 0) atomicAnd(&c->all, ~(int)mask(i));
    if (i % 3 == 0) atomicOr(&c->any, (int)mask(i));
    for (int seen = c->cas, had; (had = atomicCAS(&c->cas, seen, seen + n)) != seen;) seen = had;
    atomicAdd(&c->uadd, u), atomicXor(&c->uodd, u), atomicMin(&c->ulow, u), atomicMax(&c->uhigh, u);
    if (i % 5 == 0) atomicAnd(&c->uall, ~mask(i));
    if (i % 3 == 0) atomicOr(&c->uany, mask(i));
    atomicInc(&c->inc, 100), atomicDec(&c->dec, 77);
    atomicAdd(&c->ladd, l), atomicXor(&c->lodd, l), atomicMin(&c->llow, l), atomicMax(&c->lhigh, l);
    atomicAnd(&c->lall, ~(1ull << i % 61)), atomicOr(&c->lany, 1ull << i % 47);
    for (unsigned long long seen = c->lcas, had; (had = atomicCAS(&c->lcas, seen, seen + l)) != seen;) seen = had;
    atomicAdd(&c->fadd, (float)(i % 16)), atomicAdd(&c->dadd, n * 0.25);
    atomicMin(&c->flow, (float)n), atomicMax(&c->fhigh, (float)n);
    atomicExch(&c->exchanged, (unsigned)i + 1), atomicExch(&c->lexchanged, (unsigned long long)i + 1);
    /* A lock that waves wait for; lanes of one wave take it in turn, since one that waits would hold up the one that has it. */
    for (int turn = 0; turn < 64; turn++) {
        if (__lane_id() != turn) continue;
        while (atomicCAS(&c->lock, 0u, 1u) != 0) {}
        __threadfence();
        ((volatile Cells *)c)->locked++;
        __threadfence();
        atomicExch(&c->lock, 0u);
    }
}

__global__ void in_memory(Cells *cells) { all(cells, blockIdx.x * SIZE + threadIdx.x); }

/* One group does them all in LDS. */
__global__ void in_shared(const Cells *before, Cells *after) {
    __shared__ Cells cells;
    if (threadIdx.x == 0) cells = *before;
    __syncthreads();
    for (int i = threadIdx.x; i < COUNT; i += blockDim.x) all(&cells, i);
    __syncthreads();
    if (threadIdx.x == 0) *after = cells;
}

/* What system scope is for: memory of the host's. */
__global__ void in_host_memory(Cells *c) {
    int i = blockIdx.x * SIZE + threadIdx.x, n = number(i);
    unsigned long long l = (unsigned long long)(unsigned)n << 20 | i;
    atomicAdd_system(&c->add, n), atomicMin_system(&c->low, n), atomicMax_system(&c->high, n), atomicXor_system(&c->odd, n);
    if (i % 3 == 0) atomicOr_system(&c->any, (int)mask(i));
    atomicAdd_system(&c->ladd, l), atomicAdd_system(&c->fadd, (float)(i % 16)), atomicAdd_system(&c->dadd, n * 0.25);
    for (unsigned long long seen = c->lcas, had; (had = atomicCAS_system(&c->lcas, seen, seen + l)) != seen;) seen = had;
}

/* Each old value is had by one thread. */
__global__ void returned(unsigned *next, unsigned *order) { order[atomicAdd(next, 1u)] = blockIdx.x * blockDim.x + threadIdx.x; }

__global__ void scopes(unsigned *cells) {
    __hip_atomic_fetch_add(cells + 0, 1u, __ATOMIC_RELAXED, __HIP_MEMORY_SCOPE_WAVEFRONT);
    __hip_atomic_fetch_add(cells + 1, 2u, __ATOMIC_ACQ_REL, __HIP_MEMORY_SCOPE_WORKGROUP);
    __hip_atomic_fetch_add(cells + 2, 3u, __ATOMIC_SEQ_CST, __HIP_MEMORY_SCOPE_AGENT);
    __hip_atomic_fetch_add(cells + 3, 4u, __ATOMIC_SEQ_CST, __HIP_MEMORY_SCOPE_SYSTEM);
    __hip_atomic_fetch_xor(cells + 4, threadIdx.x, __ATOMIC_RELEASE, __HIP_MEMORY_SCOPE_AGENT);
    if (blockIdx.x == 0 && threadIdx.x == 0) {
        __hip_atomic_store(cells + 5, 99u, __ATOMIC_RELEASE, __HIP_MEMORY_SCOPE_SYSTEM);
        cells[6] = __hip_atomic_load(cells + 5, __ATOMIC_ACQUIRE, __HIP_MEMORY_SCOPE_SYSTEM);
    }
}

static void compare(const char *where, const Cells &got, const Cells &want) {
#define SAME(field)                                                                                                       \
    if (!same(got.field, want.field)) wrong("%s: %s is %.17g, not %.17g", where, #field, (double)got.field, (double)want.field)
    SAME(add); SAME(sub); SAME(low); SAME(high); SAME(all); SAME(any); SAME(odd); SAME(cas);
    SAME(uadd); SAME(ulow); SAME(uhigh); SAME(uall); SAME(uany); SAME(uodd); SAME(inc); SAME(dec);
    SAME(ladd); SAME(llow); SAME(lhigh); SAME(lall); SAME(lany); SAME(lodd); SAME(lcas);
    SAME(fadd); SAME(flow); SAME(fhigh); SAME(dadd); SAME(locked); SAME(lock);
    if (got.exchanged < 1 || got.exchanged > COUNT) wrong("%s: exchanged is %u", where, got.exchanged);
    if (got.lexchanged < 1 || got.lexchanged > COUNT) wrong("%s: lexchanged is %llu", where, got.lexchanged);
}

int main() {
    Cells want = expected(), got;
    Device<Cells> cells(1), after(1);
    MUST(hipMemcpy(cells, &(got = initial()), sizeof got, hipMemcpyHostToDevice));
    LAUNCH(in_memory, GROUPS, SIZE, cells);
    MUST(hipMemcpy(&got, cells, sizeof got, hipMemcpyDeviceToHost));
    compare("memory", got, want);

    MUST(hipMemcpy(cells, &(got = initial()), sizeof got, hipMemcpyHostToDevice));
    LAUNCH(in_shared, 1, 256, cells, after);
    MUST(hipMemcpy(&got, after, sizeof got, hipMemcpyDeviceToHost));
    compare("LDS", got, want);

    Cells *host;
    MUST(hipHostMalloc((void **)&host, sizeof *host, hipHostMallocCoherent));
    *host = initial();
    LAUNCH(in_host_memory, GROUPS, SIZE, host);
    MUST(hipDeviceSynchronize());
    equal("host add", 0, host->add, want.add);
    equal("host low", 0, host->low, want.low);
    equal("host high", 0, host->high, want.high);
    equal("host any", 0, host->any, want.any);
    equal("host odd", 0, host->odd, want.odd);
    equal("host ladd", 0, host->ladd, want.ladd);
    equal("host lcas", 0, host->lcas, want.lcas);
    equal("host fadd", 0, host->fadd, want.fadd);
    equal("host dadd", 0, host->dadd, want.dadd);
    MUST(hipHostFree(host));

    Device<unsigned> next(std::vector<unsigned>(1, 0)), order(std::vector<unsigned>(COUNT, ~0u));
    LAUNCH(returned, GROUPS, SIZE, next, order);
    std::vector<unsigned> seen(COUNT, 0);
    for (unsigned one : order.read()) {
        CHECK(one < COUNT);
        seen[one]++;
    }
    equal("turns", seen, std::vector<unsigned>(COUNT, 1));

    Device<unsigned> counters(std::vector<unsigned>(7, 0));
    LAUNCH(scopes, 3, 64, counters);
    equal("scopes", counters.read(), {192, 384, 576, 768, 0, 99, 99});
    return ok("atomics");
}
