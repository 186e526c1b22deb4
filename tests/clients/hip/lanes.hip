/* What lanes of a wave tell each other: shuffles of all kinds and widths, votes, swizzles, DPP; also with lanes that are not there. */
#include "check.h"

enum { WAVE = 64, SLOTS = 24 };

__global__ void shuffles(const int *in, const float *floats, const double *doubles, const long long *wide, long long *out) {
    int lane = threadIdx.x, v = in[lane];
    long long results[SLOTS] = {
        __shfl(v, 5), __shfl(v, lane ^ 33), __shfl(v, (lane + 3) % 8, 8), __shfl(v, 70),
        __shfl_up(v, 1), __shfl_up(v, 7, 16), __shfl_down(v, 2), __shfl_down(v, 20, 32),
        __shfl_xor(v, 1), __shfl_xor(v, 31), __shfl_xor(v, 32), __shfl_xor(v, 2, 4),
        (long long)(__shfl(floats[lane], 63 - lane) * 8), (long long)(__shfl_down(doubles[lane], 9) * 8),
        __shfl_xor(wide[lane], 21), __shfl_up(wide[lane], 33),
        (long long)__ballot(v > 0), __any(v == in[17]), __all(v == in[17]), __popcll(__ballot(lane % 3 == 0)),
        (long long)__hip_ds_swizzle((unsigned)v, 0x041f), (long long)__hip_ds_swizzle((unsigned)v, 0x8055),
        __builtin_amdgcn_ds_bpermute((63 - lane) * 4, v), __builtin_amdgcn_ds_permute((lane * 7 % 64) * 4, v),
    };
    for (int k = 0; k < SLOTS; k++) out[k * WAVE + lane] = results[k];
}

/* Lane of `width` in which a shuffle looks, or the own one. */
static int inside(int lane, int to, int width) {
    int first = lane / width * width;
    return to >= first && to < first + width ? to : lane;
}

static void expect_shuffles(const std::vector<int> &in, const std::vector<float> &floats, const std::vector<double> &doubles, const std::vector<long long> &wide,
                            std::vector<long long> &out) {
    unsigned long long positive = 0;
    for (int lane = 0; lane < WAVE; lane++) positive |= (unsigned long long)(in[lane] > 0) << lane;
    for (int lane = 0; lane < WAVE; lane++) {
        long long results[SLOTS] = {
            in[5], in[lane ^ 33], in[lane / 8 * 8 + (lane + 3) % 8], in[70 % 64],
            in[inside(lane, lane - 1, 64)], in[inside(lane, lane - 7, 16)], in[inside(lane, lane + 2, 64)], in[inside(lane, lane + 20, 32)],
            in[lane ^ 1], in[lane ^ 31], in[lane ^ 32], in[lane ^ 2],
            (long long)(floats[63 - lane] * 8), (long long)(doubles[inside(lane, lane + 9, 64)] * 8),
            wide[lane ^ 21], wide[inside(lane, lane - 33, 64)],
            (long long)positive, 1, 0, 22,
            /* and 31, or 0, xor 1 within 32 lanes; quad permutation 1, 1, 1, 1 */
            (long long)(unsigned)in[lane ^ 1], (long long)(unsigned)in[lane / 4 * 4 + 1],
            in[63 - lane], 0,
        };
        for (int k = 0; k < SLOTS; k++) out[k * WAVE + lane] = results[k];
    }
    for (int lane = 0; lane < WAVE; lane++) out[(SLOTS - 1) * WAVE + lane * 7 % 64] = in[lane];
}

/* The sum of a wave by DPP alone: shifts of rows, broadcasts of rows. */
__global__ void by_dpp(const int *in, int *prefix, int *rotated) {
    int lane = threadIdx.x, v = in[lane];
    v += __builtin_amdgcn_update_dpp(0, v, 0x111, 0xf, 0xf, false); /* row_shr:1 */
    v += __builtin_amdgcn_update_dpp(0, v, 0x112, 0xf, 0xf, false);
    v += __builtin_amdgcn_update_dpp(0, v, 0x114, 0xf, 0xe, false);
    v += __builtin_amdgcn_update_dpp(0, v, 0x118, 0xf, 0xc, false);
    v += __builtin_amdgcn_update_dpp(0, v, 0x142, 0xa, 0xf, false); /* row_bcast:15 */
    v += __builtin_amdgcn_update_dpp(0, v, 0x143, 0xc, 0xf, false); /* row_bcast:31 */
    prefix[lane] = v;
    rotated[lane] = __builtin_amdgcn_update_dpp(0, in[lane], 0x130, 0xf, 0xf, false); /* wave_shl:1 */
    rotated[lane + 64] = __builtin_amdgcn_mov_dpp(in[lane], 0x1b, 0xf, 0xf, false);  /* quad_perm:[3,2,1,0] */
    rotated[lane + 128] = __builtin_amdgcn_mov_dpp(in[lane], 0x140, 0xf, 0xf, false); /* row_mirror */
    rotated[lane + 192] = __builtin_amdgcn_mov_dpp(in[lane], 0x141, 0xf, 0xf, false); /* row_half_mirror */
    rotated[lane + 256] = __builtin_amdgcn_update_dpp(-5, in[lane], 0x121, 0xf, 0xf, false); /* row_ror:1 */
}

/* Votes and shuffles among the lanes that are there. */
__global__ void divergent(const int *in, unsigned long long *votes, int *sums) {
    int lane = threadIdx.x;
    votes[lane] = 0;
    sums[lane] = -1;
    if (lane % 2) {
        votes[lane] = __ballot(in[lane] % 2 == 0);
        sums[lane] = __shfl(in[lane], lane % 4 == 1 ? lane + 2 : lane - 2);
    } else if (lane > 20) {
        votes[lane] = __ballot(in[lane] > 0);
    }
}

__global__ void first_lanes(int *out) {
    int lane = threadIdx.x, turn = 0;
    out[lane] = -1;
    /* A loop over the values that lanes have, one at a time. */
    int mine = lane * 7 % 5;
    for (bool done = false; !done; turn++) {
        int chosen = __builtin_amdgcn_readfirstlane(mine);
        if (chosen == mine) {
            out[lane] = turn;
            out[lane + 64] = __popcll(__ballot(1));
            done = true;
        }
    }
    out[lane + 128] = __builtin_amdgcn_readlane(mine, 3);
    out[lane + 192] = __lane_id();
}

int main() {
    Random random(8);
    std::vector<int> in(WAVE);
    std::vector<float> floats(WAVE);
    std::vector<double> doubles(WAVE);
    std::vector<long long> wide(WAVE), expected(SLOTS * WAVE);
    for (int i = 0; i < WAVE; i++) {
        in[i] = (int)(random.bits() % 2001) - 1000;
        floats[i] = in[i] * 0.125f, doubles[i] = in[i] * 0.375, wide[i] = (long long)random.bits();
    }
    expect_shuffles(in, floats, doubles, wide, expected);
    Device<int> input(in);
    Device<float> input32(floats);
    Device<double> input64(doubles);
    Device<long long> inputl(wide), out(SLOTS * WAVE);
    LAUNCH(shuffles, 1, WAVE, input, input32, input64, inputl, out);
    std::vector<long long> got = out.read();
    for (size_t i = 0; i < got.size(); i++)
        if (got[i] != expected[i]) wrong("shuffle %zu, lane %zu: %lld, not %lld", i / WAVE, i % WAVE, got[i], expected[i]);

    Device<int> prefix(WAVE), rotated(5 * WAVE);
    LAUNCH(by_dpp, 1, WAVE, input, prefix, rotated);
    std::vector<int> sums(WAVE), moved(5 * WAVE);
    for (int lane = 0, sum = 0; lane < WAVE; lane++) {
        sums[lane] = sum += in[lane];
        moved[lane] = lane == 63 ? 0 : in[lane + 1];
        moved[lane + 64] = in[lane ^ 3];
        moved[lane + 128] = in[lane ^ 15];
        moved[lane + 192] = in[lane ^ 7];
        moved[lane + 256] = in[lane / 16 * 16 + (lane + 15) % 16];
    }
    equal("prefix by DPP", prefix.read(), sums);
    equal("moved by DPP", rotated.read(), moved);

    Device<unsigned long long> votes(WAVE);
    Device<int> chosen(4 * WAVE);
    LAUNCH(divergent, 1, WAVE, input, votes, chosen.at);
    std::vector<unsigned long long> cast(WAVE, 0);
    std::vector<int> neighbours(WAVE, -1);
    for (int lane = 1; lane < WAVE; lane += 2) {
        for (int other = 1; other < WAVE; other += 2) cast[lane] |= (unsigned long long)(in[other] % 2 == 0) << other;
        neighbours[lane] = in[lane % 4 == 1 ? lane + 2 : lane - 2];
    }
    for (int lane = 22; lane < WAVE; lane += 2)
        for (int other = 22; other < WAVE; other += 2) cast[lane] |= (unsigned long long)(in[other] > 0) << other;
    equal("votes", votes.read(), cast);
    std::vector<int> all = chosen.read();
    for (int lane = 0; lane < WAVE; lane++) equal("neighbour", lane, all[lane], neighbours[lane]);

    LAUNCH(first_lanes, 1, WAVE, chosen.at);
    all = chosen.read();
    const int order[] = {0, 2, 4, 1, 3}; /* value -> turn: lanes 0.. have 0, 2, 4, 1, 3 */
    int turn_of[5];
    for (int turn = 0; turn < 5; turn++) turn_of[order[turn]] = turn;
    for (int lane = 0; lane < WAVE; lane++) {
        int value = lane * 7 % 5, same_value = 0;
        for (int other = 0; other < WAVE; other++) same_value += other * 7 % 5 == value;
        equal("turn", lane, all[lane], turn_of[value]);
        equal("lanes of one turn", lane, all[lane + 64], same_value);
        equal("lane 3's", lane, all[lane + 128], 21 % 5);
        equal("lane id", lane, all[lane + 192], lane);
    }
    return ok("lanes");
}
