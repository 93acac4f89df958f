// Nodes that carry a state along the sequence: the matrix state, the elementwise recurrence, the running maximum.
#pragma once
#include "kernels/graph/row.hpp"
#include "kernels/matrix_state/recurrence.hpp"

namespace plait {
namespace graph {

// `count` rows of `lanes` times as (lanes, stride), zeros from `count` on.
template <class T>
inline void into_times(Signal<T> from, int64_t count, int64_t lanes, T* out, int64_t stride) {
  Lanes<T> block[kLanes];
  for (int64_t j = 0; j < stride; j += kLanes)
    for (int64_t t = 0; t < lanes; t += kLanes) {
      for (int64_t i = 0; i < kLanes; ++i) block[i] = j + i < count ? load(from[j + i] + t) : Lanes<T>{};
      transpose<T>(block);
      for (int64_t i = 0; i < kLanes; ++i) store(out + (t + i) * stride + j, block[i]);
    }
}

template <class T>
inline T* time_major(const Row<T>& r, Scratch& scratch, int64_t row, int64_t count, int64_t stride) {
  T* out = scratch.take<T>(r.lanes * stride);
  into_times<T>(r.value(row), count, r.lanes, out, stride);
  return out;
}

template <class T>
inline T* zeros(Scratch& scratch, int64_t count) {
  T* out = scratch.take<T>(count);
  std::memset(out, 0, count * sizeof(T));
  return out;
}

// (lanes, stride) as `count` rows, added to what they are or in its place.
template <class T>
inline void into_rows(const T* times, int64_t stride, Signal<T> to, int64_t count, int64_t lanes, bool add) {
  Lanes<T> block[kLanes];
  for (int64_t j = 0; j < count; j += kLanes)
    for (int64_t t = 0; t < lanes; t += kLanes) {
      for (int64_t i = 0; i < kLanes; ++i) block[i] = load(times + (t + i) * stride + j);
      transpose<T>(block);
      for (int64_t i = 0; i < std::min<int64_t>(kLanes, count - j); ++i)
        store(to[j + i] + t, add ? load(to[j + i] + t) + block[i] : block[i]);
    }
}

// Adds (lanes, stride) to the derivatives of `count` rows.
template <class T>
inline void add_rows(const Row<T>& r, const T* rows, int64_t row, int64_t count, int64_t stride) {
  into_rows<T>(rows, stride, r.derivative(row), count, r.lanes, true);
}

template <class T>
inline void matrix_state_node(const Row<T>& r, const Node& n, bool back) {
  using namespace plait::matrix_state;
  enum { kLogA, kE, kF, kW, kV, kQ };
  const int64_t heads = n.ints()[0], keys = n.ints()[1], d_v = n.ints()[2], time = r.shape.time;
  const bool by_key = n.ints()[3], erases = n.input(kE) >= 0;
  const int64_t stride = padded(keys), values = padded(d_v);
  for (int64_t h = 0; h < heads; ++h) {
    Scratch scratch;
    auto row = [&](int i) {  // of this head, where consecutive heads may share a part
      const int64_t parts = n.input_width(i) / keys;
      return n.input(i) + h * parts / heads * keys;
    };
    Tokens<T> in{time, keys, stride, values, by_key, erases && n.input(kF) == n.input(kW), nullptr, nullptr, nullptr,
                 nullptr, nullptr, nullptr};
    if (n.input(kLogA) >= 0) {
      const int64_t width = by_key ? keys : 1;
      const Signal<T> log = r.value(n.input(kLogA) + h * width), factors = r.temporary(width);
      for (int64_t j = 0; j < width; ++j)
        for (int64_t at = 0; at < r.lanes; at += kLanes) store(factors[j] + at, exp<T>(load(log[j] + at)));
      T* a = factors[0];
      if (by_key) {
        a = scratch.take<T>(r.lanes * stride);
        into_times<T>(factors, keys, r.lanes, a, stride);
      }
      in.a = a;
    }
    if (erases) {
      in.e = time_major(r, scratch, row(kE), keys, stride);
      in.f = in.merged ? nullptr : time_major(r, scratch, row(kF), keys, stride);
    }
    in.w = time_major(r, scratch, row(kW), keys, stride);
    in.q = time_major(r, scratch, row(kQ), keys, stride);
    in.v = time_major(r, scratch, n.input(kV) + h * d_v, d_v, values);
    T* y = scratch.take<T>(r.lanes * values);
    T* state = scratch.take<T>(keys * kLanes);
    if (!back) {
      for (int64_t at = 0; at < values; at += kLanes) {
        std::memset(state, 0, keys * kLanes * sizeof(T));
        forward_any<T>(in, at, state, nullptr, y);
      }
      std::memset(y + time * values, 0, (r.lanes - time) * values * sizeof(T));
      into_rows<T>(y, values, r.value(n.row() + h * d_v), d_v, r.lanes, false);
      continue;
    }
    T* kept = scratch.take<T>(time * keys * kLanes);
    T* dy = scratch.take<T>(r.lanes * values);
    into_times<T>(r.derivative(n.row() + h * d_v), d_v, r.lanes, dy, values);
    Derivatives<T> d{};
    if (in.a) d.a = zeros<T>(scratch, r.lanes * (by_key ? stride : 1));
    if (erases) d.e = zeros<T>(scratch, r.lanes * stride);
    if (erases && !in.merged) d.f = zeros<T>(scratch, r.lanes * stride);
    d.w = zeros<T>(scratch, r.lanes * stride), d.q = zeros<T>(scratch, r.lanes * stride);
    d.v = zeros<T>(scratch, r.lanes * values);
    for (int64_t at = 0; at < values; at += kLanes) {
      std::memset(state, 0, keys * kLanes * sizeof(T));
      forward_any<T>(in, at, state, kept, y);
      backward_any<T>(in, at, state, kept, dy, d);
    }
    if (in.a && by_key) add_rows(r, d.a, n.input(kLogA) + h * keys, keys, stride);
    if (in.a && !by_key) {
      T* by_log = r.derivative(n.input(kLogA) + h)[0];
      for (int64_t t = 0; t < time; ++t) by_log[t] += d.a[t];
    }
    if (erases) add_rows(r, d.e, row(kE), keys, stride);
    if (erases && !in.merged) add_rows(r, d.f, row(kF), keys, stride);
    add_rows(r, d.w, row(kW), keys, stride);
    add_rows(r, d.q, row(kQ), keys, stride);
    add_rows(r, d.v, n.input(kV) + h * d_v, d_v, values);
  }
}

// h <- a h + b, sixteen channels on the lanes.
template <class T>
inline void recurrence(const Row<T>& r, const Node& n, bool back) {
  const int64_t time = r.shape.time;
  for (int64_t c = 0; c < n.width(); c += kLanes) {
    Scratch scratch;
    const int64_t count = n.width() - c < kLanes ? n.width() - c : kLanes;
    const T* a = time_major(r, scratch, n.input(0) + c, count, kLanes);
    if (!back) {
      T* b = time_major(r, scratch, n.input(1) + c, count, kLanes);
      Lanes<T> h{};
      for (int64_t t = 0; t < time; ++t) {
        h = load(a + t * kLanes) * h + load(b + t * kLanes);
        store(b + t * kLanes, h);
      }
      std::memset(b + time * kLanes, 0, (r.lanes - time) * kLanes * sizeof(T));
      into_rows<T>(b, kLanes, r.value(n.row() + c), count, r.lanes, false);
      continue;
    }
    const T* h = time_major(r, scratch, n.row() + c, count, kLanes);
    T *da = zeros<T>(scratch, r.lanes * kLanes), *db = scratch.take<T>(r.lanes * kLanes);
    into_times<T>(r.derivative(n.row() + c), count, r.lanes, db, kLanes);
    std::memset(db + time * kLanes, 0, (r.lanes - time) * kLanes * sizeof(T));
    Lanes<T> dh{};
    for (int64_t t = time - 1; t >= 0; --t) {
      dh += load(db + t * kLanes);
      store(db + t * kLanes, dh);
      if (t > 0) store(da + t * kLanes, dh * load(h + (t - 1) * kLanes));
      dh *= load(a + t * kLanes);
    }
    add_rows(r, da, n.input(0) + c, count, kLanes);
    add_rows(r, db, n.input(1) + c, count, kLanes);
  }
}

// m <- max(log_f + m, log_i) from 0; out: log_f + m before - m, log_i - m, -m. m is taken as fixed by the derivative.
template <class T>
inline void stabilise(const Row<T>& r, const Node& n, bool back) {
  const int64_t heads = n.input_width(0), time = r.shape.time;
  for (int64_t h = 0; h < heads; ++h) {
    if (back) {
      for (int i = 0; i < 2; ++i) {
        T* dx = r.derivative(n.input(i))[h];
        const T* dy = r.derivative(n.row())[i * heads + h];
        for (int64_t t = 0; t < time; ++t) dx[t] += dy[t];
      }
      continue;
    }
    const T *log_f = r.value(n.input(0))[h], *log_i = r.value(n.input(1))[h];
    const Signal<T> out = r.value(n.row());
    T m = T(0);
    for (int64_t t = 0; t < r.lanes; ++t) {
      const T carried = t < time ? log_f[t] + m : T(0), fresh = t < time ? log_i[t] : T(0);
      m = carried > fresh ? carried : fresh;
      out[h][t] = carried - m, out[heads + h][t] = fresh - m, out[2 * heads + h][t] = -m;
    }
  }
}

}  // namespace graph
}  // namespace plait
