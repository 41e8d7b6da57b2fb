/** The causal transformer: what each position may be told about those before it. */
import { RiverrunError, UsageError } from "../../base/errors.ts";
import {
  type InitContext,
  KeyValueCache,
  LayerNorm,
  Linear,
  Module,
  type NetworkSettings,
  sinusoidalPositions,
  TransformerBlock,
} from "../../nn/index.ts";
import { cat, type DType, type Generator, noGrad, ones, scope, type Tensor, tensor } from "../../torch/index.ts";

/** What a network reads. */
export interface CausalShape {
  /** Channels of the sequence whose past is read. */
  readonly input: number;
  /** T, most positions. */
  readonly positions: number;
  /** Channels of position t itself that are read beside its past; none unless given. */
  readonly present?: number;
  /** Channels of a condition that may stand in front of the sequence; none unless given. */
  readonly condition?: number;
}

/** How large a network is. */
export interface CausalSize {
  readonly width: number;
  readonly layers: number;
  readonly heads: number;
  readonly positionEncoding: "none" | "sinusoidal" | "learned";
  readonly dropout: number;
}

/** Vectors in front of a sequence that all of its positions see. */
export interface Condition {
  /** (B, S, C). */
  readonly values: Tensor;
  /** Real vectors of each row, from the first on; S unless given. A row of 0 has no condition. */
  readonly lengths?: readonly number[];
}

/** What one pass is told beside its sequence. */
export interface CausalPass {
  /** (B, T, present), where the network reads parts of the position itself. */
  readonly present?: Tensor;
  readonly condition?: Condition;
  /** One stream for each row of the batch; without them nothing is dropped. */
  readonly dropout?: readonly Generator[];
}

/**
 * h_t = g(x_0, ..., x_{t-1}), (B, T, C) to (B, T, width): the sequence is projected, moved one position to the right
 * behind a learned start vector, given positions, and read by pre-norm blocks in which position t sees positions up to
 * t. Pads at the end of a row change nothing at its real positions. A condition is projected and put in front; a row
 * without one cannot see that place, so that no condition and a dropped one are the same. Whole sequences are read in the
 * model's network precision; position by position, where weights are read for few products, in the parameters' own.
 */
export class CausalNetwork extends Module {
  readonly width: number;
  readonly positions: number;
  readonly #settings: NetworkSettings;
  readonly #input: Linear;
  readonly #start: Tensor;
  readonly #present: Linear | undefined;
  readonly #condition: Linear | undefined;
  readonly #encoding: Tensor | undefined;
  readonly #blocks: readonly TransformerBlock[];
  readonly #norm: LayerNorm;

  constructor(init: InitContext, shape: CausalShape, size: CausalSize) {
    super();
    const { width, layers, heads, dropout, positionEncoding } = size;
    this.width = width;
    this.positions = shape.positions;
    this.#settings = init.networks;
    this.#input = this.child("input", new Linear(init, shape.input, width));
    this.#start = this.parameter("start", init.normal([width], 1));
    if (shape.present !== undefined) {
      this.#present = this.child("present", new Linear(init, shape.present, width, { bias: false }));
    }
    if (shape.condition !== undefined) {
      this.#condition = this.child("condition", new Linear(init, shape.condition, width));
    }
    if (positionEncoding === "learned") {
      this.#encoding = this.parameter("positions", init.normal([shape.positions, width], 0.02));
    } else if (positionEncoding === "sinusoidal") {
      this.#encoding = this.buffer("positions", sinusoidalPositions(init, shape.positions, width));
    }
    const options = { norm: "layer", activation: "gelu-tanh", dropout } as const;
    this.#blocks = Array.from({ length: layers }, (_, index) =>
      this.child(`block${index}`, new TransformerBlock(init, width, heads, 4 * width, options)),
    );
    this.#norm = this.child("norm", new LayerNorm(init, width));
  }

  get dtype(): DType {
    return this.#start.dtype;
  }

  /** Projected inputs of positions `start`... (B, t, width) with what is added to them. */
  #placed(projected: Tensor, start: number, present: Tensor | undefined): Tensor {
    if ((present === undefined) !== (this.#present === undefined)) {
      throw new RiverrunError("internal: a causal network is told of the present exactly where it was built for it");
    }
    let sum = projected;
    if (present && this.#present) sum = sum.add(this.#present.forward(present));
    return this.#encoding ? sum.add(this.#encoding.slice(0, start, start + projected.size(1))) : sum;
  }

  #startRows(rows: number): Tensor {
    return this.#start.expand(rows, 1, -1);
  }

  #prefix({ values }: Condition): Tensor {
    if (!this.#condition) throw new UsageError("this causal network was built without a condition, but got one");
    return this.#condition.forward(values);
  }

  /**
   * @param x (B, T, C); its last position is never read
   * @returns (B, T, width); without a condition's positions
   * @throws UsageError beyond T positions or for a condition that the network was not built for
   */
  forward(x: Tensor, pass: CausalPass = {}): Tensor {
    const positions = x.size(1);
    if (positions > this.positions) {
      throw new UsageError(`the causal network holds ${this.positions} positions, got ${positions}`);
    }
    return this.#settings.run(() => this.#read(x, pass));
  }

  #read(x: Tensor, pass: CausalPass): Tensor {
    const [batch, positions] = x.shape;
    const { condition, dropout, present } = pass;
    let hidden = scope(() => {
      const past = this.#input.forward(x.slice(1, 0, positions - 1));
      const own = this.#placed(cat([this.#startRows(batch), past], 1), 0, present);
      return condition ? cat([this.#prefix(condition), own], 1) : own;
    });
    const before = condition?.values.size(1) ?? 0;
    const mask = condition && conditionMask(condition, positions);
    for (const block of this.#blocks) hidden = block.forward(hidden, { causal: true, mask, dropout });
    return this.#norm.forward(before > 0 ? hidden.slice(1, before) : hidden);
  }

  /** Reading position by position from the start, made of the parameters as they are now; records no graph. */
  reader(rows: number, condition?: Condition): CausalReader {
    return new CausalReader(rows, this.#blocks.length, this.positions, {
      input: (previous, present, { position, rows: now }) => {
        const past = previous ? this.#input.forward(previous.unsqueeze(1)) : this.#startRows(now);
        return this.#placed(past, position, present?.unsqueeze(1));
      },
      blocks: this.#blocks,
      output: (hidden) => this.#norm.forward(hidden.slice(1, hidden.size(1) - 1)).squeeze(1),
      prefix: condition && this.#prefix(condition),
      condition,
    });
  }
}

/** True where a key may be seen, (B, S + T). */
function conditionMask({ values, lengths }: Condition, positions: number): Tensor {
  const [batch, before] = values.shape;
  if (lengths && (lengths.length !== batch || lengths.some((n) => !Number.isInteger(n) || n < 0 || n > before))) {
    throw new UsageError(
      `a condition of ${batch} rows and ${before} positions with lengths ${lengths.join(", ")}: expected one from 0 to ${before} for each row`,
    );
  }
  const flags = Array.from({ length: batch }, (_, row) => {
    const real = lengths?.[row] ?? before;
    return Array.from({ length: before + positions }, (_unused, key) => key < real || key >= before);
  }).flat();
  return tensor(flags, [batch, before + positions], { dtype: "bool", device: values.device });
}

/** What a reader takes from its network. */
interface ReaderParts {
  readonly input: (previous: Tensor | undefined, present: Tensor | undefined, at: CausalReader) => Tensor;
  readonly blocks: readonly TransformerBlock[];
  readonly output: (hidden: Tensor) => Tensor;
  readonly prefix: Tensor | undefined;
  readonly condition: Condition | undefined;
}

/** A causal network read one position at a time, with the keys and values of the past kept. Lives until `dispose`. */
export class CausalReader {
  readonly #parts: ReaderParts;
  readonly #caches: readonly KeyValueCache[];
  readonly #before: number;
  #prefixMask: Tensor | undefined;
  #rows: number;
  #position = 0;

  constructor(rows: number, layers: number, positions: number, parts: ReaderParts) {
    this.#rows = rows;
    this.#parts = parts;
    this.#before = parts.prefix?.size(1) ?? 0;
    this.#caches = Array.from({ length: layers }, () => new KeyValueCache(this.#before + positions));
    const { prefix, condition } = parts;
    if (!prefix || !condition) return;
    this.#prefixMask = conditionMask(condition, 0).keep();
    scope(() => this.#through(prefix, this.#prefixMask));
  }

  /** The position that comes next, from 0. */
  get position(): number {
    return this.#position;
  }

  get rows(): number {
    return this.#rows;
  }

  #through(input: Tensor, mask: Tensor | undefined): Tensor {
    return noGrad(() => {
      let hidden = input;
      this.#parts.blocks.forEach((block, index) => {
        const cache = this.#caches[index];
        const one = hidden.size(1) === 1 && !mask;
        hidden = one ? block.step(hidden, cache) : block.forward(hidden, { causal: true, mask }, cache);
      });
      return hidden;
    });
  }

  /**
   * h_t of the position that comes next, (R, width).
   *
   * @param previous x_{t-1}, (R, C); not read at position 0
   * @param present (R, present), where the network reads parts of the position itself
   */
  next(previous: Tensor | undefined, present?: Tensor): Tensor {
    return noGrad(() =>
      scope(() => {
        const position = this.#position;
        if (position > 0 && !previous) throw new RiverrunError(`internal: position ${position} has no past`);
        const input = this.#parts.input(position > 0 ? previous : undefined, present, this);
        const seen = this.#prefixMask && cat([this.#prefixMask, this.#ownKeys(position + 1)], 1);
        const hidden = this.#through(input, seen);
        this.#position += 1;
        return this.#parts.output(hidden);
      }),
    );
  }

  #ownKeys(positions: number): Tensor {
    return ones([this.#rows, positions], { dtype: "bool", device: this.#prefixMask?.device });
  }

  /** Goes back to before `position`, as when what stood there is replaced. */
  rewind(position: number): void {
    for (const cache of this.#caches) cache.truncate(this.#before + position);
    this.#position = position;
  }

  /** Keeps the given rows in this order. */
  select(rows: readonly number[]): void {
    scope(() => {
      const device = this.#parts.blocks[0]?.parameters()[0].device;
      const indices = tensor(rows, [rows.length], { dtype: "int64", device });
      for (const cache of this.#caches) cache.select(indices);
      const mask = this.#prefixMask;
      this.#prefixMask = mask?.indexSelect(0, indices).keep();
      mask?.dispose();
    });
    this.#rows = rows.length;
  }

  dispose(): void {
    for (const cache of this.#caches) cache.dispose();
    this.#prefixMask?.dispose();
  }
}
