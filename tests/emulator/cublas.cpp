// SPDX-License-Identifier: Apache-2.0
#include <cublasLt.h>
#include <cublas_v2.h>

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "tests/emulator/memory.hpp"
#include "tests/emulator/report.hpp"
#include "tests/emulator/runtime.hpp"

struct cublasContext {
  cudaStream_t stream = nullptr;
};

namespace {

namespace memory = emulator::memory;

/// One operand: `rows` × `columns` numbers as stored, column after column.
struct Operand {
  const char* name;
  const float* const* table;
  int rows, columns, stride;

  std::size_t bytes() const {
    return (static_cast<std::size_t>(stride) * static_cast<std::size_t>(columns - 1) + static_cast<std::size_t>(rows)) *
           sizeof(float);
  }
  void check_table(int count) const {
    if (!memory::holds(table, static_cast<std::size_t>(count) * sizeof(float*)))
      emulator::report("batched product: the table of %s is not in device memory", name);
  }
  void check_matrix(int i) const {
    if (!memory::holds(table[i], bytes()))
      emulator::report("batched product: %s[%d] is not in one allocation of device memory", name, i);
  }
};

/// An operand's element (i, j) after its transposition.
float element(const float* matrix, int stride, cublasOperation_t transpose, int i, int j) {
  return transpose == CUBLAS_OP_N ? matrix[static_cast<std::ptrdiff_t>(j) * stride + i]
                                  : matrix[static_cast<std::ptrdiff_t>(i) * stride + j];
}

/// C[i] ← alpha op(A[i]) op(B[i]) + beta C[i] for `count` triples of column-major matrices, C of m × n.
cublasStatus_t multiply(cudaStream_t stream, cublasOperation_t transpose_a, cublasOperation_t transpose_b, int m, int n,
                        int k, float alpha, const float* const* a, int lda, const float* const* b, int ldb, float beta,
                        float* const* c, int ldc, int count) {
  const emulator::Untracked untracked;
  const bool a_as_is = transpose_a == CUBLAS_OP_N, b_as_is = transpose_b == CUBLAS_OP_N;
  const Operand operands[] = {{"A", a, a_as_is ? m : k, a_as_is ? k : m, lda},
                              {"B", b, b_as_is ? k : n, b_as_is ? n : k, ldb},
                              {"C", c, m, n, ldc}};
  for (const Operand& operand : operands) {
    if (operand.rows <= 0 || operand.columns <= 0 || operand.stride < operand.rows) return CUBLAS_STATUS_INVALID_VALUE;
    operand.check_table(count);
  }
  if (count > 65535) return CUBLAS_STATUS_EXECUTION_FAILED;
  const auto work = [=] {
    for (int i = 0; i < count; ++i) {
      for (const Operand& operand : operands) operand.check_matrix(i);
      for (int column = 0; column < n; ++column)
        for (int row = 0; row < m; ++row) {
          float sum = 0;
          for (int p = 0; p < k; ++p)
            sum += element(a[i], lda, transpose_a, row, p) * element(b[i], ldb, transpose_b, p, column);
          float& out = c[i][static_cast<std::ptrdiff_t>(column) * ldc + row];
          out = beta == 0 ? alpha * sum : alpha * sum + beta * out;
        }
    }
  };
  return emulator::queue(stream, work) == cudaSuccess ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
}

template <class T>
cublasStatus_t read(T& into, const void* value, std::size_t bytes) {
  if (bytes != sizeof into) return CUBLAS_STATUS_INVALID_VALUE;
  std::memcpy(&into, value, sizeof into);
  return CUBLAS_STATUS_SUCCESS;
}

int inner_size(const cublasLtMatmulDescOpaque_t& product, const cublasLtMatrixLayoutOpaque_t& a) {
  return product.a == CUBLAS_OP_N ? a.columns : a.rows;
}

}  // namespace

const char* cublasGetStatusString(cublasStatus_t status) {
  switch (status) {
    case CUBLAS_STATUS_SUCCESS:
      return "CUBLAS_STATUS_SUCCESS";
    case CUBLAS_STATUS_NOT_INITIALIZED:
      return "CUBLAS_STATUS_NOT_INITIALIZED";
    case CUBLAS_STATUS_ALLOC_FAILED:
      return "CUBLAS_STATUS_ALLOC_FAILED";
    case CUBLAS_STATUS_INVALID_VALUE:
      return "CUBLAS_STATUS_INVALID_VALUE";
    case CUBLAS_STATUS_EXECUTION_FAILED:
      return "CUBLAS_STATUS_EXECUTION_FAILED";
    case CUBLAS_STATUS_NOT_SUPPORTED:
      return "CUBLAS_STATUS_NOT_SUPPORTED";
  }
  return "an unknown status";
}

cublasStatus_t cublasCreate(cublasHandle_t* handle) {
  if (emulator::refuse_within_capture() != cudaSuccess) return CUBLAS_STATUS_NOT_INITIALIZED;
  *handle = new cublasContext;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasDestroy(cublasHandle_t handle) {
  delete handle;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetStream(cublasHandle_t handle, cudaStream_t stream) {
  handle->stream = stream;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetWorkspace(cublasHandle_t, void* workspace, std::size_t bytes) {
  return memory::holds(workspace, bytes) ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_INVALID_VALUE;
}

cublasStatus_t cublasSgemmBatched(cublasHandle_t handle, cublasOperation_t transpose_a, cublasOperation_t transpose_b,
                                  int m, int n, int k, const float* alpha, const float* const* a, int lda,
                                  const float* const* b, int ldb, const float* beta, float* const* c, int ldc,
                                  int count) {
  return multiply(handle->stream, transpose_a, transpose_b, m, n, k, *alpha, a, lda, b, ldb, *beta, c, ldc, count);
}

cublasStatus_t cublasLtMatmulDescInit(cublasLtMatmulDescOpaque_t* product, cublasComputeType_t, cudaDataType) {
  *product = {CUBLAS_OP_N, CUBLAS_OP_N};
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDescOpaque_t* product,
                                              cublasLtMatmulDescAttributes_t attribute, const void* value,
                                              std::size_t bytes) {
  return read(attribute == CUBLASLT_MATMUL_DESC_TRANSA ? product->a : product->b, value, bytes);
}

cublasStatus_t cublasLtMatrixLayoutInit(cublasLtMatrixLayoutOpaque_t* layout, cudaDataType, std::uint64_t rows,
                                        std::uint64_t columns, std::int64_t stride) {
  *layout = {static_cast<int>(rows), static_cast<int>(columns), static_cast<int>(stride), 1,
             CUBLASLT_BATCH_MODE_STRIDED};
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayoutOpaque_t* layout,
                                                cublasLtMatrixLayoutAttribute_t attribute, const void* value,
                                                std::size_t bytes) {
  return attribute == CUBLASLT_MATRIX_LAYOUT_BATCH_MODE ? read(layout->mode, value, bytes)
                                                        : read(layout->count, value, bytes);
}

cublasStatus_t cublasLtMatmulPreferenceInit(cublasLtMatmulPreferenceOpaque_t* preference) {
  *preference = {{256, 256, 256, 256}};
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreferenceOpaque_t* preference,
                                                    cublasLtMatmulPreferenceAttributes_t attribute, const void* value,
                                                    std::size_t bytes) {
  return read(preference->alignment[attribute], value, bytes);
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(
    cublasLtHandle_t, const cublasLtMatmulDescOpaque_t* product, const cublasLtMatrixLayoutOpaque_t* a,
    const cublasLtMatrixLayoutOpaque_t* b, const cublasLtMatrixLayoutOpaque_t* c, const cublasLtMatrixLayoutOpaque_t* d,
    const cublasLtMatmulPreferenceOpaque_t* preference, int, cublasLtMatmulHeuristicResult_t* results, int* found) {
  *found = 0;
  if (emulator::without_pointer_tables()) return CUBLAS_STATUS_NOT_SUPPORTED;
  for (const auto* layout : {a, b, c, d})
    if (layout->mode != CUBLASLT_BATCH_MODE_POINTER_ARRAY || layout->count != a->count)
      return CUBLAS_STATUS_INVALID_VALUE;
  const auto& alignment = preference->alignment;
  results->algo = {c->rows, c->columns, inner_size(*product, *a),
                   *std::max_element(std::begin(alignment), std::end(alignment))};
  *found = 1;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t, const cublasLtMatmulDescOpaque_t* product, const void* alpha,
                              const void* a, const cublasLtMatrixLayoutOpaque_t* layout_a, const void* b,
                              const cublasLtMatrixLayoutOpaque_t* layout_b, const void* beta, const void* c,
                              const cublasLtMatrixLayoutOpaque_t* layout_c, void* d,
                              const cublasLtMatrixLayoutOpaque_t* layout_d, const cublasLtMatmulAlgo_t* kernel, void*,
                              std::size_t, cudaStream_t stream) {
  const int inner = inner_size(*product, *layout_a);
  for (const auto* layout : {layout_b, layout_c, layout_d})
    if (layout->count != layout_a->count) return CUBLAS_STATUS_INVALID_VALUE;
  if (c != d || kernel->rows != layout_c->rows || kernel->columns != layout_c->columns || kernel->inner != inner ||
      kernel->alignment > sizeof(float))
    return CUBLAS_STATUS_INVALID_VALUE;
  return multiply(stream, product->a, product->b, layout_c->rows, layout_c->columns, inner,
                  *static_cast<const float*>(alpha), static_cast<const float* const*>(a), layout_a->stride,
                  static_cast<const float* const*>(b), layout_b->stride, *static_cast<const float*>(beta),
                  static_cast<float* const*>(d), layout_c->stride, layout_a->count);
}
