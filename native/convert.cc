// Values between JavaScript and libtorch, by the types of an operator's schema.
#include <ATen/core/jit_type.h>
#include <c10/util/StringUtil.h>

#include <algorithm>
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
  elements.reserve(std::min<uint32_t>(length, 65536));  // a sparse array may claim 2^32 elements and hold none
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
  napi_valuetype type;
  check(env, napi_typeof(env, value, &type), "typeof");
  return type == napi_undefined || type == napi_null;
}

// libtorch trusts these codes and indexes tables with them. Complex, quantised and packed types are left out: nothing
// here reads their elements.
c10::ScalarType toScalarType(napi_env env, napi_value value, const char* what) {
  const int64_t code = toInteger(env, value, what);
  if (code >= 0 && code < static_cast<int64_t>(c10::ScalarType::NumOptions)) {
    const auto type = static_cast<c10::ScalarType>(code);
    switch (type) {
      case c10::ScalarType::Byte:
      case c10::ScalarType::Char:
      case c10::ScalarType::Short:
      case c10::ScalarType::Int:
      case c10::ScalarType::Long:
      case c10::ScalarType::Half:
      case c10::ScalarType::Float:
      case c10::ScalarType::Double:
      case c10::ScalarType::Bool:
      case c10::ScalarType::BFloat16: return type;
      default: break;
    }
  }
  throw std::invalid_argument(std::string(what) + ": unknown dtype code " + std::to_string(code));
}

static int64_t toCode(napi_env env, napi_value value, const char* what, int64_t most) {
  const int64_t code = toInteger(env, value, what);
  if (code >= 0 && code <= most) return code;
  throw std::invalid_argument(std::string(what) + ": expected a code from 0 to " + std::to_string(most) + ", got " +
                              std::to_string(code));
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

napi_value fromBool(napi_env env, bool value) {
  napi_value result;
  check(env, napi_get_boolean(env, value, &result), "boolean");
  return result;
}

void setProperty(napi_env env, napi_value object, const char* name, napi_value value) {
  check(env, napi_set_named_property(env, object, name, value), name);
}

void setElement(napi_env env, napi_value list, size_t index, napi_value value) {
  check(env, napi_set_element(env, list, static_cast<uint32_t>(index), value), "list");
}

void defineFunction(napi_env env, napi_value exports, const char* name, napi_callback callback, void* data) {
  napi_value function;
  check(env, napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, data, &function), name);
  setProperty(env, exports, name, function);
}

Kind kindOf(const c10::TypePtr& type, bool& optional) {
  switch (type->kind()) {
    case c10::TypeKind::OptionalType:
      optional = true;
      return kindOf(type->expectRef<c10::OptionalType>().getElementType(), optional);
    case c10::TypeKind::TensorType: return Kind::kTensor;
    case c10::TypeKind::IntType:
    case c10::TypeKind::SymIntType: return Kind::kInt;
    case c10::TypeKind::ScalarTypeType: return Kind::kScalarType;
    case c10::TypeKind::LayoutType: return Kind::kLayout;
    case c10::TypeKind::MemoryFormatType: return Kind::kMemoryFormat;
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
    case Kind::kScalarType: return static_cast<int64_t>(toScalarType(env, value, what));
    case Kind::kLayout: return toCode(env, value, what, 0);  // strided only
    case Kind::kMemoryFormat: return toCode(env, value, what, static_cast<int64_t>(c10::MemoryFormat::Preserve));
    case Kind::kUnsupported: break;
  }
  throw std::invalid_argument(std::string(what) + ": this argument type cannot be passed from JavaScript");
}

Outgoing::~Outgoing() {
  for (const double handle : handles_) dropTensor(env_, environment_, handle);
}

napi_value Outgoing::add(at::Tensor tensor) {
  napi_value result;
  if (!tensor.defined()) {
    check(env_, napi_get_null(env_, &result), "result");
    return result;
  }
  handles_.reserve(handles_.size() + 1);
  const double handle = holdTensor(env_, environment_, std::move(tensor));
  handles_.push_back(handle);
  return fromNumber(env_, handle);
}

napi_value Outgoing::add(c10::IValue value) {
  if (value.isTensor()) return add(std::move(value).toTensor());
  if (value.isBool()) return fromBool(env_, value.toBool());
  if (value.isInt()) return fromNumber(env_, static_cast<double>(value.toInt()));
  if (value.isDouble()) return fromNumber(env_, value.toDouble());
  napi_value result;
  if (value.isNone()) {
    check(env_, napi_get_null(env_, &result), "result");
  } else if (value.isTensorList()) {
    std::vector<at::Tensor> tensors = value.toTensorVector();
    value = c10::IValue();  // so that each tensor below is held by its handle alone
    check(env_, napi_create_array_with_length(env_, tensors.size(), &result), "result");
    handles_.reserve(handles_.size() + tensors.size());
    for (size_t i = 0; i < tensors.size(); ++i) setElement(env_, result, i, add(std::move(tensors[i])));
  } else if (value.isList()) {
    const auto list = value.toList();
    check(env_, napi_create_array_with_length(env_, list.size(), &result), "result");
    for (size_t i = 0; i < list.size(); ++i) setElement(env_, result, i, add(list.get(i)));
  } else {
    throw std::runtime_error("result of type " + value.tagKind() + " cannot be passed to JavaScript");
  }
  return result;
}

}  // namespace riverrun
