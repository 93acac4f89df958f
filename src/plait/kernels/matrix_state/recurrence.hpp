// The matrix-state recurrence of one head over one sequence, forward and backward:
//
//     u = S e        S <- S Diag(a) - u f^T + v w^T        y = S q
//
// Rows of S (values) lie on the lanes, sixteen at a time, and rows do not meet: a block of them runs through all times by
// itself. Keys are a short loop. Everything here is time-major: `keys` numbers a token, `values` numbers a token padded
// to whole lanes. The plain version is reference.py.
#pragma once
#include <algorithm>

#include "kernels/common/lanes.hpp"
#include "kernels/common/pool.hpp"

namespace plait {
namespace matrix_state {

// What a head is given, time-major; `stride` numbers a token in a, e, f, w, q, and `values` in v. Without an erasure e and
// f are null; with `merged`, f is w: then one product serves both. `a` holds the factors: one a token, or one a key.
template <class T>
struct Tokens {
  int64_t time, keys, stride, values;
  bool by_key, merged;
  const T *a, *e, *f, *w, *q, *v;
};

// Derivatives, in the same shapes, added to; those by a are by its logarithm.
template <class T>
struct Derivatives {
  T *a, *e, *f, *w, *q, *v;
};

// The state of sixteen rows: in registers where the number of keys is known.
template <class T, int K>
struct Rows {
  Lanes<T> key[K];
  explicit Rows(T*) {}
  Lanes<T> get(int64_t j) const { return key[j]; }
  void set(int64_t j, Lanes<T> value) { key[j] = value; }
};

template <class T>
struct Rows<T, 0> {
  T* memory;
  explicit Rows(T* memory) : memory(memory) {}
  Lanes<T> get(int64_t j) const { return load(memory + j * kLanes); }
  void set(int64_t j, Lanes<T> value) { store(memory + j * kLanes, value); }
};

// sum over j of row(j) x[j], in four sums.
template <class T, int K, class Row>
inline Lanes<T> along(int64_t keys, const T* x, Row row) {
  const int64_t n = K ? K : keys;
  Lanes<T> sum[4] = {};
  int64_t j = 0;
#pragma GCC unroll 8
  for (; j + 4 <= n; j += 4)
    for (int i = 0; i < 4; ++i) sum[i] += row(j + i) * x[j + i];
  for (; j < n; ++j) sum[0] += row(j) * x[j];
  return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

// out[j] += the sum over lanes of column(j).
template <class T, int K, class Column>
inline void across(int64_t keys, T* out, Column column) {
  const int64_t n = K ? K : keys;
  for (int64_t j = 0; j < n; j += kLanes) {
    Lanes<T> part[kLanes] = {};
    const int64_t count = std::min<int64_t>(kLanes, n - j);
#pragma GCC unroll 16
    for (int64_t i = 0; i < kLanes; ++i)
      if (i < count) part[i] = column(j + i);
    store(out + j, load(out + j) + totals<T>(part));
  }
}

// Rows `at` .. `at + 15` over all times. `state` holds keys x 16 numbers: the state before, then after. `kept` (null, or
// time x keys x 16) takes the state after each token.
template <class T, int K>
inline void forward(const Tokens<T>& in, int64_t at, T* state, T* kept, T* y) {
  const int64_t n = K ? K : in.keys;
  Rows<T, K> s(state);
  if (K)
    for (int64_t j = 0; j < n; ++j) s.set(j, load(state + j * kLanes));
  for (int64_t t = 0; t < in.time; ++t) {
    const T *w = in.w + t * in.stride, *q = in.q + t * in.stride;
    const T* a = in.by_key ? in.a + t * in.stride : in.a ? in.a + t : nullptr;
    Lanes<T> v = load(in.v + t * in.values + at), u{};
    if (in.e) u = along<T, K>(in.keys, in.e + t * in.stride, [&](int64_t j) { return s.get(j); });
    if (in.merged) v -= u;
    const T one = a && !in.by_key ? a[0] : T(1);
    if (in.e && !in.merged) {
      const T* f = in.f + t * in.stride;
#pragma GCC unroll 32
      for (int64_t j = 0; j < n; ++j) s.set(j, (in.by_key ? a[j] : one) * s.get(j) + (v * w[j] - u * f[j]));
    } else if (in.by_key) {
#pragma GCC unroll 32
      for (int64_t j = 0; j < n; ++j) s.set(j, a[j] * s.get(j) + v * w[j]);
    } else {
#pragma GCC unroll 32
      for (int64_t j = 0; j < n; ++j) s.set(j, one * s.get(j) + v * w[j]);
    }
    store(y + t * in.values + at, along<T, K>(in.keys, q, [&](int64_t j) { return s.get(j); }));
    if (kept)
      for (int64_t j = 0; j < n; ++j) store(kept + (t * n + j) * kLanes, s.get(j));
  }
  if (K)
    for (int64_t j = 0; j < n; ++j) store(state + j * kLanes, s.get(j));
}

// From dy (time x values) and the states kept by `forward` from a zero state. `state` is scratch, keys x 16.
template <class T, int K>
inline void backward(const Tokens<T>& in, int64_t at, T* state, const T* kept, const T* dy_rows, Derivatives<T> d) {
  const int64_t n = K ? K : in.keys;
  Rows<T, K> ds(state);
  for (int64_t j = 0; j < n; ++j) ds.set(j, Lanes<T>{});
  for (int64_t t = in.time - 1; t >= 0; --t) {
    const int64_t key = t * in.stride;
    const T *w = in.w + key, *q = in.q + key;
    const Lanes<T> dy = load(dy_rows + t * in.values + at), v = load(in.v + t * in.values + at);
    const T *after = kept + t * n * kLanes, *before = after - n * kLanes;
    across<T, K>(n, d.q + key, [&](int64_t j) { return load(after + j * kLanes) * dy; });
#pragma GCC unroll 32
    for (int64_t j = 0; j < n; ++j) ds.set(j, ds.get(j) + dy * q[j]);
    auto gradient = [&](int64_t j) { return ds.get(j); };
    const Lanes<T> dv = along<T, K>(n, w, gradient);
    store(d.v + t * in.values + at, load(d.v + t * in.values + at) + dv);
    const bool erases = in.e && t > 0;  // nothing is erased from the zero state
    Lanes<T> u{}, du{};
    if (erases) {
      u = along<T, K>(n, in.e + key, [&](int64_t j) { return load(before + j * kLanes); });
      du = in.merged ? -dv : -along<T, K>(n, in.f + key, gradient);
      if (!in.merged) across<T, K>(n, d.f + key, [&](int64_t j) { return -u * ds.get(j); });
      across<T, K>(n, d.e + key, [&](int64_t j) { return load(before + j * kLanes) * du; });
    }
    const Lanes<T> written = in.merged ? v - u : v;
    across<T, K>(n, d.w + key, [&](int64_t j) { return ds.get(j) * written; });
    if (t == 0) break;
    if (in.by_key) {
      const T* a = in.a + key;
      across<T, K>(n, d.a + key, [&](int64_t j) { return ds.get(j) * load(before + j * kLanes) * a[j]; });
#pragma GCC unroll 32
      for (int64_t j = 0; j < n; ++j) ds.set(j, ds.get(j) * a[j]);
    } else if (in.a) {
      Lanes<T> by_a[4] = {};
#pragma GCC unroll 32
      for (int64_t j = 0; j < n; ++j) by_a[j % 4] += ds.get(j) * load(before + j * kLanes);
      d.a[t] += total<T>((by_a[0] + by_a[1]) + (by_a[2] + by_a[3])) * in.a[t];
#pragma GCC unroll 32
      for (int64_t j = 0; j < n; ++j) ds.set(j, ds.get(j) * in.a[t]);
    }
    if (erases) {
      const T* e = in.e + key;
#pragma GCC unroll 32
      for (int64_t j = 0; j < n; ++j) ds.set(j, ds.get(j) + du * e[j]);
    }
  }
}

template <class T>
inline void forward_any(const Tokens<T>& in, int64_t at, T* state, T* kept, T* y) {
  if (in.keys == 8) return forward<T, 8>(in, at, state, kept, y);
  if (in.keys == 16) return forward<T, 16>(in, at, state, kept, y);
  forward<T, 0>(in, at, state, kept, y);
}

template <class T>
inline void backward_any(const Tokens<T>& in, int64_t at, T* state, const T* kept, const T* dy, Derivatives<T> d) {
  if (in.keys == 8) return backward<T, 8>(in, at, state, kept, dy, d);
  if (in.keys == 16) return backward<T, 16>(in, at, state, kept, dy, d);
  backward<T, 0>(in, at, state, kept, dy, d);
}

}  // namespace matrix_state
}  // namespace plait
