/* Two vectors are added up to their ends: lengths about those of waves and groups. */
#include "check.h"

__global__ void add(const float *a, const float *b, float *sum, int count) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count) sum[i] = a[i] + b[i];
}

int main() {
    Random random(1);
    for (int count : {1, 63, 64, 65, 255, 256, 257, 1000, 100003}) {
        std::vector<float> a(count), b(count), expected(count + 64, -1);
        for (int i = 0; i < count; i++) {
            a[i] = random.between(-1000, 1000);
            b[i] = random.between(-1, 1);
            expected[i] = a[i] + b[i];
        }
        Device<float> x(a), y(b), sum(std::vector<float>(count + 64, -1));
        LAUNCH(add, groups_of(count, 256), 256, x, y, sum, count);
        equal("sum", sum.read(), expected);
    }
    return ok("vadd");
}
