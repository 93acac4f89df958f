// AdamW with gradient clipping by the global norm, every member with its own learning rate.
// Loshchilov and Hutter, "Decoupled weight decay regularization", arXiv 1711.05101; the order of operations and the
// clipping rule (factor max_norm / (norm + 1e-6), at most 1) are those of torch.optim.AdamW and clip_grad_norm_.
#include <algorithm>

#include "kernels/common/lanes.hpp"
#include "kernels/common/pool.hpp"

namespace plait {
namespace {

struct Rule {
  double beta1, beta2, eps, weight_decay, clip, correction1, correction2;
};

template <class T>
void adamw(int64_t members, int64_t size, T* parameters, const T* gradients, T* first, T* second, const double* lr,
           uint8_t* active, const Rule& rule, int64_t threads) {
  parallel(members, threads, [&](int64_t member) {
    if (!active[member]) return;
    const int64_t offset = member * size;
    const T* g = gradients + offset;
    double square = 0;
    int64_t i = 0;
    Lanes<T> lanes{};
    for (; i + kLanes <= size; i += kLanes) lanes += load(g + i) * load(g + i);
    square = double(total<T>(lanes));
    for (; i < size; ++i) square += double(g[i]) * double(g[i]);
    if (!std::isfinite(square)) {
      active[member] = 0;
      return;
    }
    const T factor = T(std::min(1.0, rule.clip / (std::sqrt(square) + 1e-6)));
    const T shrink = T(1.0 - lr[member] * rule.weight_decay), step = T(lr[member] / rule.correction1);
    const T root = T(1.0 / std::sqrt(rule.correction2)), eps = T(rule.eps);
    const T b1 = T(rule.beta1), b2 = T(rule.beta2), c1 = T(1.0 - rule.beta1), c2 = T(1.0 - rule.beta2);
    T *p = parameters + offset, *m = first + offset, *v = second + offset;
    for (i = 0; i < size; ++i) {
      const T gradient = g[i] * factor;
      m[i] = b1 * m[i] + c1 * gradient;
      v[i] = b2 * v[i] + c2 * gradient * gradient;
      p[i] = p[i] * shrink - step * m[i] / (std::sqrt(v[i]) * root + eps);
    }
  });
}

}  // namespace
}  // namespace plait

#define PLAIT_ADAMW(T, suffix)                                                                                       \
  extern "C" void plait_adamw_##suffix(int64_t members, int64_t size, T* parameters, const T* gradients, T* first,   \
                                       T* second, const double* lr, uint8_t* active, const double* rule,       \
                                       int64_t threads) {                                                            \
    plait::adamw<T>(members, size, parameters, gradients, first, second, lr, active,                                 \
                    {rule[0], rule[1], rule[2], rule[3], rule[4], rule[5], rule[6]}, threads);                       \
  }

PLAIT_ADAMW(float, float)
PLAIT_ADAMW(double, double)
