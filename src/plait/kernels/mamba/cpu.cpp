// A whole Mamba-1 layer (RMSNorm, in_proj, causal convolution, selective scan, gate, out_proj, residual), one
// sequence at a time, everything in the caches; backward recomputes the forward pass of the sequence.
// The plain version is MambaLayer.reference_forward in plait/layers/mamba.py.
#include "kernels/common/lanes.hpp"
#include "kernels/common/pool.hpp"
#include "kernels/mamba/weights.hpp"
#include "kernels/selective_scan/scan.hpp"

namespace plait {
namespace {

using namespace mamba;

struct Shape : Widths {
  int64_t time;
  double eps;
  int64_t lanes() const { return padded(time); }
  int64_t states() const { return padded(d_state); }
};

constexpr int64_t kHead = kLanes;  // zeros before time 0, read by the convolution

// What the forward pass of one sequence computes; feature-major, all in scratch.
template <class T>
struct Pass {
  Signal<T> x, normed, projected, gate_in, conv, smooth, gate, parameters, dt_in, dt, dtx, y, mixed;
  T *scale, *A, *B, *C;

  Pass(Scratch& scratch, const Shape& s) {
    const int64_t n = s.lanes();
    auto signal = [&](int64_t features) { return Signal<T>{scratch.take<T>(features * n), n}; };
    x = signal(s.d_model), normed = signal(s.d_model);
    projected = Signal<T>{scratch.take<T>(s.d_inner * (n + kHead)) + kHead, n + kHead};
    gate_in = signal(s.d_inner), conv = signal(s.d_inner), smooth = signal(s.d_inner), gate = signal(s.d_inner);
    parameters = signal(s.dt_rank + 2 * s.d_state);
    dt_in = signal(s.d_inner), dt = signal(s.d_inner), dtx = signal(s.d_inner), y = signal(s.d_inner);
    mixed = signal(s.d_inner);
    scale = scratch.take<T>(n);
    A = scratch.take<T>(s.d_inner * s.states());
    B = scratch.take<T>(n * s.states()), C = scratch.take<T>(n * s.states());
  }
};

template <class T>
void to_time_major(Signal<T> features, int64_t time, int64_t d_state, int64_t states, T* out) {
  for (int64_t t = 0; t < time; ++t) {
    for (int64_t n = 0; n < d_state; ++n) out[t * states + n] = features[n][t];
    for (int64_t n = d_state; n < states; ++n) out[t * states + n] = T(0);
  }
}

// Everything before the scan.
template <class T>
void prepare(const Shape& s, const T* const* w, const T* hidden, Pass<T>& p) {
  const int64_t n = s.lanes(), I = s.d_inner, states = s.states();
  gather(hidden, s.time, s.d_model, p.x, n);
  for (int64_t at = 0; at < n; at += kLanes) {
    Lanes<T> square{};
    for (int64_t f = 0; f < s.d_model; ++f) square += load(p.x[f] + at) * load(p.x[f] + at);
    Lanes<T> scale = square / T(s.d_model) + T(s.eps);
    for (int i = 0; i < kLanes; ++i) scale[i] = T(1) / std::sqrt(scale[i]);
    store(p.scale + at, scale);
    for (int64_t f = 0; f < s.d_model; ++f) store(p.normed[f] + at, load(p.x[f] + at) * scale * w[kNorm][f]);
  }
  for (int64_t c = 0; c < I; ++c)
    for (int64_t i = 1; i <= kHead; ++i) p.projected[c][-i] = T(0);
  const Matrix<T> in_proj = matrix(w[kInProj], 2 * I, s.d_model);
  apply(in_proj.upper(I), p.normed, p.projected, n);
  apply(matrix(w[kInProj] + I * s.d_model, I, s.d_model), p.normed, p.gate_in, n);
  for (int64_t c = 0; c < I; ++c) {
    const T* tap = w[kConv] + c * s.d_conv;
    for (int64_t at = 0; at < n; at += kLanes) {
      Lanes<T> sum = spread(w[kConvBias][c]);
      for (int64_t k = 0; k < s.d_conv; ++k) sum += tap[k] * load(p.projected[c] + at + k - (s.d_conv - 1));
      const Lanes<T> gate_in = load(p.gate_in[c] + at);
      store(p.conv[c] + at, sum);
      store(p.smooth[c] + at, sum * sigmoid<T>(sum));
      store(p.gate[c] + at, gate_in * sigmoid<T>(gate_in));
    }
  }
  apply(matrix(w[kXProj], s.dt_rank + 2 * s.d_state, I), p.smooth, p.parameters, n);
  apply(matrix(w[kDtProj], I, s.dt_rank), p.parameters, p.dt_in, n, w[kDtBias]);
  for (int64_t c = 0; c < I; ++c)
    for (int64_t at = 0; at < n; at += kLanes) {
      const Lanes<T> dt = softplus<T>(load(p.dt_in[c] + at));
      store(p.dt[c] + at, dt);
      store(p.dtx[c] + at, dt * load(p.smooth[c] + at));
    }
  to_time_major(p.parameters.from(s.dt_rank), s.time, s.d_state, states, p.B);
  to_time_major(p.parameters.from(s.dt_rank + s.d_state), s.time, s.d_state, states, p.C);
  for (int64_t c = 0; c < I; ++c)
    for (int64_t i = 0; i < states; i += kLanes) {
      Lanes<T> log{};
      for (int64_t j = 0; j < kLanes && i + j < s.d_state; ++j) log[j] = w[kALog][c * s.d_state + i + j];
      Lanes<T> a = -exp<T>(log);
      for (int64_t j = 0; j < kLanes; ++j)
        if (i + j >= s.d_state) a[j] = T(0);
      store(p.A + c * states + i, a);
    }
}

// mixed = (y + D x) * gate for one channel.
template <class T>
void gate_channel(const Shape& s, const T* const* w, Pass<T>& p, int64_t c) {
  for (int64_t at = 0; at < s.lanes(); at += kLanes) {
    const Lanes<T> y = load(p.y[c] + at) + w[kD][c] * load(p.smooth[c] + at);
    store(p.y[c] + at, y);
    store(p.mixed[c] + at, y * load(p.gate[c] + at));
  }
}

template <class T>
void forward_row(const Shape& s, const T* const* w, const T* hidden, T* out) {
  Scratch scratch;
  Pass<T> p(scratch, s);
  prepare(s, w, hidden, p);
  const int64_t n = s.lanes(), states = s.states();
  for (int64_t c = 0; c < s.d_inner; ++c) {
    scan_forward<T>(s.time, n, states, p.dt[c], p.dtx[c], p.A + c * states, p.B, p.C, p.y[c], nullptr, nullptr,
                    nullptr);
    gate_channel(s, w, p, c);
  }
  apply_add(matrix(w[kOutProj], s.d_model, s.d_inner), p.mixed, p.x, n);
  scatter(p.x, s.time, s.d_model, out);
}

template <class T>
void backward_row(const Shape& s, const T* const* w, const T* hidden, const T* dout_rows, T* dhidden, T* const* g) {
  Scratch scratch;
  Pass<T> p(scratch, s);
  prepare(s, w, hidden, p);
  const int64_t n = s.lanes(), I = s.d_inner, states = s.states(), R = s.dt_rank, N = s.d_state;
  auto signal = [&](int64_t features) { return Signal<T>{scratch.take<T>(features * n), n}; };
  Signal<T> dout = signal(s.d_model), dmixed = signal(I), dprojected = signal(2 * I), dsmooth = signal(I);
  Signal<T> dparameters = signal(R + 2 * N), ddt = signal(I), dnormed = signal(s.d_model);
  T *decay = scratch.take<T>(n * states), *states_seen = scratch.take<T>(n * states);
  T *dB = scratch.take<T>(n * states), *dC = scratch.take<T>(n * states), *dA = scratch.take<T>(states);
  T *dy = scratch.take<T>(n), *ddt_row = scratch.take<T>(n), *ddtx = scratch.take<T>(n);
  std::memset(dB, 0, n * states * sizeof(T));
  std::memset(dC, 0, n * states * sizeof(T));
  gather(dout_rows, s.time, s.d_model, dout, n);
  apply(matrix(w[kOutProj], s.d_model, I).transposed(), dout, dmixed, n);
  for (int64_t c = 0; c < I; ++c) {
    scan_forward<T>(s.time, n, states, p.dt[c], p.dtx[c], p.A + c * states, p.B, p.C, p.y[c], decay, states_seen,
                    nullptr);
    gate_channel(s, w, p, c);
    Lanes<T> dskip{};
    for (int64_t at = 0; at < n; at += kLanes) {
      const Lanes<T> dm = load(dmixed[c] + at), z = load(p.gate_in[c] + at), sz = sigmoid<T>(z);
      const Lanes<T> by_y = dm * load(p.gate[c] + at);
      store(dprojected[I + c] + at, dm * load(p.y[c] + at) * (sz * (T(1) + z * (T(1) - sz))));
      store(dy + at, by_y);
      store(dsmooth[c] + at, by_y * w[kD][c]);
      dskip += by_y * load(p.smooth[c] + at);
    }
    g[kD][c] += total<T>(dskip);
    std::memset(dA, 0, states * sizeof(T));
    scan_backward<T>(s.time, n, states, p.dt[c], p.dtx[c], p.A + c * states, p.B, p.C, decay, states_seen, dy, dA,
                     dB, dC, ddt_row, ddtx);
    for (int64_t i = 0; i < N; ++i) g[kALog][c * N + i] += dA[i] * p.A[c * states + i];
    for (int64_t at = 0; at < n; at += kLanes) {
      const Lanes<T> by_dtx = load(ddtx + at);
      store(dsmooth[c] + at, load(dsmooth[c] + at) + by_dtx * load(p.dt[c] + at));
      const Lanes<T> by_dt = load(ddt_row + at) + by_dtx * load(p.smooth[c] + at);
      store(ddt[c] + at, by_dt * sigmoid<T>(load(p.dt_in[c] + at)));
    }
  }
  outer_add(g[kOutProj], s.d_model, I, dout, p.mixed, n);
  sum_add(g[kDtBias], I, ddt, n);
  outer_add(g[kDtProj], I, R, ddt, p.parameters, n);
  apply(matrix(w[kDtProj], I, R).transposed(), ddt, dparameters, n);
  for (int64_t i = 0; i < N; ++i) {
    T *to_B = dparameters[R + i], *to_C = dparameters[R + N + i];
    for (int64_t t = 0; t < s.time; ++t) to_B[t] = dB[t * states + i], to_C[t] = dC[t * states + i];
    for (int64_t t = s.time; t < n; ++t) to_B[t] = to_C[t] = T(0);
  }
  outer_add(g[kXProj], R + 2 * N, I, dparameters, p.smooth, n);
  apply_add(matrix(w[kXProj], R + 2 * N, I).transposed(), dparameters, dsmooth, n);
  T* dconv = scratch.take<T>(n + kHead);
  for (int64_t c = 0; c < I; ++c) {
    Lanes<T> dbias{};
    for (int64_t at = 0; at < n; at += kLanes) {
      const Lanes<T> x = load(p.conv[c] + at), sx = sigmoid<T>(x);
      const Lanes<T> d = load(dsmooth[c] + at) * (sx * (T(1) + x * (T(1) - sx)));
      store(dconv + at, d);
      dbias += d;
    }
    for (int64_t i = 0; i < kHead; ++i) dconv[n + i] = T(0);
    g[kConvBias][c] += total<T>(dbias);
    for (int64_t k = 0; k < s.d_conv; ++k) {
      Lanes<T> dtap{};
      for (int64_t at = 0; at < n; at += kLanes)
        dtap += load(dconv + at) * load(p.projected[c] + at + k - (s.d_conv - 1));
      g[kConv][c * s.d_conv + k] += total<T>(dtap);
    }
    for (int64_t at = 0; at < n; at += kLanes) {
      Lanes<T> sum{};
      for (int64_t k = 0; k < s.d_conv; ++k)
        sum += w[kConv][c * s.d_conv + k] * load(dconv + at + (s.d_conv - 1) - k);
      store(dprojected[c] + at, sum);
    }
  }
  outer_add(g[kInProj], 2 * I, s.d_model, dprojected, p.normed, n);
  apply(matrix(w[kInProj], 2 * I, s.d_model).transposed(), dprojected, dnormed, n);
  for (int64_t at = 0; at < n; at += kLanes) {
    const Lanes<T> scale = load(p.scale + at);
    Lanes<T> dot{};
    for (int64_t f = 0; f < s.d_model; ++f) dot += load(dnormed[f] + at) * w[kNorm][f] * load(p.x[f] + at);
    const Lanes<T> pull = dot * scale * scale * scale / T(s.d_model);
    for (int64_t f = 0; f < s.d_model; ++f) {
      const Lanes<T> dn = load(dnormed[f] + at), x = load(p.x[f] + at);
      store(dout[f] + at, load(dout[f] + at) + dn * w[kNorm][f] * scale - x * pull);
      store(dnormed[f] + at, dn * x * scale);
    }
  }
  sum_add(g[kNorm], s.d_model, dnormed, n);
  scatter(dout, s.time, s.d_model, dhidden);
}

template <class T>
void forward(const Shape& s, const T* const* w, const int64_t* strides, int64_t members, int64_t batch,
             const T* hidden, T* out, int64_t threads) {
  parallel(members * batch, threads, [&](int64_t task) {
    const int64_t member = task / batch, row = task * s.time * s.d_model;
    const T* own[kWeights];
    for (int i = 0; i < kWeights; ++i) own[i] = w[i] + member * strides[i];
    forward_row(s, own, hidden + row, out + row);
  });
}

// Rows of a member go in groups; each group sums its gradients in row order, then the groups are summed in order.
template <class T>
void backward(const Shape& s, const T* const* w, const int64_t* strides, int64_t members, int64_t batch,
              const T* hidden, const T* dout, T* dhidden, T* gradients, int64_t group, int64_t threads) {
  const int64_t groups = (batch + group - 1) / group, total = s.total();
  parallel(members * groups, threads, [&](int64_t task) {
    const int64_t member = task / groups, first = task % groups * group;
    const T* own[kWeights];
    T* own_gradients[kWeights];
    T* at = gradients + task * total;
    std::memset(at, 0, total * sizeof(T));
    for (int i = 0; i < kWeights; at += s.size(i++)) own[i] = w[i] + member * strides[i], own_gradients[i] = at;
    for (int64_t b = first; b < batch && b < first + group; ++b) {
      const int64_t row = (member * batch + b) * s.time * s.d_model;
      backward_row(s, own, hidden + row, dout + row, dhidden + row, own_gradients);
    }
  });
}

}  // namespace
}  // namespace plait

#define PLAIT_MAMBA(T, suffix)                                                                                       \
  extern "C" void plait_mamba_forward_##suffix(const int64_t* shape, double eps, const T* const* w,                  \
                                               const int64_t* strides, const T* hidden, T* out, int64_t threads) {   \
    const plait::Shape s{{shape[3], shape[4], shape[5], shape[6], shape[7]}, shape[2], eps};                         \
    plait::forward<T>(s, w, strides, shape[0], shape[1], hidden, out, threads);                                      \
  }                                                                                                                  \
  extern "C" void plait_mamba_backward_##suffix(const int64_t* shape, double eps, const T* const* w,                 \
                                                const int64_t* strides, const T* hidden, const T* dout, T* dhidden,  \
                                                T* gradients, int64_t group, int64_t threads) {                      \
    const plait::Shape s{{shape[3], shape[4], shape[5], shape[6], shape[7]}, shape[2], eps};                         \
    plait::backward<T>(s, w, strides, shape[0], shape[1], hidden, dout, dhidden, gradients, group, threads);         \
  }

PLAIT_MAMBA(float, float)
PLAIT_MAMBA(double, double)
