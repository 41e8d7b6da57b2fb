// Where the two parts of a coupling stand in its input.
#pragma once

#include "fused.h"

namespace riverrun {

// Where the changed part of a coupling stands in its input (B, T, C): positions start + j * stride for j < changed, the
// `width` channels from `channel` on. Either all channels of some positions are changed, or some channels of all.
struct Place {
  int64_t positions, channels, start, stride, channel, changed, width;

  static Place of(at::IntArrayRef numbers, int64_t changed, int64_t width) {
    demand(numbers.size() == 5, "a place is [positions, channels, start, stride, channel]");
    const Place place{numbers[0], numbers[1], numbers[2], numbers[3], numbers[4], changed, width};
    demand(place.start >= 0 && place.stride >= 1 && place.channel >= 0 && width >= 0 && changed >= 0 &&
               place.channel + width <= place.channels && changed <= place.positions &&
               (changed == 0 || place.start + (changed - 1) * place.stride < place.positions),
           "the changed part does not lie within the input");
    demand(place.overTime() || (changed == place.positions && place.start == 0 && place.stride == 1 &&
                                (place.channel == 0 || place.channel + width == place.channels)),
           "expected whole positions or a half of the channels of all positions to be changed");
    return place;
  }

  std::vector<int64_t> numbers() const { return {positions, channels, start, stride, channel}; }
  bool overTime() const { return width == channels; }
  int64_t size() const { return positions * channels; }
  int64_t seenRows() const { return overTime() ? positions - changed : positions; }
  int64_t seenWidth() const { return overTime() ? channels : channels - width; }
  // Which of the changed positions t is; -1 where it is seen. Of whole positions.
  int64_t changedIndex(int64_t t) const {
    const int64_t j = t - start;
    return j >= 0 && j % stride == 0 && j / stride < changed ? j / stride : -1;
  }
  int64_t changedAt(int64_t j) const { return (start + j * stride) * channels + channel; }

  // Calls body(offset in the whole, offset in the seen part, length) for every run of the seen part of one row.
  template <typename Body>
  void eachSeen(const Body& body) const {
    if (!overTime()) {
      const int64_t first = channel == 0 ? width : 0;
      for (int64_t t = 0; t < positions; ++t) body(t * channels + first, t * seenWidth(), seenWidth());
      return;
    }
    int64_t seen = 0;
    for (int64_t t = 0; t < positions; ++t) {
      if (changedIndex(t) < 0) body(t * channels, seen++ * channels, channels);
    }
  }
};

}  // namespace riverrun
