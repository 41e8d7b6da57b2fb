// One generic call reaches every exported operator: arguments converted by its schema, a boxed call, results as handles.
#include <ATen/core/function_schema.h>

#include <sstream>

#include "addon.h"

namespace riverrun {

struct OperatorName {
  const char* name;
  const char* overload;
};

#define OPERATOR(name, overload) {"aten::" #name, #overload},
static const OperatorName kOperators[] = {
#include "operators.def"
};
#undef OPERATOR

void resolveOperators(Environment& environment) {
  for (const auto& [name, overload] : kOperators) {
    auto handle = c10::Dispatcher::singleton().findSchemaOrThrow(name, overload);
    auto op = std::make_unique<Operator>(Operator{*overload ? std::string(name) + "." + overload : name, handle, {}, {}});
    for (const auto& argument : handle.schema().arguments()) {
      bool optional = false;
      const Kind kind = kindOf(argument.type(), optional);
      op->arguments.push_back({argument.name(), kind, optional, argument.default_value()});
    }
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
      } else if (value.isScalar() || value.isIntList() || value.isDoubleList() || value.isString()) {
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

static void throwOperatorError(napi_env env, const Operator& op, const std::string& message,
                               const std::string& arguments) {
  napi_value error, code, text, name;
  const std::string whole = op.name + ": " + message + (arguments.empty() ? "" : "\n  in " + arguments);
  napi_create_string_utf8(env, whole.data(), whole.size(), &text);
  napi_create_string_utf8(env, "ERR_TORCH", NAPI_AUTO_LENGTH, &code);
  napi_create_error(env, code, text, &error);
  napi_create_string_utf8(env, op.name.data(), op.name.size(), &name);
  napi_set_named_property(env, error, "operator", name);
  napi_throw(env, error);
}

static napi_value dispatch(napi_env env, napi_callback_info info, bool wantResult) {
  constexpr size_t kMost = 32;
  napi_value values[kMost];
  size_t count = kMost;
  if (napi_get_cb_info(env, info, &count, values, nullptr, nullptr) != napi_ok) return nullptr;
  Environment& environment = environmentOf(env);
  double index = -1;
  if (count == 0 || napi_get_value_double(env, values[0], &index) != napi_ok || !(index >= 0) ||
      index >= static_cast<double>(environment.operators.size())) {
    napi_throw_range_error(env, "ERR_TORCH", "call: the first argument must be the index of an exported operator");
    return nullptr;
  }
  const Operator& op = *environment.operators[static_cast<size_t>(index)];
  auto& stack = environment.stack;
  stack.clear();
  const napi_value* given = values + 1;
  const size_t givenCount = count - 1;
  try {
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
    op.handle.callBoxed(stack);
    napi_value result = nullptr;
    if (wantResult && stack.size() == 1) {
      result = fromIValue(env, environment, stack[0]);
    } else if (wantResult) {
      check(env, napi_create_array_with_length(env, stack.size(), &result), "result");
      for (size_t i = 0; i < stack.size(); ++i) {
        check(env, napi_set_element(env, result, static_cast<uint32_t>(i), fromIValue(env, environment, stack[i])),
              "result");
      }
    }
    stack.clear();
    return result;
  } catch (const StaleHandle& error) {
    napi_throw_error(env, "ERR_USE_AFTER_FREE", error.what());
  } catch (const c10::Error& error) {
    throwOperatorError(env, op, error.what_without_backtrace(), describeCall(env, environment, op, given, givenCount));
  } catch (const std::exception& error) {
    throwOperatorError(env, op, error.what(), describeCall(env, environment, op, given, givenCount));
  } catch (...) {
    throwOperatorError(env, op, "unknown C++ exception", describeCall(env, environment, op, given, givenCount));
  }
  stack.clear();
  return nullptr;
}

static napi_value callOperator(napi_env env, napi_callback_info info) { return dispatch(env, info, true); }

// For operators that write into their first argument: what they return is that argument again, so no handle is made.
static napi_value callInPlace(napi_env env, napi_callback_info info) { return dispatch(env, info, false); }

// [{name, overload, schema, arguments: [{name, type, kind, optional, hasDefault}], returns: [type]}]: what the
// TypeScript signatures are generated from.
static napi_value schemas(napi_env env, napi_callback_info info) {
  return guarded(env, "schemas", [&] {
    static const char* kinds[] = {"Tensor", "Tensor[]", "Tensor?[]", "int",  "int[]",  "float",     "float[]",    "bool",
                                  "bool[]", "Scalar",   "Scalar[]",  "str",  "Device", "Generator", "unsupported"};
    Environment& environment = environmentOf(env);
    napi_value list;
    check(env, napi_create_array_with_length(env, environment.operators.size(), &list), "schemas");
    uint32_t index = 0;
    for (const auto& op : environment.operators) {
      const auto& schema = op->handle.schema();
      napi_value entry, arguments, returns, flag;
      check(env, napi_create_object(env, &entry), "schemas");
      napi_set_named_property(env, entry, "name", fromString(env, schema.name()));
      napi_set_named_property(env, entry, "overload", fromString(env, schema.overload_name()));
      std::ostringstream text;
      text << schema;
      napi_set_named_property(env, entry, "schema", fromString(env, text.str()));
      check(env, napi_create_array(env, &arguments), "schemas");
      uint32_t position = 0;
      for (const auto& argument : op->arguments) {
        napi_value row;
        check(env, napi_create_object(env, &row), "schemas");
        napi_set_named_property(env, row, "name", fromString(env, argument.name));
        napi_set_named_property(env, row, "kind", fromString(env, kinds[static_cast<size_t>(argument.kind)]));
        napi_get_boolean(env, argument.optional, &flag);
        napi_set_named_property(env, row, "optional", flag);
        napi_get_boolean(env, argument.fallback.has_value(), &flag);
        napi_set_named_property(env, row, "hasDefault", flag);
        napi_set_element(env, arguments, position++, row);
      }
      napi_set_named_property(env, entry, "arguments", arguments);
      check(env, napi_create_array(env, &returns), "schemas");
      position = 0;
      for (const Kind kind : op->results) {
        napi_set_element(env, returns, position++, fromString(env, kinds[static_cast<size_t>(kind)]));
      }
      napi_set_named_property(env, entry, "returns", returns);
      check(env, napi_set_element(env, list, index++, entry), "schemas");
    }
    return list;
  });
}

void defineDispatchBindings(napi_env env, napi_value exports) {
  defineFunction(env, exports, "call", callOperator);
  defineFunction(env, exports, "callInPlace", callInPlace);
  defineFunction(env, exports, "schemas", schemas);
}

}  // namespace riverrun
