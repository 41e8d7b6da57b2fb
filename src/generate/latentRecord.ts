/** Latents as JSON records: what `encode` writes line by line and `decode` reads. */
import { messageOf, UsageError } from "../base/errors.ts";
import type { TextFlow } from "../flow/index.ts";
import type { Latent } from "./latents.ts";

/** A latent in JSON: N and N x D numbers, row after row. */
export interface LatentRecord {
  readonly positions: number;
  readonly values: readonly number[];
}

/** 9 significant digits name a float32 exactly. */
export function latentRecord({ positions, values }: Latent): LatentRecord {
  return { positions, values: Array.from(values, (value) => Number(value.toPrecision(9))) };
}

/** What a model's latents look like. */
export interface LatentShape {
  /** T and D. */
  readonly positions: number;
  readonly dimensions: number;
  /** N is a multiple of this. */
  readonly unit: number;
  /** N is T. */
  readonly fixedLength: boolean;
}

/** The shape of a model's latents. */
export function latentShape({ config, unit }: TextFlow): LatentShape {
  const { positions, dimensions, fixedLength } = config.data;
  return { positions, dimensions, unit, fixedLength };
}

/**
 * A latent of its record.
 *
 * @throws UsageError where it is none of a model of this shape; the message begins with the field, "positions" or "values".
 */
export function latentOf({ positions, values }: LatentRecord, shape: LatentShape): Latent {
  const { positions: most, dimensions, unit, fixedLength } = shape;
  const fits = Number.isInteger(positions) && positions >= 1 && positions <= most && positions % unit === 0;
  if (fixedLength ? positions !== most : !fits) {
    throw new UsageError(
      `positions: expected ${fixedLength ? most : `a multiple of ${unit} up to ${most}`}, got ${positions}`,
    );
  }
  const expected = positions * dimensions;
  if (values.length !== expected) {
    throw new UsageError(`values: expected ${positions} x ${dimensions} = ${expected} numbers, got ${values.length}`);
  }
  const own = Float32Array.from(values);
  const place = own.findIndex((value) => !Number.isFinite(value));
  if (place >= 0) {
    throw new UsageError(`values: number ${place + 1} is ${values[place]}, expected a finite number of 32 bits`);
  }
  return { positions, values: own };
}

/**
 * The latent of a JSON line, and what it calls itself.
 *
 * @throws UsageError where the line is not an object with `positions` and `values`, or no latent of this shape.
 */
export function latentOfLine(
  line: string,
  shape: LatentShape,
): { readonly latent: Latent; readonly id: string | number | undefined } {
  let record: unknown;
  try {
    record = JSON.parse(line);
  } catch (error) {
    throw new UsageError(`expected JSON: ${messageOf(error)}`);
  }
  const { positions, values, id } = (typeof record === "object" && record !== null ? record : {}) as Record<
    string,
    unknown
  >;
  if (typeof positions !== "number" || !Array.isArray(values) || !values.every(Number.isFinite)) {
    throw new UsageError('expected an object with a number "positions" and numbers "values", as encode writes them');
  }
  const own = typeof id === "string" || typeof id === "number" ? id : undefined;
  return { latent: latentOf({ positions, values }, shape), id: own };
}
