// SPDX-License-Identifier: Apache-2.0
#include "kernels/exec/gemm.cuh"

#include <cblas.h>

#include <algorithm>
#include <new>
#include <stdexcept>

#include "kernels/exec/portability.cuh"

#if GAUNTLET_CUDA
#include <cublasLt.h>
#include <cublas_v2.h>
#endif

namespace gauntlet {

#if GAUNTLET_CUDA
namespace {

/// The library chooses a kernel by the number of matrices, and kernels add in different orders. So that a cell gets the
/// same bytes alone, in a shard and in a whole cohort, kernels are chosen for this number, whatever the number is.
constexpr std::int32_t chosen_for = 512;
constexpr int most_matrices = 65535;  ///< of one call, which may put them in a dimension of the grid

void check(cublasStatus_t status) {
  if (status == CUBLAS_STATUS_ALLOC_FAILED) throw std::bad_alloc();
  if (status != CUBLAS_STATUS_SUCCESS)
    throw std::runtime_error(std::string("cuBLAS, batched product: ") + cublasGetStatusString(status));
}

/// Column-major matrices of one shape, found through a table of pointers that promise no more than whole floats.
struct Batch {
  cublasLtMatrixLayoutOpaque_t layout;

  Batch(int rows, int columns, int stride) {
    check(cublasLtMatrixLayoutInit(&layout, CUDA_R_32F, static_cast<std::uint64_t>(rows),
                                   static_cast<std::uint64_t>(columns), stride));
    const auto mode = static_cast<std::uint32_t>(CUBLASLT_BATCH_MODE_POINTER_ARRAY);
    check(cublasLtMatrixLayoutSetAttribute(&layout, CUBLASLT_MATRIX_LAYOUT_BATCH_MODE, &mode, sizeof mode));
    set_count(chosen_for);
  }
  void set_count(std::int32_t count) {
    check(cublasLtMatrixLayoutSetAttribute(&layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count, sizeof count));
  }
};

/// The kernel for a product; without workspace, so that none adds up parts of the inner size in memory. False if the
/// library has none that takes tables of pointers.
bool choose(cublasLtHandle_t handle, cublasLtMatmulDescOpaque_t& product, Batch& a, Batch& b, Batch& c,
            cublasLtMatmulAlgo_t& kernel) {
  cublasLtMatmulPreferenceOpaque_t wanted;
  check(cublasLtMatmulPreferenceInit(&wanted));
  const std::uint32_t alignment = sizeof(float);
  for (const auto of : {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
                        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES})
    check(cublasLtMatmulPreferenceSetAttribute(&wanted, of, &alignment, sizeof alignment));
  cublasLtMatmulHeuristicResult_t found;
  int count = 0;
  const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(handle, &product, &a.layout, &b.layout, &c.layout,
                                                               &c.layout, &wanted, 1, &found, &count);
  if (status == CUBLAS_STATUS_NOT_SUPPORTED || count == 0) return false;
  check(status);
  kernel = found.algo;
  return true;
}

/// As gemm_batched, of column-major matrices.
void multiply(Exec& exec, cublasOperation_t op_a, cublasOperation_t op_b, int rows, int columns, int inner, float alpha,
              const float* const* a, int lda, const float* const* b, int ldb, float beta, float* const* c, int ldc,
              int count) {
  const auto blas = static_cast<cublasHandle_t>(exec.blas());
  const auto light = reinterpret_cast<cublasLtHandle_t>(blas);  // the one contains the other
  cublasLtMatmulDescOpaque_t product;
  check(cublasLtMatmulDescInit(&product, CUBLAS_COMPUTE_32F, CUDA_R_32F));
  check(cublasLtMatmulDescSetAttribute(&product, CUBLASLT_MATMUL_DESC_TRANSA, &op_a, sizeof op_a));
  check(cublasLtMatmulDescSetAttribute(&product, CUBLASLT_MATMUL_DESC_TRANSB, &op_b, sizeof op_b));
  Batch left = op_a == CUBLAS_OP_N ? Batch(rows, inner, lda) : Batch(inner, rows, lda);
  Batch right = op_b == CUBLAS_OP_N ? Batch(inner, columns, ldb) : Batch(columns, inner, ldb);
  Batch out(rows, columns, ldc);
  cublasLtMatmulAlgo_t kernel;
  const bool chosen = choose(light, product, left, right, out, kernel);
  for (int first = 0; first < count; first += most_matrices) {
    const int some = std::min(count - first, most_matrices);
    if (chosen) {
      for (Batch* batch : {&left, &right, &out}) batch->set_count(some);
      check(cublasLtMatmul(light, &product, &alpha, a + first, &left.layout, b + first, &right.layout, &beta, c + first,
                           &out.layout, const_cast<float**>(c + first), &out.layout, &kernel, nullptr, 0,
                           static_cast<cudaStream_t>(exec.stream())));
    } else {
      check(cublasSgemmBatched(blas, op_a, op_b, rows, columns, inner, &alpha, a + first, lda, b + first, ldb, &beta,
                               c + first, ldc, some));
    }
  }
}

}  // namespace
#endif

void gemm_batched(Exec& exec, Transpose transpose_a, Transpose transpose_b, int rows, int columns, int inner,
                  float alpha, const float* const* a, int lda, const float* const* b, int ldb, float beta,
                  float* const* c, int ldc, int count) {
  if (rows == 0 || columns == 0 || count == 0) return;
#if GAUNTLET_CUDA
  if (exec.cuda()) {
    // A row-major C = A·B is a column-major C' = B'·A'.
    const auto op = [](Transpose t) { return t == Transpose::yes ? CUBLAS_OP_T : CUBLAS_OP_N; };
    return multiply(exec, op(transpose_b), op(transpose_a), columns, rows, inner, alpha, b, ldb, a, lda, beta, c, ldc,
                    count);
  }
#endif
  (void)exec;
  const auto op = [](Transpose t) { return t == Transpose::yes ? CblasTrans : CblasNoTrans; };
  for (int i = 0; i < count; ++i)
    cblas_sgemm(CblasRowMajor, op(transpose_a), op(transpose_b), rows, columns, inner, alpha, a[i], lda, b[i], ldb,
                beta, c[i], ldc);
}

}  // namespace gauntlet
