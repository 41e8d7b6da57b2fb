// Values between JavaScript and libtorch, by the types of an operator's schema.
#include <ATen/core/jit_type.h>
#include <c10/util/StringUtil.h>

#include <cmath>
#include <sstream>

#include "addon.h"

namespace riverrun {

void check(napi_env env, napi_status status, const char* what) {
  if (status == napi_ok) return;
  const napi_extended_error_info* info = nullptr;
  napi_get_last_error_info(env, &info);
  throw std::runtime_error(std::string(what) + ": " +
                           (info && info->error_message ? info->error_message : "Node-API call failed"));
}

static const char* typeName(napi_env env, napi_value value) {
  napi_valuetype type = napi_undefined;
  napi_typeof(env, value, &type);
  static const char* names[] = {"undefined", "null",   "boolean",  "number",   "string",
                                "symbol",    "object", "function", "external", "bigint"};
  return names[type];
}

[[noreturn]] static void expected(napi_env env, const char* what, const char* type, napi_value value) {
  throw std::invalid_argument(std::string(what) + ": expected " + type + ", got " + typeName(env, value));
}

double toNumber(napi_env env, napi_value value, const char* what) {
  double number;
  if (napi_get_value_double(env, value, &number) != napi_ok) expected(env, what, "a number", value);
  return number;
}

int64_t toInteger(napi_env env, napi_value value, const char* what) {
  const double number = toNumber(env, value, what);
  if (!(std::abs(number) <= 9007199254740991.0) || number != std::trunc(number)) {
    throw std::invalid_argument(std::string(what) + ": expected an integer, got " + std::to_string(number));
  }
  return static_cast<int64_t>(number);
}

bool toBool(napi_env env, napi_value value, const char* what) {
  bool flag;
  if (napi_get_value_bool(env, value, &flag) != napi_ok) expected(env, what, "a boolean", value);
  return flag;
}

std::string toString(napi_env env, napi_value value, const char* what) {
  size_t length;
  if (napi_get_value_string_utf8(env, value, nullptr, 0, &length) != napi_ok) expected(env, what, "a string", value);
  std::string text(length, '\0');
  check(env, napi_get_value_string_utf8(env, value, text.data(), length + 1, &length), what);
  return text;
}

template <typename Element>
static std::vector<Element> toVector(napi_env env, napi_value value, const char* what,
                                     Element (*convert)(napi_env, napi_value, const char*)) {
  uint32_t length;
  if (napi_get_array_length(env, value, &length) != napi_ok) expected(env, what, "an array", value);
  std::vector<Element> elements;
  elements.reserve(length);
  for (uint32_t i = 0; i < length; ++i) {
    napi_value element;
    check(env, napi_get_element(env, value, i, &element), what);
    elements.push_back(convert(env, element, what));
  }
  return elements;
}

std::vector<double> toNumbers(napi_env env, napi_value value, const char* what) {
  return toVector<double>(env, value, what, toNumber);
}

std::vector<int64_t> toIntegers(napi_env env, napi_value value, const char* what) {
  return toVector<int64_t>(env, value, what, toInteger);
}

bool isAbsent(napi_env env, napi_value value) {
  napi_valuetype type = napi_undefined;
  napi_typeof(env, value, &type);
  return type == napi_undefined || type == napi_null;
}

c10::ScalarType toScalarType(int64_t code) {
  if (code < 0 || code >= static_cast<int64_t>(c10::ScalarType::NumOptions)) {
    throw std::invalid_argument("unknown dtype code " + std::to_string(code));
  }
  return static_cast<c10::ScalarType>(code);
}

std::string describe(const at::Tensor& tensor) {
  if (!tensor.defined()) return "none";
  std::ostringstream text;
  text << c10::toString(tensor.scalar_type()) << "(" << c10::Join(", ", tensor.sizes()) << ")";
  return text.str();
}

napi_value fromNumber(napi_env env, double value) {
  napi_value result;
  check(env, napi_create_double(env, value, &result), "number");
  return result;
}

napi_value fromString(napi_env env, const std::string& value) {
  napi_value result;
  check(env, napi_create_string_utf8(env, value.data(), value.size(), &result), "string");
  return result;
}

void defineFunction(napi_env env, napi_value exports, const char* name, napi_callback callback) {
  napi_value function;
  check(env, napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, nullptr, &function), name);
  check(env, napi_set_named_property(env, exports, name, function), name);
}

Kind kindOf(const c10::TypePtr& type, bool& optional) {
  switch (type->kind()) {
    case c10::TypeKind::OptionalType:
      optional = true;
      return kindOf(type->expectRef<c10::OptionalType>().getElementType(), optional);
    case c10::TypeKind::TensorType: return Kind::kTensor;
    case c10::TypeKind::IntType:
    case c10::TypeKind::SymIntType:
    case c10::TypeKind::ScalarTypeType:
    case c10::TypeKind::LayoutType:
    case c10::TypeKind::MemoryFormatType: return Kind::kInt;
    case c10::TypeKind::FloatType:
    case c10::TypeKind::SymFloatType: return Kind::kFloat;
    case c10::TypeKind::BoolType:
    case c10::TypeKind::SymBoolType: return Kind::kBool;
    case c10::TypeKind::NumberType: return Kind::kScalar;
    case c10::TypeKind::StringType: return Kind::kString;
    case c10::TypeKind::DeviceObjType: return Kind::kDevice;
    case c10::TypeKind::GeneratorType: return Kind::kGenerator;
    case c10::TypeKind::ListType: {
      bool inner = false;
      switch (kindOf(type->expectRef<c10::ListType>().getElementType(), inner)) {
        case Kind::kTensor: return inner ? Kind::kOptionalTensorList : Kind::kTensorList;
        case Kind::kInt: return Kind::kIntList;
        case Kind::kFloat: return Kind::kFloatList;
        case Kind::kBool: return Kind::kBoolList;
        case Kind::kScalar: return Kind::kScalarList;
        default: return Kind::kUnsupported;
      }
    }
    default: return Kind::kUnsupported;
  }
}

// An integral number stays an integer, so that int64 tensors are not promoted by x + 1.
static c10::IValue toScalar(double number) {
  if (number == std::trunc(number) && std::abs(number) <= 9007199254740991.0 && !(number == 0 && std::signbit(number))) {
    return static_cast<int64_t>(number);
  }
  return number;
}

c10::IValue toIValue(napi_env env, Environment& environment, const Operator& op, const Argument& argument,
                     napi_value value) {
  const char* what = argument.name.c_str();
  if (argument.kind == Kind::kTensor) {  // first, because it is the hot path
    double handle;
    if (napi_get_value_double(env, value, &handle) == napi_ok) return tensorOf(environment, handle, op.name.c_str());
  }
  napi_valuetype type;
  check(env, napi_typeof(env, value, &type), what);
  if (type == napi_undefined && argument.fallback.has_value()) return *argument.fallback;
  if (type == napi_undefined || type == napi_null) {
    if (argument.optional) return c10::IValue();
    throw std::invalid_argument(std::string(what) + " is missing");
  }
  switch (argument.kind) {
    case Kind::kTensor: expected(env, what, "a tensor handle", value);
    case Kind::kTensorList: {
      c10::List<at::Tensor> tensors;
      for (double handle : toNumbers(env, value, what)) {
        tensors.push_back(tensorOf(environment, handle, op.name.c_str()));
      }
      return tensors;
    }
    case Kind::kOptionalTensorList: {
      c10::List<std::optional<at::Tensor>> tensors;
      uint32_t length;
      if (napi_get_array_length(env, value, &length) != napi_ok) expected(env, what, "an array", value);
      for (uint32_t i = 0; i < length; ++i) {
        napi_value element;
        check(env, napi_get_element(env, value, i, &element), what);
        if (isAbsent(env, element)) {
          tensors.push_back(std::nullopt);
        } else {
          tensors.push_back(tensorOf(environment, toNumber(env, element, what), op.name.c_str()));
        }
      }
      return tensors;
    }
    case Kind::kInt: return toInteger(env, value, what);
    case Kind::kIntList:
      if (type == napi_number) return std::vector<int64_t>{toInteger(env, value, what)};
      return toIntegers(env, value, what);
    case Kind::kFloat: return toNumber(env, value, what);
    case Kind::kFloatList: return toNumbers(env, value, what);
    case Kind::kBool: return toBool(env, value, what);
    case Kind::kBoolList: {
      c10::List<bool> flags;
      uint32_t length;
      if (napi_get_array_length(env, value, &length) != napi_ok) expected(env, what, "an array", value);
      for (uint32_t i = 0; i < length; ++i) {
        napi_value element;
        check(env, napi_get_element(env, value, i, &element), what);
        flags.push_back(toBool(env, element, what));
      }
      return flags;
    }
    case Kind::kScalar:
      if (type == napi_boolean) return toBool(env, value, what);
      return toScalar(toNumber(env, value, what));
    case Kind::kScalarList: {
      c10::impl::GenericList scalars(c10::NumberType::get());
      for (double number : toNumbers(env, value, what)) scalars.push_back(toScalar(number));
      return scalars;
    }
    case Kind::kString: return toString(env, value, what);
    case Kind::kDevice: return c10::Device(toString(env, value, what));
    case Kind::kGenerator: return generatorOf(environment, toNumber(env, value, what), op.name.c_str());
    case Kind::kUnsupported: break;
  }
  throw std::invalid_argument(std::string(what) + ": this argument type cannot be passed from JavaScript");
}

napi_value fromIValue(napi_env env, Environment& environment, const c10::IValue& value) {
  napi_value result;
  if (value.isTensor()) {
    const at::Tensor& tensor = value.toTensor();
    if (!tensor.defined()) {
      check(env, napi_get_null(env, &result), "result");
      return result;
    }
    return fromNumber(env, holdTensor(env, environment, tensor));
  }
  if (value.isNone()) {
    check(env, napi_get_null(env, &result), "result");
  } else if (value.isBool()) {
    check(env, napi_get_boolean(env, value.toBool(), &result), "result");
  } else if (value.isInt()) {
    result = fromNumber(env, static_cast<double>(value.toInt()));
  } else if (value.isDouble()) {
    result = fromNumber(env, value.toDouble());
  } else if (value.isList()) {
    const auto list = value.toList();
    check(env, napi_create_array_with_length(env, list.size(), &result), "result");
    for (size_t i = 0; i < list.size(); ++i) {
      check(env, napi_set_element(env, result, static_cast<uint32_t>(i), fromIValue(env, environment, list.get(i))),
            "result");
    }
  } else {
    throw std::runtime_error("result of type " + value.tagKind() + " cannot be passed to JavaScript");
  }
  return result;
}

}  // namespace riverrun
