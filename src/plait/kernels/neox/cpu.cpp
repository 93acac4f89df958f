// A whole GPT-NeoX layer (two LayerNorms, rotary sliding-window attention and a SiLU MLP in parallel, residual),
// one sequence at a time; backward recomputes the forward pass of the sequence.
// The plain version is TransformerLayer.reference_forward in plait/layers/transformer.py.
#include "kernels/common/lanes.hpp"
#include "kernels/common/layer_norm.hpp"
#include "kernels/common/pool.hpp"
#include "kernels/dropout/masks.hpp"
#include "kernels/neox/attention.hpp"
#include "kernels/neox/weights.hpp"

#include <vector>

namespace plait {
namespace {

using namespace neox;

struct Shape : Widths {
  int64_t time, n_heads, window;
  int64_t pairs, turned;  // angles in every head, and dimensions that they turn: 2 pairs, or 2 pairs - 1
  double eps;
  int64_t lanes() const { return padded(time); }
  int64_t d_head() const { return d_model / n_heads; }
  int64_t reach() const { return std::min(window, time); }
};

template <class T>
struct Rotation {
  const T *cos, *sin;  // (pairs, lanes)
};

template <class T>
Signal<T> framed(Scratch& scratch, int64_t features, int64_t head, int64_t lanes) {
  const int64_t stride = head + lanes + kLanes;
  Signal<T> signal{scratch.take<T>(features * stride) + head, stride};
  for (int64_t f = 0; f < features; ++f) {
    std::memset(signal[f] - head, 0, head * sizeof(T));
    std::memset(signal[f] + lanes, 0, kLanes * sizeof(T));
  }
  return signal;
}

template <class T>
struct Pass {
  Signal<T> x, normal, first, second, qkv, attended, up, active;
  T* scale;
  Pass(Scratch& scratch, const Shape& s) {
    const int64_t n = s.lanes();
    auto signal = [&](int64_t features) { return Signal<T>{scratch.take<T>(features * n), n}; };
    x = signal(s.d_model), normal = signal(s.d_model), first = signal(s.d_model), second = signal(s.d_model);
    qkv = framed<T>(scratch, 3 * s.d_model, padded(s.reach()), n);
    attended = signal(s.d_model);
    up = signal(s.d_mlp), active = signal(s.d_mlp);
    scale = scratch.take<T>(n);
  }
};

template <class T>
void rotate(const Shape& s, Rotation<T> r, Signal<T> head, T direction) {
  const int64_t n = s.lanes();
  for (int64_t k = 0; k < s.pairs; ++k)
    for (int64_t at = 0; at < n; at += kLanes) {
      const Lanes<T> a = load(head[k] + at), b = load(head[k + s.pairs] + at);
      const Lanes<T> cos = load(r.cos + k * n + at), sin = load(r.sin + k * n + at) * direction;
      store(head[k] + at, a * cos - b * sin);
      store(head[k + s.pairs] + at, b * cos + a * sin);
    }
}

// An odd number of turned dimensions (plait/layers/rope.py, "released"): not a rotation. Dimension j takes its own value
// times the cosine and, times the sine, that of its partner (j + turned / 2) % turned, less where the partner lies behind.
template <class T>
void turn_odd(const Shape& s, Rotation<T> r, Signal<T> head, bool transposed) {
  const int64_t n = s.lanes(), shift = s.turned / 2;
  std::vector<Lanes<T>> own(s.turned);
  for (int64_t at = 0; at < n; at += kLanes) {
    for (int64_t j = 0; j < s.turned; ++j) own[j] = load(head[j] + at);
    for (int64_t j = 0; j < s.turned; ++j) {
      const int64_t partner = (j + (transposed ? s.turned - shift : shift)) % s.turned;
      const int64_t to = transposed ? partner : j;  // the dimension whose sine this is
      const Lanes<T> sin = load(r.sin + to % s.pairs * n + at);
      const Lanes<T> other = own[partner] * (to < s.turned - shift ? -sin : sin);
      store(head[j] + at, own[j] * load(r.cos + j % s.pairs * n + at) + other);
    }
  }
}

template <class T>
void turn(const Shape& s, Rotation<T> r, Signal<T> head, bool back) {
  if (s.turned < 2 * s.pairs) return turn_odd(s, r, head, back);
  rotate(s, r, head, back ? T(-1) : T(1));
}

template <class T>
void scale_rows(Signal<T> rows, int64_t count, int64_t lanes, T factor) {
  for (int64_t f = 0; f < count; ++f)
    for (int64_t at = 0; at < lanes; at += kLanes) store(rows[f] + at, load(rows[f] + at) * factor);
}

// Norms, projections, rotation and the MLP's hidden units: all but the attention itself.
template <class T>
void prepare(const Shape& s, const T* const* w, Rotation<T> r, const T* hidden, Pass<T>& p) {
  const int64_t n = s.lanes(), d = s.d_model, width = s.d_head();
  gather(hidden, s.time, d, p.x, n);
  normalise(p.x, d, n, s.eps, p.normal, p.scale);
  affine(p.normal, d, n, w[kNorm1], w[kNorm1Bias], p.first);
  affine(p.normal, d, n, w[kNorm2], w[kNorm2Bias], p.second);
  apply(matrix(w[kQkv], 3 * d, d), p.first, p.qkv, n, w[kQkvBias]);
  for (int64_t h = 0; h < s.n_heads; ++h) {
    turn(s, r, p.qkv.from(3 * h * width), false);
    turn(s, r, p.qkv.from((3 * h + 1) * width), false);
    scale_rows(p.qkv.from(3 * h * width), width, n, T(1) / std::sqrt(T(width)));
  }
  apply(matrix(w[kUp], s.d_mlp, d), p.second, p.up, n, w[kUpBias]);
  for (int64_t u = 0; u < s.d_mlp; ++u)
    for (int64_t at = 0; at < n; at += kLanes) {
      const Lanes<T> value = load(p.up[u] + at);
      store(p.active[u] + at, value * sigmoid<T>(value));
    }
}

// Dropout in one sequence, the `row`-th of its member; without a mask nothing is dropped. Draws: the mask's own on
// attention weights, the next on what attention gives, the third on what the MLP gives.
template <class T>
struct Drop {
  const Mask<T>* mask;
  int64_t row;
  explicit operator bool() const { return mask != nullptr; }

  // Multiplies the weights of the queries at .. at + 15 of head `h`, `count` rows of kLanes, into `out`.
  void weights(const Shape& s, int64_t h, int64_t at, int64_t count, const T* p, int64_t stride, T* factor,
               T* out) const {
    window_factors(*mask, uint64_t(row * s.n_heads + h) * uint64_t(s.time * s.time), s.time, at, count, factor);
    for (int64_t j = 0; j < count; ++j)
      store(out + j * kLanes, load(p + j * stride) * load(factor + j * kLanes));
  }

  // Factors of what attention (1) or the MLP (2) gives.
  Signal<T> outputs(Scratch& scratch, const Shape& s, int draw) const {
    const int64_t size = s.time * s.d_model;
    T* rows = scratch.take<T>(size);
    factors(mask->next(draw), uint64_t(row * size), size, rows);
    Signal<T> found{scratch.take<T>(s.d_model * s.lanes()), s.lanes()};
    gather(rows, s.time, s.d_model, found, s.lanes());
    return found;
  }
};

template <class T>
T* window_rows(Scratch& scratch, const Shape& s) {
  return scratch.take<T>((s.reach() + kRowsBefore + kRowsAfter) * kLanes) + kRowsBefore * kLanes;
}

template <class T>
void multiply(Signal<T> a, Signal<T> b, int64_t features, int64_t lanes, Signal<T> out) {
  for (int64_t f = 0; f < features; ++f)
    for (int64_t at = 0; at < lanes; at += kLanes) store(out[f] + at, load(a[f] + at) * load(b[f] + at));
}

// x += factor (w y + bias).
template <class T>
void add_dropped(const Matrix<T>& w, Signal<T> y, const T* bias, Signal<T> factor, Scratch& scratch, int64_t lanes,
                 Signal<T> x) {
  Signal<T> value{scratch.take<T>(w.rows * lanes), lanes};
  apply(w, y, value, lanes, bias);
  for (int64_t f = 0; f < w.rows; ++f)
    for (int64_t at = 0; at < lanes; at += kLanes)
      store(x[f] + at, load(x[f] + at) + load(value[f] + at) * load(factor[f] + at));
}

template <class T>
void forward_row(const Shape& s, const T* const* w, Rotation<T> r, Drop<T> drop, const T* hidden, T* out) {
  Scratch scratch;
  Pass<T> p(scratch, s);
  prepare(s, w, r, hidden, p);
  const int64_t n = s.lanes(), d = s.d_model, width = s.d_head();
  T* weights = scratch.take<T>(padded(s.reach()) * kLanes);
  T* factor = drop ? window_rows<T>(scratch, s) : nullptr;
  for (int64_t h = 0; h < s.n_heads; ++h) {
    const Signal<T> q = p.qkv.from(3 * h * width), k = q.from(width), v = q.from(2 * width);
    for (int64_t at = 0; at < n; at += kLanes) {
      const int64_t count = offsets(s.reach(), at);
      probabilities(q, k, width, at, count, weights, kLanes);
      if (drop) drop.weights(s, h, at, count, weights, kLanes, factor, weights);
      mix(weights, kLanes, v, width, at, count, p.attended.from(h * width));
    }
  }
  if (drop) {
    add_dropped(matrix(w[kDense], d, d), p.attended, w[kDenseBias], drop.outputs(scratch, s, 1), scratch, n, p.x);
    add_dropped(matrix(w[kDown], d, s.d_mlp), p.active, w[kDownBias], drop.outputs(scratch, s, 2), scratch, n, p.x);
    return scatter(p.x, s.time, d, out);
  }
  apply_add(matrix(w[kDense], d, d), p.attended, p.x, n);
  apply_add(matrix(w[kDown], d, s.d_mlp), p.active, p.x, n);
  for (int64_t f = 0; f < d; ++f) {
    const T bias = w[kDenseBias][f] + w[kDownBias][f];
    for (int64_t at = 0; at < n; at += kLanes) store(p.x[f] + at, load(p.x[f] + at) + bias);
  }
  scatter(p.x, s.time, d, out);
}

template <class T>
void attention_backward(const Shape& s, Scratch& scratch, const Pass<T>& p, Drop<T> drop, Signal<T> dattended,
                        Signal<T> dqkv) {
  const int64_t n = s.lanes(), width = s.d_head(), reach = s.reach(), stride = n + kLanes;
  T *weights = scratch.take<T>(reach * stride), *dscores = scratch.take<T>(reach * stride);
  for (int64_t j = 0; j < reach; ++j) {
    std::memset(weights + j * stride + n, 0, kLanes * sizeof(T));
    std::memset(dscores + j * stride + n, 0, kLanes * sizeof(T));
  }
  T* factor = drop ? window_rows<T>(scratch, s) : nullptr;
  T* dropped = drop ? scratch.take<T>(padded(reach) * kLanes) : nullptr;
  for (int64_t h = 0; h < s.n_heads; ++h) {
    const Signal<T> q = p.qkv.from(3 * h * width), k = q.from(width), v = q.from(2 * width);
    const Signal<T> dq = dqkv.from(3 * h * width), dk = dq.from(width), dv = dq.from(2 * width);
    const Signal<T> dout = dattended.from(h * width);
    for (int64_t at = 0; at < n; at += kLanes) {
      const int64_t count = offsets(reach, at);
      probabilities(q, k, width, at, count, weights + at, stride);
      if (drop) drop.weights(s, h, at, count, weights + at, stride, factor, dropped);
      mix(drop ? dropped : weights + at, drop ? kLanes : stride, v, width, at, count, p.attended.from(h * width));
      scores(dout, v, width, at, count, dscores + at, stride);
      if (drop)
        for (int64_t j = 0; j < count; ++j)
          store(dscores + j * stride + at, load(dscores + j * stride + at) * load(factor + j * kLanes));
      softmax_backward(weights + at, dscores + at, count, stride);
      if (drop)
        for (int64_t j = 0; j < count; ++j) store(weights + j * stride + at, load(dropped + j * kLanes));
      mix(dscores + at, stride, k, width, at, count, dq);
    }
    for (int64_t at = 0; at < n; at += kLanes) {
      const int64_t count = std::min(reach, n - at);
      mix_back(dscores, stride, q, width, at, count, dk);
      mix_back(weights, stride, dout, width, at, count, dv);
    }
  }
}

template <class T>
void backward_row(const Shape& s, const T* const* w, Rotation<T> r, Drop<T> drop, const T* hidden,
                  const T* dout_rows, T* dhidden, T* const* g) {
  Scratch scratch;
  Pass<T> p(scratch, s);
  prepare(s, w, r, hidden, p);
  const int64_t n = s.lanes(), d = s.d_model, width = s.d_head();
  auto signal = [&](int64_t features) { return Signal<T>{scratch.take<T>(features * n), n}; };
  Signal<T> dout = signal(d), dqkv = signal(3 * d), dfirst = signal(d), dsecond = signal(d), dup = signal(s.d_mlp);
  Signal<T> dattended = framed<T>(scratch, d, 0, n);
  gather(dout_rows, s.time, d, dout, n);
  Signal<T> ddense = dout, ddown = dout;
  if (drop) {
    ddense = drop.outputs(scratch, s, 1), ddown = drop.outputs(scratch, s, 2);
    multiply(dout, ddense, d, n, ddense);
    multiply(dout, ddown, d, n, ddown);
  }
  sum_add(g[kDenseBias], d, ddense, n);
  sum_add(g[kDownBias], d, ddown, n);
  apply(matrix(w[kDense], d, d).transposed(), ddense, dattended, n);
  attention_backward(s, scratch, p, drop, dattended, dqkv);
  outer_add(g[kDense], d, d, ddense, p.attended, n);
  for (int64_t h = 0; h < s.n_heads; ++h) {
    scale_rows(dqkv.from(3 * h * width), width, n, T(1) / std::sqrt(T(width)));
    turn(s, r, dqkv.from(3 * h * width), true);
    turn(s, r, dqkv.from((3 * h + 1) * width), true);
  }
  outer_add(g[kQkv], 3 * d, d, dqkv, p.first, n);
  sum_add(g[kQkvBias], 3 * d, dqkv, n);
  apply(matrix(w[kQkv], 3 * d, d).transposed(), dqkv, dfirst, n);
  outer_add(g[kDown], d, s.d_mlp, ddown, p.active, n);
  apply(matrix(w[kDown], d, s.d_mlp).transposed(), ddown, dup, n);
  for (int64_t u = 0; u < s.d_mlp; ++u)
    for (int64_t at = 0; at < n; at += kLanes) {
      const Lanes<T> value = load(p.up[u] + at), gate = sigmoid<T>(value);
      store(dup[u] + at, load(dup[u] + at) * (gate * (T(1) + value * (T(1) - gate))));
    }
  outer_add(g[kUp], s.d_mlp, d, dup, p.second, n);
  sum_add(g[kUpBias], s.d_mlp, dup, n);
  apply(matrix(w[kUp], s.d_mlp, d).transposed(), dup, dsecond, n);
  affine_backward(dfirst, p.normal, d, n, w[kNorm1], g[kNorm1], g[kNorm1Bias]);
  affine_backward(dsecond, p.normal, d, n, w[kNorm2], g[kNorm2], g[kNorm2Bias]);
  for (int64_t f = 0; f < d; ++f)
    for (int64_t at = 0; at < n; at += kLanes) store(dfirst[f] + at, load(dfirst[f] + at) + load(dsecond[f] + at));
  normalise_backward_add(dfirst, p.normal, p.scale, d, n, dout);
  scatter(dout, s.time, d, dhidden);
}

// Dropout in all members: a seed for each, none where nothing is dropped; `stream` is draw, step, purpose and share.
template <class T>
struct Drops {
  const int64_t *seeds, *stream;
  double kept;
  Mask<T> of(int64_t member) const {
    if (!seeds) return {};
    return {uint64_t(seeds[member]), uint32_t(stream[0]), uint32_t(stream[1]), uint32_t(stream[2]),
            uint64_t(stream[3]), T(1) / T(kept)};
  }
};

template <class T>
void forward(const Shape& s, const T* const* w, const int64_t* strides, Rotation<T> r, Drops<T> drops,
             int64_t members, int64_t batch, const T* hidden, T* out, int64_t threads) {
  parallel(members * batch, threads, [&](int64_t task) {
    const int64_t member = task / batch, row = task * s.time * s.d_model;
    const T* own[kWeights];
    for (int i = 0; i < kWeights; ++i) own[i] = w[i] + member * strides[i];
    const Mask<T> mask = drops.of(member);
    forward_row(s, own, r, Drop<T>{drops.seeds ? &mask : nullptr, task % batch}, hidden + row, out + row);
  });
}

template <class T>
void backward(const Shape& s, const T* const* w, const int64_t* strides, Rotation<T> r, Drops<T> drops,
              int64_t members, int64_t batch, const T* hidden, const T* dout, T* dhidden, T* gradients,
              int64_t group, int64_t threads) {
  const int64_t groups = (batch + group - 1) / group, total = s.total();
  parallel(members * groups, threads, [&](int64_t task) {
    const int64_t member = task / groups, first = task % groups * group;
    const T* own[kWeights];
    T* own_gradients[kWeights];
    T* at = gradients + task * total;
    std::memset(at, 0, total * sizeof(T));
    for (int i = 0; i < kWeights; at += s.size(i++)) own[i] = w[i] + member * strides[i], own_gradients[i] = at;
    const Mask<T> mask = drops.of(member);
    for (int64_t b = first; b < batch && b < first + group; ++b) {
      const int64_t row = (member * batch + b) * s.time * s.d_model;
      backward_row(s, own, r, Drop<T>{drops.seeds ? &mask : nullptr, b}, hidden + row, dout + row, dhidden + row,
                   own_gradients);
    }
  });
}

}  // namespace
}  // namespace plait

#define PLAIT_NEOX(T, suffix)                                                                                        \
  extern "C" void plait_neox_forward_##suffix(                                                                       \
      const int64_t* shape, double eps, const T* const* w, const int64_t* strides, const T* cos, const T* sin,       \
      const int64_t* seeds, const int64_t* stream, double kept, const T* hidden, T* out, int64_t threads) {          \
    const plait::Shape s{{shape[3], shape[5]}, shape[2], shape[4], shape[6], shape[7], shape[8], eps};               \
    plait::forward<T>(s, w, strides, {cos, sin}, {seeds, stream, kept}, shape[0], shape[1], hidden, out, threads);   \
  }                                                                                                                  \
  extern "C" void plait_neox_backward_##suffix(                                                                      \
      const int64_t* shape, double eps, const T* const* w, const int64_t* strides, const T* cos, const T* sin,       \
      const int64_t* seeds, const int64_t* stream, double kept, const T* hidden, const T* dout, T* dhidden,          \
      T* gradients, int64_t group, int64_t threads) {                                                                \
    const plait::Shape s{{shape[3], shape[5]}, shape[2], shape[4], shape[6], shape[7], shape[8], eps};               \
    plait::backward<T>(s, w, strides, {cos, sin}, {seeds, stream, kept}, shape[0], shape[1], hidden, dout, dhidden,  \
                       gradients, group, threads);                                                                   \
  }

PLAIT_NEOX(float, float)
PLAIT_NEOX(double, double)
