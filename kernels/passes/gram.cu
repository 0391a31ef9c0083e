// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <vector>

#include "kernels/exec/launch.cuh"
#include "kernels/passes/passes.cuh"

namespace gauntlet {

namespace {

/// Columns that one partial sum covers. It depends on nothing, so a cell's sums are the same alone and in a batch.
constexpr std::int64_t chunk = 2048;

int chunks_of(std::int64_t d) { return static_cast<int>((d + chunk - 1) / chunk); }

#if GAUNTLET_CUDA
constexpr int warps = 8;
constexpr int tile = 32;  ///< rows of one block: four 8-row fragments

/// c ← a·b + c on the double-precision tensor cores: a is 8 × 4, b is 4 × 8. Lane l holds a[l / 4][l % 4],
/// b[l % 4][l / 4] and c[l / 4][2 (l % 4) + {0, 1}], so the same load serves as a of rows and b of columns of X Xᵀ.
__device__ void multiply_fragment(double (&c)[2], double a, double b) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
  asm("mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64 {%0,%1}, {%2}, {%3}, {%0,%1};"
      : "+d"(c[0]), "+d"(c[1])
      : "d"(a), "d"(b));
#else
  const int lane = threadIdx.x % 32;
  for (int k = 0; k < 4; ++k) {
    const double left = __shfl_sync(0xffffffffu, a, lane / 4 * 4 + k);
    for (int j = 0; j < 2; ++j) c[j] += left * __shfl_sync(0xffffffffu, b, (2 * (lane % 4) + j) * 4 + k);
  }
#endif
}

__device__ float4 load_row(const float* row, std::int64_t k) {
  return row == nullptr ? float4{0, 0, 0, 0} : *reinterpret_cast<const float4*>(row + k);
}

__device__ double part_of(const float4& v, int step) {
  return static_cast<double>(step == 0 ? v.x : step == 1 ? v.y : step == 2 ? v.z : v.w);
}

/// One block: the products of rows [32 I, 32 I + 32) with rows [32 J, 32 J + 32) over one chunk of columns. Every warp
/// takes every eighth group of 16 columns; a lane loads four neighbouring floats of one row of each fragment.
template <int Fragments, bool Diagonal>
__global__ void __launch_bounds__(warps * 32) gram_kernel(Rows rows, int tiles, double* partial) {
  const int c = blockIdx.z;
  int left = 0, right = blockIdx.y;  // blockIdx.y counts the tiles of the upper triangle, row by row
  while (right >= tiles - left) right -= tiles - left, ++left;
  right += left;
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  const float* const* table = rows.of(c);

  const float* a_rows[Fragments];
  const float* b_rows[Fragments];
#pragma unroll
  for (int r = 0; r < Fragments; ++r) {
    const int i = left * tile + 8 * r + lane / 4, j = right * tile + 8 * r + lane / 4;
    a_rows[r] = i < rows.m ? table[i] : nullptr;
    b_rows[r] = j < rows.m ? table[j] : nullptr;
  }
  double sums[Fragments][Fragments][2] = {};
  const std::int64_t first = std::int64_t{blockIdx.x} * chunk;
  const std::int64_t last = min(first + chunk, (rows.d + 15) / 16 * 16);
  // The bound is the warp's, not the lane's: the tensor cores need all lanes in every step.
  for (std::int64_t group = first + 16 * warp; group < last; group += 16 * warps) {
    const std::int64_t k = group + 4 * (lane % 4);
    float4 a[Fragments], b[Fragments];
#pragma unroll
    for (int r = 0; r < Fragments; ++r) a[r] = load_row(a_rows[r], k);
#pragma unroll
    for (int r = 0; r < Fragments; ++r) b[r] = Diagonal ? a[r] : load_row(b_rows[r], k);
    __syncwarp();
#pragma unroll
    for (int step = 0; step < 4; ++step)
#pragma unroll
      for (int r = 0; r < Fragments; ++r)
#pragma unroll
        for (int s = Diagonal ? r : 0; s < Fragments; ++s)
          multiply_fragment(sums[r][s], part_of(a[r], step), part_of(b[s], step));
  }

  // The eight warps' sums are added in warp order, through shared memory, one fragment pair at a time.
  GAUNTLET_SHARED(double, shared, [warps][64]);
  const std::int64_t m = rows.m;
  double* out = partial + (std::int64_t{c} * gridDim.x + blockIdx.x) * m * m;
#pragma unroll
  for (int r = 0; r < Fragments; ++r)
#pragma unroll
    for (int s = Diagonal ? r : 0; s < Fragments; ++s) {
      __syncthreads();
      shared[warp][(lane / 4) * 8 + 2 * (lane % 4)] = sums[r][s][0];
      shared[warp][(lane / 4) * 8 + 2 * (lane % 4) + 1] = sums[r][s][1];
      __syncthreads();
      if (threadIdx.x < 64) {
        double total = 0;
        for (int w = 0; w < warps; ++w) total += shared[w][threadIdx.x];
        const int i = left * tile + 8 * r + threadIdx.x / 8, j = right * tile + 8 * s + threadIdx.x % 8;
        if (i < m && j < m) out[i * m + j] = total;
      }
    }
}

template <bool Diagonal>
void launch_tiles(Exec& exec, const Rows& rows, int fragments, dim3 grid, int tiles, double* partial) {
  constexpr decltype(&gram_kernel<1, Diagonal>) kernels[] = {gram_kernel<1, Diagonal>, gram_kernel<2, Diagonal>,
                                                             gram_kernel<3, Diagonal>, gram_kernel<4, Diagonal>};
  launch(exec, "gram", {grid, warps * 32}, kernels[fragments - 1], rows, tiles, partial);
}
#endif

/// Adds the chunks' sums in order and mirrors the upper triangle, or keeps the diagonal alone.
struct ReduceChunks {
  const double* partial;
  double* products;
  int m, chunks;
  GramPart part;

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const std::int64_t entries = std::int64_t{m} * m, c = index / entries, entry = index % entries;
    const std::int64_t i = entry / m, j = entry % m;
    if (i > j) return;
    double total = 0;
    if (part == GramPart::full || i == j)
      for (int k = 0; k < chunks; ++k) total += partial[(c * chunks + k) * entries + entry];
    products[c * entries + entry] = total;
    products[c * entries + j * m + i] = total;
  }
};

/// a·b + c. The product of two floats is exact in double, so a fused and a separate addition give the same bits and the
/// compiler may take whichever the machine has.
inline double multiply_add(double a, double b, double c) {
#if defined(__FMA__)
  return __builtin_fma(a, b, c);
#else
  return a * b + c;
#endif
}

/// The CPU's pass: chunks are widened to double once and multiplied in 2 × 2 tiles of rows, eight running sums each.
void gram_on_cpu(const Rows& rows, GramPart part, double* products) {
  constexpr int width = 512, lanes = 8;
  const int m = rows.m;
  std::vector<double> wide(static_cast<std::size_t>(m + 1) * width);
  for (int c = 0; c < rows.count; ++c) {
    double* out = products + static_cast<std::int64_t>(c) * m * m;
    std::fill(out, out + static_cast<std::int64_t>(m) * m, 0.0);
    const float* const* table = rows.of(c);
    for (std::int64_t first = 0; first < rows.d; first += width) {
      const int columns = static_cast<int>(std::min<std::int64_t>(width, padded(rows.d) - first));
      for (int i = 0; i < m; ++i)
        for (int k = 0; k < columns; ++k) wide[static_cast<std::size_t>(i) * width + k] = table[i][first + k];
      for (int i = 0; i < m; i += 2)
        for (int j = i; j < (part == GramPart::norms ? std::min(i + 2, m) : m); j += 2) {
          const double* a = &wide[static_cast<std::size_t>(i) * width];
          const double* b = &wide[static_cast<std::size_t>(j) * width];
          double sum[4][lanes] = {};
          for (int k = 0; k < columns; k += lanes)
            for (int l = 0; l < lanes; ++l) {
              sum[0][l] = multiply_add(a[k + l], b[k + l], sum[0][l]);
              sum[1][l] = multiply_add(a[k + l], b[width + k + l], sum[1][l]);
              sum[2][l] = multiply_add(a[width + k + l], b[k + l], sum[2][l]);
              sum[3][l] = multiply_add(a[width + k + l], b[width + k + l], sum[3][l]);
            }
          for (int t = 0; t < 4; ++t) {
            const int row = i + t / 2, column = j + t % 2;
            if (row >= m || column >= m || row > column || (part == GramPart::norms && row != column)) continue;
            double total = 0;
            for (int l = 0; l < lanes; ++l) total += sum[t][l];
            out[row * m + column] += total;
          }
        }
    }
    for (int i = 0; i < m; ++i)
      for (int j = 0; j < i; ++j) out[i * m + j] = out[j * m + i];
  }
}

}  // namespace

std::size_t gram_scratch(const Exec& exec, const Rows& rows) {
  return exec.cuda() ? static_cast<std::size_t>(rows.count) * chunks_of(rows.d) * rows.m * rows.m : 0;
}

void gram(Exec& exec, const Rows& rows, GramPart part, double* scratch, double* products) {
#if GAUNTLET_CUDA
  if (exec.cuda()) {
    constexpr int limit = 65535;  // of a grid's third dimension
    if (rows.count > limit) {
      const Rows first{limit, rows.m, rows.d, rows.row}, rest{rows.count - limit, rows.m, rows.d, rows.of(limit)};
      gram(exec, first, part, scratch, products);
      return gram(exec, rest, part, scratch + gram_scratch(exec, first),
                  products + std::int64_t{limit} * rows.m * rows.m);
    }
    const int tiles = (rows.m + tile - 1) / tile, chunks = chunks_of(rows.d);
    const dim3 grid(static_cast<unsigned>(chunks), static_cast<unsigned>(tiles * (tiles + 1) / 2),
                    static_cast<unsigned>(rows.count));
    if (tiles == 1)
      launch_tiles<true>(exec, rows, (rows.m + 7) / 8, grid, tiles, scratch);
    else
      launch_tiles<false>(exec, rows, 4, grid, tiles, scratch);
    parallel_for(exec, "gram chunks", std::int64_t{rows.count} * rows.m * rows.m,
                 ReduceChunks{scratch, products, rows.m, chunks, part});
    return;
  }
#endif
  (void)exec, (void)scratch;
  gram_on_cpu(rows, part, products);
}

}  // namespace gauntlet
