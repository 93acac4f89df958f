// What a node of a graph does: the order of Op in signals.py.
#pragma once

namespace plait {
namespace graph {

enum Op {
  kLinear, kConvolution, kShift, kParameter, kConstant, kSilu, kSigmoid, kSoftplus, kExp, kTanh, kRelu, kGelu, kAbs,
  kSqrt, kAffine, kAdd, kSubtract, kMultiply, kDivide, kMaximum, kEach, kTile, kConcatenate, kRmsNorm, kLayerNorm,
  kUnit, kDot, kMatrixState, kRecurrence, kStabilise, kAttention
};

}  // namespace graph
}  // namespace plait
