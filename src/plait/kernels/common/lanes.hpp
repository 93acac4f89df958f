// Sixteen lanes of float or double, and the few functions kernels need on them.
//
// All loops of the kernels run over lanes in an order fixed by the shapes alone, so that a member's numbers do
// not depend on its neighbours or on the number of threads.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include "kernels/common/halves.hpp"

namespace plait {

constexpr int kLanes = 16;

inline int64_t padded(int64_t n) { return (n + kLanes - 1) / kLanes * kLanes; }

template <class T>
using Lanes = Group<T, kLanes>;

namespace detail {
template <class T, int N>
inline Group<T, N> loaded(const T* p) {
  if constexpr (kSplit<T, N>)
    return {loaded<T, N / 2>(p), loaded<T, N / 2>(p + N / 2)};
  else
    return *reinterpret_cast<const typename Vector<T, N>::unaligned*>(p);
}

template <class T, int N>
inline void put(T* p, const Group<T, N>& v) {
  if constexpr (kSplit<T, N>)
    put<T, N / 2>(p, v.low), put<T, N / 2>(p + N / 2, v.high);
  else
    *reinterpret_cast<typename Vector<T, N>::unaligned*>(p) = v;
}
}  // namespace detail

template <class T>
inline Lanes<T> load(const T* p) {
  return detail::loaded<T, kLanes>(p);
}

template <class T>
inline void store(T* p, const Lanes<T>& v) {
  detail::put<T, kLanes>(p, v);
}

// Nothing is copied from nothing, whose address may be null.
template <class T>
inline void copy(T* to, const T* from, int64_t n) {
  if (n > 0) std::memcpy(to, from, n * sizeof(T));
}

template <class T>
inline Lanes<T> spread(T value) {
  return Lanes<T>{} + value;
}

// e^x: x = n ln 2 + r, Taylor series of e^r, exact scaling by 2^n; 0 below the normal range, infinity above it.
template <class T>
inline Lanes<T> exp(Lanes<T> x) {
  constexpr bool single = sizeof(T) == 4;
  constexpr T high = single ? T(88.72283) : T(709.782712893384);
  constexpr T low = single ? T(-87.33654) : T(-708.396418532264);
  constexpr T magic = single ? T(12582912.0) : T(6755399441055744.0);  // 1.5 * 2^mantissa bits: rounds to integer
  constexpr T ln2_high = single ? T(0.693359375) : T(6.93147180369123816490e-01);
  constexpr T ln2_low = single ? T(-2.12194440e-4) : T(1.90821492927058770002e-10);
  const Lanes<T> clamped_above = choose(x > high, spread(high), x);
  const Lanes<T> clamped = choose(clamped_above < low, spread(low), clamped_above);
  const Lanes<T> shifted = clamped * T(1.4426950408889634) + magic;
  const Lanes<T> n = shifted - magic;
  const Lanes<T> r = (clamped - n * ln2_high) - n * ln2_low;
  constexpr int order = single ? 7 : 13;
  constexpr T inverse_factorial[] = {T(1), T(1), T(1.0 / 2), T(1.0 / 6), T(1.0 / 24), T(1.0 / 120), T(1.0 / 720),
                                     T(1.0 / 5040), T(1.0 / 40320), T(1.0 / 362880), T(1.0 / 3628800),
                                     T(1.0 / 39916800), T(1.0 / 479001600), T(1.0 / 6227020800)};
  Lanes<T> sum = spread(inverse_factorial[order]);
  for (int k = order - 1; k >= 0; --k) sum = sum * r + inverse_factorial[k];
  // The last step of the exponent is a multiplication by 2, so that n = 128 (1024) does not overflow the field.
  const Lanes<T> result = choose(x < low, Lanes<T>{}, sum * half_power_of_two<T>(shifted) * T(2));
  return choose(x > high, spread(std::numeric_limits<T>::infinity()), result);
}

template <class T>
inline Lanes<T> sigmoid(Lanes<T> x) {
  return T(1) / (T(1) + exp<T>(-x));
}

// log(1 + e^x) as max(x, 0) + log1p(e^-|x|), the logarithm by the series of 2 artanh(u / (2 + u)).
template <class T>
inline Lanes<T> softplus(Lanes<T> x) {
  const Lanes<T> positive = choose(x > T(0), x, Lanes<T>{});
  const Lanes<T> u = exp<T>(choose(x > T(0), -x, x));
  const Lanes<T> s = u / (u + T(2));
  const Lanes<T> square = s * s;
  constexpr int terms = sizeof(T) == 4 ? 8 : 18;
  Lanes<T> sum = spread(T(1.0 / (2 * terms + 1)));
  for (int k = terms - 1; k >= 0; --k) sum = sum * square + T(1.0 / (2 * k + 1));
  return positive + T(2) * s * sum;
}

template <class T>
inline T total(Lanes<T> v) {
  T half[8];
  for (int i = 0; i < 8; ++i) half[i] = v[i] + v[i + 8];
  const T a = half[0] + half[4], b = half[1] + half[5], c = half[2] + half[6], d = half[3] + half[7];
  return (a + c) + (b + d);
}

// Lane i of the result is the sum of the lanes of v[i].
template <class T>
inline Lanes<T> totals(const Lanes<T> v[kLanes]) {
  Lanes<T> a[8], b[4], c[2];
  for (int i = 0; i < 8; ++i) a[i] = detail::fold<T, kLanes, 8>(v[i], v[i + 8]);
  for (int i = 0; i < 4; ++i) b[i] = detail::fold<T, kLanes, 4>(a[i], a[i + 4]);
  for (int i = 0; i < 2; ++i) c[i] = detail::fold<T, kLanes, 2>(b[i], b[i + 2]);
  return detail::fold<T, kLanes, 1>(c[0], c[1]);
}

namespace detail {
template <class T, int Step>
inline void exchange_all(Lanes<T> v[kLanes]) {
  for (int i = 0; i < kLanes; ++i)
    if (!(i & Step)) exchange<T, kLanes, Step>(v[i], v[i + Step]);
}
}  // namespace detail

// Lane j of v[i] for lane i of v[j].
template <class T>
inline void transpose(Lanes<T> v[kLanes]) {
  detail::exchange_all<T, 8>(v);
  detail::exchange_all<T, 4>(v);
  detail::exchange_all<T, 2>(v);
  detail::exchange_all<T, 1>(v);
}

// A matrix of weights, element (row, column) at data[row * down + column * across].
template <class T>
struct Matrix {
  const T* data;
  int64_t rows, columns, down, across;
  Matrix transposed() const { return {data, columns, rows, across, down}; }
  Matrix upper(int64_t n) const { return {data, n, columns, down, across}; }
};

template <class T>
inline Matrix<T> matrix(const T* data, int64_t rows, int64_t columns) {
  return {data, rows, columns, columns, 1};
}

// Signals over time: `features` rows of `stride` lanes each (a multiple of kLanes), `head` lanes of them before time 0.
template <class T>
struct Signal {
  T* data;
  int64_t stride;
  T* operator[](int64_t feature) const { return data + feature * stride; }
  Signal from(int64_t feature) const { return {data + feature * stride, stride}; }
};

namespace detail {
template <class T, int R, int V, bool Add>
inline void apply_tile(const Matrix<T>& w, int64_t row, Signal<T> x, Signal<T> y, const T* bias, int64_t at) {
  Lanes<T> sum[R][V];
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v)
      sum[r][v] = Add ? load(y[row + r] + at + v * kLanes) : spread(bias ? bias[row + r] : T(0));
  const T* weight = w.data + row * w.down;
  for (int64_t c = 0; c < w.columns; ++c, weight += w.across) {
    Lanes<T> column[V];
    for (int v = 0; v < V; ++v) column[v] = load(x[c] + at + v * kLanes);
    for (int r = 0; r < R; ++r)
      for (int v = 0; v < V; ++v) sum[r][v] += weight[r * w.down] * column[v];
  }
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v) store(y[row + r] + at + v * kLanes, sum[r][v]);
}

template <class T, int V, bool Add>
inline void apply_strip(const Matrix<T>& w, Signal<T> x, Signal<T> y, const T* bias, int64_t at) {
  int64_t row = 0;
  for (; row + 4 <= w.rows; row += 4) apply_tile<T, 4, V, Add>(w, row, x, y, bias, at);
  for (; row < w.rows; ++row) apply_tile<T, 1, V, Add>(w, row, x, y, bias, at);
}

template <class T, bool Add>
inline void apply_any(const Matrix<T>& w, Signal<T> x, Signal<T> y, const T* bias, int64_t lanes) {
  int64_t at = 0;
  for (; at + 4 * kLanes <= lanes; at += 4 * kLanes) apply_strip<T, 4, Add>(w, x, y, bias, at);
  for (; at + 2 * kLanes <= lanes; at += 2 * kLanes) apply_strip<T, 2, Add>(w, x, y, bias, at);
  for (; at < lanes; at += kLanes) apply_strip<T, 1, Add>(w, x, y, bias, at);
}
}  // namespace detail

// y = w x + bias at every time.
template <class T>
inline void apply(const Matrix<T>& w, Signal<T> x, Signal<T> y, int64_t lanes, const T* bias = nullptr) {
  detail::apply_any<T, false>(w, x, y, bias, lanes);
}

// y += w x at every time.
template <class T>
inline void apply_add(const Matrix<T>& w, Signal<T> x, Signal<T> y, int64_t lanes) {
  detail::apply_any<T, true>(w, x, y, nullptr, lanes);
}

// gradient[o][i] += sum over time of dy[o] x[i]; the lanes past the sequence must be zero in dy.
template <class T>
inline void outer_add(T* gradient, int64_t rows, int64_t columns, Signal<T> dy, Signal<T> x, int64_t lanes) {
  for (int64_t row = 0; row < rows; row += 4) {
    const int64_t height = rows - row < 4 ? rows - row : 4;
    for (int64_t column = 0; column < columns; column += 4) {
      const int64_t width = columns - column < 4 ? columns - column : 4;
      Lanes<T> sum[kLanes] = {};
      if (height == 4 && width == 4) {
        for (int64_t at = 0; at < lanes; at += kLanes) {
          Lanes<T> left[4], right[4];
          for (int i = 0; i < 4; ++i) left[i] = load(dy[row + i] + at), right[i] = load(x[column + i] + at);
          for (int r = 0; r < 4; ++r)
            for (int c = 0; c < 4; ++c) sum[4 * r + c] += left[r] * right[c];
        }
      } else {
        for (int64_t r = 0; r < height; ++r)
          for (int64_t c = 0; c < width; ++c)
            for (int64_t at = 0; at < lanes; at += kLanes)
              sum[4 * r + c] += load(dy[row + r] + at) * load(x[column + c] + at);
      }
      const Lanes<T> sums = totals<T>(sum);
      for (int64_t r = 0; r < height; ++r)
        for (int64_t c = 0; c < width; ++c) gradient[(row + r) * columns + column + c] += sums[4 * r + c];
    }
  }
}

// gradient[f] += sum over time of dy[f].
template <class T>
inline void sum_add(T* gradient, int64_t rows, Signal<T> dy, int64_t lanes) {
  for (int64_t row = 0; row < rows; ++row) {
    Lanes<T> sum{};
    for (int64_t at = 0; at < lanes; at += kLanes) sum += load(dy[row] + at);
    gradient[row] += total<T>(sum);
  }
}

// Time-major (time, features) into feature-major, zeros past the end.
template <class T>
inline void gather(const T* rows, int64_t time, int64_t features, Signal<T> out, int64_t lanes) {
  for (int64_t f = 0; f < features; ++f) {
    T* to = out[f];
    for (int64_t t = 0; t < time; ++t) to[t] = rows[t * features + f];
    for (int64_t t = time; t < lanes; ++t) to[t] = T(0);
  }
}

template <class T>
inline void scatter(Signal<T> signal, int64_t time, int64_t features, T* rows) {
  for (int64_t t = 0; t < time; ++t)
    for (int64_t f = 0; f < features; ++f) rows[t * features + f] = signal[f][t];
}

}  // namespace plait
