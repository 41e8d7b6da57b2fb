/** Making tensors from numbers, constants and random draws. */
import { UsageError } from "../base/errors.ts";
import { type DType, dtypeCode } from "./dtype.ts";
import type { Generator } from "./generator.ts";
import { native } from "./native.ts";
import * as op from "./operators.ts";
import { Tensor } from "./tensor.ts";

/** Where and how a new tensor is stored: float32 on the CPU unless said otherwise. */
export interface TensorOptions {
  readonly dtype?: DType;
  readonly device?: string;
}

const cpu = "cpu";
const codeOf = (options: TensorOptions, fallback: DType = "float32"): number => dtypeCode(options.dtype ?? fallback);

function place(tensor: Tensor, device: string | undefined): Tensor {
  if (device === undefined || device === cpu) return tensor;
  const moved = tensor.to(undefined, device);
  tensor.dispose();
  return moved;
}

function bytesOf(values: ArrayLike<number | bigint | boolean>, dtype: DType): Uint8Array {
  const view = (array: ArrayBufferView): Uint8Array => new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
  const numbers = values as ArrayLike<number>;
  switch (dtype) {
    case "float64":
      return view(values instanceof Float64Array ? values : Float64Array.from(numbers, Number));
    case "float32":
    case "bfloat16":
    case "float16":
      return view(values instanceof Float32Array ? values : Float32Array.from(numbers, Number));
    case "int64":
      return view(
        values instanceof BigInt64Array ? values : BigInt64Array.from(values as ArrayLike<number | bigint>, BigInt),
      );
    case "int32":
      return view(values instanceof Int32Array ? values : Int32Array.from(numbers, Number));
    case "uint8":
      return view(values instanceof Uint8Array ? values : Uint8Array.from(numbers, Number));
    case "bool":
      return Uint8Array.from(numbers, (value) => (value ? 1 : 0));
  }
}

/**
 * A tensor with the given elements in row-major order.
 *
 * @throws UsageError where the number of elements does not fit the shape.
 */
export function tensor(
  values: ArrayLike<number | bigint | boolean>,
  shape: readonly number[] = [values.length],
  options: TensorOptions = {},
): Tensor {
  const count = shape.reduce((product, size) => product * size, 1);
  if (count !== values.length) {
    throw new UsageError(`tensor: shape [${shape.join(", ")}] needs ${count} elements, got ${values.length}`);
  }
  const dtype = options.dtype ?? "float32";
  const narrow = dtype === "bfloat16" || dtype === "float16";
  const stored = Tensor.adopt(native.fromBytes(bytesOf(values, dtype), shape, dtypeCode(narrow ? "float32" : dtype)));
  if (!narrow) return place(stored, options.device);
  const result = stored.to(dtype, options.device);
  stored.dispose();
  return result;
}

/** A tensor from raw little-endian bytes in row-major order, as a safetensors file holds them. */
export function tensorFromBytes(bytes: Uint8Array, shape: readonly number[], dtype: DType, device?: string): Tensor {
  return place(Tensor.adopt(native.fromBytes(bytes, shape, dtypeCode(dtype))), device);
}

export function zeros(shape: readonly number[], options: TensorOptions = {}): Tensor {
  return Tensor.adopt(op.zeros(shape, codeOf(options), undefined, options.device ?? cpu));
}
export function ones(shape: readonly number[], options: TensorOptions = {}): Tensor {
  return Tensor.adopt(op.ones(shape, codeOf(options), undefined, options.device ?? cpu));
}
export function full(shape: readonly number[], value: number, options: TensorOptions = {}): Tensor {
  return Tensor.adopt(op.full(shape, value, codeOf(options), undefined, options.device ?? cpu));
}
/** start, start + step, ... before end; int64 unless said otherwise. */
export function arange(start: number, end: number, step = 1, options: TensorOptions = {}): Tensor {
  return Tensor.adopt(
    op.arange_start_step(start, end, step, codeOf(options, "int64"), undefined, options.device ?? cpu),
  );
}
export function linspace(start: number, end: number, steps: number, options: TensorOptions = {}): Tensor {
  return Tensor.adopt(op.linspace(start, end, steps, codeOf(options), undefined, options.device ?? cpu));
}
/** The n x m identity. */
export function eye(n: number, m = n, options: TensorOptions = {}): Tensor {
  return Tensor.adopt(op.eye_m(n, m, codeOf(options), undefined, options.device ?? cpu));
}
/** Draws from N(0, 1). */
export function randn(shape: readonly number[], generator: Generator, options: TensorOptions = {}): Tensor {
  return Tensor.adopt(
    op.randn_generator(shape, generator.handle, codeOf(options), undefined, options.device ?? generator.device),
  );
}
/** Draws from U[0, 1). */
export function rand(shape: readonly number[], generator: Generator, options: TensorOptions = {}): Tensor {
  return Tensor.adopt(
    op.rand_generator(shape, generator.handle, codeOf(options), undefined, options.device ?? generator.device),
  );
}
/** Integers low .. high - 1, int64. */
export function randint(low: number, high: number, shape: readonly number[], generator: Generator): Tensor {
  return Tensor.adopt(
    op.randint_low_generator(low, high, shape, generator.handle, dtypeCode("int64"), undefined, generator.device),
  );
}
/** A random order of 0 .. n - 1, int64. */
export function randperm(n: number, generator: Generator): Tensor {
  return Tensor.adopt(op.randperm_generator(n, generator.handle, dtypeCode("int64"), undefined, generator.device));
}
