// Nodes with weights and norms: linear maps, convolutions, shifts, norms.
#pragma once
#include "kernels/graph/row.hpp"

namespace plait {
namespace graph {

template <class T>
inline void linear(const Row<T>& r, const Node& n, bool back) {
  const int64_t rows = n.width(), columns = n.input_width(0), bias = n.weight(1);
  const Matrix<T> w = matrix(r.weights[n.weight(0)], rows, columns);
  const Signal<T> x = r.value(n.input(0));
  if (!back) return apply(w, x, r.value(n.row()), r.lanes, bias >= 0 ? r.weights[bias] : nullptr);
  const Signal<T> dy = r.derivative(n.row());
  outer_add(r.gradients[n.weight(0)], rows, columns, dy, x, r.lanes);
  if (bias >= 0) sum_add(r.gradients[bias], rows, dy, r.lanes);
  apply_add(w.transposed(), dy, r.derivative(n.input(0)), r.lanes);
}

template <class T>
inline void convolution(const Row<T>& r, const Node& n, bool back) {
  const int64_t taps = n.ints()[0], head = padded(taps), bias = n.weight(1);
  Scratch scratch;
  T* line = scratch.take<T>(head + r.lanes + head);
  for (int64_t c = 0; c < n.width(); ++c) {
    const T* tap = r.weights[n.weight(0)] + c * taps;
    std::memset(line, 0, head * sizeof(T));
    std::memcpy(line + head, r.value(n.input(0))[c], r.lanes * sizeof(T));
    if (!back) {
      for (int64_t at = 0; at < r.lanes; at += kLanes) {
        Lanes<T> sum = spread(bias >= 0 ? r.weights[bias][c] : T(0));
        for (int64_t k = 0; k < taps; ++k) sum += tap[k] * load(line + head + at + k - (taps - 1));
        store(r.value(n.row())[c] + at, sum);
      }
      continue;
    }
    const T* dy = r.derivative(n.row())[c];
    for (int64_t k = 0; k < taps; ++k) {
      Lanes<T> by_tap{};
      for (int64_t at = 0; at < r.lanes; at += kLanes) by_tap += load(dy + at) * load(line + head + at + k - (taps - 1));
      r.gradients[n.weight(0)][c * taps + k] += total<T>(by_tap);
    }
    if (bias >= 0) {
      Lanes<T> by_bias{};
      for (int64_t at = 0; at < r.lanes; at += kLanes) by_bias += load(dy + at);
      r.gradients[bias][c] += total<T>(by_bias);
    }
    std::memcpy(line, dy, r.lanes * sizeof(T));
    std::memset(line + r.lanes, 0, head * sizeof(T));
    T* dx = r.derivative(n.input(0))[c];
    for (int64_t at = 0; at < r.lanes; at += kLanes) {
      Lanes<T> sum = load(dx + at);
      for (int64_t k = 0; k < taps; ++k) sum += tap[k] * load(line + at + (taps - 1) - k);
      store(dx + at, sum);
    }
    for (int64_t t = r.shape.time; t < r.lanes; ++t) dx[t] = T(0);
  }
}

template <class T>
inline void shift(const Row<T>& r, const Node& n, bool back) {
  const int64_t time = r.shape.time;
  for (int64_t f = 0; f < n.width(); ++f) {
    if (!back) {
      T* y = r.value(n.row())[f];
      y[0] = T(0);
      std::memcpy(y + 1, r.value(n.input(0))[f], (r.lanes - 1) * sizeof(T));
      continue;
    }
    T* dx = r.derivative(n.input(0))[f];
    const T* dy = r.derivative(n.row())[f];
    for (int64_t t = 0; t + 1 < time; ++t) dx[t] += dy[t + 1];
  }
}

// The reciprocal of the root, lane by lane.
template <class T>
inline Lanes<T> reciprocal_root(Lanes<T> x) {
  for (int i = 0; i < kLanes; ++i) x[i] = T(1) / std::sqrt(x[i]);
  return x;
}

// y = w (x - mean) scale + bias in parts of `per` rows: `centred` subtracts the mean (LayerNorm); the square is averaged
// (norms) or summed (unit vectors). The scale is computed again in the backward pass.
template <class T>
inline void normalise_parts(const Row<T>& r, const Node& n, bool back, bool centred, bool averaged) {
  const int64_t per = n.ints()[0], weight = n.weight(0), bias = n.weight(1);
  const T eps = T(n.reals()[0]), share = averaged ? T(1) / T(per) : T(1);
  const int64_t own = weight >= 0 ? r.shape.sizes[weight] : 1;
  const T* w = weight >= 0 ? r.weights[weight] : nullptr;
  const T* b = bias >= 0 ? r.weights[bias] : nullptr;
  for (int64_t first = 0; first < n.width(); first += per) {
    const Signal<T> x = r.value(n.input(0) + first), y = r.value(n.row() + first);
    const Signal<T> dx = r.derivative(n.input(0) + first), dy = r.derivative(n.row() + first);
    for (int64_t at = 0; at < r.lanes; at += kLanes) {
      Lanes<T> mean{}, square{};
      if (centred) {
        for (int64_t f = 0; f < per; ++f) mean += load(x[f] + at);
        mean /= T(per);
      }
      for (int64_t f = 0; f < per; ++f) square += (load(x[f] + at) - mean) * (load(x[f] + at) - mean);
      const Lanes<T> scale = reciprocal_root<T>(square * share + eps);
      if (!back) {
        for (int64_t f = 0; f < per; ++f) {
          const Lanes<T> normal = (load(x[f] + at) - mean) * scale;
          store(y[f] + at, (w ? w[(first + f) % own] * normal : normal) + (b ? b[(first + f) % own] : T(0)));
        }
        continue;
      }
      Lanes<T> along{}, level{};
      for (int64_t f = 0; f < per; ++f) {
        const Lanes<T> d = load(dy[f] + at) * (w ? w[(first + f) % own] : T(1));
        along += d * (load(x[f] + at) - mean) * scale;
        level += d;
      }
      along *= share;
      level = centred ? level / T(per) : Lanes<T>{};
      for (int64_t f = 0; f < per; ++f) {
        const Lanes<T> d = load(dy[f] + at) * (w ? w[(first + f) % own] : T(1));
        const Lanes<T> normal = (load(x[f] + at) - mean) * scale;
        store(dx[f] + at, load(dx[f] + at) + scale * (d - level - normal * along));
      }
    }
  }
  if (!back || !w) return;
  Scratch scratch;
  T* scale = scratch.take<T>(r.lanes);
  T* mean = scratch.take<T>(r.lanes);
  for (int64_t first = 0; first < n.width(); first += per) {
    const Signal<T> x = r.value(n.input(0) + first), dy = r.derivative(n.row() + first);
    for (int64_t at = 0; at < r.lanes; at += kLanes) {
      Lanes<T> middle{}, square{};
      if (centred) {
        for (int64_t f = 0; f < per; ++f) middle += load(x[f] + at);
        middle /= T(per);
      }
      for (int64_t f = 0; f < per; ++f) square += (load(x[f] + at) - middle) * (load(x[f] + at) - middle);
      store(mean + at, middle);
      store(scale + at, reciprocal_root<T>(square * share + eps));
    }
    for (int64_t f = 0; f < per; ++f) {
      Lanes<T> by_weight{}, by_bias{};
      for (int64_t at = 0; at < r.lanes; at += kLanes) {
        by_weight += load(dy[f] + at) * (load(x[f] + at) - load(mean + at)) * load(scale + at);
        by_bias += load(dy[f] + at);
      }
      r.gradients[weight][(first + f) % own] += total<T>(by_weight);
      if (b) r.gradients[bias][(first + f) % own] += total<T>(by_bias);
    }
  }
}

}  // namespace graph
}  // namespace plait
