// Tensors by handle: making, reading, freeing, and telling V8 how much native memory they hold.
#include <ATen/Functions.h>
#include <ATen/Parallel.h>
#include <c10/core/impl/alloc_cpu.h>

#include <cstdint>
#include <cstring>

#include "addon.h"

namespace riverrun {

// V8 schedules its collector by the memory it knows of; it is told in steps of this size.
constexpr int64_t kReportStep = 8 << 20;

static void report(napi_env env, Environment& environment);

static void account(napi_env env, Environment& environment, int64_t bytes) {
  environment.heldBytes += bytes;
  environment.unreportedBytes += bytes;
  if (!environment.inScope) report(env, environment);
}

static void report(napi_env env, Environment& environment) {
  if (environment.unreportedBytes >= kReportStep || environment.unreportedBytes <= -kReportStep) {
    int64_t total;
    napi_adjust_external_memory(env, environment.unreportedBytes, &total);
    environment.unreportedBytes = 0;
  }
}

double holdTensor(napi_env env, Environment& environment, at::Tensor tensor) {
  int64_t bytes = 0;
  if (tensor.use_count() == 1 && tensor.has_storage() && tensor.storage().use_count() == 1) {
    bytes = static_cast<int64_t>(tensor.storage().nbytes());
  }
  const double handle = environment.tensors.insert({std::move(tensor), bytes});
  account(env, environment, bytes);
  return handle;
}

bool dropTensor(napi_env env, Environment& environment, double handle) {
  HeldTensor held;
  if (!environment.tensors.remove(handle, held)) return false;
  account(env, environment, -held.bytes);
  return true;
}

napi_value returnTensor(napi_env env, Environment& environment, at::Tensor tensor) {
  napi_value result;
  if (!tensor.defined()) {
    check(env, napi_get_null(env, &result), "result");
    return result;
  }
  const double handle = holdTensor(env, environment, std::move(tensor));
  if (napi_create_double(env, handle, &result) == napi_ok) return result;
  dropTensor(env, environment, handle);
  throw std::runtime_error("the handle of a result could not be made");
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

// free(handle | handles | Float64Array, count): how many were live. Freeing twice is no error: it frees nothing.
static napi_value freeTensors(napi_env env, napi_callback_info info) {
  return guarded(env, "free", [&] {
    napi_value values[2];
    size_t given = 2;
    void* data = nullptr;
    check(env, napi_get_cb_info(env, info, &given, values, nullptr, &data), "free");
    Environment& environment = *static_cast<Environment*>(data);
    double freed = 0, single;
    if (napi_get_value_double(env, values[0], &single) == napi_ok) {
      freed += dropTensor(env, environment, single);
      return fromNumber(env, freed);
    }
    bool typed = false;
    check(env, napi_is_typedarray(env, values[0], &typed), "free");
    if (!typed) {
      for (const double handle : toNumbers(env, values[0], "handles")) freed += dropTensor(env, environment, handle);
      return fromNumber(env, freed);
    }
    napi_typedarray_type type;
    size_t length, offset;
    void* memory;
    napi_value buffer;
    const int64_t count = given > 1 && !isAbsent(env, values[1]) ? toInteger(env, values[1], "count") : INT64_MAX;
    check(env, napi_get_typedarray_info(env, values[0], &type, &length, &memory, &buffer, &offset), "free");
    if (type != napi_float64_array || count < 0) {
      throw std::invalid_argument("free: expected handles in a Float64Array and their count");
    }
    const auto* handles = static_cast<const double*>(memory);
    for (size_t i = 0; i < length && i < static_cast<size_t>(count); ++i) {
      freed += dropTensor(env, environment, handles[i]);
    }
    return fromNumber(env, freed);
  });
}

// inScope(flag): whether tensors made from now on belong to a scope. What is left of them when the outermost scope ends
// is reported then.
static napi_value inScope(napi_env env, napi_callback_info info) {
  return guarded(env, "inScope", [&]() -> napi_value {
    Arguments<1> arguments(env, info);
    Environment& environment = environmentOf(env);
    environment.inScope = toBool(env, arguments[0], "flag");
    if (!environment.inScope) report(env, environment);
    return nullptr;
  });
}

static napi_value shape(napi_env env, napi_callback_info info) {
  return guarded(env, "shape", [&] {
    Arguments<1> arguments(env, info);
    const auto sizes = tensorOf(environmentOf(env), toNumber(env, arguments[0], "handle"), "shape").sizes();
    napi_value result;
    check(env, napi_create_array_with_length(env, sizes.size(), &result), "shape");
    for (size_t i = 0; i < sizes.size(); ++i) {
      setElement(env, result, i, fromNumber(env, static_cast<double>(sizes[i])));
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
    return fromBool(env, environmentOf(env).tensors.find(toNumber(env, arguments[0], "handle")) != nullptr);
  });
}

struct Bytes {
  uint8_t* data;
  size_t length;
};

static Bytes bytesOf(napi_env env, napi_value value, const char* user) {
  napi_typedarray_type type;
  size_t length, offset;
  void* data;
  napi_value buffer;
  if (napi_get_typedarray_info(env, value, &type, &length, &data, &buffer, &offset) != napi_ok ||
      type != napi_uint8_array) {
    throw std::invalid_argument(std::string(user) + ": expected a Uint8Array");
  }
  return {static_cast<uint8_t*>(data), data ? length : 0};
}

// fromBytes(Uint8Array, shape, dtype code): a CPU tensor that owns a copy.
static napi_value fromBytes(napi_env env, napi_callback_info info) {
  return guarded(env, "fromBytes", [&] {
    Arguments<3> arguments(env, info);
    const auto sizes = toIntegers(env, arguments[1], "shape");
    const auto scalarType = toScalarType(env, arguments[2], "dtype");
    // The bytes are looked up last: reading the shape may run JavaScript that detaches their buffer.
    const Bytes given = bytesOf(env, arguments[0], "fromBytes");
    int64_t bytes = static_cast<int64_t>(c10::elementSize(scalarType));
    for (const int64_t size : sizes) {
      if (size < 0 || __builtin_mul_overflow(bytes, size, &bytes)) {
        throw std::invalid_argument("fromBytes: the shape has a negative or too large size");
      }
    }
    if (bytes != static_cast<int64_t>(given.length)) {
      throw std::invalid_argument("fromBytes: the shape needs " + std::to_string(bytes) + " bytes, got " +
                                  std::to_string(given.length));
    }
    at::Tensor tensor = at::empty(sizes, at::TensorOptions().dtype(scalarType));
    if (scalarType == c10::ScalarType::Bool) {  // any other byte than 0 and 1 is undefined behaviour in a bool
      auto* flags = static_cast<uint8_t*>(tensor.data_ptr());
      for (size_t i = 0; i < given.length; ++i) flags[i] = given.data[i] != 0;
    } else if (given.length) {
      std::memcpy(tensor.data_ptr(), given.data, given.length);
    }
    return returnTensor(env, environmentOf(env), std::move(tensor));
  });
}

// A Uint8Array made by JavaScript's own constructor: where there is no memory for it, that throws a RangeError, but
// Node-API's array buffers end the process.
static napi_value newBytes(napi_env env, size_t length) {
  napi_value global, constructor, count = fromNumber(env, static_cast<double>(length)), bytes;
  check(env, napi_get_global(env, &global), "toBytes");
  check(env, napi_get_named_property(env, global, "Uint8Array", &constructor), "toBytes");
  check(env, napi_new_instance(env, constructor, 1, &count, &bytes), "toBytes");
  return bytes;
}

static napi_value toBytes(napi_env env, napi_callback_info info) {
  return guarded(env, "toBytes", [&] {
    Arguments<1> arguments(env, info);
    const at::Tensor tensor =
        tensorOf(environmentOf(env), toNumber(env, arguments[0], "handle"), "toBytes").detach().cpu().contiguous();
    const napi_value result = newBytes(env, tensor.nbytes());
    const Bytes target = bytesOf(env, result, "toBytes");
    if (target.length != tensor.nbytes()) throw std::runtime_error("toBytes: the array has not the length asked for");
    if (target.length) std::memcpy(target.data, tensor.data_ptr(), target.length);
    return result;
  });
}

// A second handle to the same tensor, for results that must outlive the scope that made them.
static napi_value alias(napi_env env, napi_callback_info info) {
  return guarded(env, "alias", [&] {
    Arguments<1> arguments(env, info);
    Environment& environment = environmentOf(env);
    return returnTensor(env, environment, tensorOf(environment, toNumber(env, arguments[0], "handle"), "alias"));
  });
}

static napi_value counts(napi_env env, napi_callback_info info) {
  return guarded(env, "counts", [&] {
    Environment& environment = environmentOf(env);
    napi_value result;
    check(env, napi_create_object(env, &result), "counts");
    setProperty(env, result, "liveTensors", fromNumber(env, static_cast<double>(environment.tensors.live())));
    setProperty(env, result, "heldBytes", fromNumber(env, static_cast<double>(environment.heldBytes)));
    return result;
  });
}

void defineTensorBindings(napi_env env, napi_value exports) {
  defineFunction(env, exports, "free", freeTensors, &environmentOf(env));
  defineFunction(env, exports, "inScope", inScope);
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
