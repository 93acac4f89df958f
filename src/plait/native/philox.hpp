// Philox4x32-10, the same words as plait/random.py computes in tensor operations (Salmon, Moraes, Dror, Shaw, SC 2011).
#pragma once
#include <cstdint>

namespace plait {

// kWide blocks at once: word w of block b is out[4 * b + w], for the counters first + b, draw, step, purpose.
constexpr int kWide = 16;

inline void philox(uint64_t seed, uint64_t first, uint32_t draw, uint32_t step, uint32_t purpose, uint32_t* out) {
  uint64_t c0[kWide], c1[kWide], c2[kWide], c3[kWide];
  for (int b = 0; b < kWide; ++b) c0[b] = uint32_t(first + b), c1[b] = draw, c2[b] = step, c3[b] = purpose;
  uint32_t k0 = uint32_t(seed), k1 = uint32_t(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    for (int b = 0; b < kWide; ++b) {
      const uint64_t p0 = uint64_t(0xD2511F53u) * uint32_t(c0[b]), p1 = uint64_t(0xCD9E8D57u) * uint32_t(c2[b]);
      c0[b] = (p1 >> 32) ^ c1[b] ^ k0;
      c1[b] = uint32_t(p1);
      c2[b] = (p0 >> 32) ^ c3[b] ^ k1;
      c3[b] = uint32_t(p0);
    }
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  for (int b = 0; b < kWide; ++b) {
    out[4 * b] = uint32_t(c0[b]), out[4 * b + 1] = uint32_t(c1[b]);
    out[4 * b + 2] = uint32_t(c2[b]), out[4 * b + 3] = uint32_t(c3[b]);
  }
}

// Calls use(index, word) for the words 0 .. n - 1 of a stream.
template <class Use>
inline void each_word(uint64_t seed, int64_t n, uint32_t draw, uint32_t step, uint32_t purpose, Use use) {
  uint32_t words[4 * kWide];
  for (int64_t at = 0; at < n; at += 4 * kWide) {
    philox(seed, uint64_t(at) / 4, draw, step, purpose, words);
    const int64_t count = n - at < 4 * kWide ? n - at : 4 * kWide;
    for (int64_t i = 0; i < count; ++i) use(at + i, words[i]);
  }
}

}  // namespace plait
