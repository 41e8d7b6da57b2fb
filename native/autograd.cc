// Reverse-mode differentiation and its switches.
#include <ATen/core/grad_mode.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/variable.h>

#include "addon.h"

namespace riverrun {

static std::vector<at::Tensor> tensorsOf(napi_env env, Environment& environment, napi_value value, const char* user) {
  std::vector<at::Tensor> tensors;
  for (double handle : toNumbers(env, value, user)) tensors.push_back(tensorOf(environment, handle, user));
  return tensors;
}

static std::vector<at::Tensor> gradOutputsOf(napi_env env, Environment& environment, napi_value value, size_t count,
                                             const char* user) {
  if (isAbsent(env, value)) return {};
  auto tensors = tensorsOf(env, environment, value, user);
  if (tensors.size() != count) {
    throw std::invalid_argument(std::string(user) + ": " + std::to_string(count) + " outputs need as many gradients, got " +
                                std::to_string(tensors.size()));
  }
  return tensors;
}

// backward(outputs, gradOutputs | undefined, retainGraph, createGraph): adds into the leaves' gradients.
static napi_value backward(napi_env env, napi_callback_info info) {
  return guarded(env, "backward", [&]() -> napi_value {
    Arguments<4> arguments(env, info);
    Environment& environment = environmentOf(env);
    const auto outputs = tensorsOf(env, environment, arguments[0], "backward");
    const auto seeds = gradOutputsOf(env, environment, arguments[1], outputs.size(), "backward");
    torch::autograd::backward(outputs, seeds, toBool(env, arguments[2], "retainGraph"),
                              toBool(env, arguments[3], "createGraph"));
    return nullptr;
  });
}

// grad(outputs, inputs, gradOutputs | undefined, retainGraph, createGraph, allowUnused): handles, null where unused.
static napi_value grad(napi_env env, napi_callback_info info) {
  return guarded(env, "grad", [&] {
    Arguments<6> arguments(env, info);
    Environment& environment = environmentOf(env);
    const auto outputs = tensorsOf(env, environment, arguments[0], "grad");
    const auto inputs = tensorsOf(env, environment, arguments[1], "grad");
    const auto seeds = gradOutputsOf(env, environment, arguments[2], outputs.size(), "grad");
    const bool retainGraph = toBool(env, arguments[3], "retainGraph");
    const bool createGraph = toBool(env, arguments[4], "createGraph");
    const bool allowUnused = toBool(env, arguments[5], "allowUnused");
    auto gradients = torch::autograd::grad(outputs, inputs, seeds, retainGraph, createGraph, allowUnused);
    napi_value result;
    check(env, napi_create_array_with_length(env, gradients.size(), &result), "grad");
    Outgoing outgoing(env, environment);
    for (size_t i = 0; i < gradients.size(); ++i) {
      setElement(env, result, i, outgoing.add(std::move(gradients[i])));
    }
    return outgoing.arrive(result);
  });
}

static napi_value setGradEnabled(napi_env env, napi_callback_info info) {
  return guarded(env, "setGradEnabled", [&] {
    Arguments<1> arguments(env, info);
    const bool before = c10::GradMode::is_enabled();
    c10::GradMode::set_enabled(toBool(env, arguments[0], "enabled"));
    return fromBool(env, before);
  });
}

static napi_value requiresGrad(napi_env env, napi_callback_info info) {
  return guarded(env, "requiresGrad", [&] {
    Arguments<1> arguments(env, info);
    return fromBool(
        env, tensorOf(environmentOf(env), toNumber(env, arguments[0], "handle"), "requiresGrad").requires_grad());
  });
}

static napi_value setRequiresGrad(napi_env env, napi_callback_info info) {
  return guarded(env, "setRequiresGrad", [&]() -> napi_value {
    Arguments<2> arguments(env, info);
    tensorOf(environmentOf(env), toNumber(env, arguments[0], "handle"), "setRequiresGrad")
        .set_requires_grad(toBool(env, arguments[1], "flag"));
    return nullptr;
  });
}

// The accumulated gradient of a leaf as a new handle, or null.
static napi_value gradOf(napi_env env, napi_callback_info info) {
  return guarded(env, "gradOf", [&] {
    Arguments<1> arguments(env, info);
    Environment& environment = environmentOf(env);
    return returnTensor(env, environment,
                        tensorOf(environment, toNumber(env, arguments[0], "handle"), "gradOf").grad());
  });
}

static napi_value clearGrad(napi_env env, napi_callback_info info) {
  return guarded(env, "clearGrad", [&]() -> napi_value {
    Arguments<1> arguments(env, info);
    tensorOf(environmentOf(env), toNumber(env, arguments[0], "handle"), "clearGrad").mutable_grad() = at::Tensor();
    return nullptr;
  });
}

void defineAutogradBindings(napi_env env, napi_value exports) {
  defineFunction(env, exports, "backward", backward);
  defineFunction(env, exports, "grad", grad);
  defineFunction(env, exports, "setGradEnabled", setGradEnabled);
  defineFunction(env, exports, "requiresGrad", requiresGrad);
  defineFunction(env, exports, "setRequiresGrad", setRequiresGrad);
  defineFunction(env, exports, "gradOf", gradOf);
  defineFunction(env, exports, "clearGrad", clearGrad);
}

}  // namespace riverrun
