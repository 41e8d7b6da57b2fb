// One generic call reaches every exported operator: arguments converted by its schema, a boxed call, results as handles.
#include <ATen/core/function_schema.h>

#include <algorithm>
#include <sstream>

#include "addon.h"

namespace riverrun {

constexpr size_t kMostArguments = 31;

struct OperatorName {
  const char* name;
  const char* overload;
};

#define OPERATOR(name, overload) {"aten::" #name, #overload},
#define FUSED(name) {"riverrun::" #name, ""},
static const OperatorName kOperators[] = {
#include "operators.def"
};
#undef OPERATOR
#undef FUSED

void resolveOperators(Environment& environment) {
  for (const auto& [name, overload] : kOperators) {
    auto handle = c10::Dispatcher::singleton().findSchemaOrThrow(name, overload);
    auto op = std::make_unique<Operator>(Operator{*overload ? std::string(name) + "." + overload : name, handle, {}, {}, {}});
    for (const auto& argument : handle.schema().arguments()) {
      bool optional = false;
      // real_type() tells a dtype, a layout and a memory format from a plain int; type() calls them all int.
      const Kind kind = kindOf(argument.real_type(), optional);
      if (kind == Kind::kTensorList && argument.alias_info() && argument.alias_info()->isWrite())
        op->writtenLists.push_back(op->arguments.size());
      op->arguments.push_back({argument.name(), kind, optional, argument.default_value()});
    }
    if (op->arguments.size() > kMostArguments) throw std::logic_error(op->name + " has too many arguments");
    for (const auto& result : handle.schema().returns()) {
      bool optional = false;
      op->results.push_back(kindOf(result.type(), optional));
    }
    environment.operators.push_back(std::move(op));
  }
  environment.stack.reserve(32);
}

// The operator's name and the shapes it was given, to put beside libtorch's own words. The call consumes its
// arguments, so they are read again from the JavaScript values: errors pay for this, calls do not.
static std::string describeCall(napi_env env, Environment& environment, const Operator& op, const napi_value* values,
                                size_t count) {
  std::ostringstream text;
  text << op.name << "(";
  for (size_t i = 0; i < count && i < op.arguments.size(); ++i) {
    const Argument& argument = op.arguments[i];
    text << (i ? ", " : "") << argument.name << ": ";
    try {
      const c10::IValue value = toIValue(env, environment, op, argument, values[i]);
      if (value.isTensor()) {
        text << describe(value.toTensor());
      } else if (value.isTensorList()) {
        const auto tensors = value.toTensorVector();
        text << "[" << tensors.size() << " tensors";
        for (size_t j = 0; j < tensors.size() && j < 4; ++j) text << (j ? ", " : ": ") << describe(tensors[j]);
        text << "]";
      } else if (value.isNone()) {
        text << "none";
      } else if (value.isIntList()) {
        const auto numbers = value.toIntVector();
        text << "[";
        for (size_t j = 0; j < numbers.size() && j < 16; ++j) text << (j ? ", " : "") << numbers[j];
        text << (numbers.size() > 16 ? ", ...]" : "]");
      } else if (value.isScalar() || value.isDevice()) {
        text << value;
      } else {
        text << value.tagKind();
      }
    } catch (const std::exception&) {
      text << "?";
    }
  }
  text << ")";
  return text.str();
}

static void throwOperatorError(napi_env env, const Operator& op, const char* code, const std::string& message) {
  napi_value error, errorCode, text, name;
  const std::string whole = message.starts_with(op.name) ? message : op.name + ": " + message;
  if (napi_create_string_utf8(env, whole.data(), whole.size(), &text) != napi_ok ||
      napi_create_string_utf8(env, code, NAPI_AUTO_LENGTH, &errorCode) != napi_ok ||
      napi_create_string_utf8(env, op.name.data(), op.name.size(), &name) != napi_ok ||
      napi_create_error(env, errorCode, text, &error) != napi_ok ||
      napi_set_named_property(env, error, "operator", name) != napi_ok) {
    napi_throw_error(env, code, op.name.c_str());
    return;
  }
  napi_throw(env, error);
}

// The C++ exception that is being handled, as a JavaScript error with the operator and what it was given.
static void throwCallError(napi_env env, Environment& environment, const Operator& op, const napi_value* values,
                           size_t count) noexcept {
  bool pending = false;
  if (napi_is_exception_pending(env, &pending) == napi_ok && pending) return;
  try {
    std::string message;
    try {
      throw;
    } catch (const StaleHandle& error) {
      return throwOperatorError(env, op, "ERR_USE_AFTER_FREE", error.what());
    } catch (const c10::Error& error) {
      message = error.what_without_backtrace();
    } catch (const std::bad_alloc&) {
      message = "out of memory";
    } catch (const std::exception& error) {
      message = error.what();
    } catch (...) {
      message = "unknown C++ exception";
    }
    throwOperatorError(env, op, "ERR_TORCH", message + "\n  in " + describeCall(env, environment, op, values, count));
  } catch (...) {  // no memory even for the message
    napi_throw_error(env, "ERR_TORCH", op.name.c_str());
  }
}

// The environment's stack for the time of one call. It is taken, not shared: a getter of an argument may run
// JavaScript that calls another operator while this call's arguments are half pushed.
class BorrowedStack {
 public:
  explicit BorrowedStack(torch::jit::Stack& home) : stack(std::move(home)), home_(home) {}
  BorrowedStack(const BorrowedStack&) = delete;
  BorrowedStack& operator=(const BorrowedStack&) = delete;
  ~BorrowedStack() {
    stack.clear();
    home_ = std::move(stack);
  }
  torch::jit::Stack stack;

 private:
  torch::jit::Stack& home_;
};

static napi_value dispatch(napi_env env, napi_callback_info info, bool wantResult) {
  napi_value values[kMostArguments + 1];
  size_t count = kMostArguments + 1;
  void* data = nullptr;
  if (napi_get_cb_info(env, info, &count, values, nullptr, &data) != napi_ok) return nullptr;
  Environment& environment = *static_cast<Environment*>(data);
  double index = -1;
  if (count == 0 || napi_get_value_double(env, values[0], &index) != napi_ok || !(index >= 0) ||
      index >= static_cast<double>(environment.operators.size())) {
    napi_throw_range_error(env, "ERR_TORCH", "call: the first argument must be the index of an exported operator");
    return nullptr;
  }
  const Operator& op = *environment.operators[static_cast<size_t>(index)];
  const napi_value* given = values + 1;
  const size_t givenCount = count - 1;
  try {
    BorrowedStack borrowed(environment.stack);
    auto& stack = borrowed.stack;
    if (givenCount > op.arguments.size()) {
      throw std::invalid_argument("takes at most " + std::to_string(op.arguments.size()) + " arguments, got " +
                                  std::to_string(givenCount));
    }
    for (size_t i = 0; i < op.arguments.size(); ++i) {
      const Argument& argument = op.arguments[i];
      if (i < givenCount) {
        stack.push_back(toIValue(env, environment, op, argument, given[i]));
      } else if (argument.fallback.has_value()) {
        stack.push_back(*argument.fallback);
      } else if (argument.optional) {
        stack.emplace_back();
      } else {
        throw std::invalid_argument(argument.name + " is missing");
      }
    }
    std::vector<at::Tensor> written;
    for (const size_t i : op.writtenLists) {
      for (auto& tensor : stack[i].toTensorVector()) written.push_back(std::move(tensor));
    }
    op.handle.callBoxed(stack);
    // libtorch counts what is written into a tensor, but not into those of a list, as the fused optimisers do.
    for (const auto& tensor : written) {
      if (!tensor.is_inference()) tensor.unsafeGetTensorImpl()->bump_version();
    }
    if (!wantResult) return nullptr;
    if (stack.size() == 1 && stack[0].isTensor()) {
      return returnTensor(env, environment, std::move(stack[0]).toTensor());
    }
    Outgoing outgoing(env, environment);
    if (stack.size() == 1) return outgoing.arrive(outgoing.add(std::move(stack[0])));
    napi_value result;
    check(env, napi_create_array_with_length(env, stack.size(), &result), "result");
    for (size_t i = 0; i < stack.size(); ++i) setElement(env, result, i, outgoing.add(std::move(stack[i])));
    return outgoing.arrive(result);
  } catch (...) {
    throwCallError(env, environment, op, given, std::min(givenCount, kMostArguments));
    return nullptr;
  }
}

static napi_value callOperator(napi_env env, napi_callback_info info) { return dispatch(env, info, true); }

// For operators that write into their first argument: what they return is that argument again, so no handle is made.
static napi_value callInPlace(napi_env env, napi_callback_info info) { return dispatch(env, info, false); }

// [{name, overload, schema, arguments: [{name, type, kind, optional, hasDefault}], returns: [type]}]: what the
// TypeScript signatures are generated from.
static napi_value schemas(napi_env env, napi_callback_info info) {
  return guarded(env, "schemas", [&] {
    static const char* kinds[] = {"Tensor", "Tensor[]", "Tensor?[]", "int",  "int[]",  "float",     "float[]",    "bool",
                                  "bool[]", "Scalar",   "Scalar[]",  "str",  "Device", "Generator", "int",        "int",
                                  "int",    "unsupported"};
    Environment& environment = environmentOf(env);
    napi_value list;
    check(env, napi_create_array_with_length(env, environment.operators.size(), &list), "schemas");
    uint32_t index = 0;
    for (const auto& op : environment.operators) {
      const auto& schema = op->handle.schema();
      napi_value entry, arguments, returns;
      check(env, napi_create_object(env, &entry), "schemas");
      setProperty(env, entry, "name", fromString(env, schema.name()));
      setProperty(env, entry, "overload", fromString(env, schema.overload_name()));
      std::ostringstream text;
      text << schema;
      setProperty(env, entry, "schema", fromString(env, text.str()));
      check(env, napi_create_array(env, &arguments), "schemas");
      uint32_t position = 0;
      for (const auto& argument : op->arguments) {
        napi_value row;
        check(env, napi_create_object(env, &row), "schemas");
        setProperty(env, row, "name", fromString(env, argument.name));
        setProperty(env, row, "kind", fromString(env, kinds[static_cast<size_t>(argument.kind)]));
        setProperty(env, row, "optional", fromBool(env, argument.optional));
        setProperty(env, row, "hasDefault", fromBool(env, argument.fallback.has_value()));
        setElement(env, arguments, position++, row);
      }
      setProperty(env, entry, "arguments", arguments);
      check(env, napi_create_array(env, &returns), "schemas");
      position = 0;
      for (const Kind kind : op->results) {
        setElement(env, returns, position++, fromString(env, kinds[static_cast<size_t>(kind)]));
      }
      setProperty(env, entry, "returns", returns);
      setElement(env, list, index++, entry);
    }
    return list;
  });
}

void defineDispatchBindings(napi_env env, napi_value exports) {
  Environment* environment = &environmentOf(env);
  defineFunction(env, exports, "call", callOperator, environment);
  defineFunction(env, exports, "callInPlace", callInPlace, environment);
  defineFunction(env, exports, "schemas", schemas);
}

}  // namespace riverrun
