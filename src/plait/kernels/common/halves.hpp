// Lanes that a processor's own vectors do not hold, as two halves, down to vectors that they are.
//
// Compilers keep vectors of their own types that are longer than the processor's in memory, and compare and choose in
// them lane by lane: an exponential takes thirteen times as long with AVX2 as by halves. Each lane goes through the same
// operations either way.
#pragma once
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

namespace plait {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
#elif defined(__AVX__)
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;
#endif

template <class T>
using Integer = std::conditional_t<sizeof(T) == 4, int32_t, int64_t>;

template <class T, int N>
struct Vector {
  typedef T type __attribute__((vector_size(N * sizeof(T)), may_alias));
  typedef T unaligned __attribute__((vector_size(N * sizeof(T)), may_alias, aligned(alignof(T))));
  typedef Integer<T> integers __attribute__((vector_size(N * sizeof(T)), may_alias));
};

template <class Half>
struct HalvesMask {
  Half low, high;
};

template <class T, int N>
struct Halves;

// Whether N lanes are two halves. Of doubles with AVX-512 they are one type of the compiler's, longer than its vectors.
template <class T, int N>
constexpr bool kSplit = kVectorBytes < 64 && N * sizeof(T) > kVectorBytes;

template <class T, int N, bool Split>
struct LanesOf {
  using type = typename Vector<T, N>::type;
};

template <class T, int N>
struct LanesOf<T, N, true> {
  using type = Halves<T, N>;
};

template <class T, int N>
using Group = typename LanesOf<T, N, kSplit<T, N>>::type;

#define PLAIT_HALVES(op)                                                                                   \
  friend inline Halves operator op(const Halves& a, const Halves& b) {                                     \
    return {a.low op b.low, a.high op b.high};                                                             \
  }                                                                                                        \
  friend inline Halves operator op(const Halves& a, T b) { return {a.low op b, a.high op b}; }             \
  friend inline Halves operator op(T a, const Halves& b) { return {a op b.low, a op b.high}; }             \
  inline Halves& operator op##=(const Halves& b) { return *this = *this op b; }                            \
  inline Halves& operator op##=(T b) { return *this = *this op b; }

#define PLAIT_HALVES_COMPARED(op)                                                                          \
  friend inline auto operator op(const Halves& a, const Halves& b) {                                       \
    return HalvesMask<decltype(a.low op b.low)>{a.low op b.low, a.high op b.high};                         \
  }                                                                                                        \
  friend inline auto operator op(const Halves& a, T b) {                                                   \
    return HalvesMask<decltype(a.low op b)>{a.low op b, a.high op b};                                      \
  }

template <class T, int N>
struct Halves {
  Group<T, N / 2> low, high;
  inline T operator[](int64_t i) const { return reinterpret_cast<const T*>(this)[i]; }
  inline T& operator[](int64_t i) { return reinterpret_cast<T*>(this)[i]; }
  inline Halves operator-() const { return {-low, -high}; }
  PLAIT_HALVES(+)
  PLAIT_HALVES(-)
  PLAIT_HALVES(*)
  PLAIT_HALVES(/)
  PLAIT_HALVES_COMPARED(>)
  PLAIT_HALVES_COMPARED(<)
  PLAIT_HALVES_COMPARED(==)
};

#undef PLAIT_HALVES
#undef PLAIT_HALVES_COMPARED

// `yes` where the mask, a comparison, is true, else `no`.
template <class Mask, class V>
inline V choose(const Mask& mask, const V& yes, const V& no) {
  return mask ? yes : no;
}

template <class Half, class T, int N>
inline Halves<T, N> choose(const HalvesMask<Half>& mask, const Halves<T, N>& yes, const Halves<T, N>& no) {
  return {choose(mask.low, yes.low, no.low), choose(mask.high, yes.high, no.high)};
}

// 2^n from n + 1.5 * 2^mantissa, whose last bits are n; half of it, so that the largest n does not overflow.
template <class T, class V>
inline V half_power_of_two(const V& shifted) {
  typedef Integer<T> Integers __attribute__((vector_size(sizeof(V)), may_alias));
  constexpr int mantissa = sizeof(T) == 4 ? 23 : 52;
  Integers bits;
  std::memcpy(&bits, &shifted, sizeof bits);
  const Integers scaled = (bits << mantissa) + (Integers{} + (Integer<T>(sizeof(T) == 4 ? 126 : 1022) << mantissa));
  V scale;
  std::memcpy(&scale, &scaled, sizeof scale);
  return scale;
}

template <class T, int N>
inline Halves<T, N> half_power_of_two(const Halves<T, N>& shifted) {
  return {half_power_of_two<T>(shifted.low), half_power_of_two<T>(shifted.high)};
}

namespace detail {
template <int Step, class V, int... I>
inline V fold(const V& a, const V& b, std::integer_sequence<int, I...>) {
  constexpr int n = sizeof...(I);
  return __builtin_shufflevector(a, b, (I & Step ? n + I : I)...) +
         __builtin_shufflevector(a, b, (I & Step ? n + I - Step : I + Step)...);
}

// Lanes with bit `Step` clear hold a's pair sums, the others b's.
template <class T, int N, int Step>
inline Group<T, N> fold(const Group<T, N>& a, const Group<T, N>& b) {
  if constexpr (!kSplit<T, N>)
    return fold<Step>(a, b, std::make_integer_sequence<int, N>());
  else if constexpr (2 * Step == N)
    return {a.low + a.high, b.high + b.low};
  else
    return {fold<T, N / 2, Step>(a.low, b.low), fold<T, N / 2, Step>(a.high, b.high)};
}

template <int Step, class V, int... I>
inline void exchange(V& a, V& b, std::integer_sequence<int, I...>) {
  constexpr int n = sizeof...(I);
  const V x = a, y = b;
  a = __builtin_shufflevector(x, y, (I & Step ? n + I - Step : I)...);
  b = __builtin_shufflevector(x, y, (I & Step ? n + I : I + Step)...);
}

// Exchanges the lanes of `a` with bit `Step` set for those of `b` with it clear.
template <class T, int N, int Step>
inline void exchange(Group<T, N>& a, Group<T, N>& b) {
  if constexpr (!kSplit<T, N>)
    exchange<Step>(a, b, std::make_integer_sequence<int, N>());
  else if constexpr (2 * Step == N)
    std::swap(a.high, b.low);
  else
    exchange<T, N / 2, Step>(a.low, b.low), exchange<T, N / 2, Step>(a.high, b.high);
}
}  // namespace detail

}  // namespace plait
