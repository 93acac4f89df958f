// The weights of a GPT-NeoX layer: addresses in the order of NeoXWeights in reference.py, and how many numbers each has.
#pragma once
#include <cstdint>

namespace plait {
namespace neox {

enum Weight {
  kNorm1, kNorm1Bias, kNorm2, kNorm2Bias, kQkv, kQkvBias, kDense, kDenseBias, kUp, kUpBias, kDown, kDownBias, kWeights
};

struct Widths {
  int64_t d_model, d_mlp;
  int64_t size(int weight) const {
    const int64_t sizes[] = {d_model, d_model, d_model, d_model, 3 * d_model * d_model, 3 * d_model,
                             d_model * d_model, d_model, d_mlp * d_model, d_mlp, d_model * d_mlp, d_model};
    return sizes[weight];
  }
  int64_t total() const {
    int64_t sum = 0;
    for (int i = 0; i < kWeights; ++i) sum += size(i);
    return sum;
  }
};

}  // namespace neox
}  // namespace plait
