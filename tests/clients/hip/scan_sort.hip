/* rocPRIM's device algorithms: scans by decoupled look-back, where groups spin for the ones before them; sorts; reductions by key. */
#include "check.h"
#include <algorithm>
#include <numeric>
#include <rocprim/rocprim.hpp>

/* An algorithm is asked for the size of its storage first. */
template <class Algorithm> static void with_storage(Algorithm algorithm) {
    size_t bytes = 0;
    MUST(algorithm(nullptr, bytes));
    Device<char> storage(bytes);
    MUST(algorithm(storage.at, bytes));
    MUST(hipDeviceSynchronize());
}

static void scans(size_t count) {
    Random random(count);
    std::vector<unsigned> in(count), expected(count);
    for (unsigned &one : in) one = (unsigned)random.bits();
    Device<unsigned> input(in), out(count);
    with_storage([&](void *storage, size_t &bytes) { return rocprim::inclusive_scan(storage, bytes, input.at, out.at, count, rocprim::plus<unsigned>()); });
    std::partial_sum(in.begin(), in.end(), expected.begin());
    equal("inclusive scan", out.read(), expected);
    with_storage([&](void *storage, size_t &bytes) { return rocprim::exclusive_scan(storage, bytes, input.at, out.at, 7u, count, rocprim::maximum<unsigned>()); });
    unsigned most = 7;
    for (size_t i = 0; i < count; i++) expected[i] = most, most = std::max(most, in[i]);
    equal("exclusive scan", out.read(), expected);
}

static void sorts(size_t count) {
    Random random(count);
    std::vector<unsigned> keys(count);
    std::vector<int> values(count), order(count);
    for (size_t i = 0; i < count; i++) keys[i] = (unsigned)(random.bits() % (count / 2 + 1)) * 2654435761u, values[i] = (int)i;
    Device<unsigned> keys_in(keys), keys_out(count);
    Device<int> values_in(values), values_out(count);
    with_storage([&](void *storage, size_t &bytes) {
        return rocprim::radix_sort_pairs(storage, bytes, keys_in.at, keys_out.at, values_in.at, values_out.at, count);
    });
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return keys[a] < keys[b]; });
    std::vector<unsigned> got_keys = keys_out.read();
    for (size_t i = 0; i < count; i++) equal("sorted keys", i, got_keys[i], keys[order[i]]);
    equal("sorted values", values_out.read(), order);
}

int main() {
    for (size_t count : {1, 1000, 300007}) scans(count);
    for (size_t count : {100, 5000, 100003}) sorts(count);
    return ok("scan_sort");
}
