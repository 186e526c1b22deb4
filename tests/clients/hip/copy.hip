/* hipMemcpy of every size and direction, aligned or not: all of it, and nothing beside. Symbols too. */
#include "check.h"

static const size_t ROOM = (4 << 20) + 256;
static const unsigned char BEFORE = 0x5a;

static void pattern(unsigned char *at, size_t bytes, uint64_t seed) {
    for (size_t i = 0; i < bytes; i++) at[i] = (unsigned char)(((seed + i) * 0x9e3779b97f4a7c15u) >> 40);
}

/* One kind of memory, as bytes that a host can look at. */
struct Place {
    enum Kind { Pageable, Pinned, Card } kind;
    unsigned char *at = nullptr;
    explicit Place(Kind kind) : kind(kind) {
        if (kind == Card) MUST(hipMalloc((void **)&at, ROOM));
        if (kind == Pinned) MUST(hipHostMalloc((void **)&at, ROOM, 0));
        if (kind == Pageable) at = (unsigned char *)malloc(ROOM);
        CHECK(at != nullptr);
    }
    ~Place() {
        if (kind == Card) (void)hipFree(at);
        if (kind == Pinned) (void)hipHostFree(at);
        if (kind == Pageable) free(at);
    }
};

/* Through pinned memory with a pitch of its own, so that not every check is by what is checked. */
static void put(Place &place, const std::vector<unsigned char> &bytes) {
    if (place.kind == Place::Card)
        MUST(hipMemcpy(place.at, bytes.data(), bytes.size(), hipMemcpyHostToDevice));
    else
        memcpy(place.at, bytes.data(), bytes.size());
}
static std::vector<unsigned char> get(const Place &place, size_t bytes) {
    std::vector<unsigned char> got(bytes);
    if (place.kind == Place::Card)
        MUST(hipMemcpy(got.data(), place.at, bytes, hipMemcpyDeviceToHost));
    else
        memcpy(got.data(), place.at, bytes);
    return got;
}

static hipMemcpyKind direction(const Place &to, const Place &from) {
    bool down = to.kind == Place::Card, up = from.kind == Place::Card;
    return down && up ? hipMemcpyDeviceToDevice : down ? hipMemcpyHostToDevice : up ? hipMemcpyDeviceToHost : hipMemcpyHostToHost;
}

static void copy(Place &to, size_t to_at, Place &from, size_t from_at, size_t bytes, int way) {
    size_t room = bytes + 128;
    std::vector<unsigned char> source(room), expected(room, BEFORE);
    pattern(source.data(), room, bytes * 31 + to_at * 7 + from_at);
    put(from, source);
    put(to, expected);
    memcpy(expected.data() + to_at, source.data() + from_at, bytes);
    hipMemcpyKind kind = way & 1 ? hipMemcpyDefault : direction(to, from);
    if (way & 2) {
        MUST(hipMemcpyAsync(to.at + to_at, from.at + from_at, bytes, kind, nullptr));
        MUST(hipStreamSynchronize(nullptr));
    } else {
        MUST(hipMemcpy(to.at + to_at, from.at + from_at, bytes, kind));
    }
    if (get(to, room) != expected)
        wrong("copy of %zu bytes from %d+%zu to %d+%zu, way %d", bytes, from.kind, from_at, to.kind, to_at, way);
    if (get(from, room) != source) wrong("copy of %zu bytes changed its source", bytes);
}

__device__ int table[1000];
__constant__ float coefficients[64];

__global__ void read_symbols(const int *index, float *out, int count) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count) out[i] = (float)table[index[i]] * coefficients[i % 64];
}

static void symbols() {
    std::vector<int> numbers(1000), index(3000);
    std::vector<float> factors(64), expected(3000);
    Random random(2);
    for (int &number : numbers) number = (int)(random.bits() % 10000);
    for (float &factor : factors) factor = random.between(-2, 2);
    for (size_t i = 0; i < index.size(); i++) {
        index[i] = (int)(random.bits() % 1000);
        expected[i] = (float)numbers[index[i]] * factors[i % 64];
    }
    MUST(hipMemcpyToSymbol(HIP_SYMBOL(table), numbers.data(), 4000, 0, hipMemcpyHostToDevice));
    MUST(hipMemcpyToSymbol(HIP_SYMBOL(coefficients), factors.data(), 256, 0, hipMemcpyHostToDevice));
    Device<int> where(index);
    Device<float> out(expected.size());
    LAUNCH(read_symbols, groups_of(index.size(), 192), 192, where, out, (int)index.size());
    equal("symbols", out.read(), expected);
    int part[10];
    MUST(hipMemcpyFromSymbol(part, HIP_SYMBOL(table), sizeof part, 100 * sizeof(int), hipMemcpyDeviceToHost));
    for (int i = 0; i < 10; i++) equal("part of a symbol", i, part[i], numbers[100 + i]);
}

int main() {
    const Place::Kind kinds[] = {Place::Pageable, Place::Pinned, Place::Card};
    const size_t sizes[] = {1, 2, 3, 4, 8, 13, 16, 31, 64, 255, 1024, 4095, 16384, 65535, 65536, 65537, 1 << 20, (4 << 20) + 1};
    int way = 0;
    for (Place::Kind to_kind : kinds)
        for (Place::Kind from_kind : kinds) {
            Place to(to_kind), from(from_kind);
            for (size_t bytes : sizes) copy(to, bytes % 5 ? bytes % 7 : 0, from, bytes % 3, bytes, way++);
            for (size_t offset : {1, 3, 4, 16}) {
                copy(to, offset, from, 0, 1000, way++);
                copy(to, 0, from, offset, 1000, way++);
            }
        }
    symbols();
    return ok("copy");
}
