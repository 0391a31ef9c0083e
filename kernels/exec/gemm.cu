// SPDX-License-Identifier: Apache-2.0
#include "kernels/exec/gemm.cuh"

#include <cblas.h>

#include <stdexcept>

#include "kernels/exec/portability.cuh"

#if GAUNTLET_CUDA
#include <cublas_v2.h>
#endif

namespace gauntlet {

void gemm_batched(Exec& exec, Transpose transpose_a, Transpose transpose_b, int rows, int columns, int inner,
                  float alpha, const float* const* a, int lda, const float* const* b, int ldb, float beta,
                  float* const* c, int ldc, int count) {
  if (rows == 0 || columns == 0 || count == 0) return;
#if GAUNTLET_CUDA
  if (exec.cuda()) {
    // cuBLAS is column-major: a row-major C = A·B is its C' = B'·A'.
    const auto op = [](Transpose t) { return t == Transpose::yes ? CUBLAS_OP_T : CUBLAS_OP_N; };
    constexpr int limit = 65535;  // matrices that one call takes: it may put them in a dimension of the grid
    for (int first = 0; first < count; first += limit) {
      const cublasStatus_t status = cublasSgemmBatched(
          static_cast<cublasHandle_t>(exec.blas()), op(transpose_b), op(transpose_a), columns, rows, inner, &alpha,
          b + first, ldb, a + first, lda, &beta, c + first, ldc, count - first < limit ? count - first : limit);
      if (status != CUBLAS_STATUS_SUCCESS)
        throw std::runtime_error(std::string("cublasSgemmBatched: ") + cublasGetStatusString(status));
    }
    return;
  }
#endif
  (void)exec;
  const auto op = [](Transpose t) { return t == Transpose::yes ? CblasTrans : CblasNoTrans; };
  for (int i = 0; i < count; ++i)
    cblas_sgemm(CblasRowMajor, op(transpose_a), op(transpose_b), rows, columns, inner, alpha, a[i], lda, b[i], ldb,
                beta, c[i], ldc);
}

}  // namespace gauntlet
