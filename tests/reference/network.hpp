// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace gauntlet {

/// A network in double precision and plain loops, to compare with: convolutions with ReLU and pooling, then dense
/// layers with ReLU, the last one without.
struct NaiveNetwork {
  struct Conv {
    int outputs, kernel, padding, pool;
  };
  int height = 0, width = 0, channels = 0;  ///< of the image; 0 when there is no conv
  std::vector<Conv> convs = {};
  std::vector<int> dense = {};  ///< outputs of the dense layers
  bool bias = true;

  std::vector<double> outputs(const std::vector<double>& parameters, std::vector<double> x) const {
    const double* p = parameters.data();
    int h = height, w = width, c = channels;
    for (const Conv& conv : convs) {
      const int oh = h + 2 * conv.padding - conv.kernel + 1, ow = w + 2 * conv.padding - conv.kernel + 1;
      const int ph = oh / conv.pool, pw = ow / conv.pool, depth = conv.kernel * conv.kernel * c;
      const double* b = p + std::int64_t{conv.outputs} * depth;
      std::vector<double> y(static_cast<std::size_t>(ph * pw * conv.outputs), 0.0);
      for (int oy = 0; oy < ph * conv.pool; ++oy)
        for (int ox = 0; ox < pw * conv.pool; ++ox)
          for (int o = 0; o < conv.outputs; ++o) {
            double sum = b[o];
            for (int ky = 0; ky < conv.kernel; ++ky)
              for (int kx = 0; kx < conv.kernel; ++kx) {
                const int iy = oy + ky - conv.padding, ix = ox + kx - conv.padding;
                if (iy < 0 || iy >= h || ix < 0 || ix >= w) continue;
                for (int k = 0; k < c; ++k)
                  sum += p[o * depth + (ky * conv.kernel + kx) * c + k] * x[(iy * w + ix) * c + k];
              }
            double& best = y[(oy / conv.pool * pw + ox / conv.pool) * conv.outputs + o];
            best = std::max(best, sum);  // starts at 0: the ReLU
          }
      p = b + conv.outputs;
      h = ph, w = pw, c = conv.outputs;
      x = std::move(y);
    }
    for (std::size_t l = 0; l < dense.size(); ++l) {
      const std::size_t in = x.size(), out = static_cast<std::size_t>(dense[l]);
      std::vector<double> y(out, 0.0);
      for (std::size_t o = 0; o < out; ++o) {
        if (bias) y[o] = p[out * in + o];
        for (std::size_t i = 0; i < in; ++i) y[o] += p[o * in + i] * x[i];
        if (l + 1 < dense.size()) y[o] = std::max(y[o], 0.0);
      }
      p += out * in + (bias ? out : 0);
      x = std::move(y);
    }
    return x;
  }

  static double cross_entropy(const std::vector<double>& scores, int label) {
    const double top = *std::max_element(scores.begin(), scores.end());
    double sum = 0;
    for (const double score : scores) sum += std::exp(score - top);
    return std::log(sum) + top - scores[static_cast<std::size_t>(label)];
  }
};

}  // namespace gauntlet
