// The weights of a Mamba-1 layer: addresses in the order of MambaWeights in reference.py, and how many numbers each has.
#pragma once
#include <cstdint>

namespace plait {
namespace mamba {

enum Weight { kNorm, kInProj, kConv, kConvBias, kXProj, kDtProj, kDtBias, kALog, kD, kOutProj, kWeights };

struct Widths {
  int64_t d_model, d_inner, d_state, d_conv, dt_rank;
  int64_t size(int weight) const {
    const int64_t sizes[] = {d_model, 2 * d_inner * d_model, d_inner * d_conv, d_inner,
                             (dt_rank + 2 * d_state) * d_inner, d_inner * dt_rank, d_inner, d_inner * d_state,
                             d_inner, d_model * d_inner};
    return sizes[weight];
  }
  int64_t total() const {
    int64_t sum = 0;
    for (int i = 0; i < kWeights; ++i) sum += size(i);
    return sum;
  }
};

}  // namespace mamba
}  // namespace plait
