// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Stands in for cuBLAS's header of this name: what gauntlet uses of it.

#include <cuda_runtime.h>

enum cublasStatus_t {
  CUBLAS_STATUS_SUCCESS = 0,
  CUBLAS_STATUS_NOT_INITIALIZED = 1,
  CUBLAS_STATUS_ALLOC_FAILED = 3,
  CUBLAS_STATUS_INVALID_VALUE = 7,
  CUBLAS_STATUS_EXECUTION_FAILED = 13,
  CUBLAS_STATUS_NOT_SUPPORTED = 15
};
enum cublasOperation_t { CUBLAS_OP_N, CUBLAS_OP_T };
using cublasHandle_t = struct cublasContext*;

const char* cublasGetStatusString(cublasStatus_t status);
cublasStatus_t cublasCreate(cublasHandle_t* handle);
cublasStatus_t cublasDestroy(cublasHandle_t handle);
cublasStatus_t cublasSetStream(cublasHandle_t handle, cudaStream_t stream);
cublasStatus_t cublasSetWorkspace(cublasHandle_t handle, void* workspace, std::size_t bytes);

/// Column-major. The tables and the matrices must lie in device memory.
cublasStatus_t cublasSgemmBatched(cublasHandle_t handle, cublasOperation_t transpose_a, cublasOperation_t transpose_b,
                                  int m, int n, int k, const float* alpha, const float* const* a, int lda,
                                  const float* const* b, int ldb, const float* beta, float* const* c, int ldc,
                                  int count);
