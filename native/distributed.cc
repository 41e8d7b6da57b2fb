// The bindings of process groups and of gradient reduction. Nothing of them blocks the JavaScript thread for long.
#include "distributed.h"

#include <c10/util/Logging.h>

#include <algorithm>
#include <cstdlib>

#include "background.h"

namespace riverrun {

constexpr const char* kPeerError = "ERR_PEER";

static std::shared_ptr<ProcessGroup> groupOf(Environment& environment, double handle, const char* user) {
  const auto* group = environment.processGroups.find(handle);
  if (!group) throw StaleHandle(std::string(user) + ": this process group was left already");
  return *group;
}

static GradientReducer& reducerOf(Environment& environment, double handle, const char* user) {
  const auto* reducer = environment.reducers.find(handle);
  if (!reducer) throw StaleHandle(std::string(user) + ": this reducer was freed already");
  return **reducer;
}

static std::vector<at::Tensor> namedTensors(napi_env env, napi_value handles, const char* user) {
  Environment& environment = environmentOf(env);
  std::vector<at::Tensor> tensors;
  for (const double handle : toNumbers(env, handles, user)) tensors.push_back(tensorOf(environment, handle, user));
  return tensors;
}

// How long the JavaScript thread carries collectives on by itself: longer than processes that do the same work are
// apart, shorter than anybody waits for a signal to be heard.
constexpr std::chrono::milliseconds kOwnPatience(30);

// Undefined where all are done at once, which saves a thread and a turn of the event loop; else a promise of that.
static napi_value doneOrPromise(napi_env env, const char* what, std::vector<std::shared_ptr<Collective>> begun) {
  const auto deadline = std::chrono::steady_clock::now() + kOwnPatience;
  try {
    const auto done = [&](const std::shared_ptr<Collective>& one) { return one->advance(deadline); };
    if (std::all_of(begun.begin(), begun.end(), done)) return nullptr;
  } catch (const std::exception&) {
    // Thrown once more by whoever waits, and then rejects the promise.
  }
  return inBackground(env, what, kPeerError, [begun = std::move(begun)]() -> Settle {
    for (const auto& one : begun) one->wait();
    return nullptr;
  });
}

// collectives(): whether groups can be joined.
static napi_value collectives(napi_env env, napi_callback_info info) {
  return guarded(env, "collectives", [&] {
#ifdef RIVERRUN_COLLECTIVES
    return fromBool(env, true);
#else
    return fromBool(env, false);
#endif
  });
}

// groupJoin(address, port, rank, size, hostsStore, prefix, networkInterface, device, sharedMemory, timeout ms): a
// handle's promise.
static napi_value groupJoin(napi_env env, napi_callback_info info) {
  return guarded(env, "groupJoin", [&] {
    Arguments<10> arguments(env, info);
    GroupOptions options;
    options.address = toString(env, arguments[0], "address");
    options.port = toInteger(env, arguments[1], "port");
    options.rank = toInteger(env, arguments[2], "rank");
    options.size = toInteger(env, arguments[3], "size");
    options.hostsStore = toBool(env, arguments[4], "hostsStore");
    options.prefix = toString(env, arguments[5], "prefix");
    options.networkInterface = toString(env, arguments[6], "networkInterface");
    options.device = toString(env, arguments[7], "device");
    options.sharedMemory = toBool(env, arguments[8], "sharedMemory");
    options.timeout = std::chrono::milliseconds(toInteger(env, arguments[9], "timeout"));
    // c10d would print stacks when another process is gone; the errors say what is to be known of it.
    setenv("TORCH_CPP_LOG_LEVEL", "FATAL", 0);
    c10::initLogging();
    return inBackground(env, "groupJoin", kPeerError, [options]() -> Settle {
      auto group = ProcessGroup::join(options);
      ProcessGroup::hold(group);
      return [group = std::move(group)](napi_env there) {
        return fromNumber(there, environmentOf(there).processGroups.insert(group));
      };
    });
  });
}

// groupLeave(group): a promise, because other processes may have to be waited for.
static napi_value groupLeave(napi_env env, napi_callback_info info) {
  return guarded(env, "groupLeave", [&] {
    Arguments<1> arguments(env, info);
    auto left = std::make_shared<std::shared_ptr<ProcessGroup>>();
    environmentOf(env).processGroups.remove(toNumber(env, arguments[0], "group"), *left);
    return inBackground(env, "groupLeave", kPeerError, [left]() -> Settle {
      if (*left) ProcessGroup::leave(*left);
      left->reset();
      return nullptr;
    });
  });
}

// groupSharesMemory(group)
static napi_value groupSharesMemory(napi_env env, napi_callback_info info) {
  return guarded(env, "groupSharesMemory", [&] {
    Arguments<1> arguments(env, info);
    const auto group = groupOf(environmentOf(env), toNumber(env, arguments[0], "group"), "groupSharesMemory");
    return fromBool(env, group->sharesMemory());
  });
}

// allReduce(group, tensors): in place; a promise where it is not done at once.
static napi_value allReduce(napi_env env, napi_callback_info info) {
  return guarded(env, "allReduce", [&] {
    Arguments<2> arguments(env, info);
    const auto group = groupOf(environmentOf(env), toNumber(env, arguments[0], "group"), "allReduce");
    std::vector<std::shared_ptr<Collective>> begun;
    for (const auto& tensor : namedTensors(env, arguments[1], "allReduce")) begun.push_back(group->allReduce(tensor));
    return doneOrPromise(env, "allReduce", std::move(begun));
  });
}

// broadcast(group, tensors, root): in place; a promise where it is not done at once.
static napi_value broadcast(napi_env env, napi_callback_info info) {
  return guarded(env, "broadcast", [&] {
    Arguments<3> arguments(env, info);
    const auto group = groupOf(environmentOf(env), toNumber(env, arguments[0], "group"), "broadcast");
    const int64_t root = toInteger(env, arguments[2], "root");
    std::vector<std::shared_ptr<Collective>> begun;
    for (const auto& tensor : namedTensors(env, arguments[1], "broadcast")) {
      begun.push_back(group->broadcast(tensor, root));
      tensor.unsafeGetTensorImpl()->bump_version();  // which the group, below autograd, does not
    }
    return doneOrPromise(env, "broadcast", std::move(begun));
  });
}

// storeSet(group, key, value): a promise.
static napi_value storeSet(napi_env env, napi_callback_info info) {
  return guarded(env, "storeSet", [&] {
    Arguments<3> arguments(env, info);
    const auto group = groupOf(environmentOf(env), toNumber(env, arguments[0], "group"), "storeSet");
    return inBackground(env, "storeSet", kPeerError,
                        [group, key = toString(env, arguments[1], "key"),
                         value = toString(env, arguments[2], "value")]() -> Settle {
                          group->storeSet(key, value);
                          return nullptr;
                        });
  });
}

// storeGet(group, key, patience ms): a promise of the value, or of null where nobody has set it by then.
static napi_value storeGet(napi_env env, napi_callback_info info) {
  return guarded(env, "storeGet", [&] {
    Arguments<3> arguments(env, info);
    const auto group = groupOf(environmentOf(env), toNumber(env, arguments[0], "group"), "storeGet");
    const std::chrono::milliseconds patience(toInteger(env, arguments[2], "patience"));
    return inBackground(env, "storeGet", kPeerError,
                        [group, patience, key = toString(env, arguments[1], "key")]() -> Settle {
                          std::string value;
                          const bool found = group->storeGet(key, patience, value);
                          return [found, value](napi_env there) {
                            napi_value nothing;
                            check(there, napi_get_null(there, &nothing), "storeGet");
                            return found ? fromString(there, value) : nothing;
                          };
                        });
  });
}

// reducerNew(group, parameters, bucket bytes)
static napi_value reducerNew(napi_env env, napi_callback_info info) {
  return guarded(env, "reducerNew", [&] {
    Arguments<3> arguments(env, info);
    Environment& environment = environmentOf(env);
    return fromNumber(env, environment.reducers.insert(std::make_shared<GradientReducer>(
                               groupOf(environment, toNumber(env, arguments[0], "group"), "reducerNew"),
                               namedTensors(env, arguments[1], "reducerNew"),
                               toInteger(env, arguments[2], "bucketBytes"))));
  });
}

static napi_value reducerFree(napi_env env, napi_callback_info info) {
  return guarded(env, "reducerFree", [&]() -> napi_value {
    Arguments<1> arguments(env, info);
    std::shared_ptr<GradientReducer> freed;
    environmentOf(env).reducers.remove(toNumber(env, arguments[0], "reducer"), freed);
    return nullptr;
  });
}

// reducerArm(reducer, first, last): see GradientReducer::arm.
static napi_value reducerArm(napi_env env, napi_callback_info info) {
  return guarded(env, "reducerArm", [&]() -> napi_value {
    Arguments<3> arguments(env, info);
    reducerOf(environmentOf(env), toNumber(env, arguments[0], "reducer"), "reducerArm")
        .arm(toBool(env, arguments[1], "first"), toBool(env, arguments[2], "last"));
    return nullptr;
  });
}

// reducerSumBeside(reducer, tensor): see GradientReducer::sumBeside.
static napi_value reducerSumBeside(napi_env env, napi_callback_info info) {
  return guarded(env, "reducerSumBeside", [&]() -> napi_value {
    Arguments<2> arguments(env, info);
    Environment& environment = environmentOf(env);
    reducerOf(environment, toNumber(env, arguments[0], "reducer"), "reducerSumBeside")
        .sumBeside(tensorOf(environment, toNumber(env, arguments[1], "tensor"), "reducerSumBeside"));
    return nullptr;
  });
}

// reducerFinish(reducer): a promise of nothing where it is not done at once.
static napi_value reducerFinish(napi_env env, napi_callback_info info) {
  return guarded(env, "reducerFinish", [&] {
    Arguments<1> arguments(env, info);
    return doneOrPromise(
        env, "reducerFinish",
        reducerOf(environmentOf(env), toNumber(env, arguments[0], "reducer"), "reducerFinish").finish());
  });
}

// reducerGradients(reducer): handles in the order of the parameters.
static napi_value reducerGradients(napi_env env, napi_callback_info info) {
  return guarded(env, "reducerGradients", [&] {
    Arguments<1> arguments(env, info);
    Environment& environment = environmentOf(env);
    const auto& gradients =
        reducerOf(environment, toNumber(env, arguments[0], "reducer"), "reducerGradients").gradients();
    napi_value result;
    check(env, napi_create_array_with_length(env, gradients.size(), &result), "reducerGradients");
    Outgoing outgoing(env, environment);
    for (size_t i = 0; i < gradients.size(); ++i) setElement(env, result, i, outgoing.add(gradients[i]));
    return outgoing.arrive(result);
  });
}

static napi_value reducerBuckets(napi_env env, napi_callback_info info) {
  return guarded(env, "reducerBuckets", [&] {
    Arguments<1> arguments(env, info);
    const auto& reducer = reducerOf(environmentOf(env), toNumber(env, arguments[0], "reducer"), "reducerBuckets");
    return fromNumber(env, static_cast<double>(reducer.buckets()));
  });
}

void defineDistributedBindings(napi_env env, napi_value exports) {
  defineFunction(env, exports, "collectives", collectives);
  defineFunction(env, exports, "groupJoin", groupJoin);
  defineFunction(env, exports, "groupLeave", groupLeave);
  defineFunction(env, exports, "groupSharesMemory", groupSharesMemory);
  defineFunction(env, exports, "allReduce", allReduce);
  defineFunction(env, exports, "broadcast", broadcast);
  defineFunction(env, exports, "storeSet", storeSet);
  defineFunction(env, exports, "storeGet", storeGet);
  defineFunction(env, exports, "reducerNew", reducerNew);
  defineFunction(env, exports, "reducerFree", reducerFree);
  defineFunction(env, exports, "reducerArm", reducerArm);
  defineFunction(env, exports, "reducerSumBeside", reducerSumBeside);
  defineFunction(env, exports, "reducerFinish", reducerFinish);
  defineFunction(env, exports, "reducerGradients", reducerGradients);
  defineFunction(env, exports, "reducerBuckets", reducerBuckets);
}

}  // namespace riverrun
