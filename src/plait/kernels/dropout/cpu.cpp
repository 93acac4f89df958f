// Dropout whose masks are words of a stream: the same entry falls in any ensemble, on any number of threads.
#include <cstring>

#include "kernels/common/pool.hpp"
#include "native/philox.hpp"

namespace plait {
namespace {

// `stream`: draw, step, purpose, and the number of words, of 2^32, that keep an entry; kept ones are divided by `kept`.
template <class T>
void dropout(int64_t members, int64_t n, const T* in, T* out, const int64_t* seeds, T kept, const int64_t* stream,
             int64_t threads) {
  const uint64_t share = uint64_t(stream[3]);
  parallel(members, threads, [&](int64_t member) {
    const T* from = in + member * n;
    T* to = out + member * n;
    each_word(uint64_t(seeds[member]), 0, n, uint32_t(stream[0]), uint32_t(stream[1]), uint32_t(stream[2]),
              [=](int64_t i, uint32_t word) { to[i] = word < share ? from[i] / kept : T(0); });
  });
}

}  // namespace
}  // namespace plait

#define PLAIT_DROPOUT(T, suffix)                                                                                     \
  extern "C" void plait_dropout_##suffix(int64_t members, int64_t n, const T* in, T* out, const int64_t* seeds,      \
                                         double kept, const int64_t* stream, int64_t threads) {                      \
    plait::dropout<T>(members, n, in, out, seeds, T(kept), stream, threads);                                         \
  }

PLAIT_DROPOUT(float, float)
PLAIT_DROPOUT(double, double)
