/**
 * Encoding as a wavefront: flow step k works on chunk i of the positions while step k + 1 works on chunk i - 1, so that
 * the products of all steps at work are batched. Inside a chunk only the recurrence
 *
 *   c_t = sigmoid(l_{t-1}) (A v_t + m_{t-1}),  r_t = NN(reduce(v_t, c_t)),  (l, m)_t = MLP_a(r_t)
 *
 * goes position by position; A v, the part of the reduction that reads v, MLP_b and h_b are products over the chunk.
 */
import { cat, noGrad, scope, stack, type Tensor, tensor, where, zeros } from "../../torch/index.ts";
import type { Encoded } from "../bijection.ts";
import type { FlowContext } from "../context.ts";
import type { ArSteps, CellWeights } from "./arSteps.ts";
import { addProducts, applyAffine, applyMlp, products } from "./stacked.ts";
import type { NetworkState } from "./stepNetwork.ts";

/** The largest divisor of T up to `most`. */
function chunkOf(positions: number, most: number): number {
  let size = Math.min(most, positions);
  while (positions % size !== 0) size--;
  return size;
}

/** Steps first..end-1 are at work, step k on chunk wave - k. */
interface Window {
  readonly wave: number;
  readonly first: number;
  readonly end: number;
}

/** What a wave leaves for the next one, for every step at work. */
interface Carried {
  /** z of the chunk, (n, tau, B, C). */
  readonly output: Tensor;
  /** r and (l, m) of h_a after the chunk's last position, (n, B, C) and (n, B, 2 C). */
  readonly r: Tensor;
  readonly control: Tensor;
  readonly state: NetworkState;
}

/** A wave's results. */
interface Wave extends Carried {
  /** ActNorm's output of the chunk, (n, tau, B C), which the maps over time of later waves read. */
  readonly normal: Tensor;
  /** Sum of ln sigmoid over the chunk's channels, positions and steps, (B), float64. */
  readonly logDet: Tensor;
}

/** Frees what was remembered before a wave; keys and values of all waves together would fill the memory. */
function disposeState(old: NetworkState, next: NetworkState): void {
  const kept = new Set([...next.carried, ...next.recent.flat()]);
  for (const tensor of [...old.carried, ...old.recent.flat()]) if (!kept.has(tensor)) tensor.dispose();
}

/** One pass over one batch. */
class Wavefront {
  readonly #steps: ArSteps;
  readonly #all: CellWeights;
  readonly #chunk: number;
  readonly #chunks: number;
  readonly #rows: number;
  /** Blocks (tau x tau) of the maps over time, by wave and by how many chunks ago their columns are. */
  readonly #timeBlocks: readonly (readonly Tensor[])[];
  /** The input by chunk, (1, tau, B, C). */
  readonly #input: readonly Tensor[];
  readonly #waves: Wave[] = [];

  constructor(steps: ArSteps, x: Tensor, chunk: number) {
    const [rows, positions] = x.shape;
    this.#steps = steps;
    this.#all = steps.weights(rows);
    this.#chunk = chunk;
    this.#chunks = positions / chunk;
    this.#rows = rows;
    this.#timeBlocks = this.#blocksOf(steps.time.matrices(positions));
    this.#input = x.transpose(0, 1).contiguous().unsqueeze(0).split(new Array<number>(this.#chunks).fill(chunk), 1);
  }

  get waves(): number {
    return this.#steps.count + this.#chunks - 1;
  }

  windowOf(wave: number): Window {
    return { wave, first: Math.max(0, wave - this.#chunks + 1), end: Math.min(this.#steps.count, wave + 1) };
  }

  /** Steps of a wave that have a chunk `ago` chunks before their present one. */
  #stepsWithPast({ wave, first, end }: Window, ago: number): number {
    return Math.min(end, wave - ago + 1) - first;
  }

  /** (K, T, T) cut into the blocks that every wave needs, one selection for all of them. */
  #blocksOf(matrices: Tensor): Tensor[][] {
    const [steps, positions] = matrices.shape;
    const [chunks, chunk] = [this.#chunks, this.#chunk];
    const blocks = matrices
      .reshape(steps, chunks, chunk, chunks, chunk)
      .transpose(2, 3)
      .reshape((steps * positions * positions) / (chunk * chunk), chunk, chunk);
    const rows: number[] = [];
    const sizes: number[] = [];
    const counts: number[] = [];
    for (let wave = 0; wave < this.waves; wave++) {
      const window = this.windowOf(wave);
      counts.push(wave - window.first + 1);
      for (let ago = 0; ago <= wave - window.first; ago++) {
        const count = this.#stepsWithPast(window, ago);
        sizes.push(count);
        for (let step = window.first; step < window.first + count; step++) {
          rows.push((step * chunks + wave - step) * chunks + wave - step - ago);
        }
      }
    }
    const place = { dtype: "int64", device: matrices.device } as const;
    const chosen = blocks.indexSelect(0, tensor(rows, [rows.length], place)).split(sizes, 0);
    return counts.map((count) => chosen.splice(0, count));
  }

  /** v of a window's chunk, (n, tau B, C): each step's map over time on what ActNorm made of its chunks so far. */
  #overTime(window: Window, normal: Tensor): Tensor {
    const { wave, first } = window;
    const blocks = this.#timeBlocks[wave];
    let sum: Tensor | undefined;
    for (let ago = blocks.length - 1; ago >= 0; ago--) {
      const count = this.#stepsWithPast(window, ago);
      const begin = first - this.windowOf(wave - ago).first;
      const past = ago === 0 ? normal : this.#waves[wave - ago].normal.slice(0, begin, begin + count);
      // Fewer steps have chunks that long ago: those of them come first, the sum grows by zeros for the others.
      const more = sum ? count - sum.size(0) : 0;
      if (sum && more > 0) sum = sum.pad([0, 0, 0, 0, 0, more]);
      sum = sum ? addProducts(sum, blocks[ago], past) : products(blocks[ago], past);
    }
    return (sum ?? normal).reshape(normal.size(0), this.#chunk * this.#rows, this.#steps.channels);
  }

  /** The sinusoidal encodings of the positions that every step of a window is at, (n, tau, 1, C). */
  #encodings({ wave, first, end }: Window): Tensor | undefined {
    const chunk = this.#chunk;
    const rows: Tensor[] = [];
    for (let step = first; step < end; step++) {
      const encoding = this.#steps.network.encoding((wave - step) * chunk, chunk);
      if (encoding) rows.push(encoding);
    }
    return rows.length > 0 ? stack(rows).unsqueeze(2) : undefined;
  }

  /** z of the wave before, moved to the steps that read it. */
  #inputOf({ wave, first, end }: Window, before: Carried | undefined): Tensor {
    const parts: Tensor[] = first === 0 && wave < this.#chunks ? [this.#input[wave]] : [];
    if (before) {
      const { first: begin } = this.windowOf(wave - 1);
      const from = Math.max(1, first) - 1 - begin;
      const count = end - Math.max(1, first);
      if (count > 0) parts.push(before.output.slice(0, from, from + count));
    }
    return parts.length === 1 ? parts[0] : cat(parts, 0);
  }

  /** What is carried into a wave: the step that finished leaves, the one that begins joins with zeros. */
  #enter(window: Window, own: CellWeights, before: Carried | undefined): Omit<Carried, "output"> {
    const { wave, first, end } = window;
    const { network, channels } = this.#steps;
    const begins = wave < this.#steps.count;
    const fresh = begins
      ? network.start(
          own.network.map((weight) => weight.slice(0, end - first - 1)),
          this.#rows,
        )
      : undefined;
    const place = { dtype: this.#input[0].dtype, device: this.#input[0].device };
    const nothing = (width: number): Tensor => zeros([begins ? 1 : 0, this.#rows, width], place);
    if (!before) {
      return { r: nothing(channels), control: nothing(2 * channels), state: fresh ?? network.start(own.network, 0) };
    }
    const drop = first - this.windowOf(wave - 1).first;
    const moved = (held: Tensor): Tensor => {
      const left = drop === 0 ? held : held.slice(0, drop);
      return begins ? cat([left, nothing(held.size(2))], 0) : left;
    };
    return {
      r: moved(before.r),
      control: moved(before.control),
      state: network.advance(before.state, drop, fresh),
    };
  }

  #run(window: Window): Wave {
    const { wave, first, end } = window;
    const { network, channels } = this.#steps;
    const [chunk, rows, count] = [this.#chunk, this.#rows, end - first];
    const begins = wave < this.#steps.count;
    const own = this.#steps.window(this.#all, first, end);
    const before = this.#waves.at(-1);
    const entered = this.#enter(window, own, before);
    const x = this.#inputOf(window, before);
    const normal = x
      .add(own.bias.unsqueeze(1))
      .mul(own.scale.unsqueeze(1))
      .reshape(count, chunk, rows * channels);
    const v = this.#overTime(window, normal);
    const shape = [count, chunk, rows, channels];
    const mapped = products(v, own.mapA)
      .reshape(...shape)
      .unbind(1);
    let reduced = applyAffine(v, own.reduceInput).reshape(...shape);
    const encodings = this.#encodings(window);
    if (encodings) reduced = reduced.add(encodings);
    const inputs = reduced.unbind(1);

    let { r, control, state } = entered;
    const [contexts, before_r, controls]: Tensor[][] = [[], [], []];
    for (let t = 0; t < chunk; t++) {
      before_r.push(r);
      controls.push(control);
      const next = scope(() => {
        const [l, m] = control.chunk(2, 2);
        let c = mapped[t].add(m).mul(l.sigmoid());
        // Position 0 of the step that begins has no context yet.
        if (begins && t === 0) c = c.slice(0, 0, count - 1).pad([0, 0, 0, 0, 0, 1]);
        const input = own.reduceContext ? addProducts(inputs[t], c, own.reduceContext) : inputs[t];
        const { output, state: after } = network.step(own.network, input, state);
        return { c, r: output, state: after, control: applyMlp(output, own.mlpA) };
      });
      contexts.push(next.c);
      ({ r, control, state } = next);
    }

    const flat = (list: readonly Tensor[]): Tensor => stack(list, 1).reshape(count, chunk * rows, -1);
    const c = flat(contexts);
    const [lb, mb] = applyMlp(flat(before_r), own.mlpB).chunk(2, 2);
    let output = products(c, own.mapB)
      .add(mb)
      .mul(lb.sigmoid())
      .reshape(...shape);
    const la = flat(controls).slice(2, 0, channels);
    let logs = la
      .logSigmoid()
      .add(lb.logSigmoid())
      .reshape(...shape);
    if (begins) {
      const start = zeros([count, chunk, 1, 1], { dtype: "bool", device: v.device });
      noGrad(() =>
        start
          .slice(0, count - 1)
          .slice(1, 0, 1)
          .fill_(1),
      );
      output = where(start, v.reshape(...shape), output);
      logs = logs.maskedFill(start, 0);
    }
    return { output, r, control, state, normal, logDet: logs.sum([0, 1, 3]).to("float64") };
  }

  /** Runs the next wave. */
  advance(): { readonly window: Window; readonly wave: Wave } {
    const window = this.windowOf(this.#waves.length);
    const before = this.#waves.at(-1);
    const wave = scope(() => this.#run(window));
    this.#waves.push(wave);
    if (before) disposeState(before.state, wave.state);
    return { window, wave };
  }
}

/**
 * y and ln|det| of every row.
 *
 * @param chunk positions that a step takes at a time, a divisor of T; 1 is the wavefront in its strictest form
 */
export function encodeByWavefront(
  steps: ArSteps,
  x: Tensor,
  context: FlowContext,
  chunk = chunkOf(context.positions, steps.network.chunk),
): Encoded {
  const front = new Wavefront(steps, x, chunk);
  const chunks: Tensor[][] = Array.from({ length: steps.count }, () => []);
  const last = steps.count - 1;
  let logDet = steps.constantLogDet(context.positions).expand(context.lengths.length);
  for (let index = 0; index < front.waves; index++) {
    const { window, wave } = front.advance();
    logDet = logDet.add(wave.logDet);
    for (let step = window.first; step < window.end; step++) {
      if (step === last || context.settings.trace) chunks[step].push(wave.output.select(0, step - window.first));
    }
  }
  const outputs = chunks.map((parts) => (parts.length > 0 ? cat(parts, 0).transpose(0, 1) : undefined));
  for (const [step, z] of outputs.entries()) if (z) context.settings.trace?.(`step ${step + 1}`, z, context);
  return { y: outputs[last] ?? x, logDet };
}
