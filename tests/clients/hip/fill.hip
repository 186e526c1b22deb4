/* hipMemset of bytes, words of 16 and 32 bits, rows and boxes: all of it, and nothing beside. */
#include "check.h"

static const size_t ROOM = (1 << 20) + 64;
static const unsigned char BEFORE = 0xa5;

static void flat(size_t offset, size_t bytes, int value, bool asynchronous) {
    Device<unsigned char> memory(std::vector<unsigned char>(ROOM, BEFORE));
    std::vector<unsigned char> expected(ROOM, BEFORE);
    if (asynchronous)
        MUST(hipMemsetAsync(memory + offset, value, bytes, nullptr));
    else
        MUST(hipMemset(memory + offset, value, bytes));
    memset(expected.data() + offset, value, bytes);
    if (memory.read() != expected) wrong("hipMemset of %zu bytes at %zu with %d", bytes, offset, value);
}

template <class T> static void typed(hipError_t (*fill)(hipDeviceptr_t, T, size_t), size_t offset, size_t count, T value) {
    Device<unsigned char> memory(std::vector<unsigned char>(ROOM, BEFORE));
    std::vector<unsigned char> expected(ROOM, BEFORE);
    MUST(fill(memory + offset, value, count));
    for (size_t i = 0; i < count; i++) memcpy(expected.data() + offset + i * sizeof(T), &value, sizeof(T));
    if (memory.read() != expected) wrong("fill of %zu words of %zu bytes at %zu", count, sizeof(T), offset);
}

static hipError_t fill8(hipDeviceptr_t at, unsigned char value, size_t count) { return hipMemsetD8(at, value, count); }
static hipError_t fill16(hipDeviceptr_t at, unsigned short value, size_t count) { return hipMemsetD16(at, value, count); }
static hipError_t fill32(hipDeviceptr_t at, int value, size_t count) { return hipMemsetD32(at, value, count); }

static void rows() {
    unsigned char *memory;
    size_t pitch, width = 117, height = 9;
    MUST(hipMallocPitch((void **)&memory, &pitch, width, height));
    CHECK(pitch >= width);
    std::vector<unsigned char> got(pitch * height), expected(pitch * height, BEFORE);
    MUST(hipMemset(memory, BEFORE, pitch * height));
    MUST(hipMemset2D(memory + pitch + 3, pitch, 0x3c, width - 5, height - 2));
    for (size_t y = 1; y < height - 1; y++) memset(expected.data() + y * pitch + 3, 0x3c, width - 5);
    MUST(hipMemcpy(got.data(), memory, got.size(), hipMemcpyDeviceToHost));
    equal("rows", got, expected);
    MUST(hipFree(memory));
}

static void box() {
    hipPitchedPtr memory;
    hipExtent whole = make_hipExtent(45, 7, 5);
    MUST(hipMalloc3D(&memory, whole));
    size_t bytes = memory.pitch * whole.height * whole.depth;
    std::vector<unsigned char> got(bytes), expected(bytes, BEFORE);
    MUST(hipMemset(memory.ptr, BEFORE, bytes));
    MUST(hipMemset3D(memory, 0x5a, make_hipExtent(41, 7, 3)));
    for (size_t z = 0; z < 3; z++)
        for (size_t y = 0; y < 7; y++) memset(expected.data() + (z * whole.height + y) * memory.pitch, 0x5a, 41);
    MUST(hipMemcpy(got.data(), memory.ptr, bytes, hipMemcpyDeviceToHost));
    equal("box", got, expected);
    MUST(hipFree(memory.ptr));
}

int main() {
    const size_t sizes[] = {1, 2, 3, 4, 5, 7, 8, 12, 15, 16, 17, 31, 64, 65, 255, 1000, 4096, 65537, (1 << 20) - 1, 1 << 20};
    bool asynchronous = false;
    for (size_t offset : {0, 1, 2, 4, 7, 16})
        for (size_t bytes : sizes) {
            /* What ends before the next multiple of eight from an address that is none, HIP 5.2.3 takes for nearly 2^64 bytes. */
            if (bytes < (8 - offset % 8) % 8) continue;
            flat(offset, bytes, (int)(offset * 16 + bytes) & 0xff, asynchronous = !asynchronous);
        }
    for (size_t count : {1, 2, 3, 33, 1024, 5000}) {
        typed<unsigned char>(fill8, 8, count, 0xe7);
        typed<unsigned short>(fill16, 16, count, 0xbeef);
        typed<int>(fill32, 24, count, 0x12345678);
    }
    typed<unsigned char>(fill8, 3, 100, 0xe7);
    typed<unsigned short>(fill16, 2, 100, 0xbeef);
    typed<int>(fill32, 4, 100, 0x12345678);
    rows();
    box();
    return ok("fill");
}
