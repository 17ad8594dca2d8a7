// exp, erf, tanh and what is made of them, to about 1e-6 relative (a few units in the last place). Polynomials are
// minimax fits of our own in double precision (Lawson's reweighted least squares); the error of each fit stands beside
// it.
#pragma once

#include "backends/cpu/kernel_args.h"
#include "backends/cpu/kernels/compiler.inl.h"

namespace galago::cpu {

// sum of c[i] * x^i, by Horner's rule.
template <class Isa, int n>
GALAGO_INLINE typename Isa::F32 polynomial(typename Isa::F32 x, const float (&c)[n]) {
  typename Isa::F32 sum = Isa::set1(c[n - 1]);
  GALAGO_UNROLL
  for (int i = n - 2; i >= 0; --i) sum = Isa::fma(sum, x, Isa::set1(c[i]));
  return sum;
}

// x = n ln 2 + r, |r| <= ln 2 / 2; exp(r) = 1 + r + r^2 P(r), error 3.4e-9. Below -87.3 the result would be subnormal:
// 0.
template <class Isa>
GALAGO_INLINE typename Isa::F32 exp(typename Isa::F32 x) {
  using F32 = typename Isa::F32;
  constexpr float kP[] = {0.5f, 0.16666513681411743f, 0.0416661873459816f, 0.008369579911231995f,
                          0.001395169529132545f};
  const F32 limited = Isa::min(Isa::set1(89.0f), Isa::max(Isa::set1(-104.0f), x));
  const F32 n = Isa::round(Isa::mul(limited, Isa::set1(1.44269504f)));
  // ln 2 in two parts: the first has 9 bits, so that n times it is exact.
  F32 r = Isa::fma(n, Isa::set1(-0.693359375f), limited);
  r = Isa::fma(n, Isa::set1(2.12194440e-4f), r);
  const F32 square = Isa::mul(r, r);
  const F32 power = Isa::add(Isa::fma(polynomial<Isa>(r, kP), square, r), Isa::set1(1.0f));
  const F32 result = Isa::scale_by_power(power, n);
  return Isa::select(Isa::less(x, Isa::set1(-87.3f)), Isa::zero(), result);
}

template <class Isa>
GALAGO_INLINE typename Isa::F32 sigmoid(typename Isa::F32 x) {
  const auto one = Isa::set1(1.0f);
  return Isa::div(one, Isa::add(one, exp<Isa>(Isa::sub(Isa::zero(), x))));
}

// x * sigmoid(factor * x)
template <class Isa>
GALAGO_INLINE typename Isa::F32 sigmoid_product(typename Isa::F32 x, typename Isa::F32 scaled) {
  return Isa::div(x, Isa::add(Isa::set1(1.0f), exp<Isa>(Isa::sub(Isa::zero(), scaled))));
}

// |x| < 0.625: x + x^3 P(x^2), error 6.4e-9; beyond: 1 - 2 / (exp(2 |x|) + 1), which no longer cancels.
template <class Isa>
GALAGO_INLINE typename Isa::F32 tanh(typename Isa::F32 x) {
  using F32 = typename Isa::F32;
  constexpr float kP[] = {-0.3333326280117035f, 0.133309006690979f, -0.0536930225789547f, 0.02048347145318985f,
                          -0.0055287908762693405f};
  const F32 magnitude = Isa::abs(x), square = Isa::mul(x, x);
  const F32 near = Isa::fma(Isa::mul(polynomial<Isa>(square, kP), square), x, x);
  const F32 one = Isa::set1(1.0f), two = Isa::set1(2.0f);
  const F32 power = exp<Isa>(Isa::add(magnitude, magnitude));
  const F32 far = Isa::sub(one, Isa::div(two, Isa::add(power, one)));
  return Isa::select(Isa::less(magnitude, Isa::set1(0.625f)), near, Isa::copysign(far, x));
}

// erf(x) for |x| < 1 as x P(x^2), error 1.2e-9.
template <class Isa>
GALAGO_INLINE typename Isa::F32 erf_near(typename Isa::F32 x) {
  constexpr float kP[] = {1.1283791065216064f,   -0.3761262595653534f,    0.1128358542919159f,   -0.02685381844639778f,
                          0.005188337992876768f, -0.0008010276360437274f, 7.854112482164055e-05f};
  return Isa::mul(polynomial<Isa>(Isa::mul(x, x), kP), x);
}

// erfc(t) for t >= 0.9 as exp(-t^2) P(1 / (1 + 0.4 t)), error 3.1e-8; from 9.2 on exp alone makes it 0.
template <class Isa>
GALAGO_INLINE typename Isa::F32 erfc_far(typename Isa::F32 t) {
  using F32 = typename Isa::F32;
  constexpr float kP[] = {-4.299289230402792e-06f, 0.22570011019706726f,  0.2261786311864853f,  0.2007201462984085f,
                          0.20881663262844086f,    0.013628541491925716f, 0.23994864523410797f, -0.11522573232650757f};
  const F32 one = Isa::set1(1.0f);
  const F32 q = Isa::div(one, Isa::fma(t, Isa::set1(0.4f), one));
  return Isa::mul(exp<Isa>(Isa::sub(Isa::zero(), Isa::mul(t, t))), polynomial<Isa>(q, kP));
}

template <class Isa>
GALAGO_INLINE typename Isa::F32 erf(typename Isa::F32 x) {
  using F32 = typename Isa::F32;
  const F32 magnitude = Isa::abs(x);
  const F32 far = Isa::copysign(Isa::sub(Isa::set1(1.0f), erfc_far<Isa>(magnitude)), x);
  return Isa::select(Isa::less(magnitude, Isa::set1(1.0f)), erf_near<Isa>(x), far);
}

// x Phi(x) with Phi = (1 + erf(x / sqrt 2)) / 2. For negative x the far branch takes erfc itself: nothing cancels.
template <class Isa>
GALAGO_INLINE typename Isa::F32 gelu(typename Isa::F32 x) {
  using F32 = typename Isa::F32;
  const F32 one = Isa::set1(1.0f), z = Isa::mul(x, Isa::set1(0.70710678f));
  const F32 magnitude = Isa::abs(z);
  const F32 tail = erfc_far<Isa>(magnitude);
  const F32 far = Isa::select(Isa::less(z, Isa::zero()), tail, Isa::sub(Isa::set1(2.0f), tail));
  const F32 near = Isa::add(one, erf_near<Isa>(z));
  const F32 twice = Isa::select(Isa::less(magnitude, one), near, far);
  return Isa::mul(Isa::mul(x, Isa::set1(0.5f)), twice);
}

template <class Isa, UnaryOp kOp>
GALAGO_INLINE typename Isa::F32 apply(typename Isa::F32 x) {
  if constexpr (kOp == UnaryOp::kCopy) return x;
  if constexpr (kOp == UnaryOp::kSilu) return sigmoid_product<Isa>(x, x);
  if constexpr (kOp == UnaryOp::kGelu) return gelu<Isa>(x);
  if constexpr (kOp == UnaryOp::kGeluTanh) {
    // (1 + tanh(u)) / 2 = sigmoid(2 u), u = sqrt(2 / pi) (x + 0.044715 x^3)
    const auto cubic = Isa::fma(Isa::mul(Isa::mul(x, x), x), Isa::set1(0.044715f), x);
    return sigmoid_product<Isa>(x, Isa::mul(cubic, Isa::set1(1.5957691216f)));
  }
  if constexpr (kOp == UnaryOp::kQuickGelu) return sigmoid_product<Isa>(x, Isa::mul(x, Isa::set1(1.702f)));
  if constexpr (kOp == UnaryOp::kRelu) return Isa::max(Isa::zero(), x);
  if constexpr (kOp == UnaryOp::kTanh) return tanh<Isa>(x);
  if constexpr (kOp == UnaryOp::kSigmoid) return sigmoid<Isa>(x);
  if constexpr (kOp == UnaryOp::kExp) return exp<Isa>(x);
  if constexpr (kOp == UnaryOp::kErf) return erf<Isa>(x);
}

// Calls f.template run<op>() for the op that is known only now.
template <class Isa, class F>
GALAGO_INLINE void for_op(UnaryOp op, const F& f) {
  switch (op) {
    case UnaryOp::kCopy: return f.template run<UnaryOp::kCopy>();
    case UnaryOp::kSilu: return f.template run<UnaryOp::kSilu>();
    case UnaryOp::kGelu: return f.template run<UnaryOp::kGelu>();
    case UnaryOp::kGeluTanh: return f.template run<UnaryOp::kGeluTanh>();
    case UnaryOp::kQuickGelu: return f.template run<UnaryOp::kQuickGelu>();
    case UnaryOp::kRelu: return f.template run<UnaryOp::kRelu>();
    case UnaryOp::kTanh: return f.template run<UnaryOp::kTanh>();
    case UnaryOp::kSigmoid: return f.template run<UnaryOp::kSigmoid>();
    case UnaryOp::kExp: return f.template run<UnaryOp::kExp>();
    case UnaryOp::kErf: return f.template run<UnaryOp::kErf>();
  }
}

}  // namespace galago::cpu
