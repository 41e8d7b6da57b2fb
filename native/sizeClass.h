// Size classes of the caching allocator: eight to every doubling, so at most an eighth of a block is wasted.
#pragma once

#include <bit>
#include <cstddef>

namespace riverrun {

constexpr size_t kSmallestBlock = 256;
constexpr size_t kStepsPerDoubling = 8;
constexpr size_t kClasses = 40 * kStepsPerDoubling + 1;  // up to 2^48 bytes, more than any machine has

// The smallest class whose blocks hold `bytes`; kClasses or more where no class does.
constexpr size_t classOf(size_t bytes) {
  if (bytes <= kSmallestBlock) return 0;
  if (bytes > size_t{1} << 48) return kClasses;
  const size_t exponent = std::bit_width(bytes - 1) - 1;  // 2^exponent < bytes <= 2^(exponent + 1)
  const size_t step = (size_t{1} << exponent) / kStepsPerDoubling;
  const size_t within = (bytes - (size_t{1} << exponent) + step - 1) / step;  // 1 .. kStepsPerDoubling
  return (exponent - (std::bit_width(kSmallestBlock) - 1)) * kStepsPerDoubling + within;
}

constexpr size_t bytesOfClass(size_t sizeClass) {
  if (sizeClass == 0) return kSmallestBlock;
  const size_t exponent = std::bit_width(kSmallestBlock) - 1 + (sizeClass - 1) / kStepsPerDoubling;
  const size_t within = (sizeClass - 1) % kStepsPerDoubling + 1;
  return (size_t{1} << exponent) + within * ((size_t{1} << exponent) / kStepsPerDoubling);
}

}  // namespace riverrun
