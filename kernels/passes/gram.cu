// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>
#include <vector>

#include "kernels/exec/launch.cuh"
#include "kernels/passes/parts.cuh"
#include "kernels/passes/passes.cuh"

namespace gauntlet {

namespace {

/// Columns that one partial sum covers. It depends on nothing, so a cell's sums are the same alone and in a batch.
constexpr int chunk = 2048;

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

/// Keeps those of the columns [k, k + 4) that lie in the piece: beyond its ends other parts lie.
__device__ void mask(float4& v, std::int64_t k, const Piece& piece) {
  if (k < piece.begin || k >= piece.end) v.x = 0;
  if (k + 1 < piece.begin || k + 1 >= piece.end) v.y = 0;
  if (k + 2 < piece.begin || k + 2 >= piece.end) v.z = 0;
  if (k + 3 < piece.begin || k + 3 >= piece.end) v.w = 0;
}

/// One block: the products of rows [32 I, 32 I + 32) with rows [32 J, 32 J + 32) over one chunk of columns. Every warp
/// takes every eighth group of 16 columns; a lane loads four neighbouring floats of one row of each fragment.
template <int Fragments, bool Diagonal>
__global__ void __launch_bounds__(warps * 32) gram_kernel(Rows rows, Parts parts, int tiles, double* partial) {
  const int c = blockIdx.z;
  const Piece piece = parts.piece(c, blockIdx.x, chunk);
  if (piece.begin == piece.end) return;
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
  // The bounds are the warp's, not the lane's: the tensor cores need all lanes in every step.
  for (std::int64_t group = piece.begin / 16 * 16 + 16 * warp; group < piece.end; group += 16 * warps) {
    const std::int64_t k = group + 4 * (lane % 4);
    float4 a[Fragments], b[Fragments];
#pragma unroll
    for (int r = 0; r < Fragments; ++r) a[r] = load_row(a_rows[r], k);
#pragma unroll
    for (int r = 0; r < Fragments; ++r) b[r] = Diagonal ? a[r] : load_row(b_rows[r], k);
    if (group < piece.begin || group + 16 > piece.end) {
#pragma unroll
      for (int r = 0; r < Fragments; ++r) {
        mask(a[r], k, piece);
        mask(b[r], k, piece);
      }
    }
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
void launch_tiles(Exec& exec, const Rows& rows, const Parts& parts, int fragments, dim3 grid, int tiles,
                  double* partial) {
  constexpr decltype(&gram_kernel<1, Diagonal>) kernels[] = {gram_kernel<1, Diagonal>, gram_kernel<2, Diagonal>,
                                                             gram_kernel<3, Diagonal>, gram_kernel<4, Diagonal>};
  launch(exec, "gram", {grid, warps * 32}, kernels[fragments - 1], rows, parts, tiles, partial);
}
#endif

/// Adds the sums of each part's chunks in order and mirrors the upper triangle, or keeps the diagonal alone.
struct ReduceChunks {
  const double* partial;
  double* products;
  int m;
  Parts parts;
  GramPart part;

  GAUNTLET_HD void operator()(std::int64_t index) const {
    const std::int64_t entries = std::int64_t{m} * m, matrix = index / entries, entry = index % entries;
    const std::int64_t i = entry / m, j = entry % m;
    if (i > j) return;
    double total = 0;
    if (part == GramPart::full || i == j)
      total = parts.sum_pieces(matrix, chunk, [&](std::int64_t k) { return partial[k * entries + entry]; });
    products[matrix * entries + entry] = total;
    products[matrix * entries + j * m + i] = total;
  }
};

constexpr int width = 512;  ///< columns that the CPU widens to double at once

/// The products of two neighboring rows at a with two at b, in eight running sums each; columns are a multiple of
/// eight.
void multiply_tile(const double* a, const double* b, int columns, double (&products)[4]) {
  using Four = double __attribute__((vector_size(32)));
  Four sum[4][2] = {}, a0, a1, b0, b1;
  const auto load = [&](int k) {
    std::memcpy(&a0, a + k, sizeof a0);
    std::memcpy(&a1, a + width + k, sizeof a1);
    std::memcpy(&b0, b + k, sizeof b0);
    std::memcpy(&b1, b + width + k, sizeof b1);
  };
  load(0);
  for (int k = 0; k < columns; k += 8)
    for (int half = 0; half < 2; ++half) {
      sum[0][half] += a0 * b0;
      sum[1][half] += a0 * b1;
      sum[2][half] += a1 * b0;
      sum[3][half] += a1 * b1;
      load(k + 4 * half + 4);  // ahead of its use: else compilers load it again for each of its products
    }
  for (int t = 0; t < 4; ++t) {
    products[t] = 0;
    for (int l = 0; l < 8; ++l) products[t] += sum[t][l / 4][l % 4];
  }
}

/// The CPU's pass over each part: chunks are widened once and multiplied in 2 × 2 tiles of rows.
void gram_on_cpu(const Rows& rows, const Parts& parts, GramPart part, double* products) {
  const int m = rows.m;
  std::vector<double> wide(static_cast<std::size_t>(m + 1) * width + 4);  // the last tile's second row, loads ahead
  for (std::int64_t matrix = 0; matrix < std::int64_t{rows.count} * parts.most; ++matrix) {
    double* out = products + matrix * m * m;
    std::fill(out, out + static_cast<std::int64_t>(m) * m, 0.0);
    const int c = static_cast<int>(matrix / parts.most), of_stack = static_cast<int>(matrix % parts.most);
    const float* const* table = rows.of(c);
    const std::int64_t end = parts.end(c, of_stack);
    for (std::int64_t first = parts.begin(c, of_stack); first < end; first += width) {
      const int columns = static_cast<int>(std::min<std::int64_t>(width, end - first));
      const int filled = (columns + 7) / 8 * 8;  // beyond the end another part lies
      for (int i = 0; i < m; ++i) {
        double* row = &wide[static_cast<std::size_t>(i) * width];
        for (int k = 0; k < columns; ++k) row[k] = table[i][first + k];
        std::fill(row + columns, row + filled, 0.0);
      }
      for (int i = 0; i < m; i += 2)
        for (int j = i; j < (part == GramPart::norms ? std::min(i + 2, m) : m); j += 2) {
          double tile[4];
          multiply_tile(&wide[static_cast<std::size_t>(i) * width], &wide[static_cast<std::size_t>(j) * width], filled,
                        tile);
          for (int t = 0; t < 4; ++t) {
            const int row = i + t / 2, column = j + t % 2;
            if (row >= m || column >= m || row > column || (part == GramPart::norms && row != column)) continue;
            out[row * m + column] += tile[t];
          }
        }
    }
    for (int i = 0; i < m; ++i)
      for (int j = 0; j < i; ++j) out[i * m + j] = out[j * m + i];
  }
}

void products_of(Exec& exec, const Rows& rows, const Parts& parts, GramPart part, double* scratch, double* products) {
#if GAUNTLET_CUDA
  if (exec.cuda()) {
    const std::int64_t entries = std::int64_t{rows.m} * rows.m;
    constexpr int limit = 65535;  // of a grid's third dimension
    if (rows.count > limit) {
      const Rows first{limit, rows.m, rows.d, rows.row}, rest{rows.count - limit, rows.m, rows.d, rows.of(limit)};
      const Parts later{parts.most, parts.count == nullptr ? nullptr : parts.count + limit, parts.d};
      products_of(exec, first, parts, part, scratch, products);
      return products_of(exec, rest, later, part, scratch + part_gram_scratch(exec, first, parts),
                         products + std::int64_t{limit} * parts.most * entries);
    }
    const int tiles = (rows.m + tile - 1) / tile;
    const dim3 grid(static_cast<unsigned>(parts.most_pieces(chunk)), static_cast<unsigned>(tiles * (tiles + 1) / 2),
                    static_cast<unsigned>(rows.count));
    if (tiles == 1)
      launch_tiles<true>(exec, rows, parts, (rows.m + 7) / 8, grid, tiles, scratch);
    else
      launch_tiles<false>(exec, rows, parts, 4, grid, tiles, scratch);
    parallel_for(exec, "gram chunks", std::int64_t{rows.count} * parts.most * entries,
                 ReduceChunks{scratch, products, rows.m, parts, part});
    return;
  }
#endif
  (void)exec, (void)scratch;
  gram_on_cpu(rows, parts, part, products);
}

}  // namespace

std::size_t part_gram_scratch(const Exec& exec, const Rows& rows, const Parts& parts) {
  return exec.cuda() ? static_cast<std::size_t>(rows.count) * parts.most_pieces(chunk) * rows.m * rows.m : 0;
}

void part_gram(Exec& exec, const Rows& rows, const Parts& parts, double* scratch, double* products) {
  products_of(exec, rows, parts, GramPart::full, scratch, products);
}

std::size_t gram_scratch(const Exec& exec, const Rows& rows) {
  return part_gram_scratch(exec, rows, Parts::whole(rows.d));
}

void gram(Exec& exec, const Rows& rows, GramPart part, double* scratch, double* products) {
  products_of(exec, rows, Parts::whole(rows.d), part, scratch, products);
}

}  // namespace gauntlet
