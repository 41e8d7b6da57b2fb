"""A training step that several processes share, by DistributedDataParallel over Gloo."""

from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel


class Objective(nn.Module):
    """The loss as a module's output, which is what DistributedDataParallel wraps."""

    def __init__(self, model):
        super().__init__()
        self.flow = model.flow
        self.loss = model.loss

    def forward(self):
        return self.loss()


def share(model, rank, size, port):
    """Process `rank` of `size` keeps rows rank, rank + size, ... of the batch.

    The loss is a mean over rows and every process has as many of them, so the mean of the gradients, which is what
    DistributedDataParallel makes, is the gradient of the whole batch."""
    distributed.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=size)
    model.x = model.x[rank::size].contiguous()
    model.objective = DistributedDataParallel(Objective(model), gradient_as_bucket_view=True)
