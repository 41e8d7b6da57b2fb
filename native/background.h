// Work that blocks, in a thread of its own behind a promise: the event loop turns meanwhile, so signals are heard.
#pragma once

#include <functional>
#include <string>

#include "addon.h"

namespace riverrun {

// Makes the promise's value; runs on the JavaScript thread. Empty: undefined.
using Settle = std::function<napi_value(napi_env)>;

// A promise of what `body`, run in another thread, gives; where it throws, of an error with `code` and the text
// "what: message". A thread that outlives its environment (the process is ending) is left to itself.
napi_value inBackground(napi_env env, const char* what, const char* code, std::function<Settle()> body);

}  // namespace riverrun
