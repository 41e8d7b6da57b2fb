// Gradients in buckets.
#include <ATen/Functions.h>
#include <c10/core/GradMode.h>

#include <algorithm>

#include "distributed.h"

namespace riverrun {

// A bucket's first elements start on cache lines of their own, so that vectorised loops see aligned rows.
constexpr int64_t kAlignment = 64;
// The first bucket is small: its sum begins early. What follows is large enough for bandwidth to outweigh latency.
constexpr int64_t kFirstBucketBytes = 1 << 20;

GradientReducer::GradientReducer(std::shared_ptr<ProcessGroup> group, const std::vector<at::Tensor>& parameters,
                                 int64_t bucketBytes)
    : group_(std::move(group)),
      parameters_(parameters),
      views_(parameters.size()),
      bucketOf_(parameters.size()),
      filled_(parameters.size()),
      arrived_(parameters.size()) {
  const auto roomOf = [](const at::Tensor& parameter) {
    const int64_t bytes = parameter.numel() * parameter.element_size();
    return (bytes + kAlignment - 1) / kAlignment * kAlignment;
  };
  int64_t bytes = 0;
  for (size_t i = parameters.size(); i-- > 0;) {
    const int64_t room = roomOf(parameters[i]);
    const int64_t most = buckets_.size() <= 1 ? std::min(bucketBytes, kFirstBucketBytes) : bucketBytes;
    const bool differs =
        !buckets_.empty() && parameters[buckets_.back().members[0]].options().dtype() != parameters[i].options().dtype();
    if (buckets_.empty() || differs || bytes + room > most) {
      buckets_.emplace_back();
      bytes = 0;
    }
    buckets_.back().members.push_back(i);
    bucketOf_[i] = buckets_.size() - 1;
    bytes += room;
  }
  for (Bucket& bucket : buckets_) {
    int64_t count = 0;
    for (const size_t i : bucket.members) count += roomOf(parameters[i]) / parameters[i].element_size();
    bucket.flat = at::zeros({count}, parameters[bucket.members[0]].options().requires_grad(false));
    int64_t offset = 0;
    for (const size_t i : bucket.members) {
      views_[i] = bucket.flat.narrow(0, offset, parameters[i].numel()).view(parameters[i].sizes());
      offset += roomOf(parameters[i]) / parameters[i].element_size();
    }
  }
  for (size_t i = 0; i < parameters_.size(); ++i) {
    hooks_.push_back(
        parameters_[i].register_hook([this, i](const at::Tensor& gradient) { return receive(i, gradient); }));
  }
}

GradientReducer::~GradientReducer() {
  for (size_t i = 0; i < hooks_.size(); ++i) parameters_[i].remove_hook(hooks_[i]);
}

void GradientReducer::arm(bool first, bool last) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (first) {
    std::fill(filled_.begin(), filled_.end(), false);
    begun_.clear();
    bucketsBegun_ = 0;
  }
  std::fill(arrived_.begin(), arrived_.end(), false);
  for (Bucket& bucket : buckets_) bucket.missing = bucket.members.size();
  armed_ = true;
  last_ = last;
}

// What the backward pass hands on in the gradient's place is the bucket's view, so that its own memory is freed.
at::Tensor GradientReducer::receive(size_t index, const at::Tensor& gradient) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!armed_ || arrived_[index] || !gradient.defined()) return gradient;
  const at::NoGradGuard noGrad;
  if (filled_[index]) {
    views_[index].add_(gradient);
  } else {
    views_[index].copy_(gradient);
  }
  filled_[index] = arrived_[index] = true;
  --buckets_[bucketOf_[index]].missing;
  if (last_) launch(false);
  return views_[index];
}

void GradientReducer::launch(bool all) {
  while (bucketsBegun_ < buckets_.size()) {
    Bucket& bucket = buckets_[bucketsBegun_];
    if (bucket.missing > 0 && !all) return;
    for (const size_t i : bucket.members) {
      if (!filled_[i]) views_[i].zero_();
    }
    begun_.push_back(group_->allReduce(bucket.flat));
    ++bucketsBegun_;
  }
}

void GradientReducer::sumBeside(const at::Tensor& tensor) {
  const std::lock_guard<std::mutex> lock(mutex_);
  begun_.push_back(group_->allReduce(tensor));
}

std::vector<std::shared_ptr<Collective>> GradientReducer::finish() {
  const std::lock_guard<std::mutex> lock(mutex_);
  const at::NoGradGuard noGrad;
  launch(true);
  armed_ = false;
  return begun_;
}

}  // namespace riverrun
