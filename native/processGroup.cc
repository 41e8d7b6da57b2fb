// Meeting, and collectives, by c10d: its TCP store, Gloo for tensors on the CPU, NCCL for those on a CUDA device. Sums
// of processes that all run on one machine go through memory.
#include "distributed.h"

#ifdef RIVERRUN_COLLECTIVES

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <c10/core/DeviceGuard.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <cstring>
#include <thread>

#include "ncclLibrary.h"
#include "sharedSums.h"

namespace riverrun {

// The address under which this machine is seen on the way to `host`: that of the socket that the system would send from.
// A machine's own name, which c10d would take, often leads to the loopback device, where no other machine comes.
static std::string addressTowards(const std::string& host, int64_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) return "";
  std::string address;
  for (const addrinfo* entry = found; entry && address.empty(); entry = entry->ai_next) {
    const int connection = socket(entry->ai_family, SOCK_DGRAM, 0);
    if (connection < 0) continue;
    sockaddr_storage own{};
    socklen_t length = sizeof own;
    char text[NI_MAXHOST];
    if (connect(connection, entry->ai_addr, entry->ai_addrlen) == 0 &&
        getsockname(connection, reinterpret_cast<sockaddr*>(&own), &length) == 0 &&
        getnameinfo(reinterpret_cast<sockaddr*>(&own), length, text, sizeof text, nullptr, 0, NI_NUMERICHOST) == 0) {
      address = text;
    }
    close(connection);
  }
  freeaddrinfo(found);
  return address;
}

// NCCL's backend lives in a library of its own (nccl.cc), because this one must load where there is no CUDA.
static c10::intrusive_ptr<c10d::Backend> newNccl(const c10::intrusive_ptr<c10d::Store>& store,
                                                 const GroupOptions& options) {
  Dl_info where;
  if (!dladdr(reinterpret_cast<void*>(&addressTowards), &where) || !where.dli_fname) {
    throw std::runtime_error("the folder of the addon could not be found");
  }
  std::string path(where.dli_fname);
  path.erase(path.find_last_of('/') + 1);
  path += "riverrun_nccl.so";
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    throw std::runtime_error(
        std::string("collectives between CUDA devices are not built in: set-up builds them where the libtorch is one "
                    "with CUDA and the headers of CUDA and NCCL lie beside it (") +
        dlerror() + ")");
  }
  const auto make = reinterpret_cast<NewNccl*>(dlsym(library, kNewNccl));
  if (!make) throw std::runtime_error(path + " is of another version: run set-up again");
  return c10::intrusive_ptr<c10d::Backend>::reclaim(
      make(store, static_cast<int>(options.rank), static_cast<int>(options.size), options.timeout));
}

namespace {

// Carried on by c10d's own threads. Fails with the group's sums, `sums` (null where there are none).
class C10dWork final : public Collective {
 public:
  C10dWork(c10::intrusive_ptr<c10d::Work> work, c10::Device device, std::shared_ptr<SharedSums> sums)
      : work_(std::move(work)), device_(device), sums_(std::move(sums)) {}

  void wait() override {
    if (sums_) sums_->demandWhole();
    const c10::OptionalDeviceGuard guard(device_.is_cuda() ? std::optional<c10::Device>(device_) : std::nullopt);
    work_->wait();
  }

  bool advance(std::chrono::steady_clock::time_point) override { return false; }

 private:
  c10::intrusive_ptr<c10d::Work> work_;
  c10::Device device_;
  std::shared_ptr<SharedSums> sums_;
};

class C10dGroup final : public ProcessGroup {
 public:
  explicit C10dGroup(const GroupOptions& options) : device_(options.device) {
    const int rank = static_cast<int>(options.rank), size = static_cast<int>(options.size);
    c10d::TCPStoreOptions tcp;
    tcp.port = static_cast<std::uint16_t>(options.port);
    tcp.isServer = options.hostsStore;
    tcp.waitWorkers = false;
    tcp.timeout = options.timeout;
    store_ = c10::make_intrusive<c10d::PrefixStore>(options.prefix,
                                                    c10::make_intrusive<c10d::TCPStore>(options.address, tcp));
    // c10d's own wait for the others would not say who is missing.
    storeSet("here/" + std::to_string(rank), "");
    const auto deadline = std::chrono::steady_clock::now() + options.timeout;
    for (int other = 0; other < size; ++other) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
      std::string value;
      if (!storeGet("here/" + std::to_string(other), left, value)) {
        throw std::runtime_error("rank " + std::to_string(other) + " of " + std::to_string(size) +
                                 " processes did not come within " + c10::str(static_cast<double>(options.timeout.count()) / 1000) +
                                 " s");
      }
    }
    auto gloo = c10d::ProcessGroupGloo::Options::create(options.timeout);
    std::string address = addressTowards(options.address, options.port);
    if (!options.networkInterface.empty()) {
      gloo->devices.push_back(c10d::ProcessGroupGloo::createDeviceForInterface(options.networkInterface));
    } else if (!address.empty()) {
      gloo->devices.push_back(c10d::ProcessGroupGloo::createDeviceForHostname(address));
    } else {
      gloo->devices.push_back(c10d::ProcessGroupGloo::createDefaultDevice());
    }
    const auto storeOf = [&](const char* name) { return c10::make_intrusive<c10d::PrefixStore>(name, store_); };
    gloo_ = c10::make_intrusive<c10d::ProcessGroupGloo>(storeOf("gloo"), rank, size, gloo);
    if (device_.is_cuda()) {
      const c10::DeviceGuard guard(device_);
      nccl_ = newNccl(storeOf("nccl"), options);
    }
    auto memory = shareMemory(options);
    if (memory) sums_ = std::make_shared<SharedSums>(std::move(memory));
  }

  std::shared_ptr<Collective> allReduce(const at::Tensor& tensor) override {
    auto& backend = backendOf(tensor);
    if (sums_ && SharedSums::canSum(tensor)) return sums_->begin(tensor);
    std::vector<at::Tensor> tensors{tensor};
    return begun(backend.allreduce(tensors));
  }

  std::shared_ptr<Collective> broadcast(const at::Tensor& tensor, int64_t root) override {
    std::vector<at::Tensor> tensors{tensor};
    c10d::BroadcastOptions options;
    options.rootRank = root;
    return begun(backendOf(tensor).broadcast(tensors, options));
  }

  bool sharesMemory() const override { return sums_ != nullptr; }

  void storeSet(const std::string& key, const std::string& value) override {
    store_->set(key, std::vector<uint8_t>(value.begin(), value.end()));
  }

  // Asks again and again: a wait inside the store would keep everybody else of this process from it.
  bool storeGet(const std::string& key, std::chrono::milliseconds patience, std::string& value) override {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (!store_->check({key})) {
      if (std::chrono::steady_clock::now() >= deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    const auto bytes = store_->get(key);
    value.assign(bytes.begin(), bytes.end());
    return true;
  }

 private:
  c10d::Backend& backendOf(const at::Tensor& tensor) {
    if (!tensor.is_contiguous()) throw std::invalid_argument("a collective needs contiguous tensors");
    if (tensor.is_cpu()) return *gloo_;
    if (!nccl_) throw std::invalid_argument("this group has no collectives for device " + tensor.device().str());
    return *nccl_;
  }

  std::shared_ptr<Collective> begun(c10::intrusive_ptr<c10d::Work> work) {
    return std::make_shared<C10dWork>(std::move(work), device_, sums_);
  }

  // Memory that all processes share; null where one of them cannot reach it or does not want to. All get the same
  // answer or none, and all ask, so that no sum ever takes two ways.
  std::unique_ptr<SharedMemory> shareMemory(const GroupOptions& options) {
    const int rank = static_cast<int>(options.rank), size = static_cast<int>(options.size);
    const bool wanted = options.sharedMemory && device_.is_cpu() && size > 1;
    std::string address;
    std::unique_ptr<SharedMemory> memory;
    if (wanted && rank == 0) memory = SharedMemory::make(size, options.timeout, address);
    std::vector<at::Tensor> text{at::zeros({static_cast<int64_t>(SharedMemory::kAddressBytes)}, at::kByte)};
    auto* characters = reinterpret_cast<char*>(text[0].mutable_data_ptr<uint8_t>());
    address.copy(characters, SharedMemory::kAddressBytes - 1);
    gloo_->broadcast(text)->wait();
    if (wanted && rank != 0) memory = SharedMemory::find(characters, rank, size, options.timeout);
    std::vector<at::Tensor> reached{at::full({1}, memory ? 1 : 0, at::kLong)};
    c10d::AllreduceOptions least;
    least.reduceOp = c10d::ReduceOp::MIN;
    gloo_->allreduce(reached, least)->wait();
    if (reached[0].item<int64_t>() != 1) return nullptr;
    return memory;
  }

  c10::Device device_;
  c10::intrusive_ptr<c10d::Store> store_;
  c10::intrusive_ptr<c10d::Backend> gloo_;
  c10::intrusive_ptr<c10d::Backend> nccl_;
  std::shared_ptr<SharedSums> sums_;
};

}  // namespace

std::shared_ptr<ProcessGroup> ProcessGroup::join(const GroupOptions& options) {
  return std::make_shared<C10dGroup>(options);
}

}  // namespace riverrun

#else

#include <stdexcept>

std::shared_ptr<riverrun::ProcessGroup> riverrun::ProcessGroup::join(const GroupOptions&) {
  throw std::runtime_error("this addon was built without collectives");
}

#endif
