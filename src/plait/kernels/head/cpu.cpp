// Embedding, and the head: final LayerNorm, tied unembedding, cross-entropy over the scored tokens, accuracy.
// The head's gradients are computed together with the loss, one sequence at a time.
#include "kernels/common/lanes.hpp"
#include "kernels/common/layer_norm.hpp"
#include "kernels/common/pool.hpp"

namespace plait {
namespace {

struct Shape {
  int64_t members, batch, time, d_model, vocab;
  int64_t lanes() const { return padded(time); }
};

// Per row: sum of -log p of the scored targets, how many were scored, how many of those are the largest logit.
template <class T>
struct Score {
  double loss = 0;
  int64_t scored = 0, correct = 0;
};

template <class T>
struct Row {
  Signal<T> x, normal, out, logits;
  T* scale;
  Row(Scratch& scratch, const Shape& s) {
    const int64_t n = s.lanes();
    auto signal = [&](int64_t features) { return Signal<T>{scratch.take<T>(features * n), n}; };
    x = signal(s.d_model), normal = signal(s.d_model), out = signal(s.d_model), logits = signal(s.vocab);
    scale = scratch.take<T>(n);
  }
};

template <class T>
void logits_of(const Shape& s, double eps, const T* weight, const T* bias, const T* embedding, const T* hidden,
               Row<T>& row) {
  const int64_t n = s.lanes();
  gather(hidden, s.time, s.d_model, row.x, n);
  normalise(row.x, s.d_model, n, eps, row.normal, row.scale);
  affine(row.normal, s.d_model, n, weight, bias, row.out);
  apply(matrix(embedding, s.vocab, s.d_model), row.out, row.logits, n);
}

// Turns the logits into (probability - target) * share at scored times and 0 elsewhere.
template <class T>
Score<T> cross_entropy(const Shape& s, Row<T>& row, const int64_t* targets, const uint8_t* scored, T share) {
  Score<T> score;
  const int64_t n = s.lanes();
  for (int64_t at = 0; at < n; at += kLanes) {
    Lanes<T> top = load(row.logits[0] + at), picked{}, sum{};
    for (int64_t v = 1; v < s.vocab; ++v) {
      const Lanes<T> logit = load(row.logits[v] + at);
      top = choose(logit > top, logit, top);
    }
    const int64_t count = s.time - at < kLanes ? s.time - at : kLanes;
    for (int64_t i = 0; i < count; ++i)
      if (scored[at + i]) {
        const int64_t target = targets[at + i];
        const T logit = row.logits[target][at + i];
        bool first = logit == top[i];
        for (int64_t v = 0; v < target && first; ++v) first = row.logits[v][at + i] < top[i];
        picked[i] = logit;
        ++score.scored;
        score.correct += first;
      }
    for (int64_t v = 0; v < s.vocab; ++v) {
      const Lanes<T> weight = exp<T>(load(row.logits[v] + at) - top);
      store(row.logits[v] + at, weight);
      sum += weight;
    }
    Lanes<T> factor{};
    for (int64_t i = 0; i < count; ++i)
      if (scored[at + i]) {
        score.loss += double(top[i] - picked[i]) + double(std::log(sum[i]));
        factor[i] = share / sum[i];
      }
    for (int64_t v = 0; v < s.vocab; ++v) store(row.logits[v] + at, load(row.logits[v] + at) * factor);
    for (int64_t i = 0; i < count; ++i)
      if (scored[at + i]) row.logits[targets[at + i]][at + i] -= share;
  }
  return score;
}

// losses (members): mean over the member's scored tokens. With gradients: dhidden and, per member, d(norm weight,
// norm bias, embedding) packed in this order.
template <class T>
void loss(const Shape& s, double eps, const T* weight, const T* bias, const T* embedding, const int64_t* strides,
          const T* hidden, const int64_t* targets, const uint8_t* scored, double* losses, int64_t* counts,
          T* dhidden, T* gradients, int64_t threads) {
  const int64_t n = s.lanes(), d = s.d_model, total = (2 + s.vocab) * d;
  parallel(s.members, threads, [&](int64_t member) {
    const T *w = weight + member * strides[0], *b = bias + member * strides[1], *e = embedding + member * strides[2];
    T* g = dhidden ? gradients + member * total : nullptr;
    if (dhidden) std::memset(g, 0, total * sizeof(T));
    int64_t scored_tokens = 0;
    for (int64_t i = 0; i < s.batch * s.time; ++i) scored_tokens += scored[member * s.batch * s.time + i] != 0;
    const T share = scored_tokens ? T(1) / T(scored_tokens) : T(0);
    Score<T> sum;
    for (int64_t i = 0; i < s.batch; ++i) {
      Scratch scratch;
      Row<T> row(scratch, s);
      const int64_t first = (member * s.batch + i) * s.time;
      logits_of(s, eps, w, b, e, hidden + first * d, row);
      const Score<T> score = cross_entropy(s, row, targets + first, scored + first, share);
      sum.loss += score.loss, sum.scored += score.scored, sum.correct += score.correct;
      if (!dhidden) continue;
      outer_add(g + 2 * d, s.vocab, d, row.logits, row.out, n);
      Signal<T> dout{scratch.take<T>(d * n), n}, dx{scratch.take<T>(d * n), n};
      apply(matrix(e, s.vocab, d).transposed(), row.logits, dout, n);
      affine_backward(dout, row.normal, d, n, w, g, g + d);
      std::memset(dx.data, 0, d * n * sizeof(T));
      normalise_backward_add(dout, row.normal, row.scale, d, n, dx);
      scatter(dx, s.time, d, dhidden + first * d);
    }
    losses[member] = scored_tokens ? sum.loss / double(scored_tokens) : 0.0;
    counts[2 * member] = sum.correct, counts[2 * member + 1] = sum.scored;
  });
}

template <class T>
void embed(const Shape& s, const T* table, int64_t stride, const int64_t* tokens, T* out, int64_t threads) {
  parallel(s.members, threads, [&](int64_t member) {
    const int64_t first = member * s.batch * s.time;
    for (int64_t i = 0; i < s.batch * s.time; ++i)
      std::memcpy(out + (first + i) * s.d_model, table + member * stride + tokens[first + i] * s.d_model,
                  s.d_model * sizeof(T));
  });
}

template <class T>
void embed_backward(const Shape& s, const int64_t* tokens, const T* dout, T* gradients, int64_t threads) {
  parallel(s.members, threads, [&](int64_t member) {
    const int64_t first = member * s.batch * s.time;
    T* g = gradients + member * s.vocab * s.d_model;
    std::memset(g, 0, s.vocab * s.d_model * sizeof(T));
    for (int64_t i = 0; i < s.batch * s.time; ++i) {
      T* to = g + tokens[first + i] * s.d_model;
      for (int64_t f = 0; f < s.d_model; ++f) to[f] += dout[(first + i) * s.d_model + f];
    }
  });
}

}  // namespace
}  // namespace plait

#define PLAIT_HEAD(T, suffix)                                                                                        \
  extern "C" void plait_head_loss_##suffix(const int64_t* shape, double eps, const T* weight, const T* bias,         \
                                           const T* embedding, const int64_t* strides, const T* hidden,              \
                                           const int64_t* targets, const uint8_t* scored, double* losses,            \
                                           int64_t* counts, T* dhidden, T* gradients, int64_t threads) {             \
    plait::loss<T>({shape[0], shape[1], shape[2], shape[3], shape[4]}, eps, weight, bias, embedding, strides,        \
                   hidden, targets, scored, losses, counts, dhidden, gradients, threads);                            \
  }                                                                                                                  \
  extern "C" void plait_embed_##suffix(const int64_t* shape, const T* table, int64_t stride, const int64_t* tokens,  \
                                       T* out, int64_t threads) {                                                    \
    plait::embed<T>({shape[0], shape[1], shape[2], shape[3], shape[4]}, table, stride, tokens, out, threads);        \
  }                                                                                                                  \
  extern "C" void plait_embed_backward_##suffix(const int64_t* shape, const int64_t* tokens, const T* dout,          \
                                                T* gradients, int64_t threads) {                                     \
    plait::embed_backward<T>({shape[0], shape[1], shape[2], shape[3], shape[4]}, tokens, dout, gradients, threads);  \
  }

PLAIT_HEAD(float, float)
PLAIT_HEAD(double, double)
