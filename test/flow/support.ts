/** Tools of the flow tests: numeric Jacobians, random parameters, the battery that every bijection must pass. */
import { expect } from "vitest";
import { type Bijection, FlowContext } from "../../src/flow/index.ts";
import { InitContext } from "../../src/nn/index.ts";
import { Generator, noGrad, randn, scope, type Tensor, tensor } from "../../src/torch/index.ts";
import { linalg_slogdet } from "../../src/torch/operators.ts";
import { Tensor as TensorClass } from "../../src/torch/tensor.ts";

/** A float64 initialiser with its own seed. */
export function initOf(seed = 1, dtype: "float64" | "float32" = "float64"): InitContext {
  return new InitContext({ generator: new Generator(seed), dtype, device: "cpu" });
}

/** A float64 context. */
export function contextOf(lengths: readonly number[], positions: number): FlowContext {
  return new FlowContext(lengths, positions, { dtype: "float64" });
}

/** Moves every parameter away from its start, so that no part of a map stays trivially the identity. */
export function disturb(bijection: Bijection, std = 0.2, seed = 5): void {
  const generator = new Generator(seed);
  noGrad(() =>
    scope(() => {
      for (const parameter of bijection.parameters()) {
        parameter.add_(randn(parameter.shape, generator, { dtype: "float64" }).mul(std).to(parameter.dtype));
      }
    }),
  );
}

/** Random input with zeros at the pads. */
export function inputOf(context: FlowContext, channels: number, seed = 9): Tensor {
  const shape = [context.lengths.length, context.positions, channels];
  return context.masked(randn(shape, new Generator(seed), { dtype: "float64" }).to(context.dtype));
}

export function largest(difference: Tensor): number {
  return difference.abs().amax().item();
}

/**
 * d f(x) / d x of one row over its n real positions, (n C) x (n C), by the four-point central difference
 * (f(-2h) - 8 f(-h) + 8 f(h) - f(2h)) / 12 h, whose error is O(h^4).
 */
export function numericJacobian(map: (x: Tensor) => Tensor, x: Tensor, real: number): Tensor {
  const h = 2.5e-4;
  const size = real * x.size(2);
  const flat = x.toNumbers();
  const at = (index: number, step: number): Float64Array => {
    const moved = [...flat];
    moved[index] += step;
    const input = tensor(moved, x.shape, { dtype: "float64" });
    return map(input).reshape(-1).slice(0, 0, size).contiguous().data() as Float64Array;
  };
  const jacobian = new Float64Array(size * size);
  for (let column = 0; column < size; column++) {
    const [a, b, c, d] = [-2, -1, 1, 2].map((factor) => at(column, factor * h));
    for (let row = 0; row < size; row++) {
      jacobian[row * size + column] = (a[row] - 8 * b[row] + 8 * c[row] - d[row]) / (12 * h);
    }
  }
  return tensor(jacobian, [size, size], { dtype: "float64" });
}

/** ln |det M|. */
export function logAbsDet(matrix: Tensor): number {
  const [sign, log] = linalg_slogdet(matrix.handle).map((handle) => TensorClass.adopt(handle));
  expect(Math.abs(sign.item())).toBe(1);
  return log.item();
}

/** What a bijection of the battery is and may do. */
export interface Subject {
  readonly make: (seed: number) => Bijection;
  readonly positions: number;
  readonly channels: number;
  /** Lengths of the rows; all equal to `positions` for maps that see no masks. */
  readonly lengths: readonly number[];
}

/** Round trip, both log-determinants, the numeric Jacobian, zero pads; in float64. */
export function checkInverse(subject: Subject): void {
  noGrad(() =>
    scope(() => {
      const map = subject.make(1);
      disturb(map);
      const context = contextOf(subject.lengths, subject.positions);
      const x = inputOf(context, subject.channels);
      const { y, logDet } = map.encode(x, context);
      const back = map.decode(y, context);
      expect(y.shape).toEqual(x.shape);
      expect(logDet.shape).toEqual([subject.lengths.length]);
      expect(logDet.dtype).toBe("float64");
      expect(largest(back.x.sub(x))).toBeLessThanOrEqual(1e-9);
      expect(largest(back.logDet.add(logDet))).toBeLessThanOrEqual(1e-9);
      expect(largest(y.sub(x))).toBeGreaterThan(1e-3);
      if (!context.full) {
        const pads = context.mask.neg().add(1);
        expect(largest(y.mul(pads))).toBe(0);
        expect(largest(back.x.mul(pads))).toBe(0);
      }
      subject.lengths.forEach((length, row) => {
        const alone = contextOf([length], subject.positions);
        const one = x.slice(0, row, row + 1).contiguous();
        const jacobian = numericJacobian((input) => map.encode(input, alone).y, one, length);
        const numeric = logAbsDet(jacobian);
        expect(Math.abs(numeric - logDet.slice(0, row, row + 1).item())).toBeLessThanOrEqual(1e-8);
      });
    }),
  );
}

/** The same text in another batch, with more pads, in another order: the same numbers. */
export function checkPadInvariance(subject: Subject, morePositions: number): void {
  noGrad(() =>
    scope(() => {
      const map = subject.make(1);
      disturb(map);
      const context = contextOf(subject.lengths, subject.positions);
      const x = inputOf(context, subject.channels);
      const { y, logDet } = map.encode(x, context);
      const row = 1;
      const length = subject.lengths[row];
      const other = contextOf([morePositions, length], morePositions);
      const wide = inputOf(other, subject.channels, 77);
      const place = wide.slice(0, 1, 2).slice(1, 0, length);
      place.copy_(x.slice(0, row, row + 1).slice(1, 0, length));
      const second = map.encode(wide, other);
      const a = y.slice(0, row, row + 1).slice(1, 0, length);
      const b = second.y.slice(0, 1, 2).slice(1, 0, length);
      expect(largest(a.sub(b))).toBeLessThanOrEqual(1e-12);
      expect(largest(logDet.slice(0, row, row + 1).sub(second.logDet.slice(0, 1, 2)))).toBeLessThanOrEqual(1e-11);
    }),
  );
}
