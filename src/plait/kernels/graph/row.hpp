// A graph over one sequence: where its signals lie, and what a node is told.
#pragma once
#include "kernels/common/lanes.hpp"
#include "kernels/common/pool.hpp"
#include "kernels/graph/ops.hpp"

namespace plait {
namespace graph {

constexpr int kInputs = 6, kNodeWeights = 2, kHeader = 4 + 2 * (kInputs + 1) + kNodeWeights;

// One node, read from the numbers that dispatch.py lays out.
struct Node {
  const int64_t* data;
  const double* all_reals;
  int op() const { return int(data[0]); }
  const double* reals() const { return all_reals + data[2]; }
  int64_t n_reals() const { return data[3]; }
  int64_t row() const { return data[4]; }
  int64_t width() const { return data[5]; }
  int64_t input(int i) const { return data[6 + 2 * i]; }
  int64_t input_width(int i) const { return data[7 + 2 * i]; }
  int64_t weight(int i) const { return data[6 + 2 * kInputs + i]; }
  const int64_t* ints() const { return data + kHeader; }
  Node next() const { return {data + kHeader + data[1], all_reals}; }
};

struct Shape {
  int64_t members, batch, time, d_model, rows, n_nodes, input, output, n_weights, total;
  const int64_t *nodes, *sizes;
  const double* reals;
  int64_t lanes() const { return padded(time); }
  Node first() const { return {nodes, reals}; }
};

// The arrays of one sequence. Values past its end are arbitrary but finite; derivatives there are zero.
template <class T>
struct Row {
  const Shape& shape;
  Scratch& scratch;
  const T* const* weights;
  T* const* gradients;  // of the weights, added to; null in a forward pass
  Signal<T> values, derivatives;
  int64_t lanes;

  Signal<T> value(int64_t row) const { return values.from(row); }
  Signal<T> derivative(int64_t row) const { return derivatives.from(row); }
  Signal<T> temporary(int64_t features) const { return {scratch.take<T>(features * lanes), lanes}; }
};

// Calls f(at) for every block of lanes of `features` rows, which lie one after the other.
template <class F>
inline void blocks(int64_t features, int64_t lanes, F f) {
  for (int64_t at = 0; at < features * lanes; at += kLanes) f(at);
}

}  // namespace graph
}  // namespace plait
