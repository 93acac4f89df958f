// Philox4x32-10 for the CPU, the same words as plait/random.py computes in tensor operations.
#include <cstdint>

namespace {

inline void block(uint32_t c[4], uint32_t k0, uint32_t k1) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t p0 = uint64_t(0xD2511F53u) * c[0], p1 = uint64_t(0xCD9E8D57u) * c[2];
    const uint32_t next[4] = {uint32_t(p1 >> 32) ^ c[1] ^ k0, uint32_t(p1), uint32_t(p0 >> 32) ^ c[3] ^ k1,
                              uint32_t(p0)};
    for (int i = 0; i < 4; ++i) c[i] = next[i];
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
}

}  // namespace

extern "C" void plait_philox(int64_t* words, const int64_t* seeds, int64_t members, int64_t n, int64_t draw,
                             int64_t step, int64_t purpose) {
  for (int64_t member = 0; member < members; ++member) {
    int64_t* row = words + member * n;
    const uint64_t seed = uint64_t(seeds[member]);
    for (int64_t first = 0; first < n; first += 4) {
      uint32_t c[4] = {uint32_t(first / 4), uint32_t(draw), uint32_t(step), uint32_t(purpose)};
      block(c, uint32_t(seed), uint32_t(seed >> 32));
      for (int64_t i = 0; i < 4 && first + i < n; ++i) row[first + i] = c[i];
    }
  }
}
