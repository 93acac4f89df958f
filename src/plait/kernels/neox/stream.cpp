// A GPT-NeoX layer that goes on from a cache of keys and values: `time` tokens of each of many sequences, sixteen
// sequences a tile. The plain version is TransformerLayer.step in plait/layers/transformer.py.
//
// Keys are held before rotation. The query is turned by the distance instead, so no angle grows with the stream.
#include "kernels/common/layer_norm.hpp"
#include "kernels/common/stream_tiles.hpp"
#include "kernels/neox/weights.hpp"

namespace plait {
namespace {

using namespace neox;

struct Shape {
  // `held` entries before the first token, `kept` after the last; `pairs` rotated pairs of dimensions in every head,
  // whose angles are known for `angles` distances.
  int64_t batch, time, d_model, n_heads, d_mlp, window, pairs, angles, held, kept;
  bool tiled;
  int64_t d_head() const { return d_model / n_heads; }
  int64_t reach() const { return std::min(window, held + time); }
  int64_t entry() const { return 2 * d_model * kLanes; }  // keys and values of one position, head by head
};

template <class T>
struct Rotation {
  const T *cos, *sin;  // (pairs, angles): of the angle at each distance
};

constexpr int kTile = 4;  // distances treated at once

// Scores of distances j .. j + Tile - 1 from the query, whose first dimensions are turned for each.
template <class T, int Tile>
inline void scores(const Shape& s, Rotation<T> r, Signal<T> q, const T* newest_key, int64_t j, T* turned, T* out) {
  const int64_t pairs = s.pairs, width = s.d_head();
  for (int i = 0; i < Tile; ++i)
    for (int64_t k = 0; k < pairs; ++k) {
      const T cos = r.cos[k * s.angles + j + i], sin = r.sin[k * s.angles + j + i];
      const Lanes<T> a = load(q[k]), b = load(q[k + pairs]);
      store(turned + (2 * pairs * i + k) * kLanes, a * cos - b * sin);
      store(turned + (2 * pairs * i + k + pairs) * kLanes, b * cos + a * sin);
    }
  Lanes<T> sum[Tile] = {};
  const T* key[Tile];
  for (int i = 0; i < Tile; ++i) key[i] = newest_key - (j + i) * s.entry();
  for (int64_t f = 0; f < 2 * pairs; ++f)
    for (int i = 0; i < Tile; ++i) sum[i] += load(turned + (2 * pairs * i + f) * kLanes) * load(key[i] + f * kLanes);
  for (int64_t f = 2 * pairs; f < width; ++f) {
    const Lanes<T> left = load(q[f]);
    for (int i = 0; i < Tile; ++i) sum[i] += left * load(key[i] + f * kLanes);
  }
  for (int i = 0; i < Tile; ++i) store(out + i * kLanes, sum[i]);
}

// How far the score at each lane's source is ahead of all others.
template <class T>
inline Lanes<T> margin(const T* score, int64_t count, const int32_t* source, int64_t stride, int64_t lanes) {
  Lanes<T> own = spread(-std::numeric_limits<T>::infinity()), others = own, place = spread(T(-1));
  for (int64_t i = 0; i < lanes; ++i) place[i] = T(source[i * stride]);
  for (int64_t j = 0; j < count; ++j) {
    const Lanes<T> here = load(score + j * kLanes), rival = choose(here > others, here, others);
    own = choose(place == T(j), here, own);
    others = choose(place == T(j), others, rival);
  }
  return own - others;
}

template <class T>
inline void soften(T* score, int64_t count) {
  Lanes<T> top = load(score), sum{};
  for (int64_t j = 1; j < count; ++j) {
    const Lanes<T> here = load(score + j * kLanes);
    top = choose(here > top, here, top);
  }
  for (int64_t j = 0; j < count; ++j) {
    const Lanes<T> weight = exp<T>(load(score + j * kLanes) - top);
    store(score + j * kLanes, weight);
    sum += weight;
  }
  const Lanes<T> inverse = T(1) / sum;
  for (int64_t j = 0; j < count; ++j) store(score + j * kLanes, load(score + j * kLanes) * inverse);
}

template <class T>
inline void mix(const T* weight, int64_t count, const T* newest, int64_t entry, int64_t width, Signal<T> out) {
  for (int64_t f = 0; f < width; f += 4) {
    const int64_t n = std::min<int64_t>(4, width - f);
    Lanes<T> sum[4] = {};
    for (int64_t j = 0; j < count; ++j) {
      const Lanes<T> share = load(weight + j * kLanes);
      const T* value = newest - j * entry + f * kLanes;
      if (n == 4)
        for (int i = 0; i < 4; ++i) sum[i] += share * load(value + i * kLanes);
      else
        for (int64_t i = 0; i < n; ++i) sum[i] += share * load(value + i * kLanes);
    }
    for (int64_t i = 0; i < n; ++i) store(out[f + i], sum[i]);
  }
}

template <class T>
struct Room {
  Signal<T> normal, first, second, qkv, attended, up;
  T *scale, *turned, *score;
  Room(Scratch& scratch, const Shape& s) {
    auto signal = [&](int64_t features) { return tile(scratch.take<T>(features * kLanes)); };
    normal = signal(s.d_model), first = signal(s.d_model), second = signal(s.d_model);
    qkv = signal(3 * s.d_model), attended = signal(s.d_model), up = signal(s.d_mlp);
    scale = scratch.take<T>(kLanes), turned = scratch.take<T>(2 * s.pairs * kTile * kLanes);
    score = scratch.take<T>((s.reach() + kTile) * kLanes);
  }
};

// One position: `here` is its place behind the entries of `seen`; gives the margin of the head that leads most.
template <class T>
Lanes<T> attend(const Shape& s, Rotation<T> r, const Room<T>& room, T* here, int64_t count, const int32_t* source,
                int64_t lanes) {
  const int64_t width = s.d_head();
  Lanes<T> best = spread(-std::numeric_limits<T>::infinity());
  for (int64_t h = 0; h < s.n_heads; ++h) {
    const Signal<T> q = room.qkv.from(3 * h * width);
    T* key = here + 2 * h * width * kLanes;
    std::memcpy(key, q[width], 2 * width * kLanes * sizeof(T));
    const T root = T(1) / std::sqrt(T(width));
    for (int64_t f = 0; f < width; ++f) store(q[f], load(q[f]) * root);
    int64_t j = 0;
    for (; j + kTile <= count; j += kTile) scores<T, kTile>(s, r, q, key, j, room.turned, room.score + j * kLanes);
    for (; j + 2 <= count; j += 2) scores<T, 2>(s, r, q, key, j, room.turned, room.score + j * kLanes);
    if (j < count) scores<T, 1>(s, r, q, key, j, room.turned, room.score + j * kLanes);
    if (source) {
      const Lanes<T> lead = margin(room.score, count, source, s.time, lanes);
      best = choose(lead > best, lead, best);
    }
    soften(room.score, count);
    mix(room.score, count, key + width * kLanes, s.entry(), width, room.attended.from(h * width));
  }
  return best;
}

template <class T>
void advance(const Shape& s, double eps, const T* const* w, Rotation<T> r, const T* in, T* out, T* seen,
             const int32_t* sources, T* margins, int64_t lanes) {
  Scratch scratch;
  const Room<T> room(scratch, s);
  const int64_t d = s.d_model;
  for (int64_t t = 0; t < s.time; ++t) {
    const Signal<T> x = tile(out + t * d * kLanes);
    std::memmove(x.data, in + t * d * kLanes, d * kLanes * sizeof(T));
    normalise(x, d, kLanes, eps, room.normal, room.scale);
    affine(room.normal, d, kLanes, w[kNorm1], w[kNorm1Bias], room.first);
    times(matrix(w[kQkv], 3 * d, d), room.first, room.qkv, w[kQkvBias]);
    const int64_t count = std::min(s.window, s.held + t + 1);
    const Lanes<T> lead = attend(s, r, room, seen + (s.held + t) * s.entry(), count, sources ? sources + t : nullptr,
                                 lanes);
    if (sources)
      for (int64_t i = 0; i < lanes; ++i) margins[i * s.time + t] = lead[i];
    for (int64_t f = 0; f < d; ++f) store(x[f], load(x[f]) + (w[kDenseBias][f] + w[kDownBias][f]));
    times_add(matrix(w[kDense], d, d), room.attended, x);
    if (!s.d_mlp) continue;
    affine(room.normal, d, kLanes, w[kNorm2], w[kNorm2Bias], room.second);
    times(matrix(w[kUp], s.d_mlp, d), room.second, room.up, w[kUpBias]);
    for (int64_t u = 0; u < s.d_mlp; ++u) store(room.up[u], load(room.up[u]) * sigmoid<T>(load(room.up[u])));
    times_add(matrix(w[kDown], d, s.d_mlp), room.up, x);
  }
}

template <class T>
void run(const Shape& s, double eps, const T* const* w, Rotation<T> r, const T* hidden, T* out, const T* cache,
         T* cache_after, const int32_t* sources, T* margins, int64_t threads) {
  const int64_t entries = 2 * s.d_model, width = s.time * s.d_model;
  parallel(tiles(s.batch), threads, [&](int64_t group) {
    Scratch scratch;
    const Carried<T> signal(scratch, s.tiled, hidden, out, group, s.batch, width, width);
    const int64_t first = group * kLanes, lanes = std::min<int64_t>(kLanes, s.batch - first);
    T* seen = scratch.take<T>((s.held + s.time) * s.entry());
    if (s.tiled)
      copy(seen, cache + group * s.held * s.entry(), s.held * s.entry());
    else
      rows_to_tile(cache + first * s.held * entries, lanes, s.held * entries, seen);
    advance(s, eps, w, r, signal.before, signal.after, seen, sources ? sources + first * s.time : nullptr,
            margins ? margins + first * s.time : nullptr, lanes);
    const T* last = seen + (s.held + s.time - s.kept) * s.entry();
    if (s.tiled)
      copy(cache_after + group * s.kept * s.entry(), last, s.kept * s.entry());
    else
      tile_to_rows(last, lanes, s.kept * entries, cache_after + first * s.kept * entries);
    signal.finish();
  });
}

}  // namespace
}  // namespace plait

#define PLAIT_STREAM_NEOX(T, suffix)                                                                                 \
  extern "C" void plait_stream_neox_##suffix(const int64_t* n, double eps, const T* const* weights, const T* cos,    \
                                             const T* sin, const T* hidden, T* out, const T* cache,                  \
                                             T* cache_after, const int32_t* sources, T* margins, int64_t threads) {  \
    plait::run<T>({n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7], n[8], n[9], n[10] != 0}, eps, weights, {cos, sin}, \
                  hidden, out, cache, cache_after, sources, margins, threads);                                       \
  }

PLAIT_STREAM_NEOX(float, float)
PLAIT_STREAM_NEOX(double, double)
