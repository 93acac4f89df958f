// One channel of the selective scan: h_t = exp(dt_t A) h_{t-1} + dt_t x_t B_t, y_t = C_t . h_t.
//
// The states of a channel lie on the lanes. B and C are time-major, `states` wide (a multiple of the lanes, zeros
// past d_state, where A is 0 as well, so padded states stay 0 and add nothing).
// Equations: Gu and Dao, "Mamba", arXiv 2312.00752, section 3; the zero-order hold of A, Euler's step for B.
#pragma once
#include "kernels/common/lanes.hpp"

namespace plait {

// y[t] for t < lanes, from the states `first`, zero where it is null. With `decay` and `hidden` (each time x states) the factors and states are kept for backward.
template <class T>
inline void scan_forward(int64_t time, int64_t lanes, int64_t states, const T* dt, const T* dtx, const T* A,
                         const T* B, const T* C, T* y, T* decay, T* hidden, T* last, const T* first = nullptr) {
  for (int64_t s = 0; s < states; s += kLanes) {
    const Lanes<T> a = load(A + s);
    Lanes<T> h = first ? load(first + s) : Lanes<T>{};
    for (int64_t at = 0; at < lanes; at += kLanes) {
      Lanes<T> product[kLanes] = {};
      const int64_t count = time - at < kLanes ? time - at : kLanes;
      for (int64_t i = 0; i < count; ++i) {
        const int64_t t = at + i, cell = t * states + s;
        const Lanes<T> factor = exp<T>(dt[t] * a);
        h = factor * h + dtx[t] * load(B + cell);
        if (decay) store(decay + cell, factor), store(hidden + cell, h);
        product[i] = h * load(C + cell);
      }
      const Lanes<T> sums = totals<T>(product);
      store(y + at, s ? load(y + at) + sums : sums);
    }
    if (last) store(last + s, h);
  }
}

// From dy: adds to dB and dC (time x states) and dA (states), writes the derivatives by dt (through the decay
// alone) and by dtx.
template <class T>
inline void scan_backward(int64_t time, int64_t lanes, int64_t states, const T* dt, const T* dtx, const T* A,
                          const T* B, const T* C, const T* decay, const T* hidden, const T* dy, T* dA, T* dB, T* dC,
                          T* ddt, T* ddtx) {
  for (int64_t s = 0; s < states; s += kLanes) {
    const Lanes<T> a = load(A + s);
    Lanes<T> dh{}, da{};
    for (int64_t at = lanes - kLanes; at >= 0; at -= kLanes) {
      Lanes<T> by_dt[kLanes] = {}, by_dtx[kLanes] = {};
      const int64_t count = time - at < kLanes ? time - at : kLanes;
      for (int64_t i = count - 1; i >= 0; --i) {
        const int64_t t = at + i, cell = t * states + s;
        dh += dy[t] * load(C + cell);
        store(dC + cell, load(dC + cell) + dy[t] * load(hidden + cell));
        store(dB + cell, load(dB + cell) + dtx[t] * dh);
        by_dtx[i] = dh * load(B + cell);
        dh *= load(decay + cell);
        if (t > 0) {
          const Lanes<T> by_exponent = dh * load(hidden + cell - states);
          by_dt[i] = by_exponent * a;
          da += by_exponent * dt[t];
        }
      }
      const Lanes<T> dt_sums = totals<T>(by_dt), dtx_sums = totals<T>(by_dtx);
      store(ddt + at, s ? load(ddt + at) + dt_sums : dt_sums);
      store(ddtx + at, s ? load(ddtx + at) + dtx_sums : dtx_sums);
    }
    store(dA + s, load(dA + s) + da);
  }
}

}  // namespace plait
