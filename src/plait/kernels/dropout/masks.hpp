// Masks of dropout, computed where they are needed and never stored: words of a stream, laid out as
// plait/layers/parts.py lays them out, so that the same entries fall on every path.
#pragma once
#include "kernels/common/lanes.hpp"
#include "native/philox.hpp"

namespace plait {

// Dropout of one member: an entry is kept where its word lies below `share`, and then multiplied by `scale`.
template <class T>
struct Mask {
  uint64_t seed;
  uint32_t draw, step, purpose;
  uint64_t share;
  T scale;
  Mask next(uint32_t draws) const { return {seed, draw + draws, step, purpose, share, scale}; }
};

// The factors of the entries first .. first + n - 1.
template <class T>
inline void factors(const Mask<T>& mask, uint64_t first, int64_t n, T* out) {
  const uint64_t share = mask.share;
  const T scale = mask.scale;
  each_word(mask.seed, first, n, mask.draw, mask.step, mask.purpose,
            [=](int64_t i, uint32_t word) { out[i] = word < share ? scale : T(0); });
}

constexpr int64_t kRowsBefore = 3, kRowsAfter = 6;  // beside those asked for: `window_factors` writes into them

// The factors of the weights (query, key) of a matrix (time, time) whose first entry is `first`, for the queries
// at .. at + 15: row j of `out` is what lies j places back, j < count. A block of the stream holds four neighbouring
// keys of a query, in each lane at another distance; what lies before the first key is left to chance.
template <class T>
inline void window_factors(const Mask<T>& mask, uint64_t first, int64_t time, int64_t at, int64_t count, T* out) {
  uint32_t blocks[kWide], words[4 * kWide];
  int64_t own[kLanes], place[kLanes];
  static_assert(kLanes == kWide, "a block for each lane");
  for (int i = 0; i < kLanes; ++i) {
    const uint64_t index = first + uint64_t(at + i) * uint64_t(time + 1);
    own[i] = int64_t(index / 4), place[i] = int64_t(index % 4) * kLanes + i;
  }
  for (int64_t back = 0; 4 * back - kRowsBefore < count; ++back) {
    for (int i = 0; i < kLanes; ++i) blocks[i] = uint32_t(own[i] - back);
    philox(mask.seed, blocks, mask.draw, mask.step, mask.purpose, words);
    for (int w = 0; w < 4; ++w) {
      T* row = out + (4 * back - w) * kLanes;
      T factor[kLanes];
      for (int i = 0; i < kLanes; ++i) factor[i] = words[w * kWide + i] < mask.share ? mask.scale : T(0);
      for (int i = 0; i < kLanes; ++i) row[place[i]] = factor[i];
    }
  }
}

}  // namespace plait
