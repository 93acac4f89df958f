// The words of a stream for many seeds: plait.random.Stream.bits on the CPU.
#include "native/philox.hpp"

extern "C" void plait_philox(int64_t* words, const int64_t* seeds, int64_t members, int64_t n, int64_t draw,
                             int64_t step, int64_t purpose) {
  for (int64_t member = 0; member < members; ++member) {
    int64_t* row = words + member * n;
    plait::each_word(uint64_t(seeds[member]), 0, n, uint32_t(draw), uint32_t(step), uint32_t(purpose),
                     [row](int64_t index, uint32_t word) { row[index] = word; });
  }
}
