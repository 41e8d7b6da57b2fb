#include "background.h"

#include <thread>

namespace riverrun {

namespace {

struct Task {
  napi_deferred deferred = nullptr;
  napi_threadsafe_function done = nullptr;
  std::string what;
  std::string code;
  std::function<Settle()> body;
  Settle settle;
  std::string error;
};

void reject(napi_env env, const Task& task, const std::string& message) {
  napi_value code, text, error;
  if (napi_create_string_utf8(env, task.code.data(), task.code.size(), &code) == napi_ok &&
      napi_create_string_utf8(env, message.data(), message.size(), &text) == napi_ok &&
      napi_create_error(env, code, text, &error) == napi_ok) {
    napi_reject_deferred(env, task.deferred, error);
  }
}

// On the JavaScript thread; without an environment when that one is being torn down.
void settle(napi_env env, napi_value, void*, void* data) {
  const std::unique_ptr<Task> task(static_cast<Task*>(data));
  if (!env) return;
  if (!task->error.empty()) return reject(env, *task, task->error);
  try {
    napi_value value;
    if (task->settle) {
      value = task->settle(env);
    } else {
      check(env, napi_get_undefined(env, &value), "undefined");
    }
    napi_resolve_deferred(env, task->deferred, value);
  } catch (const std::exception& error) {
    reject(env, *task, task->what + ": " + error.what());
  }
}

void run(Task* task) {
  try {
    task->settle = task->body();
  } catch (const c10::Error& error) {
    task->error = task->what + ": " + error.what_without_backtrace();
  } catch (const std::exception& error) {
    task->error = task->what + ": " + error.what();
  } catch (...) {
    task->error = task->what + ": unknown C++ exception";
  }
  task->body = nullptr;  // what it holds (groups, tensors) may have to wait for others: not on the JavaScript thread
  const napi_threadsafe_function done = task->done;
  if (napi_call_threadsafe_function(done, task, napi_tsfn_blocking) == napi_ok) {
    napi_release_threadsafe_function(done, napi_tsfn_release);
  } else {
    delete task;
  }
}

}  // namespace

napi_value inBackground(napi_env env, const char* what, const char* code, std::function<Settle()> body) {
  auto task = std::make_unique<Task>();
  task->what = what;
  task->code = code;
  task->body = std::move(body);
  napi_value promise;
  check(env, napi_create_promise(env, &task->deferred, &promise), what);
  check(env,
        napi_create_threadsafe_function(env, nullptr, nullptr, fromString(env, what), 0, 1, nullptr, nullptr, nullptr,
                                        settle, &task->done),
        what);
  try {
    std::thread(run, task.get()).detach();
  } catch (...) {
    // Nobody would ever call it, and it keeps the event loop alive.
    napi_release_threadsafe_function(task->done, napi_tsfn_abort);
    throw;
  }
  task.release();
  return promise;
}

}  // namespace riverrun
