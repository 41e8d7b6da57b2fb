/** Att-AR: causal transformers, one stack of blocks for each flow step. */
import { type InitContext, sinusoidalPositions } from "../../nn/index.ts";
import { cat, noGrad, scope, type Tensor, zeros } from "../../torch/index.ts";
import { layer_norm, scaled_dot_product_attention } from "../../torch/operators.ts";
import { Tensor as TensorClass } from "../../torch/tensor.ts";
import { PositionBuffer } from "./positionBuffer.ts";
import { type Affine, applyAffine, inForce, StackedLinear, stepsOf } from "./stacked.ts";
import { type NetworkCache, type NetworkState, type NetworkStep, StepNetwork } from "./stepNetwork.ts";

/** What attention over the positions so far makes of one position's query, key and value, each (n, R, heads, 1, size). */
type Attend = (layer: number, query: Tensor, key: Tensor, value: Tensor) => Tensor;

/** Layers of one block, in the order of their weights. */
const parts = ["projection", "output", "inner", "outer"] as const;
/** Tensors of one block among the weights: gain and bias of two norms, matrix and bias of four layers. */
const perBlock = 4 + 2 * parts.length;

/**
 * Pre-norm blocks x + MHA(LN x), then x + FFN(LN x) with d_ff = 2 C and tanh-GELU, LN with the unbiased deviation, as in
 * the non-autoregressive networks of the paper; position t sees positions up to t. Sinusoidal positions can
 * be added to the input.
 */
export class StackedAttention extends StepNetwork {
  /** Every position of a chunk copies the keys and values of those before it. */
  readonly chunk = 8;
  readonly #channels: number;
  readonly #heads: number;
  readonly #blocks: number;
  /** By block, in the order that `weights` gives them. */
  readonly #stacked: Tensor[] = [];
  readonly #positions: Tensor | undefined;
  readonly #steps: number;

  constructor(
    init: InitContext,
    steps: number,
    channels: number,
    options: { readonly blocks: number; readonly heads: number; readonly positions: number; readonly encoded: boolean },
  ) {
    super();
    this.#steps = steps;
    this.#channels = channels;
    this.#heads = options.heads;
    this.#blocks = options.blocks;
    const sizes = { projection: [1, 3], output: [1, 1], inner: [1, 2], outer: [2, 1] } as const;
    for (let block = 0; block < options.blocks; block++) {
      for (const norm of ["attention", "feedForward"]) {
        this.#stacked.push(
          this.parameter(`block${block}.${norm}Gain`, init.ones([steps, 1, channels])),
          this.parameter(`block${block}.${norm}Bias`, init.zeros([steps, 1, channels])),
        );
      }
      for (const part of parts) {
        const [inputs, outputs] = sizes[part].map((factor) => factor * channels);
        const layer = this.child(`block${block}.${part}`, new StackedLinear(init, steps, inputs, outputs));
        this.#stacked.push(layer.affine.weight, layer.affine.bias);
      }
    }
    if (options.encoded) {
      this.#positions = this.buffer("positions", sinusoidalPositions(init, options.positions, channels));
    }
  }

  weights(first: number, end: number): readonly Tensor[] {
    return this.#stacked.map((stacked) => stepsOf(stacked, first, end));
  }

  start(): NetworkState {
    return { carried: [], recent: [] };
  }

  #norm(x: Tensor, gain: Tensor, bias: Tensor): Tensor {
    const normed = TensorClass.adopt(layer_norm(x.handle, [this.#channels], null, null, 1e-24));
    return bias.addcmul(normed, gain, Math.sqrt((this.#channels - 1) / this.#channels));
  }

  /** All blocks on (n, R, C); `mix` turns a block's projection (n, R, 3 C) into what its heads saw, (n, R, C). */
  #forward(weights: readonly Tensor[], x: Tensor, mix: (block: number, projected: Tensor) => Tensor): Tensor {
    let hidden = x;
    for (let block = 0; block < this.#blocks; block++) {
      const own = weights.slice(block * perBlock, (block + 1) * perBlock);
      const layer = (index: number): Affine => ({ weight: own[4 + 2 * index], bias: own[5 + 2 * index] });
      const projected = applyAffine(this.#norm(hidden, own[0], own[1]), layer(0));
      const middle = hidden.add(applyAffine(mix(block, projected), layer(1)));
      const inner = applyAffine(this.#norm(middle, own[2], own[3]), layer(2)).gelu("tanh");
      hidden = middle.add(applyAffine(inner, layer(3)));
    }
    return hidden;
  }

  /** What `#forward` needs to mix one position of every row. */
  #mixer(attend: Attend): (block: number, projected: Tensor) => Tensor {
    return (block, projected) => {
      const [steps, rows] = projected.shape;
      const [query, key, value] = projected
        .reshape(steps, rows, 3, this.#heads, 1, this.#channels / this.#heads)
        .unbind(2);
      return attend(block, query, key, value).reshape(steps, rows, this.#channels);
    };
  }

  step(weights: readonly Tensor[], x: Tensor, { carried, recent }: NetworkState): NetworkStep {
    const added: Tensor[] = [];
    const scale = 1 / Math.sqrt(this.#channels / this.#heads);
    // The last carried tensor is 0 where a past position may be seen and -infinity where a step has not got that far.
    const unseen = carried.at(-1);
    const attend: Attend = (block, query, key, value) => {
      added.push(key, value);
      const since = (which: number): Tensor =>
        cat([...recent.map((one) => one[2 * block + which]), which === 0 ? key : value], 3);
      const scaled = query.mul(scale);
      const near = scaled.matmul(since(0).transpose());
      if (!unseen) return near.softmax(4).matmul(since(1));
      const far = scaled.matmul(carried[2 * block].transpose()).add(unseen);
      const [farShare, nearShare] = cat([far, near], 4)
        .softmax(4)
        .split([far.size(4), near.size(4)], 4);
      return farShare.matmul(carried[2 * block + 1]).add(nearShare.matmul(since(1)));
    };
    const output = this.#forward(weights, x, this.#mixer(attend));
    return { output, state: { carried, recent: [...recent, added] } };
  }

  /** Packs the recent positions behind the earlier ones; a step that joins has neither and may see none of them. */
  advance({ carried, recent }: NetworkState, drop: number, fresh: NetworkState | undefined): NetworkState {
    const [before, now] = [carried.at(-1), recent.length];
    const steps = recent[0][0].size(0) - drop;
    if (steps === 0) return fresh ?? this.start();
    // Once the oldest step is done with all its positions, what only it could see is left out.
    const earlier = before ? before.size(4) - (drop > 0 ? now : 0) : 0;
    const place = { dtype: recent[0][0].dtype, device: recent[0][0].device };
    const moved = Array.from({ length: 2 * this.#blocks }, (_, index) => {
      const packed = recent.map((one) => one[index].slice(0, drop));
      if (earlier > 0) packed.unshift(carried[index].slice(0, drop).slice(3, -earlier));
      const joined = cat(packed, 3);
      return fresh ? joined.pad([0, 0, 0, 0, 0, 0, 0, 0, 0, 1]) : joined;
    });
    const seen = zeros([steps, 1, 1, 1, now], place);
    const known = before && earlier > 0 ? cat([before.slice(0, drop).slice(4, -earlier), seen], 4) : seen;
    const unseen = fresh ? known.pad([0, 0, 0, 0, 0, 0, 0, 0, 0, 1], Number.NEGATIVE_INFINITY) : known;
    return { carried: [...moved, unseen], recent: [] };
  }

  stepper(step: number): (x: Tensor) => Tensor {
    const weights = this.weights(step, step + 1);
    const seen: { keys: Tensor; values: Tensor }[] = [];
    const attend: Attend = (block, query, key, value) => {
      const [q, k, v] = [query, key, value].map((part) => part.squeeze(0));
      const before = seen[block];
      const now = before
        ? { keys: cat([before.keys, k], 2), values: cat([before.values, v], 2) }
        : { keys: k, values: v };
      seen[block] = now;
      return TensorClass.adopt(scaled_dot_product_attention(q.handle, now.keys.handle, now.values.handle));
    };
    return (x) =>
      this.#forward(
        weights,
        x.unsqueeze(0),
        this.#mixer((...parts) => attend(...parts).unsqueeze(0)),
      ).squeeze(0);
  }

  sequence(step: number, x: Tensor): Tensor {
    const [rows, positions] = x.shape;
    const flat = x.reshape(1, rows * positions, this.#channels);
    const mixed = (_: number, projected: Tensor): Tensor => {
      const [query, key, value] = projected
        .reshape(rows, positions, 3, this.#heads, this.#channels / this.#heads)
        .permute(2, 0, 3, 1, 4)
        .unbind(0);
      const attended = TensorClass.adopt(
        scaled_dot_product_attention(query.handle, key.handle, value.handle, undefined, 0, true),
      );
      return attended.transpose(1, 2).reshape(1, rows * positions, this.#channels);
    };
    const weights = this.weights(step, step + 1).map((stacked) => inForce(stacked, rows * positions));
    return this.#forward(weights, flat, mixed).reshape(rows, positions, this.#channels);
  }

  encoding(start: number, count: number): Tensor | undefined {
    return this.#positions?.slice(0, start, start + count);
  }

  cache(): NetworkCache {
    const [size, heads] = [this.#channels / this.#heads, this.#heads];
    const buffers = Array.from({ length: 2 * this.#blocks }, () => new PositionBuffer(3));
    const attend: Attend = (block, query, key, value) => {
      const [steps, rows] = query.shape;
      buffers[2 * block].append(key);
      buffers[2 * block + 1].append(value);
      const [keys, values] = [0, 1].map((which) => {
        const held = buffers[2 * block + which].view();
        return held.reshape(steps * rows, heads, held.size(3), size);
      });
      const alone = query.reshape(steps * rows, heads, 1, size);
      return TensorClass.adopt(scaled_dot_product_attention(alone.handle, keys.handle, values.handle));
    };
    return {
      step: (x) => noGrad(() => scope(() => this.#forward(this.weights(0, this.#steps), x, this.#mixer(attend)))),
      select: (chosen) => {
        for (const buffer of buffers) buffer.select(1, chosen);
      },
      dispose: () => {
        for (const buffer of buffers) buffer.dispose();
      },
    };
  }
}
