// Nodes that treat every number, or every channel, by itself.
#pragma once
#include "kernels/graph/row.hpp"

namespace plait {
namespace graph {

template <class T>
struct Silu {
  static Lanes<T> value(Lanes<T> x) { return x * sigmoid<T>(x); }
  static Lanes<T> slope(Lanes<T> x, Lanes<T>) {
    const Lanes<T> s = sigmoid<T>(x);
    return s * (T(1) + x * (T(1) - s));
  }
};

template <class T>
struct Sigmoid {
  static Lanes<T> value(Lanes<T> x) { return sigmoid<T>(x); }
  static Lanes<T> slope(Lanes<T>, Lanes<T> y) { return y * (T(1) - y); }
};

template <class T>
struct Softplus {
  static Lanes<T> value(Lanes<T> x) { return softplus<T>(x); }
  static Lanes<T> slope(Lanes<T> x, Lanes<T>) { return sigmoid<T>(x); }
};

template <class T>
struct Exp {
  static Lanes<T> value(Lanes<T> x) { return exp<T>(x); }
  static Lanes<T> slope(Lanes<T>, Lanes<T> y) { return y; }
};

template <class T>
struct Tanh {
  static Lanes<T> value(Lanes<T> x) { return T(2) * sigmoid<T>(T(2) * x) - T(1); }
  static Lanes<T> slope(Lanes<T>, Lanes<T> y) { return T(1) - y * y; }
};

template <class T>
struct Relu {
  static Lanes<T> value(Lanes<T> x) { return choose(x > T(0), x, Lanes<T>{}); }
  static Lanes<T> slope(Lanes<T> x, Lanes<T>) { return choose(x > T(0), spread(T(1)), Lanes<T>{}); }
};

template <class T>
struct Gelu {  // x sigmoid(2 z), z = sqrt(2 / pi) (x + 0.044715 x^3)
  static Lanes<T> inner(Lanes<T> x) { return T(1.5957691216057308) * (x + T(0.044715) * x * x * x); }
  static Lanes<T> value(Lanes<T> x) { return x * sigmoid<T>(inner(x)); }
  static Lanes<T> slope(Lanes<T> x, Lanes<T>) {
    const Lanes<T> s = sigmoid<T>(inner(x));
    return s + x * s * (T(1) - s) * T(1.5957691216057308) * (T(1) + T(3 * 0.044715) * x * x);
  }
};

template <class T>
struct Abs {
  static Lanes<T> value(Lanes<T> x) { return choose(x < T(0), -x, x); }
  static Lanes<T> slope(Lanes<T> x, Lanes<T>) {
    return choose(x > T(0), spread(T(1)), choose(x < T(0), spread(T(-1)), Lanes<T>{}));
  }
};

template <class T, template <class> class F>
inline void unary(const Row<T>& r, const Node& n, bool back) {
  const T* x = r.value(n.input(0)).data;
  T* y = r.value(n.row()).data;
  if (!back) return blocks(n.width(), r.lanes, [&](int64_t at) { store(y + at, F<T>::value(load(x + at))); });
  T* dx = r.derivative(n.input(0)).data;
  const T* dy = r.derivative(n.row()).data;
  blocks(n.width(), r.lanes, [&](int64_t at) {
    store(dx + at, load(dx + at) + load(dy + at) * F<T>::slope(load(x + at), load(y + at)));
  });
}

template <class T>
inline void root(const Row<T>& r, const Node& n, bool back) {
  const T* x = r.value(n.input(0)).data;
  T* y = r.value(n.row()).data;
  const T steepest = T(n.reals()[0]);
  if (!back)
    return blocks(n.width(), r.lanes, [&](int64_t at) {
      Lanes<T> v = load(x + at);
      for (int i = 0; i < kLanes; ++i) v[i] = std::sqrt(v[i] > T(0) ? v[i] : T(0));
      store(y + at, v);
    });
  T* dx = r.derivative(n.input(0)).data;
  const T* dy = r.derivative(n.row()).data;
  blocks(n.width(), r.lanes, [&](int64_t at) {
    const Lanes<T> twice = T(2) * load(y + at), least = spread(T(1) / steepest);
    store(dx + at, load(dx + at) + load(dy + at) / choose(twice > least, twice, least));
  });
}

template <class T>
inline void affine_map(const Row<T>& r, const Node& n, bool back) {
  const T scale = T(n.reals()[0]), plus = T(n.reals()[1]);
  const T* x = r.value(n.input(0)).data;
  T* y = r.value(n.row()).data;
  if (!back) return blocks(n.width(), r.lanes, [&](int64_t at) { store(y + at, scale * load(x + at) + plus); });
  T* dx = r.derivative(n.input(0)).data;
  const T* dy = r.derivative(n.row()).data;
  blocks(n.width(), r.lanes, [&](int64_t at) { store(dx + at, load(dx + at) + scale * load(dy + at)); });
}

template <class T>
inline void binary_forward(const Row<T>& r, const Node& n) {
  const T *a = r.value(n.input(0)).data, *b = r.value(n.input(1)).data;
  T* y = r.value(n.row()).data;
  auto each = [&](auto f) {
    blocks(n.width(), r.lanes, [&](int64_t at) { store(y + at, Lanes<T>(f(load(a + at), load(b + at)))); });
  };
  switch (n.op()) {
    case kAdd: return each([](Lanes<T> p, Lanes<T> q) { return p + q; });
    case kSubtract: return each([](Lanes<T> p, Lanes<T> q) { return p - q; });
    case kMultiply: return each([](Lanes<T> p, Lanes<T> q) { return p * q; });
    case kMaximum: return each([](Lanes<T> p, Lanes<T> q) { return choose(p > q, p, q); });
  }
  for (int64_t f = 0; f < n.width(); ++f)  // quotients, where what lies past the end may be 0 / 0
    for (int64_t at = 0; at < r.lanes; at += kLanes) {
      Lanes<T> q = load(b + f * r.lanes + at);
      for (int64_t i = 0; i < kLanes; ++i)
        if (at + i >= r.shape.time) q[i] = T(1);
      store(y + f * r.lanes + at, load(a + f * r.lanes + at) / q);
    }
}

template <class T>
inline void binary_backward(const Row<T>& r, const Node& n) {
  const T *a = r.value(n.input(0)).data, *b = r.value(n.input(1)).data, *y = r.value(n.row()).data;
  const T* dy = r.derivative(n.row()).data;
  T *da = r.derivative(n.input(0)).data, *db = r.derivative(n.input(1)).data;
  // One after the other, so that a signal that is both inputs takes both parts.
  auto each = [&](auto f, auto g) {
    blocks(n.width(), r.lanes, [&](int64_t at) { store(da + at, load(da + at) + Lanes<T>(f(load(dy + at), at))); });
    blocks(n.width(), r.lanes, [&](int64_t at) { store(db + at, load(db + at) + Lanes<T>(g(load(dy + at), at))); });
  };
  switch (n.op()) {
    case kAdd: return each([](Lanes<T> d, int64_t) { return d; }, [](Lanes<T> d, int64_t) { return d; });
    case kSubtract: return each([](Lanes<T> d, int64_t) { return d; }, [](Lanes<T> d, int64_t) { return -d; });
    case kMultiply:
      return each([&](Lanes<T> d, int64_t at) { return d * load(b + at); },
                  [&](Lanes<T> d, int64_t at) { return d * load(a + at); });
    case kMaximum:
      return each([&](Lanes<T> d, int64_t at) { return choose(load(a + at) > load(b + at), d, Lanes<T>{}); },
                  [&](Lanes<T> d, int64_t at) { return choose(load(a + at) > load(b + at), Lanes<T>{}, d); });
  }
  auto quotient = [&](Lanes<T> d, int64_t at) {
    Lanes<T> found = d / load(b + at);
    for (int64_t i = 0; i < kLanes; ++i)
      if (at % r.lanes + i >= r.shape.time) found[i] = T(0);
    return found;
  };
  each(quotient, [&](Lanes<T> d, int64_t at) { return -quotient(d, at) * load(y + at); });
}

// A weight, or fixed numbers, at every token.
template <class T>
inline void spread_over_time(const Row<T>& r, const Node& n, bool back) {
  const int64_t weight = n.weight(0);
  if (back) {
    if (weight >= 0) sum_add(r.gradients[weight], n.width(), r.derivative(n.row()), r.lanes);
    return;
  }
  const Signal<T> y = r.value(n.row());
  for (int64_t f = 0; f < n.width(); ++f) {
    const Lanes<T> value = spread(weight >= 0 ? r.weights[weight][f] : T(n.reals()[f]));
    for (int64_t at = 0; at < r.lanes; at += kLanes) store(y[f] + at, value);
  }
}

// Every row `times` times (each), or all of them `times` times (tile).
template <class T>
inline void repeat(const Row<T>& r, const Node& n, bool back) {
  const int64_t times = n.ints()[0], width = n.input_width(0);
  for (int64_t f = 0; f < n.width(); ++f) {
    const int64_t from = n.op() == kEach ? f / times : f % width;
    if (!back) {
      std::memcpy(r.value(n.row())[f], r.value(n.input(0))[from], r.lanes * sizeof(T));
      continue;
    }
    T* dx = r.derivative(n.input(0))[from];
    const T* dy = r.derivative(n.row())[f];
    for (int64_t at = 0; at < r.lanes; at += kLanes) store(dx + at, load(dx + at) + load(dy + at));
  }
}

template <class T>
inline void dot(const Row<T>& r, const Node& n, bool back) {
  const int64_t per = n.ints()[0];
  for (int64_t g = 0; g < n.width(); ++g) {
    const Signal<T> a = r.value(n.input(0) + g * per), b = r.value(n.input(1) + g * per);
    for (int64_t at = 0; at < r.lanes; at += kLanes) {
      if (!back) {
        Lanes<T> sum{};
        for (int64_t f = 0; f < per; ++f) sum += load(a[f] + at) * load(b[f] + at);
        store(r.value(n.row())[g] + at, sum);
        continue;
      }
      const Lanes<T> d = load(r.derivative(n.row())[g] + at);
      const Signal<T> da = r.derivative(n.input(0) + g * per), db = r.derivative(n.input(1) + g * per);
      for (int64_t f = 0; f < per; ++f) {
        store(da[f] + at, load(da[f] + at) + d * load(b[f] + at));
        store(db[f] + at, load(db[f] + at) + d * load(a[f] + at));
      }
    }
  }
}

}  // namespace graph
}  // namespace plait
