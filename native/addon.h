// State of one JavaScript environment (the main thread or a worker) and the helpers that every binding uses.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/stack.h>
#include <node_api.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "slots.h"

namespace riverrun {

// How one argument or result of a schema crosses the border.
enum class Kind {
  kTensor, kTensorList, kOptionalTensorList, kInt, kIntList, kFloat, kFloatList, kBool, kBoolList, kScalar, kScalarList,
  kString, kDevice, kGenerator, kScalarType, kLayout, kMemoryFormat, kUnsupported
};

struct Argument {
  std::string name;
  Kind kind;
  bool optional;
  std::optional<c10::IValue> fallback;
};

struct Operator {
  std::string name;  // "aten::add.Tensor"
  c10::OperatorHandle handle;
  std::vector<Argument> arguments;
  std::vector<Kind> results;
  std::vector<size_t> writtenLists;  // the arguments that are lists of tensors it writes into
};

struct HeldTensor {
  at::Tensor tensor;
  int64_t bytes = 0;  // what this handle alone keeps alive; a view counts as nothing
};

class ProcessGroup;
class GradientReducer;

struct Environment {
  SlotTable<HeldTensor> tensors;
  SlotTable<at::Generator> generators;
  SlotTable<std::shared_ptr<ProcessGroup>> processGroups;
  SlotTable<std::shared_ptr<GradientReducer>> reducers;
  std::vector<std::unique_ptr<Operator>> operators;
  torch::jit::Stack stack;      // lent to one call at a time, so that the hot path allocates nothing
  int64_t heldBytes = 0;
  int64_t unreportedBytes = 0;  // not yet told to V8; told in steps, because telling costs more than an addition
  bool inScope = false;         // what a scope will free is no business of V8's: told, it would collect all the time
};

// Throws in JavaScript the C++ exception that is being handled; a JavaScript exception that is already on its way (a
// getter of an argument threw) stays as it is.
void throwCurrentException(napi_env env, const char* what) noexcept;

// The body of a binding. No C++ exception may cross into Node.
template <typename Body>
napi_value guarded(napi_env env, const char* what, const Body& body) {
  try {
    return body();
  } catch (...) {
    throwCurrentException(env, what);
    return nullptr;
  }
}

Environment& environmentOf(napi_env env);

// Handles on their way to JavaScript. Where the way breaks off (a list half made), what they name is freed again.
class Outgoing {
 public:
  Outgoing(napi_env env, Environment& environment) : env_(env), environment_(environment) {}
  Outgoing(const Outgoing&) = delete;
  Outgoing& operator=(const Outgoing&) = delete;
  ~Outgoing();
  napi_value add(at::Tensor tensor);      // null for an undefined tensor
  napi_value add(c10::IValue value);      // any result of an operator
  napi_value arrive(napi_value result) {  // the result is whole: JavaScript owns its handles now
    handles_.clear();
    return result;
  }

 private:
  napi_env env_;
  Environment& environment_;
  std::vector<double> handles_;
};

// tensors.cc
double holdTensor(napi_env env, Environment& environment, at::Tensor tensor);
bool dropTensor(napi_env env, Environment& environment, double handle);
napi_value returnTensor(napi_env env, Environment& environment, at::Tensor tensor);  // null for an undefined one
at::Tensor& tensorOf(Environment& environment, double handle, const char* user);
void defineTensorBindings(napi_env env, napi_value exports);
// dispatch.cc
void resolveOperators(Environment& environment);
void defineDispatchBindings(napi_env env, napi_value exports);
// autograd.cc, random.cc, allocator.cc
void defineAutogradBindings(napi_env env, napi_value exports);
void defineRandomBindings(napi_env env, napi_value exports);
at::Generator& generatorOf(Environment& environment, double handle, const char* user);
void installCachingAllocator();
void defineAllocatorBindings(napi_env env, napi_value exports);
// distributed.cc
void defineDistributedBindings(napi_env env, napi_value exports);

// convert.cc
void check(napi_env env, napi_status status, const char* what);
double toNumber(napi_env env, napi_value value, const char* what);
int64_t toInteger(napi_env env, napi_value value, const char* what);
bool toBool(napi_env env, napi_value value, const char* what);
std::string toString(napi_env env, napi_value value, const char* what);
std::vector<double> toNumbers(napi_env env, napi_value value, const char* what);
std::vector<int64_t> toIntegers(napi_env env, napi_value value, const char* what);
bool isAbsent(napi_env env, napi_value value);
c10::ScalarType toScalarType(napi_env env, napi_value value, const char* what);
std::string describe(const at::Tensor& tensor);
napi_value fromNumber(napi_env env, double value);
napi_value fromString(napi_env env, const std::string& value);
napi_value fromBool(napi_env env, bool value);
void setProperty(napi_env env, napi_value object, const char* name, napi_value value);
void setElement(napi_env env, napi_value list, size_t index, napi_value value);
// `data` comes back from napi_get_cb_info: the environment, for the calls that cannot afford to ask for it.
void defineFunction(napi_env env, napi_value exports, const char* name, napi_callback callback, void* data = nullptr);
c10::IValue toIValue(napi_env env, Environment& environment, const Operator& op, const Argument& argument,
                     napi_value value);
Kind kindOf(const c10::TypePtr& type, bool& optional);

// The arguments of a call with a fixed number of parameters; absent ones are undefined.
template <size_t N>
struct Arguments {
  napi_value values[N];
  Arguments(napi_env env, napi_callback_info info) {
    size_t count = N;
    check(env, napi_get_cb_info(env, info, &count, values, nullptr, nullptr), "arguments");
  }
  napi_value operator[](size_t i) const { return values[i]; }
};

}  // namespace riverrun
