/* A product of matrices by tiles in LDS; sizes that no tile divides. */
#include "check.h"

enum { TILE = 16 };

__global__ void multiply(const float *a, const float *b, float *c, int rows, int inner, int columns) {
    __shared__ float left[TILE][TILE], right[TILE][TILE + 1];
    int y = blockIdx.y * TILE + threadIdx.y, x = blockIdx.x * TILE + threadIdx.x;
    float sum = 0;
    for (int at = 0; at < inner; at += TILE) {
        int k = at + threadIdx.x, l = at + threadIdx.y;
        left[threadIdx.y][threadIdx.x] = y < rows && k < inner ? a[y * inner + k] : 0;
        right[threadIdx.y][threadIdx.x] = l < inner && x < columns ? b[l * columns + x] : 0;
        __syncthreads();
        for (int i = 0; i < TILE; i++) sum = fmaf(left[threadIdx.y][i], right[i][threadIdx.x], sum);
        __syncthreads();
    }
    if (y < rows && x < columns) c[y * columns + x] = sum;
}

int main() {
    Random random(4);
    const int sizes[][3] = {{16, 16, 16}, {1, 1, 1}, {17, 33, 5}, {50, 70, 40}, {64, 64, 64}};
    for (const int *size : sizes) {
        int rows = size[0], inner = size[1], columns = size[2];
        std::vector<float> a(rows * inner), b(inner * columns), expected(rows * columns);
        for (float &one : a) one = random.between(-1, 1);
        for (float &one : b) one = random.between(-1, 1);
        for (int y = 0; y < rows; y++)
            for (int x = 0; x < columns; x++) {
                float sum = 0;
                for (int k = 0; k < inner; k++) sum = fmaf(a[y * inner + k], b[k * columns + x], sum);
                expected[y * columns + x] = sum;
            }
        Device<float> left(a), right(b), product(expected.size());
        LAUNCH(multiply, dim3(groups_of(columns, TILE), groups_of(rows, TILE)), dim3(TILE, TILE), left, right, product, rows, inner, columns);
        equal("product", product.read(), expected);
    }
    return ok("matmul");
}
