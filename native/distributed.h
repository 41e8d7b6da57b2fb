// Several processes as one training: a store to meet at, collectives, and the reduction of gradients in buckets while
// the backward pass goes on. It is c10d's, which PyTorch's launchers and its own processes speak, too; but for the sums
// of processes that all run on one machine.
#pragma once

#include <ATen/core/Tensor.h>

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace riverrun {

// Who a process is among others, and where they meet.
struct GroupOptions {
  std::string address;
  int64_t port = 0;
  int64_t rank = 0;
  int64_t size = 1;
  bool hostsStore = false;         // else somebody serves the store at address:port already
  std::string prefix;              // of all keys, so that a restarted group does not read those of its forerunner
  std::string networkInterface;    // of Gloo's connections; empty: the one that leads to `address`
  std::string device;              // "cpu", or a CUDA device, whose tensors then go through NCCL
  bool sharedMemory = true;        // where all processes are on one machine, sum through memory that they share
  std::chrono::milliseconds timeout{0};  // how long one waits for the others
};

// A collective that was begun.
class Collective {
 public:
  virtual ~Collective() = default;
  // Blocks until it is done. Throws where a process is gone or late.
  virtual void wait() = 0;
  // Carries it on in this thread until the deadline; whether it is done. False at once where it is others that do so.
  virtual bool advance(std::chrono::steady_clock::time_point deadline) = 0;
};

// The processes of a training. Collectives are begun by all in the same order. Implemented in processGroup.cc.
class ProcessGroup {
 public:
  // Blocks until all have come. Throws where they do not within the timeout.
  static std::shared_ptr<ProcessGroup> join(const GroupOptions& options);
  virtual ~ProcessGroup() = default;
  // A group lives until it is left: to end it is to wait for the others, which a process that ends must not.
  static void hold(const std::shared_ptr<ProcessGroup>& group) { group->self_ = group; }
  static void leave(const std::shared_ptr<ProcessGroup>& group) { group->self_.reset(); }
  // Sums over all processes, in place. Tensors must be contiguous and stay alive until waited for.
  virtual std::shared_ptr<Collective> allReduce(const at::Tensor& tensor) = 0;
  virtual std::shared_ptr<Collective> broadcast(const at::Tensor& tensor, int64_t root) = 0;
  // Whether sums go through memory that all processes share.
  virtual bool sharesMemory() const = 0;
  virtual void storeSet(const std::string& key, const std::string& value) = 0;
  // False where nobody sets the key within the time. Throws where the store is gone.
  virtual bool storeGet(const std::string& key, std::chrono::milliseconds patience, std::string& value) = 0;

 private:
  std::shared_ptr<ProcessGroup> self_;
};

// Gradients of parameters, flattened into buckets that are summed over all processes as soon as each is full: hooks on
// the parameters copy a gradient when the backward pass has finished it, so that most of the sums are under way while
// the rest of the pass computes (in shared memory, where no thread does so, when they are waited for). Buckets go in the
// order in which gradients are finished, last layers first, and are begun in their own order, which is the same in all
// processes.
class GradientReducer {
 public:
  GradientReducer(std::shared_ptr<ProcessGroup> group, const std::vector<at::Tensor>& parameters, int64_t bucketBytes);
  GradientReducer(const GradientReducer&) = delete;
  GradientReducer& operator=(const GradientReducer&) = delete;
  ~GradientReducer();
  // Before each backward pass of a step: its gradients are added to those of the passes before it; after the last one
  // the sums begin.
  void arm(bool first, bool last);
  // Between `arm` and the pass: begins to sum a tensor that is waited for with the gradients.
  void sumBeside(const at::Tensor& tensor);
  // After the last pass: begins the buckets that are not begun yet (parameters that took no part count as zero) and
  // gives what to wait for.
  std::vector<std::shared_ptr<Collective>> finish();
  // Summed gradients in the order of the parameters: views of the buckets, valid until the next step.
  const std::vector<at::Tensor>& gradients() const { return views_; }
  size_t buckets() const { return buckets_.size(); }

 private:
  struct Bucket {
    at::Tensor flat;
    std::vector<size_t> members;
    size_t missing = 0;
  };
  at::Tensor receive(size_t index, const at::Tensor& gradient);
  void launch(bool all);

  std::shared_ptr<ProcessGroup> group_;
  std::vector<at::Tensor> parameters_;
  std::vector<unsigned> hooks_;
  std::vector<at::Tensor> views_;
  std::vector<size_t> bucketOf_;
  std::vector<bool> filled_;   // in this step
  std::vector<bool> arrived_;  // in this pass
  std::vector<Bucket> buckets_;
  size_t bucketsBegun_ = 0;
  std::vector<std::shared_ptr<Collective>> begun_;
  std::mutex mutex_;
  bool armed_ = false;
  bool last_ = false;
};

}  // namespace riverrun
