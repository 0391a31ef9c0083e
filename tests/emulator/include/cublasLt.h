// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Stands in for cuBLASLt's header of this name: what gauntlet uses of it.

#include <cublas_v2.h>

#include <cstddef>
#include <cstdint>

enum cublasComputeType_t { CUBLAS_COMPUTE_32F = 68 };
enum cudaDataType { CUDA_R_32F = 0 };
enum cublasLtBatchMode_t { CUBLASLT_BATCH_MODE_STRIDED, CUBLASLT_BATCH_MODE_POINTER_ARRAY };
enum cublasLtMatmulDescAttributes_t { CUBLASLT_MATMUL_DESC_TRANSA, CUBLASLT_MATMUL_DESC_TRANSB };
enum cublasLtMatrixLayoutAttribute_t { CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, CUBLASLT_MATRIX_LAYOUT_BATCH_MODE };
enum cublasLtMatmulPreferenceAttributes_t {
  CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES,
  CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
  CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES,
  CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES
};

struct cublasLtMatmulDescOpaque_t {
  cublasOperation_t a, b;
};
struct cublasLtMatrixLayoutOpaque_t {
  int rows, columns, stride, count;
  std::uint32_t mode;
};
struct cublasLtMatmulPreferenceOpaque_t {
  std::uint32_t alignment[4];  ///< in bytes; as in the real one 256 unless set
};
/// A kernel is good for the shapes and the alignment that it was chosen for, and for any number of matrices.
struct cublasLtMatmulAlgo_t {
  int rows, columns, inner;
  std::uint32_t alignment;
};
struct cublasLtMatmulHeuristicResult_t {
  cublasLtMatmulAlgo_t algo;
};
using cublasLtHandle_t = cublasHandle_t;

cublasStatus_t cublasLtMatmulDescInit(cublasLtMatmulDescOpaque_t* product, cublasComputeType_t, cudaDataType);
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDescOpaque_t* product,
                                              cublasLtMatmulDescAttributes_t attribute, const void* value,
                                              std::size_t bytes);
cublasStatus_t cublasLtMatrixLayoutInit(cublasLtMatrixLayoutOpaque_t* layout, cudaDataType, std::uint64_t rows,
                                        std::uint64_t columns, std::int64_t stride);
cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayoutOpaque_t* layout,
                                                cublasLtMatrixLayoutAttribute_t attribute, const void* value,
                                                std::size_t bytes);
cublasStatus_t cublasLtMatmulPreferenceInit(cublasLtMatmulPreferenceOpaque_t* preference);
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreferenceOpaque_t* preference,
                                                    cublasLtMatmulPreferenceAttributes_t attribute, const void* value,
                                                    std::size_t bytes);
cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle, const cublasLtMatmulDescOpaque_t* product,
                                              const cublasLtMatrixLayoutOpaque_t* a,
                                              const cublasLtMatrixLayoutOpaque_t* b,
                                              const cublasLtMatrixLayoutOpaque_t* c,
                                              const cublasLtMatrixLayoutOpaque_t* d,
                                              const cublasLtMatmulPreferenceOpaque_t* preference, int requested,
                                              cublasLtMatmulHeuristicResult_t* results, int* found);

/// Column-major, in tables of pointers. The tables and the matrices must lie in device memory, c and d be one.
cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, const cublasLtMatmulDescOpaque_t* product, const void* alpha,
                              const void* a, const cublasLtMatrixLayoutOpaque_t* layout_a, const void* b,
                              const cublasLtMatrixLayoutOpaque_t* layout_b, const void* beta, const void* c,
                              const cublasLtMatrixLayoutOpaque_t* layout_c, void* d,
                              const cublasLtMatrixLayoutOpaque_t* layout_d, const cublasLtMatmulAlgo_t* kernel,
                              void* workspace, std::size_t workspace_bytes, cudaStream_t stream);
