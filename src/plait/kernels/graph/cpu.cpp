// A graph of operations over sequences, one at a time, everything in the caches; backward recomputes the forward pass.
// The plain version is reference.py.
#include "kernels/graph/attention.hpp"
#include "kernels/graph/mixing.hpp"
#include "kernels/graph/pointwise.hpp"
#include "kernels/graph/states.hpp"

namespace plait {
namespace graph {
namespace {

template <class T>
void run(const Row<T>& r, const Node& n, bool back) {
  switch (n.op()) {
    case kLinear: return linear(r, n, back);
    case kConvolution: return convolution(r, n, back);
    case kShift: return shift(r, n, back);
    case kParameter:
    case kConstant: return spread_over_time(r, n, back);
    case kSilu: return unary<T, Silu>(r, n, back);
    case kSigmoid: return unary<T, Sigmoid>(r, n, back);
    case kSoftplus: return unary<T, Softplus>(r, n, back);
    case kExp: return unary<T, Exp>(r, n, back);
    case kTanh: return unary<T, Tanh>(r, n, back);
    case kRelu: return unary<T, Relu>(r, n, back);
    case kGelu: return unary<T, Gelu>(r, n, back);
    case kAbs: return unary<T, Abs>(r, n, back);
    case kSqrt: return root(r, n, back);
    case kAffine: return affine_map(r, n, back);
    case kAdd:
    case kSubtract:
    case kMultiply:
    case kDivide:
    case kMaximum: return back ? binary_backward(r, n) : binary_forward(r, n);
    case kEach:
    case kTile: return repeat(r, n, back);
    case kRmsNorm: return normalise_parts(r, n, back, false, true);
    case kLayerNorm: return normalise_parts(r, n, back, true, true);
    case kUnit: return normalise_parts(r, n, back, false, false);
    case kDot: return dot(r, n, back);
    case kMatrixState: return matrix_state_node(r, n, back);
    case kRecurrence: return recurrence(r, n, back);
    case kStabilise: return stabilise(r, n, back);
    case kAttention: return attention_node(r, n, back);
  }
}

template <class T>
void forward_values(const Row<T>& r, const T* hidden) {
  gather(hidden, r.shape.time, r.shape.d_model, r.value(r.shape.input), r.lanes);
  Node n = r.shape.first();
  for (int64_t i = 0; i < r.shape.n_nodes; ++i, n = n.next()) run(r, n, false);
}

template <class T>
void forward_row(const Shape& s, const T* const* w, const T* hidden, T* out) {
  Scratch scratch;
  const int64_t lanes = s.lanes();
  const Row<T> r{s, scratch, w, nullptr, {scratch.take<T>(s.rows * lanes), lanes}, {nullptr, lanes}, lanes};
  forward_values(r, hidden);
  scatter(r.value(s.output), s.time, s.d_model, out);
}

template <class T>
void backward_row(const Shape& s, const T* const* w, const T* hidden, const T* dout, T* dhidden, T* const* g) {
  Scratch scratch;
  const int64_t lanes = s.lanes();
  const Row<T> r{s, scratch, w, g, {scratch.take<T>(s.rows * lanes), lanes}, {scratch.take<T>(s.rows * lanes), lanes},
                 lanes};
  std::memset(r.derivatives.data, 0, s.rows * lanes * sizeof(T));
  forward_values(r, hidden);
  gather(dout, s.time, s.d_model, r.derivative(s.output), lanes);
  Scratch list;
  Node* nodes = list.take<Node>(s.n_nodes);
  nodes[0] = s.first();
  for (int64_t i = 1; i < s.n_nodes; ++i) nodes[i] = nodes[i - 1].next();
  for (int64_t i = s.n_nodes - 1; i >= 0; --i) run(r, nodes[i], true);
  scatter(r.derivative(s.input), s.time, s.d_model, dhidden);
}

template <class T>
void forward(const Shape& s, const T* const* w, const int64_t* strides, const T* hidden, T* out, int64_t threads) {
  parallel(s.members * s.batch, threads, [&](int64_t task) {
    Scratch scratch;
    const int64_t member = task / s.batch, row = task * s.time * s.d_model;
    const T** own = scratch.take<const T*>(s.n_weights);
    for (int64_t i = 0; i < s.n_weights; ++i) own[i] = w[i] + member * strides[i];
    forward_row(s, own, hidden + row, out + row);
  });
}

// Rows of a member go in groups; each group sums its gradients in row order, then the groups are summed in order.
template <class T>
void backward(const Shape& s, const T* const* w, const int64_t* strides, const T* hidden, const T* dout, T* dhidden,
              T* gradients, int64_t group, int64_t threads) {
  const int64_t groups = (s.batch + group - 1) / group;
  parallel(s.members * groups, threads, [&](int64_t task) {
    Scratch scratch;
    const int64_t member = task / groups, first = task % groups * group;
    const T** own = scratch.take<const T*>(s.n_weights);
    T** own_gradients = scratch.take<T*>(s.n_weights);
    T* at = gradients + task * s.total;
    std::memset(at, 0, s.total * sizeof(T));
    for (int64_t i = 0; i < s.n_weights; at += s.sizes[i++])
      own[i] = w[i] + member * strides[i], own_gradients[i] = at;
    for (int64_t b = first; b < s.batch && b < first + group; ++b) {
      const int64_t row = (member * s.batch + b) * s.time * s.d_model;
      backward_row(s, own, hidden + row, dout + row, dhidden + row, own_gradients);
    }
  });
}

Shape shaped(const int64_t* n, const int64_t* nodes, const double* reals, const int64_t* sizes) {
  return {n[0], n[1], n[2], n[3], n[4], n[5], n[6], n[7], n[8], n[9], nodes, sizes, reals};
}

}  // namespace
}  // namespace graph
}  // namespace plait

#define PLAIT_GRAPH(T, suffix)                                                                                       \
  extern "C" void plait_graph_forward_##suffix(const int64_t* shape, const int64_t* nodes, const double* reals,      \
                                               const int64_t* sizes, const T* const* w, const int64_t* strides,      \
                                               const T* hidden, T* out, int64_t threads) {                           \
    plait::graph::forward<T>(plait::graph::shaped(shape, nodes, reals, sizes), w, strides, hidden, out, threads);    \
  }                                                                                                                  \
  extern "C" void plait_graph_backward_##suffix(const int64_t* shape, const int64_t* nodes, const double* reals,     \
                                                const int64_t* sizes, const T* const* w, const int64_t* strides,     \
                                                const T* hidden, const T* dout, T* dhidden, T* gradients,            \
                                                int64_t group, int64_t threads) {                                    \
    plait::graph::backward<T>(plait::graph::shaped(shape, nodes, reals, sizes), w, strides, hidden, dout, dhidden,   \
                              gradients, group, threads);                                                            \
  }

PLAIT_GRAPH(float, float)
PLAIT_GRAPH(double, double)
