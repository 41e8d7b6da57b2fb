// What the machine has.
#pragma once

#include <cstddef>

namespace riverrun {

// Memory and swap, in bytes.
size_t machineBytes();

}  // namespace riverrun
