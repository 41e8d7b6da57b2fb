/** Incremental decoding of the autoregressive flow: caches of all K steps, committed and inverted position by position. */
import { RiverrunError, UsageError } from "../../base/errors.ts";
import { cat, noGrad, scope, stack, type Tensor, tensor, zeros } from "../../torch/index.ts";
import { mm } from "../../torch/operators.ts";
import { Tensor as TensorClass } from "../../torch/tensor.ts";
import { diagonalsOf } from "../triangular.ts";
import type { ArSteps, CellWeights } from "./arSteps.ts";
import type { IncrementalDecoder } from "./incremental.ts";
import { PositionBuffer } from "./positionBuffer.ts";
import { addProducts, applyAffine, applyMlp, products } from "./stacked.ts";
import type { NetworkCache } from "./stepNetwork.ts";
import { tensorsOf } from "./tensors.ts";

/** What every step knows before a position's value is known, (K, R, C) each; the scales only from position 1 on. */
interface Known {
  /** sum over j < t of W_tj y_j. */
  readonly past: Tensor;
  readonly cells:
    | { readonly scaleA: Tensor; readonly shiftA: Tensor; readonly scaleB: Tensor; readonly shiftB: Tensor }
    | undefined;
}

/** What a position's value is inside every step: v_k and c_k, (K, R, C). */
interface Inside {
  readonly v: Tensor;
  readonly c: Tensor;
}

function product(a: Tensor, b: Tensor): Tensor {
  return TensorClass.adopt(mm(a.handle, b.handle));
}

/**
 * The inverse of `ArSteps`. All that does not depend on the value at t is computed for the K steps together; the chain
 * through the steps is then two products a step, with (W_2 W_1)^-1 as one matrix and neighbouring scales and shifts
 * folded into one another.
 */
export class ArDecoder implements IncrementalDecoder {
  readonly #steps: ArSteps;
  readonly #weights: CellWeights;
  /** Single matrices of h_a, h_b and of their inverses, by step. */
  readonly #mapA: readonly Tensor[];
  readonly #mapB: readonly Tensor[];
  readonly #inverseA: readonly Tensor[];
  readonly #inverseB: readonly Tensor[];
  /** The maps over time, (K, T, T), and their diagonals, (K, T). */
  readonly #time: Tensor;
  readonly #diagonal: Tensor;
  readonly #network: NetworkCache;
  /** ActNorm's outputs so far, (K, t, R, C). */
  readonly #history = new PositionBuffer(1);
  /** What was made for this decoder; the weights hold parameters of the flow too, which outlive it. */
  readonly #kept: readonly Tensor[];
  #rows: number;
  #position = 0;
  #last: Inside | undefined;
  #known: Known | undefined;
  #offered: Inside | undefined;
  /** Sum over steps and positions of ln s_a + ln s_b, (R), float64. */
  #logScales: Tensor;

  constructor(steps: ArSteps, rows: number) {
    this.#steps = steps;
    this.#rows = rows;
    const made = noGrad(() =>
      scope(() => {
        const weights = steps.weights();
        const inverses = steps.inverses();
        const alone = (stacked: Tensor): Tensor[] => stacked.contiguous().unbind(0);
        const time = steps.time.matrices(steps.positions);
        return {
          weights,
          mapA: alone(weights.mapA),
          mapB: alone(weights.mapB),
          inverseA: alone(inverses.mapA),
          inverseB: alone(inverses.mapB),
          time,
          diagonal: diagonalsOf(time),
        };
      }),
    );
    this.#weights = made.weights;
    this.#mapA = made.mapA;
    this.#mapB = made.mapB;
    this.#inverseA = made.inverseA;
    this.#inverseB = made.inverseB;
    this.#time = made.time;
    this.#diagonal = made.diagonal;
    this.#logScales = zeros([rows], { dtype: "float64", device: made.time.device }).keep();
    const parameters = new Set(steps.parameters());
    this.#kept = tensorsOf(made).filter((tensor) => !parameters.has(tensor));
    for (const tensor of this.#kept) tensor.keep();
    this.#network = steps.network.cache(rows);
  }

  get rows(): number {
    return this.#rows;
  }

  get position(): number {
    return this.#position;
  }

  /** ln|det dz/dx| of the positions so far, their terms that depend on the text alone; (R), float64. */
  get logScales(): Tensor {
    return this.#logScales.alias();
  }

  /** r_{t-1} and all that follows from it, once a position. */
  #know(): Known {
    if (this.#known) return this.#known;
    const t = this.#position;
    const { positions, count, channels, network } = this.#steps;
    if (t >= positions) throw new UsageError(`the flow has ${positions} positions; position ${t} was asked for`);
    const own = this.#weights;
    const last = this.#last;
    const known = scope((): Known => {
      if (!last) {
        const shape = [count, this.#rows, channels];
        return { past: zeros(shape, { dtype: own.scale.dtype, device: own.scale.device }), cells: undefined };
      }
      const held = this.#history.view().reshape(count, t, this.#rows * channels);
      const row = this.#time.slice(1, t, t + 1).slice(2, 0, t);
      const past = products(row, held).reshape(count, this.#rows, channels);
      let input = applyAffine(last.v, own.reduceInput);
      if (own.reduceContext) input = addProducts(input, last.c, own.reduceContext);
      const encoding = network.encoding(t - 1, 1);
      const r = this.#network.step(encoding ? input.add(encoding) : input);
      const [la, shiftA] = applyMlp(r, own.mlpA).chunk(2, 2);
      const [lb, shiftB] = applyMlp(r, own.mlpB).chunk(2, 2);
      const logs = la.logSigmoid().add(lb.logSigmoid()).sum([0, 2]).to("float64");
      this.#logScales.add_(logs);
      return { past, cells: { scaleA: la.sigmoid(), shiftA, scaleB: lb.sigmoid(), shiftB } };
    });
    for (const tensor of tensorsOf(known)) tensor.keep();
    this.#known = known;
    return known;
  }

  /** Scale W_tt s of every step, (K, 1, C). */
  #gain(): Tensor {
    const t = this.#position;
    return this.#weights.scale.mul(this.#diagonal.slice(1, t, t + 1).unsqueeze(2));
  }

  invert(z: Tensor): Tensor {
    return noGrad(() => {
      const { past, cells } = this.#know();
      const { x, inside } = scope(() => {
        const factor = this.#gain().reciprocal();
        // x = (v - past) / (W_tt s) - b of every step.
        const offset = past.mul(factor).add(this.#weights.bias).neg();
        const { v, c, x } = cells ? this.#invertCells(z, factor, offset, cells) : this.#invertFirst(z, factor, offset);
        return { x, inside: { v, c } };
      });
      this.#offer(inside);
      return x;
    });
  }

  /** Position 0 passes no cell: x = z / (W_00 s) - b through the steps. */
  #invertFirst(z: Tensor, factor: Tensor, offset: Tensor): Inside & { readonly x: Tensor } {
    const [factors, offsets] = [factor.unbind(0), offset.unbind(0)];
    const v: Tensor[] = [];
    let x = z;
    for (let step = factors.length - 1; step >= 0; step--) {
      v.unshift(x);
      x = offsets[step].addcmul(x, factors[step]);
    }
    const inside = stack(v);
    return { v: inside, c: inside.mul(0), x };
  }

  #invertCells(
    z: Tensor,
    factor: Tensor,
    offset: Tensor,
    { scaleA, shiftA, scaleB, shiftB }: NonNullable<Known["cells"]>,
  ): Inside & { readonly x: Tensor } {
    const count = this.#steps.count;
    const [overA, overB] = [scaleA.reciprocal(), scaleB.reciprocal()];
    const minusA = shiftA.neg().unbind(0);
    const overAs = overA.unbind(0);
    // Step k's x is step k - 1's z, which enters as z / s_b - m_b: both maps are folded into one.
    const before = overB.slice(0, 0, count - 1);
    const factors = cat([factor.slice(0, 0, 1).expand(-1, this.#rows, -1), factor.slice(0, 1).mul(before)], 0).unbind(
      0,
    );
    const offsets = cat(
      [
        offset.slice(0, 0, 1),
        offset
          .slice(0, 1)
          .mul(before)
          .sub(shiftB.slice(0, 0, count - 1)),
      ],
      0,
    ).unbind(0);
    let value = z.mul(overB.select(0, count - 1)).sub(shiftB.select(0, count - 1));
    const [v, c]: Tensor[][] = [[], []];
    for (let step = count - 1; step >= 0; step--) {
      c[step] = product(value, this.#inverseB[step]);
      v[step] = product(minusA[step].addcmul(c[step], overAs[step]), this.#inverseA[step]);
      value = offsets[step].addcmul(v[step], factors[step]);
    }
    return { v: stack(v), c: stack(c), x: value };
  }

  commit(x: Tensor): Tensor {
    return noGrad(() => {
      const { past, cells } = this.#know();
      const { z, inside } = scope(() => {
        const gain = this.#gain();
        // v = W_tt s (x + b) + past of every step.
        const offset = past.addcmul(gain, this.#weights.bias);
        const { v, c, z } = cells ? this.#commitCells(x, gain, offset, cells) : this.#commitFirst(x, gain, offset);
        return { z, inside: { v, c } };
      });
      this.#offer(inside);
      this.accept();
      return z;
    });
  }

  #commitFirst(x: Tensor, gain: Tensor, offset: Tensor): Inside & { readonly z: Tensor } {
    const [gains, offsets] = [gain.unbind(0), offset.unbind(0)];
    const v: Tensor[] = [];
    let z = x;
    for (const [step, factor] of gains.entries()) {
      z = offsets[step].addcmul(z, factor);
      v.push(z);
    }
    const inside = stack(v);
    return { v: inside, c: inside.mul(0), z };
  }

  #commitCells(
    x: Tensor,
    gain: Tensor,
    offset: Tensor,
    { scaleA, shiftA, scaleB, shiftB }: NonNullable<Known["cells"]>,
  ): Inside & { readonly z: Tensor } {
    const count = this.#steps.count;
    const scalesA = scaleA.unbind(0);
    const shiftsA = shiftA.mul(scaleA).unbind(0);
    const moved = shiftB.mul(scaleB);
    // Step k's z = s_b (B c + m_b) enters step k + 1, whose v is an affine map of it: both are folded into one.
    const after = gain.slice(0, 1);
    const factors = cat([scaleB.slice(0, 0, count - 1).mul(after), scaleB.slice(0, count - 1)], 0).unbind(0);
    const offsets = cat(
      [offset.slice(0, 1).addcmul(moved.slice(0, 0, count - 1), after), moved.slice(0, count - 1)],
      0,
    ).unbind(0);
    let value = offset.select(0, 0).addcmul(x, gain.select(0, 0));
    const [v, c]: Tensor[][] = [[], []];
    for (let step = 0; step < count; step++) {
      v.push(value);
      c.push(shiftsA[step].addcmul(product(value, this.#mapA[step]), scalesA[step]));
      value = offsets[step].addcmul(product(c[step], this.#mapB[step]), factors[step]);
    }
    return { v: stack(v), c: stack(c), z: value };
  }

  #offer(inside: Inside): void {
    for (const tensor of tensorsOf(this.#offered)) tensor.dispose();
    this.#offered = inside;
    for (const tensor of tensorsOf(inside)) tensor.keep();
  }

  accept(): void {
    const [offered, known] = [this.#offered, this.#known];
    if (!offered || !known) throw new RiverrunError("nothing was inverted at this position that could be accepted");
    noGrad(() =>
      scope(() => {
        const diagonal = this.#diagonal.slice(1, this.#position, this.#position + 1).unsqueeze(2);
        this.#history.append(offered.v.sub(known.past).div(diagonal).unsqueeze(1));
      }),
    );
    for (const tensor of [...tensorsOf(this.#last), ...tensorsOf(known)]) tensor.dispose();
    this.#last = offered;
    this.#offered = undefined;
    this.#known = undefined;
    this.#position += 1;
  }

  select(rows: readonly number[]): void {
    if (rows.length === this.#rows && rows.every((row, index) => row === index)) return;
    const chosen = tensor(rows, [rows.length], { dtype: "int64", device: this.#time.device });
    const along = (dim: number, held: Tensor): Tensor => {
      const next = noGrad(() => held.indexSelect(dim, chosen)).keep();
      held.dispose();
      return next;
    };
    const inside = (held: Inside | undefined): Inside | undefined =>
      held && { v: along(1, held.v), c: along(1, held.c) };
    this.#last = inside(this.#last);
    this.#offered = inside(this.#offered);
    const known = this.#known;
    if (known) {
      const cells = known.cells && {
        scaleA: along(1, known.cells.scaleA),
        shiftA: along(1, known.cells.shiftA),
        scaleB: along(1, known.cells.scaleB),
        shiftB: along(1, known.cells.shiftB),
      };
      this.#known = { past: along(1, known.past), cells };
    }
    this.#logScales = along(0, this.#logScales);
    this.#history.select(2, chosen);
    this.#network.select(chosen);
    chosen.dispose();
    this.#rows = rows.length;
  }

  dispose(): void {
    this.#network.dispose();
    this.#history.dispose();
    const rest = [...tensorsOf(this.#last), ...tensorsOf(this.#known), ...tensorsOf(this.#offered), this.#logScales];
    for (const tensor of [...this.#kept, ...rest]) tensor.dispose();
  }
}
