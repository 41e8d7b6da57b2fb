#include "context.h"  // IWYU pragma: export
