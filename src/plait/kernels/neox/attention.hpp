// Causal sliding-window attention of one head over one sequence, feature-major: the times lie on the lanes, and the
// loop runs over distances, so that a window costs what it holds.
#pragma once
#include <algorithm>

#include "kernels/common/lanes.hpp"

namespace plait {

// Offsets seen by the block of times at .. at + 15.
inline int64_t offsets(int64_t window, int64_t at) { return std::min(window, at + kLanes); }

// out[d] = sum over f of a[f] b[f - distance], for `Tile` distances from `distance` on.
template <class T, int Tile>
inline void score_tile(Signal<T> a, Signal<T> b, int64_t width, int64_t at, int64_t distance, Lanes<T> out[Tile]) {
  for (int i = 0; i < Tile; ++i) out[i] = Lanes<T>{};
  for (int64_t f = 0; f < width; ++f) {
    const Lanes<T> left = load(a[f] + at);
    for (int i = 0; i < Tile; ++i) out[i] += left * load(b[f] + at - distance - i);
  }
}

template <class T>
inline void scores(Signal<T> a, Signal<T> b, int64_t width, int64_t at, int64_t count, T* out, int64_t stride) {
  int64_t j = 0;
  for (; j + 4 <= count; j += 4) {
    Lanes<T> tile[4];
    score_tile<T, 4>(a, b, width, at, j, tile);
    for (int i = 0; i < 4; ++i) store(out + (j + i) * stride, tile[i]);
  }
  for (; j < count; ++j) {
    Lanes<T> tile[1];
    score_tile<T, 1>(a, b, width, at, j, tile);
    store(out + j * stride, tile[0]);
  }
}

// out[f] at `at` = sum over distances j of p[j] b[f - j].
template <class T>
inline void mix(const T* p, int64_t stride, Signal<T> b, int64_t width, int64_t at, int64_t count, Signal<T> out) {
  for (int64_t f = 0; f < width; f += 4) {
    const int64_t n = std::min<int64_t>(4, width - f);
    Lanes<T> sum[4] = {};
    if (n == 4) {
      for (int64_t j = 0; j < count; ++j) {
        const Lanes<T> weight = load(p + j * stride);
        for (int i = 0; i < 4; ++i) sum[i] += weight * load(b[f + i] + at - j);
      }
    } else {
      for (int64_t j = 0; j < count; ++j)
        for (int64_t i = 0; i < n; ++i) sum[i] += load(p + j * stride) * load(b[f + i] + at - j);
    }
    for (int64_t i = 0; i < n; ++i) store(out[f + i] + at, sum[i]);
  }
}

// out[f] at source `at` = sum over distances j of p[j] at + j times a[f] at + j.
template <class T>
inline void mix_back(const T* p, int64_t stride, Signal<T> a, int64_t width, int64_t at, int64_t count,
                     Signal<T> out) {
  for (int64_t f = 0; f < width; f += 4) {
    const int64_t n = std::min<int64_t>(4, width - f);
    Lanes<T> sum[4] = {};
    if (n == 4) {
      for (int64_t j = 0; j < count; ++j) {
        const Lanes<T> weight = load(p + j * stride + at + j);
        for (int i = 0; i < 4; ++i) sum[i] += weight * load(a[f + i] + at + j);
      }
    } else {
      for (int64_t j = 0; j < count; ++j)
        for (int64_t i = 0; i < n; ++i) sum[i] += load(p + j * stride + at + j) * load(a[f + i] + at + j);
    }
    for (int64_t i = 0; i < n; ++i) store(out[f + i] + at, sum[i]);
  }
}

// Probabilities of the block of times at .. at + 15: row j is what lies j places back. q is already scaled.
template <class T>
inline void probabilities(Signal<T> q, Signal<T> k, int64_t width, int64_t at, int64_t count, T* p, int64_t stride) {
  scores(q, k, width, at, count, p, stride);
  for (int64_t j = at + 1; j < count; ++j)
    for (int64_t i = 0; i < j - at; ++i) p[j * stride + i] = -std::numeric_limits<T>::infinity();
  Lanes<T> top = load(p), sum{};
  for (int64_t j = 1; j < count; ++j) {
    const Lanes<T> score = load(p + j * stride);
    top = choose(score > top, score, top);
  }
  for (int64_t j = 0; j < count; ++j) {
    const Lanes<T> weight = exp<T>(load(p + j * stride) - top);
    store(p + j * stride, weight);
    sum += weight;
  }
  const Lanes<T> inverse = T(1) / sum;
  for (int64_t j = 0; j < count; ++j) store(p + j * stride, load(p + j * stride) * inverse);
}

// From p and dp (count x stride, in place over dp): the derivative by the scores.
template <class T>
inline void softmax_backward(const T* p, T* dp, int64_t count, int64_t stride) {
  Lanes<T> dot{};
  for (int64_t j = 0; j < count; ++j) dot += load(p + j * stride) * load(dp + j * stride);
  for (int64_t j = 0; j < count; ++j)
    store(dp + j * stride, load(p + j * stride) * (load(dp + j * stride) - dot));
}

}  // namespace plait
