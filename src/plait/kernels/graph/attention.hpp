// Softmax attention with shared keys and values, rotary positions, slopes and a reach of every head.
#pragma once
#include <vector>

#include "kernels/graph/states.hpp"
#include "kernels/neox/attention.hpp"

namespace plait {
namespace graph {

template <class T>
struct Heads {
  int64_t heads, kv_heads, d_head, window, d_rotary;
  const int64_t* reaches;
  double base;
  const double* slopes;
  explicit Heads(const Node& n)
      : heads(n.ints()[0]), kv_heads(n.ints()[1]), d_head(n.ints()[2]), window(n.ints()[3]), d_rotary(n.ints()[4]),
        reaches(n.ints() + 5), base(n.reals()[0]), slopes(n.reals() + 1) {}
  int64_t reach(int64_t h, int64_t time) const {
    int64_t seen = window > 0 ? std::min(window, time) : time;
    return reaches[h] > 0 ? std::min(reaches[h], seen) : seen;
  }
};

// Copies `width` rows with zeros before and after, turned by the position and scaled.
template <class T>
inline Signal<T> framed(Scratch& scratch, Signal<T> from, int64_t width, int64_t head, int64_t lanes) {
  const int64_t stride = head + lanes + kLanes;
  Signal<T> out{scratch.take<T>(width * stride) + head, stride};
  for (int64_t f = 0; f < width; ++f) {
    std::memset(out[f] - head, 0, head * sizeof(T));
    if (from.data) std::memcpy(out[f], from[f], lanes * sizeof(T));
    std::memset(out[f] + (from.data ? lanes : 0), 0, (from.data ? kLanes : lanes + kLanes) * sizeof(T));
  }
  return out;
}

template <class T>
struct Turn {
  std::vector<T> cos, sin;
  int64_t pairs, lanes;
  Turn(const Heads<T>& told, int64_t lanes) : pairs(told.d_rotary / 2), lanes(lanes) {
    cos.resize(pairs * lanes), sin.resize(pairs * lanes);
    for (int64_t k = 0; k < pairs; ++k) {
      const double frequency = std::pow(told.base, -2.0 * double(k) / double(told.d_rotary));
      for (int64_t t = 0; t < lanes; ++t) {
        cos[k * lanes + t] = T(std::cos(double(t) * frequency));
        sin[k * lanes + t] = T(std::sin(double(t) * frequency));
      }
    }
  }
  void apply(Signal<T> x, T direction) const {
    for (int64_t k = 0; k < pairs; ++k)
      for (int64_t at = 0; at < lanes; at += kLanes) {
        const Lanes<T> a = load(x[k] + at), b = load(x[k + pairs] + at);
        const Lanes<T> c = load(cos.data() + k * lanes + at), s = load(sin.data() + k * lanes + at) * direction;
        store(x[k] + at, a * c - b * s);
        store(x[k + pairs] + at, b * c + a * s);
      }
  }
};

// Probabilities of the block at `at`, with slopes; `q` is scaled.
template <class T>
inline void weigh(Signal<T> q, Signal<T> k, int64_t width, T slope, int64_t at, int64_t count, T* p, int64_t stride) {
  if (slope == T(0)) return probabilities(q, k, width, at, count, p, stride);
  // A slope is one more channel: distance = own time - the other's.
  scores(q, k, width, at, count, p, stride);
  for (int64_t j = 0; j < count; ++j) store(p + j * stride, load(p + j * stride) - slope * T(j));
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
  for (int64_t j = 0; j < count; ++j) store(p + j * stride, load(p + j * stride) / sum);
}

template <class T>
inline void add_to(Signal<T> to, Signal<T> from, int64_t width, int64_t time) {
  for (int64_t f = 0; f < width; ++f)
    for (int64_t t = 0; t < time; ++t) to[f][t] += from[f][t];
}

template <class T>
inline void attention_node(const Row<T>& r, const Node& n, bool back) {
  const Heads<T> told(n);
  const int64_t lanes = r.lanes, width = told.d_head, time = r.shape.time;
  const Turn<T> turn(told, lanes);
  const T scale = T(1) / std::sqrt(T(width));
  for (int64_t h = 0; h < told.heads; ++h) {
    Scratch scratch;
    const int64_t own = h * width, shared = h * told.kv_heads / told.heads * width, reach = told.reach(h, time);
    const Signal<T> q = framed(scratch, r.value(n.input(0) + own), width, 0, lanes);
    const Signal<T> k = framed(scratch, r.value(n.input(1) + shared), width, padded(reach), lanes);
    const Signal<T> v = framed(scratch, r.value(n.input(2) + shared), width, padded(reach), lanes);
    turn.apply(q, T(1)), turn.apply(k, T(1));
    for (int64_t f = 0; f < width; ++f)
      for (int64_t at = 0; at < lanes; at += kLanes) store(q[f] + at, load(q[f] + at) * scale);
    const T slope = T(told.slopes[h]);
    if (!back) {
      T* p = scratch.take<T>(padded(reach + kLanes) * kLanes);
      for (int64_t at = 0; at < lanes; at += kLanes) {
        const int64_t count = offsets(reach, at);
        weigh(q, k, width, slope, at, count, p, kLanes);
        mix(p, kLanes, v, width, at, count, r.value(n.row() + own));
      }
      continue;
    }
    const int64_t stride = lanes + kLanes;
    T *p = zeros<T>(scratch, reach * stride), *dp = zeros<T>(scratch, reach * stride);
    const Signal<T> dout = framed(scratch, r.derivative(n.row() + own), width, 0, lanes);
    const Signal<T> dq = framed(scratch, Signal<T>{nullptr, 0}, width, 0, lanes);
    const Signal<T> dk = framed(scratch, Signal<T>{nullptr, 0}, width, 0, lanes);
    const Signal<T> dv = framed(scratch, Signal<T>{nullptr, 0}, width, 0, lanes);
    for (int64_t at = 0; at < lanes; at += kLanes) {
      const int64_t count = offsets(reach, at);
      weigh(q, k, width, slope, at, count, p + at, stride);
      scores(dout, v, width, at, count, dp + at, stride);
      softmax_backward(p + at, dp + at, count, stride);
      mix(dp + at, stride, k, width, at, count, dq);
    }
    for (int64_t at = 0; at < lanes; at += kLanes) {
      const int64_t count = std::min(reach, lanes - at);
      mix_back(dp, stride, q, width, at, count, dk);
      mix_back(p, stride, dout, width, at, count, dv);
    }
    for (int64_t f = 0; f < width; ++f)
      for (int64_t at = 0; at < lanes; at += kLanes) store(dq[f] + at, load(dq[f] + at) * scale);
    turn.apply(dq, T(-1)), turn.apply(dk, T(-1));
    add_to(r.derivative(n.input(0) + own), dq, width, time);
    add_to(r.derivative(n.input(1) + shared), dk, width, time);
    add_to(r.derivative(n.input(2) + shared), dv, width, time);
  }
}

}  // namespace graph
}  // namespace plait
