// The selective scan alone, for sequences of any strides brought into feature-major order by the caller.
#include "kernels/common/lanes.hpp"
#include "kernels/common/pool.hpp"
#include "kernels/selective_scan/scan.hpp"

namespace plait {
namespace {

struct Shape {
  int64_t batch, time, channels, d_state, per_member;  // sequences; those of one member share A
  int64_t lanes() const { return padded(time); }
  int64_t states() const { return padded(d_state); }
};

template <class T>
struct Inputs {
  Signal<T> x, dt, dtx;
  T *A, *B, *C;
  Inputs(Scratch& scratch, const Shape& s, const T* x_rows, const T* dt_rows, const T* A_rows, const T* B_rows,
         const T* C_rows) {
    const int64_t n = s.lanes(), states = s.states();
    auto signal = [&](int64_t features) { return Signal<T>{scratch.take<T>(features * n), n}; };
    x = signal(s.channels), dt = signal(s.channels), dtx = signal(s.channels);
    A = scratch.take<T>(s.channels * states), B = scratch.take<T>(n * states), C = scratch.take<T>(n * states);
    gather(x_rows, s.time, s.channels, x, n);
    gather(dt_rows, s.time, s.channels, dt, n);
    for (int64_t i = 0; i < s.channels * n; ++i) dtx.data[i] = dt.data[i] * x.data[i];
    widen(A_rows, s.channels, s.d_state, A), widen(B_rows, s.time, s.d_state, B), widen(C_rows, s.time, s.d_state, C);
  }
  static void widen(const T* rows, int64_t count, int64_t width, T* out) {
    const int64_t wide = padded(width);
    for (int64_t r = 0; r < count; ++r)
      for (int64_t i = 0; i < wide; ++i) out[r * wide + i] = i < width ? rows[r * width + i] : T(0);
  }
};

template <class T>
void forward(const Shape& s, const T* x, const T* dt, const T* A, const T* B, const T* C, const T* first, T* y,
             T* last, int64_t threads) {
  parallel(s.batch, threads, [&](int64_t b) {
    Scratch scratch;
    const int64_t by_channel = b * s.time * s.channels, by_state = b * s.time * s.d_state, states = s.states();
    const T* member_A = A + b / s.per_member * s.channels * s.d_state;
    Inputs<T> in(scratch, s, x + by_channel, dt + by_channel, member_A, B + by_state, C + by_state);
    Signal<T> out{scratch.take<T>(s.channels * s.lanes()), s.lanes()};
    T *ends = scratch.take<T>(states), *begins = scratch.take<T>(states);
    std::memset(begins, 0, states * sizeof(T));
    for (int64_t c = 0; c < s.channels; ++c) {
      const int64_t place = (b * s.channels + c) * s.d_state;
      if (first) std::memcpy(begins, first + place, s.d_state * sizeof(T));
      scan_forward<T>(s.time, s.lanes(), states, in.dt[c], in.dtx[c], in.A + c * states, in.B, in.C, out[c], nullptr,
                      nullptr, ends, begins);
      std::memcpy(last + place, ends, s.d_state * sizeof(T));
    }
    scatter(out, s.time, s.channels, y + by_channel);
  });
}

// dA is per sequence: (batch, channels, d_state), summed in order by the caller.
template <class T>
void backward(const Shape& s, const T* x, const T* dt, const T* A, const T* B, const T* C, const T* dy, T* dx, T* ddt,
              T* dA, T* dB, T* dC, int64_t threads) {
  parallel(s.batch, threads, [&](int64_t b) {
    Scratch scratch;
    const int64_t by_channel = b * s.time * s.channels, by_state = b * s.time * s.d_state, n = s.lanes();
    const int64_t states = s.states();
    const T* member_A = A + b / s.per_member * s.channels * s.d_state;
    Inputs<T> in(scratch, s, x + by_channel, dt + by_channel, member_A, B + by_state, C + by_state);
    auto signal = [&](int64_t features) { return Signal<T>{scratch.take<T>(features * n), n}; };
    Signal<T> dout = signal(s.channels), by_dt = signal(s.channels), by_dtx = signal(s.channels), y = signal(1);
    T *decay = scratch.take<T>(n * states), *hidden = scratch.take<T>(n * states);
    T *own_dB = scratch.take<T>(n * states), *own_dC = scratch.take<T>(n * states), *own_dA = scratch.take<T>(states);
    std::memset(own_dB, 0, n * states * sizeof(T));
    std::memset(own_dC, 0, n * states * sizeof(T));
    gather(dy + by_channel, s.time, s.channels, dout, n);
    for (int64_t c = 0; c < s.channels; ++c) {
      const T* own_A = in.A + c * states;
      std::memset(own_dA, 0, states * sizeof(T));
      scan_forward<T>(s.time, n, states, in.dt[c], in.dtx[c], own_A, in.B, in.C, y[0], decay, hidden, nullptr);
      scan_backward<T>(s.time, n, states, in.dt[c], in.dtx[c], own_A, in.B, in.C, decay, hidden, dout[c], own_dA,
                       own_dB, own_dC, by_dt[c], by_dtx[c]);
      std::memcpy(dA + (b * s.channels + c) * s.d_state, own_dA, s.d_state * sizeof(T));
      for (int64_t t = 0; t < n; ++t) {
        by_dt[c][t] += by_dtx[c][t] * in.x[c][t];
        by_dtx[c][t] *= in.dt[c][t];
      }
    }
    scatter(by_dt, s.time, s.channels, ddt + by_channel);
    scatter(by_dtx, s.time, s.channels, dx + by_channel);
    for (int64_t t = 0; t < s.time; ++t) {
      std::memcpy(dB + by_state + t * s.d_state, own_dB + t * states, s.d_state * sizeof(T));
      std::memcpy(dC + by_state + t * s.d_state, own_dC + t * states, s.d_state * sizeof(T));
    }
  });
}

}  // namespace
}  // namespace plait

#define PLAIT_SCAN(T, suffix)                                                                                        \
  extern "C" void plait_scan_forward_##suffix(const int64_t* shape, const T* x, const T* dt, const T* A, const T* B, \
                                              const T* C, const T* first, T* y, T* last, int64_t threads) {          \
    plait::forward<T>({shape[0], shape[1], shape[2], shape[3], shape[4]}, x, dt, A, B, C, first, y, last,   \
                      threads);                                                                                      \
  }                                                                                                                  \
  extern "C" void plait_scan_backward_##suffix(const int64_t* shape, const T* x, const T* dt, const T* A,            \
                                               const T* B, const T* C, const T* dy, T* dx, T* ddt, T* dA, T* dB,     \
                                               T* dC, int64_t threads) {                                             \
    plait::backward<T>({shape[0], shape[1], shape[2], shape[3], shape[4]}, x, dt, A, B, C, dy, dx, ddt, dA, dB, dC, threads);  \
  }

PLAIT_SCAN(float, float)
PLAIT_SCAN(double, double)
