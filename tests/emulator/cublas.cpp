// SPDX-License-Identifier: Apache-2.0
#include <cublas_v2.h>

#include <cstddef>

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
      emulator::report("cublasSgemmBatched: the table of %s is not in device memory", name);
  }
  void check_matrix(int i) const {
    if (!memory::holds(table[i], bytes()))
      emulator::report("cublasSgemmBatched: %s[%d] is not in one allocation of device memory", name, i);
  }
};

/// An operand's element (i, j) after its transposition.
float element(const float* matrix, int stride, cublasOperation_t transpose, int i, int j) {
  return transpose == CUBLAS_OP_N ? matrix[static_cast<std::ptrdiff_t>(j) * stride + i]
                                  : matrix[static_cast<std::ptrdiff_t>(i) * stride + j];
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
  const auto multiply = [=, alpha = *alpha, beta = *beta] {
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
  return emulator::queue(handle->stream, multiply) == cudaSuccess ? CUBLAS_STATUS_SUCCESS
                                                                  : CUBLAS_STATUS_EXECUTION_FAILED;
}
