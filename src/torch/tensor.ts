/** The tensor: a handle of libtorch with its arithmetic as methods. */
import { RiverrunError, UsageError } from "../base/errors.ts";
import { type DType, dtypeCode, dtypeOfCode } from "./dtype.ts";
import { type Handle, native } from "./native.ts";
import * as op from "./operators.ts";
import { adopt, forget, release } from "./scope.ts";

/** A number or a tensor that broadcasts against the other operand. */
export type Operand = Tensor | number;

/** Typed arrays that hold a tensor's elements; bfloat16 and float16 are read as float32. */
export type TensorData = Float64Array | Float32Array | BigInt64Array | Int32Array | Uint8Array;

/**
 * An n-dimensional array of libtorch. Methods make new tensors and never change this one, except those whose name ends
 * in an underscore. Free tensors by `scope` (or `dispose`); the garbage collector is only the safety net.
 *
 * All operators throw an Error with `code` "ERR_TORCH" naming the operator and the shapes it was given, or
 * "ERR_USE_AFTER_FREE" where a tensor was already disposed of.
 */
export class Tensor {
  readonly handle: Handle;
  #shape: readonly number[] | undefined;

  private constructor(handle: Handle) {
    this.handle = handle;
  }

  /** Wraps a handle that nothing else owns. */
  static adopt(handle: Handle): Tensor {
    const tensor = new Tensor(handle);
    adopt(tensor);
    return tensor;
  }

  /** Wraps several. */
  static adoptAll(handles: readonly Handle[]): Tensor[] {
    return handles.map((handle) => Tensor.adopt(handle));
  }

  // Facts

  /** Sizes of the dimensions. */
  get shape(): readonly number[] {
    this.#shape ??= native.shape(this.handle);
    return this.#shape;
  }
  get dtype(): DType {
    return dtypeOfCode(native.dtype(this.handle));
  }
  /** "cpu", "cuda:0", ... */
  get device(): string {
    return native.device(this.handle);
  }
  get ndim(): number {
    return this.shape.length;
  }
  /** Number of elements. */
  get numel(): number {
    return this.shape.reduce((product, size) => product * size, 1);
  }
  /** Size of one dimension; negative counts from the end. @throws UsageError where there is no such dimension. */
  size(dim: number): number {
    const size = this.shape[dim < 0 ? this.ndim + dim : dim];
    if (size === undefined)
      throw new UsageError(`a tensor of shape [${this.shape.join(", ")}] has no dimension ${dim}`);
    return size;
  }

  // Lifetime

  /** Frees the tensor now. A second call does nothing; using the tensor afterwards throws. */
  dispose(): void {
    forget(this);
    native.free(this.handle);
  }
  get isDisposed(): boolean {
    return !native.isLive(this.handle);
  }
  [Symbol.dispose](): void {
    this.dispose();
  }
  /** Takes this tensor out of all scopes: it lives until it is disposed of or collected. */
  keep(): this {
    release(this);
    return this;
  }
  /** A second owner of the same storage. */
  alias(): Tensor {
    return Tensor.adopt(native.alias(this.handle));
  }

  // Reading

  /** The only element, as a number. @throws UsageError where there is not exactly one. */
  item(): number {
    if (this.numel !== 1) throw new UsageError(`item: expected one element, got shape [${this.shape.join(", ")}]`);
    return Number(op._local_scalar_dense(this.handle));
  }
  /** A copy of the elements in row-major order. */
  data(): TensorData {
    const dtype = this.dtype;
    if (dtype === "bfloat16" || dtype === "float16") {
      const wide = this.to("float32");
      try {
        return wide.data();
      } finally {
        wide.dispose();
      }
    }
    const { buffer } = native.toBytes(this.handle);
    switch (dtype) {
      case "float64":
        return new Float64Array(buffer);
      case "float32":
        return new Float32Array(buffer);
      case "int64":
        return new BigInt64Array(buffer);
      case "int32":
        return new Int32Array(buffer);
      case "uint8":
      case "bool":
        return new Uint8Array(buffer);
    }
  }
  /** The elements as plain numbers in row-major order; for int64 beyond 2^53 they are rounded. */
  toNumbers(): number[] {
    return Array.from(this.data() as ArrayLike<number | bigint>, Number);
  }
  /** The raw bytes in row-major order, little-endian, in this tensor's own dtype. */
  bytes(): Uint8Array<ArrayBuffer> {
    return native.toBytes(this.handle);
  }

  // Autograd

  get requiresGrad(): boolean {
    return native.requiresGrad(this.handle);
  }
  setRequiresGrad(flag = true): this {
    native.setRequiresGrad(this.handle, flag);
    return this;
  }
  /** The gradient that `backward` accumulated on this leaf. */
  get grad(): Tensor | null {
    const handle = native.gradOf(this.handle);
    return handle === null ? null : Tensor.adopt(handle);
  }
  clearGrad(): void {
    native.clearGrad(this.handle);
  }
  /** The same values, cut off from the graph. */
  detach(): Tensor {
    return Tensor.adopt(op.detach(this.handle));
  }

  // Arithmetic

  add(other: Operand, alpha = 1): Tensor {
    return Tensor.adopt(
      typeof other === "number"
        ? op.add_Scalar(this.handle, other, alpha)
        : op.add_Tensor(this.handle, other.handle, alpha),
    );
  }
  sub(other: Operand): Tensor {
    return Tensor.adopt(
      typeof other === "number" ? op.sub_Scalar(this.handle, other) : op.sub_Tensor(this.handle, other.handle),
    );
  }
  mul(other: Operand): Tensor {
    return Tensor.adopt(
      typeof other === "number" ? op.mul_Scalar(this.handle, other) : op.mul_Tensor(this.handle, other.handle),
    );
  }
  div(other: Operand): Tensor {
    return Tensor.adopt(
      typeof other === "number" ? op.div_Scalar(this.handle, other) : op.div_Tensor(this.handle, other.handle),
    );
  }
  /** this + value * a * b, in one pass. */
  addcmul(a: Tensor, b: Tensor, value = 1): Tensor {
    return Tensor.adopt(op.addcmul(this.handle, a.handle, b.handle, value));
  }
  neg(): Tensor {
    return Tensor.adopt(op.neg(this.handle));
  }
  abs(): Tensor {
    return Tensor.adopt(op.abs(this.handle));
  }
  sign(): Tensor {
    return Tensor.adopt(op.sign(this.handle));
  }
  exp(): Tensor {
    return Tensor.adopt(op.exp(this.handle));
  }
  expm1(): Tensor {
    return Tensor.adopt(op.expm1(this.handle));
  }
  log(): Tensor {
    return Tensor.adopt(op.log(this.handle));
  }
  log1p(): Tensor {
    return Tensor.adopt(op.log1p(this.handle));
  }
  sqrt(): Tensor {
    return Tensor.adopt(op.sqrt(this.handle));
  }
  rsqrt(): Tensor {
    return Tensor.adopt(op.rsqrt(this.handle));
  }
  square(): Tensor {
    return Tensor.adopt(op.square(this.handle));
  }
  reciprocal(): Tensor {
    return Tensor.adopt(op.reciprocal(this.handle));
  }
  pow(exponent: number): Tensor {
    return Tensor.adopt(op.pow_Tensor_Scalar(this.handle, exponent));
  }
  sin(): Tensor {
    return Tensor.adopt(op.sin(this.handle));
  }
  cos(): Tensor {
    return Tensor.adopt(op.cos(this.handle));
  }
  tanh(): Tensor {
    return Tensor.adopt(op.tanh(this.handle));
  }
  erf(): Tensor {
    return Tensor.adopt(op.erf(this.handle));
  }
  sigmoid(): Tensor {
    return Tensor.adopt(op.sigmoid(this.handle));
  }
  /** ln sigmoid(x), stable in both tails. */
  logSigmoid(): Tensor {
    return Tensor.adopt(op.log_sigmoid(this.handle));
  }
  softplus(): Tensor {
    return Tensor.adopt(op.softplus(this.handle));
  }
  relu(): Tensor {
    return Tensor.adopt(op.relu(this.handle));
  }
  silu(): Tensor {
    return Tensor.adopt(op.silu(this.handle));
  }
  gelu(approximate: "none" | "tanh" = "none"): Tensor {
    return Tensor.adopt(op.gelu(this.handle, approximate));
  }
  floor(): Tensor {
    return Tensor.adopt(op.floor(this.handle));
  }
  round(): Tensor {
    return Tensor.adopt(op.round(this.handle));
  }
  clamp(min?: number, max?: number): Tensor {
    return Tensor.adopt(op.clamp(this.handle, min, max));
  }
  maximum(other: Tensor): Tensor {
    return Tensor.adopt(op.maximum(this.handle, other.handle));
  }
  minimum(other: Tensor): Tensor {
    return Tensor.adopt(op.minimum(this.handle, other.handle));
  }
  logaddexp(other: Tensor): Tensor {
    return Tensor.adopt(op.logaddexp(this.handle, other.handle));
  }

  // Comparison and logic (bool results)

  eq(other: Operand): Tensor {
    return Tensor.adopt(
      typeof other === "number" ? op.eq_Scalar(this.handle, other) : op.eq_Tensor(this.handle, other.handle),
    );
  }
  ne(other: Operand): Tensor {
    return Tensor.adopt(
      typeof other === "number" ? op.ne_Scalar(this.handle, other) : op.ne_Tensor(this.handle, other.handle),
    );
  }
  lt(other: Operand): Tensor {
    return Tensor.adopt(
      typeof other === "number" ? op.lt_Scalar(this.handle, other) : op.lt_Tensor(this.handle, other.handle),
    );
  }
  le(other: Operand): Tensor {
    return Tensor.adopt(
      typeof other === "number" ? op.le_Scalar(this.handle, other) : op.le_Tensor(this.handle, other.handle),
    );
  }
  gt(other: Operand): Tensor {
    return Tensor.adopt(
      typeof other === "number" ? op.gt_Scalar(this.handle, other) : op.gt_Tensor(this.handle, other.handle),
    );
  }
  ge(other: Operand): Tensor {
    return Tensor.adopt(
      typeof other === "number" ? op.ge_Scalar(this.handle, other) : op.ge_Tensor(this.handle, other.handle),
    );
  }
  logicalAnd(other: Tensor): Tensor {
    return Tensor.adopt(op.logical_and(this.handle, other.handle));
  }
  logicalOr(other: Tensor): Tensor {
    return Tensor.adopt(op.logical_or(this.handle, other.handle));
  }
  logicalNot(): Tensor {
    return Tensor.adopt(op.logical_not(this.handle));
  }
  isFinite(): Tensor {
    return Tensor.adopt(op.isfinite(this.handle));
  }
  isNaN(): Tensor {
    return Tensor.adopt(op.isnan(this.handle));
  }
  /** Whether shape, dtype and every element are the same. */
  equal(other: Tensor): boolean {
    return op.equal(this.handle, other.handle);
  }
  /** A copy with `value` where `mask` is true. */
  maskedFill(mask: Tensor, value: number): Tensor {
    return Tensor.adopt(op.masked_fill_Scalar(this.handle, mask.handle, value));
  }

  // Reductions. Without `dims` over everything.

  sum(dims?: number | readonly number[], keepDim = false): Tensor {
    return Tensor.adopt(dims === undefined ? op.sum(this.handle) : op.sum_dim_IntList(this.handle, dims, keepDim));
  }
  mean(dims?: number | readonly number[], keepDim = false): Tensor {
    return Tensor.adopt(dims === undefined ? op.mean(this.handle) : op.mean_dim(this.handle, dims, keepDim));
  }
  /** Variance; `correction` 1 divides by n - 1. */
  variance(dims: number | readonly number[], keepDim = false, correction = 1): Tensor {
    return Tensor.adopt(op.var_correction(this.handle, dims, correction, keepDim));
  }
  std(dims: number | readonly number[], keepDim = false, correction = 1): Tensor {
    return Tensor.adopt(op.std_correction(this.handle, dims, correction, keepDim));
  }
  amax(dims: number | readonly number[] = [], keepDim = false): Tensor {
    return Tensor.adopt(op.amax(this.handle, dims, keepDim));
  }
  amin(dims: number | readonly number[] = [], keepDim = false): Tensor {
    return Tensor.adopt(op.amin(this.handle, dims, keepDim));
  }
  argmax(dim?: number, keepDim = false): Tensor {
    return Tensor.adopt(op.argmax(this.handle, dim, keepDim));
  }
  all(): Tensor {
    return Tensor.adopt(op.all(this.handle));
  }
  any(): Tensor {
    return Tensor.adopt(op.any(this.handle));
  }
  logSumExp(dims: number | readonly number[], keepDim = false): Tensor {
    return Tensor.adopt(op.logsumexp(this.handle, dims, keepDim));
  }
  softmax(dim: number): Tensor {
    return Tensor.adopt(op.softmax_int(this.handle, dim));
  }
  logSoftmax(dim: number): Tensor {
    return Tensor.adopt(op.log_softmax_int(this.handle, dim));
  }
  cumsum(dim: number): Tensor {
    return Tensor.adopt(op.cumsum(this.handle, dim));
  }
  /** The elements in order along `dim`. */
  sort(dim = -1, descending = false): Tensor {
    const [values, indices] = op.sort(this.handle, dim, descending);
    Tensor.adopt(indices).dispose();
    return Tensor.adopt(values);
  }
  /** Values and indices of the k largest elements along `dim`, in descending order. */
  topk(k: number, dim = -1): { values: Tensor; indices: Tensor } {
    const [values, indices] = op.topk(this.handle, k, dim);
    return { values: Tensor.adopt(values), indices: Tensor.adopt(indices) };
  }
  /** Square root of the sum of squares over everything. */
  norm(): Tensor {
    return Tensor.adopt(op.linalg_vector_norm(this.handle));
  }

  // Products

  matmul(other: Tensor): Tensor {
    return Tensor.adopt(op.matmul(this.handle, other.handle));
  }

  // Shape

  /** The same elements in another shape; one size may be -1. */
  reshape(...shape: number[]): Tensor {
    return Tensor.adopt(op.reshape(this.handle, shape));
  }
  transpose(a = -2, b = -1): Tensor {
    return Tensor.adopt(op.transpose_int(this.handle, a, b));
  }
  permute(...dims: number[]): Tensor {
    return Tensor.adopt(op.permute(this.handle, dims));
  }
  unsqueeze(dim: number): Tensor {
    return Tensor.adopt(op.unsqueeze(this.handle, dim));
  }
  squeeze(dim: number): Tensor {
    return Tensor.adopt(op.squeeze_dim(this.handle, dim));
  }
  /** Broadcast without copying; -1 leaves a size as it is. */
  expand(...shape: number[]): Tensor {
    return Tensor.adopt(op.expand(this.handle, shape));
  }
  /** Elements start, start + step, ... before end along `dim`; a view. */
  slice(dim: number, start?: number, end?: number, step = 1): Tensor {
    return Tensor.adopt(op.slice_Tensor(this.handle, dim, start, end, step));
  }
  /** One index along `dim`, which disappears; a view. */
  select(dim: number, index: number): Tensor {
    return Tensor.adopt(op.select_int(this.handle, dim, index));
  }
  /** Equal parts along `dim`; views. */
  chunk(parts: number, dim: number): Tensor[] {
    return Tensor.adoptAll(op.chunk(this.handle, parts, dim));
  }
  /** Parts of the given sizes along `dim`; views. */
  split(sizes: readonly number[], dim: number): Tensor[] {
    return Tensor.adoptAll(op.split_with_sizes(this.handle, sizes, dim));
  }
  unbind(dim = 0): Tensor[] {
    return Tensor.adoptAll(op.unbind_int(this.handle, dim));
  }
  /** Rows `indices` (int64) along `dim`. */
  indexSelect(dim: number, indices: Tensor): Tensor {
    return Tensor.adopt(op.index_select(this.handle, dim, indices.handle));
  }
  gather(dim: number, indices: Tensor): Tensor {
    return Tensor.adopt(op.gather(this.handle, dim, indices.handle));
  }
  flip(...dims: number[]): Tensor {
    return Tensor.adopt(op.flip(this.handle, dims));
  }
  repeat(...times: number[]): Tensor {
    return Tensor.adopt(op.repeat(this.handle, times));
  }
  /** Pads with `value`; pairs (before, after) from the last dimension backwards. */
  pad(pairs: readonly number[], value = 0): Tensor {
    return Tensor.adopt(op.constant_pad_nd(this.handle, pairs, value));
  }
  triu(diagonal = 0): Tensor {
    return Tensor.adopt(op.triu(this.handle, diagonal));
  }
  tril(diagonal = 0): Tensor {
    return Tensor.adopt(op.tril(this.handle, diagonal));
  }
  diagonal(): Tensor {
    return Tensor.adopt(op.diagonal(this.handle));
  }
  /** The last dimension as the diagonal of a square matrix. */
  diagEmbed(): Tensor {
    return Tensor.adopt(op.diag_embed(this.handle));
  }
  contiguous(): Tensor {
    return Tensor.adopt(op.contiguous(this.handle));
  }
  clone(): Tensor {
    return Tensor.adopt(op.clone(this.handle));
  }
  /** The same values in another dtype or on another device. */
  to(dtype?: DType, device?: string): Tensor {
    return Tensor.adopt(
      op._to_copy(this.handle, dtype === undefined ? undefined : dtypeCode(dtype), undefined, device),
    );
  }

  // In place

  copy_(source: Tensor): this {
    op.copy_(this.handle, source.handle);
    return this;
  }
  zero_(): this {
    op.zero_(this.handle);
    return this;
  }
  fill_(value: number): this {
    op.fill__Scalar(this.handle, value);
    return this;
  }
  add_(other: Operand, alpha = 1): this {
    if (typeof other === "number") op.add__Scalar(this.handle, other, alpha);
    else op.add__Tensor(this.handle, other.handle, alpha);
    return this;
  }
  mul_(other: Operand): this {
    if (typeof other === "number") op.mul__Scalar(this.handle, other);
    else op.mul__Tensor(this.handle, other.handle);
    return this;
  }

  /** Shape, dtype and device; values are not printed. */
  toString(): string {
    if (this.isDisposed) return "Tensor(disposed of)";
    return `Tensor(${this.dtype}, [${this.shape.join(", ")}], ${this.device})`;
  }
}

/** The handles of several tensors. */
export function handlesOf(tensors: readonly Tensor[]): Handle[] {
  return tensors.map((tensor) => tensor.handle);
}

/** Element by element `a` where `condition` (bool) is true, else `b`. */
export function where(condition: Tensor, a: Tensor, b: Tensor): Tensor {
  return Tensor.adopt(op.where_self(condition.handle, a.handle, b.handle));
}

/** Joins tensors along an existing dimension. @throws RiverrunError for an empty list. */
export function cat(tensors: readonly Tensor[], dim = 0): Tensor {
  if (tensors.length === 0) throw new RiverrunError("cat: expected at least one tensor");
  return Tensor.adopt(op.cat(handlesOf(tensors), dim));
}

/** Joins tensors of one shape along a new dimension. */
export function stack(tensors: readonly Tensor[], dim = 0): Tensor {
  if (tensors.length === 0) throw new RiverrunError("stack: expected at least one tensor");
  return Tensor.adopt(op.stack(handlesOf(tensors), dim));
}
