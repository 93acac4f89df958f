// Embedding into tiles, and the head on tiles: the answer at each position and how far its target's logit leads.
#include "kernels/common/layer_norm.hpp"
#include "kernels/common/stream_tiles.hpp"

namespace plait {
namespace {

struct Shape {
  int64_t batch, time, d_model, vocab;
};

template <class T>
void embed(const Shape& s, const T* table, const int64_t* tokens, T* hidden, int64_t threads) {
  parallel(tiles(s.batch), threads, [&](int64_t group) {
    T* out = hidden + group * s.time * s.d_model * kLanes;
    for (int64_t t = 0; t < s.time; ++t)
      for (int64_t i = 0; i < kLanes; ++i) {
        const int64_t row = std::min(group * kLanes + i, s.batch - 1);
        const T* from = table + tokens[row * s.time + t] * s.d_model;
        for (int64_t f = 0; f < s.d_model; ++f) out[(t * s.d_model + f) * kLanes + i] = from[f];
      }
  });
}

// One position of one tile: the two largest logits, and the place of the first of the largest.
template <class T>
struct Best {
  Lanes<T> top, second, place, nothing;  // `nothing` is 0 where all logits are finite, NaN elsewhere
  Best(Signal<T> logits, int64_t vocab)
      : top(load(logits[0])), second(spread(-std::numeric_limits<T>::infinity())), place{}, nothing(top * T(0)) {
    for (int64_t v = 1; v < vocab; ++v) {
      const Lanes<T> logit = load(logits[v]), lesser = choose(logit > top, top, logit);
      nothing += logit * T(0);
      second = choose(lesser > second, lesser, second);
      place = choose(logit > top, spread(T(v)), place);
      top = choose(logit > top, logit, top);
    }
  }
};

// answers: the first of the largest logits. gaps: the target's logit less the largest other one, +infinity where the
// target is negative; without targets the lead of the answer. NaN where a logit is not finite.
template <class T>
void head(const Shape& s, double eps, const T* weight, const T* bias, const T* table, const T* hidden,
          const int64_t* targets, T* gaps, int64_t* answers, int64_t threads) {
  parallel(tiles(s.batch), threads, [&](int64_t group) {
    Scratch scratch;
    auto signal = [&](int64_t features) { return tile(scratch.take<T>(features * kLanes)); };
    const Signal<T> normal = signal(s.d_model), out = signal(s.d_model), logits = signal(s.vocab);
    T* scale = scratch.take<T>(kLanes);
    const int64_t first = group * kLanes, lanes = std::min<int64_t>(kLanes, s.batch - first);
    for (int64_t t = 0; t < s.time; ++t) {
      bool wanted = !targets || answers;
      for (int64_t i = 0; i < lanes && !wanted; ++i) wanted = targets[(first + i) * s.time + t] >= 0;
      for (int64_t i = 0; i < lanes; ++i) gaps[(first + i) * s.time + t] = std::numeric_limits<T>::infinity();
      if (!wanted) continue;
      const Signal<T> x = tile(const_cast<T*>(hidden) + (group * s.time + t) * s.d_model * kLanes);
      normalise(x, s.d_model, kLanes, eps, normal, scale);
      affine(normal, s.d_model, kLanes, weight, bias, out);
      times(matrix(table, s.vocab, s.d_model), out, logits);
      const Best<T> best(logits, s.vocab);
      for (int64_t i = 0; i < lanes; ++i) {
        const int64_t at = (first + i) * s.time + t;
        if (answers) answers[at] = int64_t(best.place[i]);
        const T own = targets ? (targets[at] < 0 ? best.top[i] : logits[targets[at]][i]) : best.top[i];
        if (targets && targets[at] < 0) continue;
        gaps[at] = own - (own < best.top[i] ? best.top[i] : best.second[i]) + best.nothing[i];
      }
    }
  });
}

}  // namespace
}  // namespace plait

#define PLAIT_STREAM_HEAD(T, suffix)                                                                                  \
  extern "C" void plait_stream_embed_##suffix(const int64_t* n, const T* table, const int64_t* tokens, T* hidden,     \
                                              int64_t threads) {                                                      \
    plait::embed<T>({n[0], n[1], n[2], n[3]}, table, tokens, hidden, threads);                                        \
  }                                                                                                                   \
  extern "C" void plait_stream_head_##suffix(const int64_t* n, double eps, const T* weight, const T* bias,            \
                                             const T* table, const T* hidden, const int64_t* targets, T* gaps,        \
                                             int64_t* answers, int64_t threads) {                                     \
    plait::head<T>({n[0], n[1], n[2], n[3]}, eps, weight, bias, table, hidden, targets, gaps, answers, threads);      \
  }

PLAIT_STREAM_HEAD(float, float)
PLAIT_STREAM_HEAD(double, double)
