// Entry point of the addon: the state of one environment, threads, versions, and the error guard.
#include "addon.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <dlfcn.h>
#include <torch/version.h>

#include <mutex>

namespace riverrun {

void throwCurrentException(napi_env env, const char* what) noexcept {
  bool pending = false;
  if (napi_is_exception_pending(env, &pending) == napi_ok && pending) return;
  try {
    try {
      throw;
    } catch (const StaleHandle& error) {
      napi_throw_error(env, "ERR_USE_AFTER_FREE", error.what());
    } catch (const c10::Error& error) {
      napi_throw_error(env, "ERR_TORCH", (std::string(what) + ": " + error.what_without_backtrace()).c_str());
    } catch (const std::bad_alloc&) {
      napi_throw_error(env, "ERR_TORCH", (std::string(what) + ": out of memory").c_str());
    } catch (const std::exception& error) {
      napi_throw_error(env, "ERR_TORCH", (std::string(what) + ": " + error.what()).c_str());
    } catch (...) {
      napi_throw_error(env, "ERR_TORCH", (std::string(what) + ": unknown C++ exception").c_str());
    }
  } catch (...) {  // no memory even for the message
    napi_throw_error(env, "ERR_TORCH", what);
  }
}

Environment& environmentOf(napi_env env) {
  void* data = nullptr;
  napi_get_instance_data(env, &data);
  return *static_cast<Environment*>(data);
}

static napi_value setThreads(napi_env env, napi_callback_info info) {
  return guarded(env, "setThreads", [&]() -> napi_value {
    Arguments<1> arguments(env, info);
    const int64_t threads = toInteger(env, arguments[0], "threads");
    if (threads < 1 || threads > 4096) throw std::invalid_argument("threads must be between 1 and 4096");
    at::set_num_threads(static_cast<int>(threads));
    return nullptr;
  });
}

static napi_value threads(napi_env env, napi_callback_info info) {
  return guarded(env, "threads", [&] { return fromNumber(env, at::get_num_threads()); });
}

// {torch, parallel}: the version compiled against and libtorch's own account of its threading and BLAS.
static napi_value build(napi_env env, napi_callback_info info) {
  return guarded(env, "build", [&] {
    napi_value result;
    check(env, napi_create_object(env, &result), "build");
    setProperty(env, result, "torch", fromString(env, TORCH_VERSION));
    setProperty(env, result, "config", fromString(env, at::show_config()));
    setProperty(env, result, "parallel", fromString(env, at::get_parallel_info()));
    return result;
  });
}

// Why libtorch's CUDA half could not be loaded; empty where it is there.
static std::string loadCudaLibrary() {
  Dl_info where;
  if (!dladdr(reinterpret_cast<void*>(&at::get_parallel_info), &where) || !where.dli_fname) {
    return "the folder of libtorch_cpu could not be found";
  }
  std::string folder(where.dli_fname);
  folder.erase(folder.find_last_of('/') + 1);
  if (dlopen((folder + "libtorch_cuda.so").c_str(), RTLD_NOW | RTLD_GLOBAL)) return "";
  const char* reason = dlerror();
  return reason ? reason : "libtorch_cuda.so could not be loaded";
}

// The CUDA half of libtorch registers its kernels when it is loaded; it is loaded when a CUDA device is first asked
// for, because it costs a second and most runs never need it. Nothing may ask at::hasCUDA() before: the first answer
// is remembered for good. Returns the number of devices, with a reason when 0.
static napi_value loadCuda(napi_env env, napi_callback_info info) {
  return guarded(env, "loadCuda", [&] {
    static std::mutex mutex;
    static bool loaded = false;
    std::string reason;
    int64_t devices = 0;
    {
      const std::lock_guard<std::mutex> lock(mutex);
      if (!loaded) reason = loadCudaLibrary();
      loaded = reason.empty();
    }
    if (reason.empty() && !at::hasCUDA()) {
      reason = "libtorch decided that there is no CUDA before it was asked for: ask for the device first";
    } else if (reason.empty()) {
      devices = static_cast<int64_t>(at::detail::getCUDAHooks().deviceCount());
      if (devices == 0) reason = "libtorch has CUDA, but no CUDA device or driver was found";
    }
    napi_value result;
    check(env, napi_create_object(env, &result), "loadCuda");
    setProperty(env, result, "devices", fromNumber(env, static_cast<double>(devices)));
    setProperty(env, result, "reason", fromString(env, devices ? "" : reason));
    return result;
  });
}

static napi_value initialise(napi_env env, napi_value exports) {
  return guarded(env, "riverrun", [&] {
    installCachingAllocator();
    auto environment = std::make_unique<Environment>();
    resolveOperators(*environment);
    check(env,
          napi_set_instance_data(
              env, environment.get(), [](napi_env, void* data, void*) { delete static_cast<Environment*>(data); },
              nullptr),
          "instance data");
    environment.release();
    defineDispatchBindings(env, exports);
    defineTensorBindings(env, exports);
    defineAutogradBindings(env, exports);
    defineRandomBindings(env, exports);
    defineAllocatorBindings(env, exports);
    defineDistributedBindings(env, exports);
    defineFunction(env, exports, "setThreads", setThreads);
    defineFunction(env, exports, "threads", threads);
    defineFunction(env, exports, "build", build);
    defineFunction(env, exports, "loadCuda", loadCuda);
    return exports;
  });
}

}  // namespace riverrun

NAPI_MODULE(riverrun, riverrun::initialise)
