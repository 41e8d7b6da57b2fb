/** What every bijection is told beside its input: which positions are real, and what the caller wants to see. */
import { UsageError } from "../base/errors.ts";
import { arange, type DType, type Generator, type Tensor, tensor } from "../torch/index.ts";

/** Called after every bijection with its output; `where` names it, as in "level 2 / step 3 / coupling". */
export type FlowTrace = (where: string, values: Tensor, context: FlowContext) => void;

/** What holds for a whole pass through the flow, at every level of it. */
export interface PassSettings {
  /** Watches intermediate values (latent norms, the search for a NaN). */
  readonly trace?: FlowTrace;
  /** ActNorm sets its scale and bias from this batch. */
  readonly initialising?: boolean;
  /** One random stream for each row of the batch, for dropout; none outside training. */
  readonly dropout?: readonly Generator[];
}

/**
 * Lengths and masks of one batch at one level of the flow. Squeezing and splitting in time derive further contexts;
 * tensors are made when first asked for and live until `release`, or until the context is collected.
 */
export class FlowContext {
  /** Real positions of each row, n_b. */
  readonly lengths: readonly number[];
  /** Positions of the batch, T >= n_b. */
  readonly positions: number;
  readonly dtype: DType;
  readonly device: string;
  readonly settings: PassSettings;
  #mask: Tensor | undefined;
  #boolMask: Tensor | undefined;
  #counts: Tensor | undefined;
  #fromEnd: Tensor | undefined;
  #squeezed: FlowContext | undefined;
  #parts: readonly [FlowContext, FlowContext] | undefined;
  /** Weak, so that a context that is used for long does not keep those of every pass. */
  readonly #derived: WeakRef<FlowContext>[] = [];

  /** @throws UsageError where a length is not an integer from 0 to `positions`. */
  constructor(
    lengths: readonly number[],
    positions: number,
    options: { readonly dtype?: DType; readonly device?: string; readonly settings?: PassSettings } = {},
  ) {
    for (const length of lengths) {
      if (!Number.isInteger(length) || length < 0 || length > positions) {
        throw new UsageError(`a row of ${length} positions does not fit a batch of ${positions}`);
      }
    }
    this.lengths = lengths;
    this.positions = positions;
    this.dtype = options.dtype ?? "float32";
    this.device = options.device ?? "cpu";
    this.settings = options.settings ?? {};
  }

  /** The same rows under other settings. */
  with(settings: PassSettings): FlowContext {
    return this.#derive(this.lengths, this.positions, settings);
  }

  #derive(lengths: readonly number[], positions: number, settings = this.settings): FlowContext {
    const context = new FlowContext(lengths, positions, { dtype: this.dtype, device: this.device, settings });
    this.#derived.push(new WeakRef(context));
    return context;
  }

  /**
   * Frees the tensors of this context and of all that were derived from it. It may be used again: they are made anew.
   * Left to the garbage collector, which sees small objects only, masks of some thousand batches would pile up.
   */
  release(): void {
    for (const tensor of [this.#mask, this.#boolMask, this.#counts, this.#fromEnd]) tensor?.dispose();
    this.#mask = undefined;
    this.#boolMask = undefined;
    this.#counts = undefined;
    this.#fromEnd = undefined;
    for (const context of this.#derived.splice(0)) context.deref()?.release();
    this.#squeezed = undefined;
    this.#parts = undefined;
  }

  /** Whether every position of every row is real, so that masking can be left out. */
  get full(): boolean {
    return this.lengths.every((length) => length === this.positions);
  }

  /** 1 at real positions and 0 at pads, (B, T, 1), in the flow's dtype. */
  get mask(): Tensor {
    this.#mask ??= this.boolMask.unsqueeze(-1).to(this.dtype).keep();
    return this.#mask;
  }

  /** True at real positions, (B, T). */
  get boolMask(): Tensor {
    if (!this.#boolMask) {
      const lengths = tensor(this.lengths, [this.lengths.length, 1], { dtype: "int64", device: this.device });
      this.#boolMask = arange(0, this.positions, 1, { device: this.device }).lt(lengths).keep();
    }
    return this.#boolMask;
  }

  /** n_b as float64, (B). */
  get counts(): Tensor {
    this.#counts ??= tensor(this.lengths, [this.lengths.length], { dtype: "float64", device: this.device }).keep();
    return this.#counts;
  }

  /** How many real positions follow each one, (B, T) int64; 0 at the last one and at pads. */
  get fromEnd(): Tensor {
    if (!this.#fromEnd) {
      const last = tensor(
        this.lengths.map((length) => length - 1),
        [this.lengths.length, 1],
        { dtype: "int64", device: this.device },
      );
      this.#fromEnd = last
        .sub(arange(0, this.positions, 1, { device: this.device }))
        .clamp(0)
        .keep();
    }
    return this.#fromEnd;
  }

  /** `x` with zeros at the pads; (B, T, C). */
  masked(x: Tensor): Tensor {
    return this.full ? x : x.mul(this.mask);
  }

  /**
   * The context after pairs of neighbouring positions became one.
   *
   * @throws UsageError where a length or T is odd: half a pair would be a pad, which the squeezed flow cannot tell apart.
   */
  squeezed(): FlowContext {
    if (!this.#squeezed) {
      if (this.positions % 2 !== 0 || this.lengths.some((length) => length % 2 !== 0)) {
        throw new UsageError(
          `cannot squeeze positions in pairs: T = ${this.positions} and all lengths (${this.lengths.join(", ")}) must be even`,
        );
      }
      this.#squeezed = this.#derive(
        this.lengths.map((length) => length / 2),
        this.positions / 2,
      );
    }
    return this.#squeezed;
  }

  /** The contexts of the even and of the odd positions; T must be even, lengths need not. */
  parities(): readonly [FlowContext, FlowContext] {
    this.#parts ??= [
      this.#derive(
        this.lengths.map((length) => Math.ceil(length / 2)),
        this.positions / 2,
      ),
      this.#derive(
        this.lengths.map((length) => Math.floor(length / 2)),
        this.positions / 2,
      ),
    ];
    return this.#parts;
  }

  /** The context of a contiguous half of the positions. Only where every row is full. */
  halves(): readonly [FlowContext, FlowContext] {
    if (!this.full || this.positions % 2 !== 0) {
      throw new UsageError("contiguous halves in time need rows that fill an even number of positions");
    }
    this.#parts ??= [
      this.#derive(
        this.lengths.map((length) => length / 2),
        this.positions / 2,
      ),
      this.#derive(
        this.lengths.map((length) => length / 2),
        this.positions / 2,
      ),
    ];
    return this.#parts;
  }
}
