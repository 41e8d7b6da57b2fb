// Tensors by handle: making, reading, freeing, and telling V8 how much native memory they hold.
#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <c10/core/impl/alloc_cpu.h>

#include <cstring>

#include "addon.h"

namespace riverrun {

// V8 schedules its collector by the memory it knows of; it is told in steps of this size.
constexpr int64_t kReportStep = 8 << 20;

static void account(napi_env env, Environment& environment, int64_t bytes) {
  environment.heldBytes += bytes;
  environment.unreportedBytes += bytes;
  if (environment.unreportedBytes >= kReportStep || environment.unreportedBytes <= -kReportStep) {
    int64_t total;
    napi_adjust_external_memory(env, environment.unreportedBytes, &total);
    environment.unreportedBytes = 0;
  }
}

double holdTensor(napi_env env, Environment& environment, at::Tensor tensor) {
  int64_t bytes = 0;
  if (tensor.has_storage() && tensor.storage().use_count() == 1) bytes = static_cast<int64_t>(tensor.storage().nbytes());
  const double handle = environment.tensors.insert({std::move(tensor), bytes});
  account(env, environment, bytes);
  return handle;
}

at::Tensor& tensorOf(Environment& environment, double handle, const char* user) {
  HeldTensor* held = environment.tensors.find(handle);
  if (!held) {
    throw StaleHandle(std::string(user) +
                      ": use after free: a tensor given to this operator was already disposed of (by dispose() or at "
                      "the end of its scope); return it from the scope or clone() it to keep it");
  }
  return held->tensor;
}

// free(handle | handles): freeing twice is an error of the caller and said so by the result, never a crash.
static napi_value freeTensors(napi_env env, napi_callback_info info) {
  return guarded(env, "free", [&] {
    Arguments<1> arguments(env, info);
    Environment& environment = environmentOf(env);
    double freed = 0;
    HeldTensor held;
    const auto release = [&](double handle) {
      if (!environment.tensors.remove(handle, held)) return;
      account(env, environment, -held.bytes);
      held.tensor = at::Tensor();
      ++freed;
    };
    double single;
    if (napi_get_value_double(env, arguments[0], &single) == napi_ok) {
      release(single);
    } else {
      for (double handle : toNumbers(env, arguments[0], "handles")) release(handle);
    }
    return fromNumber(env, freed);
  });
}

static napi_value shape(napi_env env, napi_callback_info info) {
  return guarded(env, "shape", [&] {
    Arguments<1> arguments(env, info);
    const auto sizes = tensorOf(environmentOf(env), toNumber(env, arguments[0], "handle"), "shape").sizes();
    napi_value result;
    check(env, napi_create_array_with_length(env, sizes.size(), &result), "shape");
    for (size_t i = 0; i < sizes.size(); ++i) {
      napi_set_element(env, result, static_cast<uint32_t>(i), fromNumber(env, static_cast<double>(sizes[i])));
    }
    return result;
  });
}

static napi_value dtype(napi_env env, napi_callback_info info) {
  return guarded(env, "dtype", [&] {
    Arguments<1> arguments(env, info);
    const auto& tensor = tensorOf(environmentOf(env), toNumber(env, arguments[0], "handle"), "dtype");
    return fromNumber(env, static_cast<double>(tensor.scalar_type()));
  });
}

static napi_value device(napi_env env, napi_callback_info info) {
  return guarded(env, "device", [&] {
    Arguments<1> arguments(env, info);
    const auto& tensor = tensorOf(environmentOf(env), toNumber(env, arguments[0], "handle"), "device");
    return fromString(env, tensor.device().str());
  });
}

static napi_value isLive(napi_env env, napi_callback_info info) {
  return guarded(env, "isLive", [&] {
    Arguments<1> arguments(env, info);
    napi_value result;
    const bool live = environmentOf(env).tensors.find(toNumber(env, arguments[0], "handle")) != nullptr;
    check(env, napi_get_boolean(env, live, &result), "isLive");
    return result;
  });
}

// fromBytes(Uint8Array, shape, dtype code): a CPU tensor that owns a copy.
static napi_value fromBytes(napi_env env, napi_callback_info info) {
  return guarded(env, "fromBytes", [&] {
    Arguments<3> arguments(env, info);
    napi_typedarray_type type;
    size_t length, offset;
    void* data;
    napi_value buffer;
    if (napi_get_typedarray_info(env, arguments[0], &type, &length, &data, &buffer, &offset) != napi_ok ||
        type != napi_uint8_array) {
      throw std::invalid_argument("fromBytes: expected a Uint8Array");
    }
    const auto sizes = toIntegers(env, arguments[1], "shape");
    const auto scalarType = toScalarType(toInteger(env, arguments[2], "dtype"));
    int64_t bytes = static_cast<int64_t>(c10::elementSize(scalarType));
    for (const int64_t size : sizes) {
      if (size < 0 || __builtin_mul_overflow(bytes, size, &bytes)) {
        throw std::invalid_argument("fromBytes: the shape has a negative or too large size");
      }
    }
    if (bytes != static_cast<int64_t>(length)) {
      throw std::invalid_argument("fromBytes: the shape needs " + std::to_string(bytes) + " bytes, got " +
                                  std::to_string(length));
    }
    at::Tensor tensor = at::empty(sizes, at::TensorOptions().dtype(scalarType));
    if (length) std::memcpy(tensor.data_ptr(), data, length);
    return fromNumber(env, holdTensor(env, environmentOf(env), std::move(tensor)));
  });
}

static napi_value toBytes(napi_env env, napi_callback_info info) {
  return guarded(env, "toBytes", [&] {
    Arguments<1> arguments(env, info);
    const at::Tensor tensor =
        tensorOf(environmentOf(env), toNumber(env, arguments[0], "handle"), "toBytes").detach().cpu().contiguous();
    void* data;
    napi_value buffer, bytes;
    const size_t length = tensor.nbytes();
    check(env, napi_create_arraybuffer(env, length, &data, &buffer), "toBytes");
    if (length) std::memcpy(data, tensor.data_ptr(), length);
    check(env, napi_create_typedarray(env, napi_uint8_array, length, buffer, 0, &bytes), "toBytes");
    return bytes;
  });
}

// A second handle to the same tensor, for results that must outlive the scope that made them.
static napi_value alias(napi_env env, napi_callback_info info) {
  return guarded(env, "alias", [&] {
    Arguments<1> arguments(env, info);
    Environment& environment = environmentOf(env);
    at::Tensor tensor = tensorOf(environment, toNumber(env, arguments[0], "handle"), "alias");
    return fromNumber(env, holdTensor(env, environment, std::move(tensor)));
  });
}

static napi_value counts(napi_env env, napi_callback_info info) {
  return guarded(env, "counts", [&] {
    Environment& environment = environmentOf(env);
    napi_value result;
    check(env, napi_create_object(env, &result), "counts");
    napi_set_named_property(env, result, "liveTensors",
                            fromNumber(env, static_cast<double>(environment.tensors.live())));
    napi_set_named_property(env, result, "heldBytes", fromNumber(env, static_cast<double>(environment.heldBytes)));
    return result;
  });
}

void defineTensorBindings(napi_env env, napi_value exports) {
  defineFunction(env, exports, "free", freeTensors);
  defineFunction(env, exports, "shape", shape);
  defineFunction(env, exports, "dtype", dtype);
  defineFunction(env, exports, "device", device);
  defineFunction(env, exports, "isLive", isLive);
  defineFunction(env, exports, "fromBytes", fromBytes);
  defineFunction(env, exports, "toBytes", toBytes);
  defineFunction(env, exports, "alias", alias);
  defineFunction(env, exports, "counts", counts);
}

}  // namespace riverrun
