// A Mamba-1 layer that goes on from a state: `time` tokens of each of many sequences, sixteen sequences a tile.
// The plain version is MambaLayer.step in plait/layers/mamba.py.
#include "kernels/common/stream_tiles.hpp"
#include "kernels/mamba/weights.hpp"

namespace plait {
namespace {

using namespace mamba;

struct Shape {
  int64_t batch, time, d_model, d_inner, d_state, d_conv, dt_rank;
  bool tiled;
};

template <class T>
inline Lanes<T> silu(Lanes<T> x) {
  return x * sigmoid<T>(x);
}

// `h` holds d_inner x d_state tiles of state, `past` the d_conv - 1 inputs of the convolution before the first token
// and then those of all tokens.
template <class T>
void advance(const Shape& s, double eps, const T* const* w, const T* rates, const T* in, T* out, T* h, T* past) {
  Scratch scratch;
  const int64_t d = s.d_model, I = s.d_inner, N = s.d_state;
  auto signal = [&](int64_t features) { return tile(scratch.take<T>(features * kLanes)); };
  const Signal<T> normed = signal(d), gate = signal(I), smooth = signal(I), parameters = signal(s.dt_rank + 2 * N);
  const Signal<T> dt_in = signal(I), mixed = signal(I);
  for (int64_t t = 0; t < s.time; ++t, in += d * kLanes, out += d * kLanes, past += I * kLanes) {
    Lanes<T> scale{};
    for (int64_t f = 0; f < d; ++f) scale += load(in + f * kLanes) * load(in + f * kLanes);
    scale = scale / T(d) + T(eps);
    for (int i = 0; i < kLanes; ++i) scale[i] = T(1) / std::sqrt(scale[i]);
    for (int64_t f = 0; f < d; ++f) {
      store(normed[f], load(in + f * kLanes) * scale * w[kNorm][f]);
      store(out + f * kLanes, load(in + f * kLanes));
    }
    const Signal<T> newest = tile(past + (s.d_conv - 1) * I * kLanes);
    times(matrix(w[kInProj], I, d), normed, newest);
    times(matrix(w[kInProj] + I * d, I, d), normed, gate);
    for (int64_t c = 0; c < I; ++c) {
      Lanes<T> sum = spread(w[kConvBias][c]);
      for (int64_t k = 0; k < s.d_conv; ++k) sum += w[kConv][c * s.d_conv + k] * load(past + (k * I + c) * kLanes);
      store(smooth[c], silu<T>(sum));
    }
    times(matrix(w[kXProj], s.dt_rank + 2 * N, I), smooth, parameters);
    times(matrix(w[kDtProj], I, s.dt_rank), parameters, dt_in, w[kDtBias]);
    const Signal<T> B = parameters.from(s.dt_rank), C = B.from(N);
    for (int64_t c = 0; c < I; ++c) {
      const Lanes<T> x = load(smooth[c]), dt = softplus<T>(load(dt_in[c])), dtx = dt * x;
      Lanes<T> y = w[kD][c] * x;
      for (int64_t n = 0; n < N; ++n) {
        T* cell = h + (c * N + n) * kLanes;
        const Lanes<T> held = exp<T>(dt * rates[c * N + n]) * load(cell) + dtx * load(B[n]);
        store(cell, held);
        y += held * load(C[n]);
      }
      store(mixed[c], y * silu<T>(load(gate[c])));
    }
    times_add(matrix(w[kOutProj], d, I), mixed, tile(out));
  }
}

template <class T>
void run(const Shape& s, double eps, const T* const* w, const T* hidden, T* out, const T* ssm, T* ssm_after,
         const T* tail, T* tail_after, int64_t threads) {
  const int64_t states = s.d_inner * s.d_state, kept = (s.d_conv - 1) * s.d_inner;
  Scratch shared;
  T* rates = shared.take<T>(padded(states));
  for (int64_t i = 0; i < states; i += kLanes) {
    Lanes<T> log{};
    for (int64_t j = 0; j < kLanes && i + j < states; ++j) log[j] = w[kALog][i + j];
    store(rates + i, -exp<T>(log));
  }
  parallel(tiles(s.batch), threads, [&](int64_t group) {
    Scratch scratch;
    const Carried<T> signal(scratch, s.tiled, hidden, out, group, s.batch, s.time * s.d_model, s.time * s.d_model);
    const Carried<T> state(scratch, s.tiled, ssm, ssm_after, group, s.batch, states, states);
    const Carried<T> last(scratch, s.tiled, tail, tail_after, group, s.batch, kept, kept);
    T* past = scratch.take<T>((kept + s.time * s.d_inner) * kLanes);
    copy(past, last.before, kept * kLanes);
    copy(state.after, state.before, states * kLanes);
    advance(s, eps, w, rates, signal.before, signal.after, state.after, past);
    copy(last.after, past + s.time * s.d_inner * kLanes, kept * kLanes);
    signal.finish(), state.finish(), last.finish();
  });
}

}  // namespace
}  // namespace plait

#define PLAIT_STREAM_MAMBA(T, suffix)                                                                                \
  extern "C" void plait_stream_mamba_##suffix(const int64_t* n, double eps, const T* const* weights, const T* hidden, \
                                              T* out, const T* ssm, T* ssm_after, const T* tail, T* tail_after,      \
                                              int64_t threads) {                                                     \
    plait::run<T>({n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7] != 0}, eps, weights, hidden, out, ssm, ssm_after,  \
                  tail, tail_after, threads);                                                                        \
  }

PLAIT_STREAM_MAMBA(float, float)
PLAIT_STREAM_MAMBA(double, double)
