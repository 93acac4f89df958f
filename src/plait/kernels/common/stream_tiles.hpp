// Tiles: sixteen sequences side by side, one a lane, so that a step of all of them is one pass over the weights.
//
// A tile of F features is F x 16 numbers. Rows (sequence, feature), as PyTorch holds them, are turned into tiles and
// back at the border; lanes past the last sequence repeat it.
#pragma once
#include <algorithm>

#include "kernels/common/lanes.hpp"
#include "kernels/common/pool.hpp"

namespace plait {

inline int64_t tiles(int64_t batch) { return (batch + kLanes - 1) / kLanes; }

// The features of one position of one tile.
template <class T>
inline Signal<T> tile(T* data) {
  return {data, kLanes};
}

namespace detail {
template <class T, int R, bool Add>
inline void times_rows(const Matrix<T>& w, int64_t row, Signal<T> x, Signal<T> y, const T* bias) {
  Lanes<T> sum[R];
  for (int r = 0; r < R; ++r) sum[r] = Add ? load(y[row + r]) : spread(bias ? bias[row + r] : T(0));
  const T* weight = w.data + row * w.down;
  for (int64_t c = 0; c < w.columns; ++c, weight += w.across) {
    const Lanes<T> column = load(x[c]);
    for (int r = 0; r < R; ++r) sum[r] += weight[r * w.down] * column;
  }
  for (int r = 0; r < R; ++r) store(y[row + r], sum[r]);
}

template <class T, bool Add>
inline void times(const Matrix<T>& w, Signal<T> x, Signal<T> y, const T* bias) {
  int64_t row = 0;
  for (; row + 9 <= w.rows; row += 9) times_rows<T, 9, Add>(w, row, x, y, bias);
  for (; row + 6 <= w.rows; row += 6) times_rows<T, 6, Add>(w, row, x, y, bias);
  for (; row + 3 <= w.rows; row += 3) times_rows<T, 3, Add>(w, row, x, y, bias);
  for (; row < w.rows; ++row) times_rows<T, 1, Add>(w, row, x, y, bias);
}
}  // namespace detail

// y = w x + bias of one tile: more rows at once than `apply`, since there is one vector of lanes only.
template <class T>
inline void times(const Matrix<T>& w, Signal<T> x, Signal<T> y, const T* bias = nullptr) {
  detail::times<T, false>(w, x, y, bias);
}

// y += w x of one tile.
template <class T>
inline void times_add(const Matrix<T>& w, Signal<T> x, Signal<T> y) {
  detail::times<T, true>(w, x, y, nullptr);
}

template <class T>
inline void rows_to_tile(const T* rows, int64_t count, int64_t features, T* out) {
  if (count == 1) {
    for (int64_t f = 0; f < features; ++f) store(out + f * kLanes, spread(rows[f]));
    return;
  }
  const T* row[kLanes];
  for (int64_t i = 0; i < kLanes; ++i) row[i] = rows + std::min(i, count - 1) * features;
  for (int64_t f = 0; f < features; ++f)
    for (int64_t i = 0; i < kLanes; ++i) out[f * kLanes + i] = row[i][f];
}

template <class T>
inline void tile_to_rows(const T* in, int64_t count, int64_t features, T* rows) {
  for (int64_t i = 0; i < count; ++i)
    for (int64_t f = 0; f < features; ++f) rows[i * features + f] = in[f * kLanes + i];
}

// One array that a layer reads, and its successor: tiles in place, or rows that are turned into scratch and back.
template <class T>
class Carried {
 public:
  Carried(Scratch& scratch, bool tiled, const T* in, T* out, int64_t group, int64_t batch, int64_t features_in,
          int64_t features_out)
      : tiled_(tiled), features_out_(features_out), count_(std::min<int64_t>(kLanes, batch - group * kLanes)) {
    if (tiled) {
      before = in + group * features_in * kLanes;
      after = out + group * features_out * kLanes;
    } else {
      T* turned = scratch.take<T>(features_in * kLanes);
      rows_to_tile(in + group * kLanes * features_in, count_, features_in, turned);
      before = turned;
      after = scratch.take<T>(features_out * kLanes);
      rows_ = out + group * kLanes * features_out;
    }
  }
  void finish() const {
    if (!tiled_) tile_to_rows(after, count_, features_out_, rows_);
  }
  const T* before;
  T* after;

 private:
  bool tiled_;
  int64_t features_out_, count_;
  T* rows_ = nullptr;
};

}  // namespace plait
