// Philox4x32-10, the same words as plait/random.py computes in tensor operations (Salmon, Moraes, Dror, Shaw, SC 2011).
#pragma once
#include <cstdint>
#include <cstring>
#ifdef __AVX2__
#include <immintrin.h>
#endif

namespace plait {

#if defined(__AVX512F__)
constexpr int kNative = 8;
#elif defined(__AVX2__)
constexpr int kNative = 4;
#else
constexpr int kNative = 2;
#endif
typedef uint64_t Long __attribute__((vector_size(8 * kNative)));
typedef uint32_t Words __attribute__((vector_size(4 * kNative)));

// The products of the lower halves by a word. One instruction, which compilers do not find by themselves: they take the
// one for whole products, three times as long.
inline Long product_of_words(Long a, uint32_t word) {
#if defined(__AVX512F__)
  return Long(_mm512_mul_epu32(__m512i(a), _mm512_set1_epi64(word)));
#elif defined(__AVX2__)
  return Long(_mm256_mul_epu32(__m256i(a), _mm256_set1_epi64x(word)));
#else
  return (a & 0xFFFFFFFFu) * (Long{} + word);
#endif
}

// kWide blocks at once: word w of block b is out[w * kWide + b], for the counters blocks[b], draw, step, purpose.
constexpr int kWide = 16;

inline void philox(uint64_t seed, const uint32_t* blocks, uint32_t draw, uint32_t step, uint32_t purpose,
                   uint32_t* out) {
  constexpr int kParts = kWide / kNative;
  Long c0[kParts], c1[kParts], c2[kParts], c3[kParts];  // of each lane the lower half counts
  for (int i = 0; i < kParts; ++i) {
    for (int b = 0; b < kNative; ++b) c0[i][b] = blocks[kNative * i + b];
    c1[i] = Long{} + draw, c2[i] = Long{} + step, c3[i] = Long{} + purpose;
  }
  uint32_t k0 = uint32_t(seed), k1 = uint32_t(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < kParts; ++i) {
      const Long p0 = product_of_words(c0[i], 0xD2511F53u), p1 = product_of_words(c2[i], 0xCD9E8D57u);
      c0[i] = (p1 >> 32) ^ c1[i] ^ k0;
      c1[i] = p1;
      c2[i] = (p0 >> 32) ^ c3[i] ^ k1;
      c3[i] = p0;
    }
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  const Long* counters[] = {c0, c1, c2, c3};
  for (int w = 0; w < 4; ++w)
    for (int i = 0; i < kParts; ++i) {
      const Words words = __builtin_convertvector(counters[w][i], Words);
      std::memcpy(out + w * kWide + i * kNative, &words, sizeof words);
    }
}

// Calls use(i, word) for i in 0 .. n - 1 with the word first + i of a stream.
template <class Use>
inline void each_word(uint64_t seed, uint64_t first, int64_t n, uint32_t draw, uint32_t step, uint32_t purpose,
                      Use use) {
  uint32_t blocks[kWide], words[4 * kWide], in_order[4 * kWide];
  const int64_t skipped = int64_t(first % 4);
  for (int64_t at = -skipped; at < n; at += 4 * kWide) {
    for (int b = 0; b < kWide; ++b) blocks[b] = uint32_t((first + uint64_t(at)) / 4 + b);
    philox(seed, blocks, draw, step, purpose, words);
    for (int b = 0; b < kWide; ++b)
      for (int w = 0; w < 4; ++w) in_order[4 * b + w] = words[w * kWide + b];
    const int64_t begin = at < 0 ? -at : 0, end = n - at < 4 * kWide ? n - at : 4 * kWide;
    for (int64_t i = begin; i < end; ++i) use(at + i, in_order[i]);
  }
}

}  // namespace plait
