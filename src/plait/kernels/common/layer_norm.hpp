// LayerNorm at every time of a feature-major signal, and its derivative.
#pragma once
#include "kernels/common/lanes.hpp"

namespace plait {

// normal = (x - mean) / sqrt(variance + eps); `scale` keeps the reciprocal root.
template <class T>
inline void normalise(Signal<T> x, int64_t features, int64_t lanes, double eps, Signal<T> normal, T* scale) {
  for (int64_t at = 0; at < lanes; at += kLanes) {
    Lanes<T> mean{}, square{};
    for (int64_t f = 0; f < features; ++f) mean += load(x[f] + at);
    mean /= T(features);
    for (int64_t f = 0; f < features; ++f) {
      const Lanes<T> centred = load(x[f] + at) - mean;
      square += centred * centred;
    }
    Lanes<T> root = square / T(features) + T(eps);
    for (int i = 0; i < kLanes; ++i) root[i] = T(1) / std::sqrt(root[i]);
    store(scale + at, root);
    for (int64_t f = 0; f < features; ++f) store(normal[f] + at, (load(x[f] + at) - mean) * root);
  }
}

// out = normal * weight + bias.
template <class T>
inline void affine(Signal<T> normal, int64_t features, int64_t lanes, const T* weight, const T* bias, Signal<T> out) {
  for (int64_t f = 0; f < features; ++f)
    for (int64_t at = 0; at < lanes; at += kLanes) store(out[f] + at, load(normal[f] + at) * weight[f] + bias[f]);
}

// Adds to the gradients of weight and bias, and turns dout into the derivative by the normalised signal.
template <class T>
inline void affine_backward(Signal<T> dout, Signal<T> normal, int64_t features, int64_t lanes, const T* weight,
                            T* dweight, T* dbias) {
  for (int64_t f = 0; f < features; ++f) {
    Lanes<T> by_weight{}, by_bias{};
    for (int64_t at = 0; at < lanes; at += kLanes) {
      const Lanes<T> d = load(dout[f] + at);
      by_weight += d * load(normal[f] + at);
      by_bias += d;
      store(dout[f] + at, d * weight[f]);
    }
    dweight[f] += total<T>(by_weight);
    dbias[f] += total<T>(by_bias);
  }
}

// dx += derivative through the normalisation.
template <class T>
inline void normalise_backward_add(Signal<T> dnormal, Signal<T> normal, const T* scale, int64_t features,
                                   int64_t lanes, Signal<T> dx) {
  for (int64_t at = 0; at < lanes; at += kLanes) {
    Lanes<T> mean{}, along{};
    for (int64_t f = 0; f < features; ++f) {
      const Lanes<T> d = load(dnormal[f] + at);
      mean += d;
      along += d * load(normal[f] + at);
    }
    mean /= T(features);
    along /= T(features);
    const Lanes<T> root = load(scale + at);
    for (int64_t f = 0; f < features; ++f)
      store(dx[f] + at, load(dx[f] + at) + root * (load(dnormal[f] + at) - mean - load(normal[f] + at) * along));
  }
}

}  // namespace plait
