// Seeded generators whose state can be saved. Nothing in riverrun draws from libtorch's global generator.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Functions.h>
#include <ATen/detail/CUDAHooksInterface.h>

#include <cstring>
#include <mutex>

#include "addon.h"

namespace riverrun {

at::Generator& generatorOf(Environment& environment, double handle, const char* user) {
  at::Generator* generator = environment.generators.find(handle);
  if (!generator) throw StaleHandle(std::string(user) + ": use after free: this generator was already disposed of");
  return *generator;
}

static uint64_t seedOf(napi_env env, napi_value value) {
  uint64_t seed;
  bool lossless;
  if (napi_get_value_bigint_uint64(env, value, &seed, &lossless) != napi_ok) {
    const int64_t number = toInteger(env, value, "seed");
    lossless = number >= 0;
    seed = static_cast<uint64_t>(number);
  }
  if (!lossless) throw std::invalid_argument("seed: expected an integer from 0 to 2^64 - 1");
  return seed;
}

// generatorNew(seed, device)
static napi_value generatorNew(napi_env env, napi_callback_info info) {
  return guarded(env, "generatorNew", [&] {
    Arguments<2> arguments(env, info);
    const c10::Device device(toString(env, arguments[1], "device"));
    const uint64_t seed = seedOf(env, arguments[0]);
    at::Generator generator;
    if (device.is_cpu()) {
      generator = at::make_generator<at::CPUGeneratorImpl>(seed);
    } else if (device.is_cuda()) {
      generator = at::detail::getCUDAHooks().getNewGenerator(device.index());
    } else {
      throw std::invalid_argument("generatorNew: no generator for device " + device.str());
    }
    {
      const std::lock_guard<std::mutex> lock(generator.mutex());
      generator.set_current_seed(seed);
    }
    return fromNumber(env, environmentOf(env).generators.insert(std::move(generator)));
  });
}

static napi_value generatorSeed(napi_env env, napi_callback_info info) {
  return guarded(env, "generatorSeed", [&]() -> napi_value {
    Arguments<2> arguments(env, info);
    at::Generator& generator = generatorOf(environmentOf(env), toNumber(env, arguments[0], "generator"), "generatorSeed");
    const std::lock_guard<std::mutex> lock(generator.mutex());
    generator.set_current_seed(seedOf(env, arguments[1]));
    return nullptr;
  });
}

static napi_value generatorState(napi_env env, napi_callback_info info) {
  return guarded(env, "generatorState", [&] {
    Arguments<1> arguments(env, info);
    Environment& environment = environmentOf(env);
    at::Generator& generator = generatorOf(environment, toNumber(env, arguments[0], "generator"), "generatorState");
    const std::lock_guard<std::mutex> lock(generator.mutex());
    return returnTensor(env, environment, generator.get_state());
  });
}

static napi_value generatorRestore(napi_env env, napi_callback_info info) {
  return guarded(env, "generatorRestore", [&]() -> napi_value {
    Arguments<2> arguments(env, info);
    Environment& environment = environmentOf(env);
    at::Generator& generator = generatorOf(environment, toNumber(env, arguments[0], "generator"), "generatorRestore");
    const at::Tensor& state = tensorOf(environment, toNumber(env, arguments[1], "state"), "generatorRestore");
    const std::lock_guard<std::mutex> lock(generator.mutex());
    generator.set_state(state);
    return nullptr;
  });
}

static napi_value generatorFree(napi_env env, napi_callback_info info) {
  return guarded(env, "generatorFree", [&]() -> napi_value {
    Arguments<1> arguments(env, info);
    at::Generator freed;
    environmentOf(env).generators.remove(toNumber(env, arguments[0], "generator"), freed);
    return nullptr;
  });
}

void defineRandomBindings(napi_env env, napi_value exports) {
  defineFunction(env, exports, "generatorNew", generatorNew);
  defineFunction(env, exports, "generatorSeed", generatorSeed);
  defineFunction(env, exports, "generatorState", generatorState);
  defineFunction(env, exports, "generatorRestore", generatorRestore);
  defineFunction(env, exports, "generatorFree", generatorFree);
}

}  // namespace riverrun
