/* Copies of rows and boxes in pitched memory, in every direction. */
#include "check.h"

typedef std::vector<unsigned char> Bytes;

static Bytes pattern(size_t bytes, uint64_t seed) {
    Random random(seed);
    Bytes made(bytes);
    for (unsigned char &byte : made) byte = (unsigned char)random.bits();
    return made;
}

static void rows(size_t width, size_t height, size_t from_pitch, size_t to_pitch) {
    Bytes source = pattern(from_pitch * height, width), before = pattern(to_pitch * height, height), expected = before;
    for (size_t y = 0; y < height; y++) memcpy(&expected[y * to_pitch], &source[y * from_pitch], width);

    Device<unsigned char> from(source), to(before);
    MUST(hipMemcpy2D(to, to_pitch, from, from_pitch, width, height, hipMemcpyDeviceToDevice));
    equal("rows within the device", to.read(), expected);

    to.write(before);
    MUST(hipMemcpy2D(to, to_pitch, source.data(), from_pitch, width, height, hipMemcpyHostToDevice));
    equal("rows to the device", to.read(), expected);

    Bytes got = before;
    MUST(hipMemcpy2D(got.data(), to_pitch, from, from_pitch, width, height, hipMemcpyDeviceToHost));
    equal("rows to the host", got, expected);

    got = before;
    MUST(hipMemcpy2DAsync(got.data(), to_pitch, from, from_pitch, width, height, hipMemcpyDefault, nullptr));
    MUST(hipStreamSynchronize(nullptr));
    equal("rows to the host, later", got, expected);
}

static hipPitchedPtr pitched(void *at, size_t pitch, size_t width, size_t height) { return make_hipPitchedPtr(at, pitch, width, height); }

static void box(hipExtent extent, hipPos from_at, hipPos to_at) {
    const size_t pitch = 100, height = 11, depth = 6;
    Bytes source = pattern(pitch * height * depth, extent.width), before = pattern(source.size(), extent.depth), expected = before;
    auto at = [&](hipPos position, size_t y, size_t z) { return ((position.z + z) * height + position.y + y) * pitch + position.x; };
    for (size_t z = 0; z < extent.depth; z++)
        for (size_t y = 0; y < extent.height; y++) memcpy(&expected[at(to_at, y, z)], &source[at(from_at, y, z)], extent.width);

    Device<unsigned char> from(source), to(before);
    hipMemcpy3DParms copy = {};
    copy.srcPos = from_at;
    copy.dstPos = to_at;
    copy.extent = extent;
    copy.srcPtr = pitched(from.at, pitch, pitch, height);
    copy.dstPtr = pitched(to.at, pitch, pitch, height);
    copy.kind = hipMemcpyDeviceToDevice;
    MUST(hipMemcpy3D(&copy));
    equal("box within the device", to.read(), expected);

    to.write(before);
    copy.srcPtr = pitched(source.data(), pitch, pitch, height);
    copy.kind = hipMemcpyHostToDevice;
    MUST(hipMemcpy3D(&copy));
    equal("box to the device", to.read(), expected);

    Bytes got = before;
    copy.srcPtr = pitched(from.at, pitch, pitch, height);
    copy.dstPtr = pitched(got.data(), pitch, pitch, height);
    copy.kind = hipMemcpyDeviceToHost;
    MUST(hipMemcpy3D(&copy));
    equal("box to the host", got, expected);
}

int main() {
    for (size_t width : {1, 3, 16, 61, 256})
        for (size_t height : {1, 2, 17}) rows(width, height, width + 7, width + 12);
    rows(512, 64, 512, 512);
    rows(333, 40, 1024, 512);
    box(make_hipExtent(100, 11, 6), make_hipPos(0, 0, 0), make_hipPos(0, 0, 0));
    box(make_hipExtent(37, 5, 3), make_hipPos(4, 1, 2), make_hipPos(8, 3, 0));
    box(make_hipExtent(13, 10, 2), make_hipPos(3, 1, 1), make_hipPos(77, 0, 3));
    box(make_hipExtent(1, 1, 1), make_hipPos(99, 10, 5), make_hipPos(0, 0, 5));
    return ok("copy_box");
}
