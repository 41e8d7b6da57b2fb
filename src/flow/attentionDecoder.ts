/** The word decoder of Language Flow+: an LSTM that attends to the latents of a whole text. */
import { RiverrunError } from "../base/errors.ts";
import { dropout, type InitContext, Linear, LSTM, type LstmState, Module, type NetworkSettings } from "../nn/index.ts";
import { Vocabulary } from "../text/vocabulary.ts";
import { arange, cat, type Generator, noGrad, ones, scope, stack, type Tensor, tensor, zeros } from "../torch/index.ts";
import type { AttentionDecoderConfig } from "./config.ts";
import type { FlowContext } from "./context.ts";

/** What a decoder stands on. */
export interface AttentionDecoderInput {
  /** (V, D); stays the flow's. */
  readonly codebook: Tensor;
  /** T, most positions of a text. */
  readonly positions: number;
  /** Position of a text's first word: 1 where `<sos>` stands before it. */
  readonly first: number;
}

/** What the decoder reads of one batch of latents. */
export interface AttentionMemory {
  /** k_s, keys and values in one, (B, T, W). */
  readonly keys: Tensor;
  /** True at pads, (B, T); undefined where there is none. */
  readonly pads: Tensor | undefined;
  /** tanh(A m + a) of the mean latent m, (B, W): hidden and cell state of every layer before the first word. */
  readonly start: Tensor;
}

/** What goes from one position to the next: the attended memory (B, W) and each layer's states (1, B, W). */
interface Carried {
  /** Where the next word stands in the memory. */
  readonly position: number;
  readonly attended: Tensor;
  readonly states: readonly LstmState[];
}

/** The words that a text's decoder must say: those of its ids, `<eos>` included, `<sos>` and `<pad>` not. */
export function spokenIds(ids: readonly number[]): number[] {
  return ids.filter((id) => id !== Vocabulary.sos && id !== Vocabulary.pad);
}

/** Ids side by side, (B, longest) int64, `<pad>` behind each row. */
function padded(rows: readonly (readonly number[])[], longest: number, device: string): Tensor {
  const ids = new BigInt64Array(rows.length * longest).fill(BigInt(Vocabulary.pad));
  rows.forEach((row, index) => {
    row.forEach((id, position) => {
      ids[index * longest + position] = BigInt(id);
    });
  });
  return tensor(ids, [rows.length, longest], { dtype: "int64", device });
}

/**
 * p(w_1..w_n | m) = prod_t softmax(P o_t + p)_{w_t} for a memory m (B, T, D), position by position:
 *
 * i_t = R [e_{w_{t-1}}; c_{t-1}] + r,  h_t = LSTM(i_t),  k_s = K m_s + k + P_s,
 * c_t = sum_s softmax_s((h_t + P_t) . k_s) k_s over the real positions,  o_t = tanh(Q [h_t; c_t] + q),
 *
 * w_0 = `<sos>`, c_0 = 0, the states before the first word from the mean of m. P is learned, or 0 as in the paper, where
 * only what a latent holds tells the attention which one to read. e are the rows of the flow's codebook, which
 * is not trained. `<sos>` and `<pad>` have probability 0. (Specification, section 10; the decoder of Lee et al., ACL 2020,
 * without its copy mechanism.) Given texts are said in the model's network precision, attention and softmax in the
 * parameters' own; so is everything where words are said one after the other.
 */
export class AttentionDecoder extends Module {
  /** (V, D); belongs to the flow. */
  readonly #codebook: Tensor;
  readonly #settings: NetworkSettings;
  readonly #first: number;
  readonly #width: number;
  readonly #dropout: number;
  readonly #start: Linear;
  readonly #keys: Linear;
  /** P (T + 1, W): the text may go on for one more word than the memory has positions. */
  readonly #positions: Tensor | undefined;
  readonly #reduce: Linear;
  readonly #layers: readonly LSTM[];
  readonly #combine: Linear;
  readonly #logits: Linear;
  /** (V): 0, or -infinity where a word cannot be said. */
  readonly #allowed: Tensor;

  constructor(
    init: InitContext,
    { codebook, positions, first }: AttentionDecoderInput,
    config: AttentionDecoderConfig,
  ) {
    super();
    const [words, channels] = codebook.shape;
    const { width, layers } = config;
    this.#codebook = codebook;
    this.#settings = init.networks;
    this.#first = first;
    this.#width = width;
    this.#dropout = config.dropout;
    this.#start = this.child("start", new Linear(init, channels, width));
    this.#keys = this.child("keys", new Linear(init, channels, width));
    if (config.positionEncoding === "learned") {
      // P_t . P_t is 8 on average: the attention begins at the word's own place.
      this.#positions = this.parameter("positions", init.normal([positions + 1, width], Math.sqrt(8 / width)));
    }
    this.#reduce = this.child("reduce", new Linear(init, channels + width, channels));
    this.#layers = Array.from({ length: layers }, (_, index) =>
      this.child(`layer${index}`, new LSTM(init, index === 0 ? channels : width, width)),
    );
    this.#combine = this.child("combine", new Linear(init, 2 * width, width));
    this.#logits = this.child("logits", new Linear(init, width, words));
    const allowed = new Float64Array(words);
    for (const id of [Vocabulary.pad, Vocabulary.sos]) allowed[id] = Number.NEGATIVE_INFINITY;
    this.#allowed = tensor(allowed, [words], { dtype: "float64" }).to(init.dtype, init.device).keep();
  }

  override dispose(): void {
    this.#allowed.dispose();
    super.dispose();
  }

  /** @param latents (B, T, D), zero at the pads */
  memory(latents: Tensor, context: FlowContext): AttentionMemory {
    return this.#settings.run(() => this.#memory(latents, context));
  }

  #memory(latents: Tensor, context: FlowContext): AttentionMemory {
    const counts = context.counts.to(latents.dtype).unsqueeze(1);
    const keys = this.#keys.forward(latents);
    return {
      keys: this.#positions ? keys.add(this.#positions.slice(0, 0, context.positions)) : keys,
      pads: context.full ? undefined : context.boolMask.logicalNot(),
      start: this.#start.forward(context.masked(latents).sum(1).div(counts)).tanh(),
    };
  }

  #begin({ start }: AttentionMemory): Carried {
    const state = start.unsqueeze(0);
    const { dtype, device } = start;
    return {
      position: this.#first,
      attended: zeros(start.shape, { dtype, device }),
      states: this.#layers.map(() => ({ hidden: state, cell: state })),
    };
  }

  /**
   * One position of all rows.
   *
   * @param words e_{w_{t-1}}, (B, D)
   * @param kept factors of dropout, W a layer, (B, layers * W)
   * @returns o_t (B, W)
   */
  #step(words: Tensor, before: Carried, { keys, pads }: Attended, kept?: Tensor): [Tensor, Carried] {
    const factors = kept?.chunk(this.#layers.length, 1);
    const states: LstmState[] = [];
    let hidden = this.#reduce.forward(cat([words, before.attended], 1)).unsqueeze(1);
    for (const [index, layer] of this.#layers.entries()) {
      if (index > 0 && factors) hidden = hidden.mul(factors[index - 1].unsqueeze(1));
      const { output, state } = layer.forward(hidden, { state: before.states[index] });
      hidden = output;
      states.push(state);
    }
    const { position } = before;
    const query = this.#positions ? hidden.add(this.#positions.slice(0, position, position + 1)) : hidden;
    const scores = keys.matmul(query.transpose(1, 2)).squeeze(2);
    const weights = (pads ? scores.maskedFill(pads, Number.NEGATIVE_INFINITY) : scores).softmax(1);
    const attended = weights.unsqueeze(1).matmul(keys).squeeze(1);
    const output = this.#combine.forward(cat([hidden.squeeze(1), attended], 1)).tanh();
    return [factors ? output.mul(factors[factors.length - 1]) : output, { position: position + 1, attended, states }];
  }

  /** log p of every word given o, (..., W) to (..., V). */
  #logProbabilities(output: Tensor): Tensor {
    return this.#logits.forward(output).add(this.#allowed).logSoftmax(-1);
  }

  #embed(ids: Tensor): Tensor {
    return this.#codebook.indexSelect(0, ids.reshape(-1)).reshape(...ids.shape, this.#codebook.size(1));
  }

  /**
   * -sum_t log p(w_t | w_<t, m) of each row, (B), float64, nats; every word reads the true ones before it. Differentiable
   * in the parameters.
   *
   * @param targets ids of each row, as `spokenIds` gives them
   * @param streams one for each row, for dropout; none outside training
   */
  negLogLikelihood(
    memory: AttentionMemory,
    targets: readonly (readonly number[])[],
    streams?: readonly Generator[],
  ): Tensor {
    if (targets.length !== memory.keys.size(0)) {
      throw new RiverrunError(`internal: ${memory.keys.size(0)} memories cannot say ${targets.length} texts`);
    }
    const { dtype, device } = memory.keys;
    const longest = Math.max(...targets.map((ids) => ids.length));
    const said = padded(targets, longest, device);
    const words = this.#embed(
      padded(
        targets.map((ids) => [Vocabulary.sos, ...ids.slice(0, -1)]),
        longest,
        device,
      ),
    ).unbind(1);
    const factors =
      streams && this.#dropout > 0
        ? dropout(
            ones([targets.length, longest, this.#layers.length * this.#width], { dtype, device }),
            this.#dropout,
            streams,
          ).unbind(1)
        : undefined;
    const logs = this.#settings.run(() => {
      const outputs: Tensor[] = [];
      let carried = this.#begin(memory);
      for (const [position, word] of words.entries()) {
        const [output, next] = this.#step(word, carried, memory, factors?.[position]);
        outputs.push(output);
        carried = next;
      }
      return this.#logProbabilities(stack(outputs, 1));
    });
    const chosen = logs.gather(2, said.unsqueeze(2)).squeeze(2);
    const lengths = tensor(
      targets.map((ids) => ids.length),
      [targets.length, 1],
      { dtype: "int64", device },
    );
    // <pad> has probability 0: its logarithm is taken out, not multiplied by 0.
    const pads = arange(0, longest, 1, { device }).ge(lengths);
    return chosen.maskedFill(pads, 0).to("float64").sum(1).neg();
  }

  /** Saying words one after the other, one row a memory at first; records no graph. */
  reader(memory: AttentionMemory): AttentionReader {
    return new AttentionReader(memory, {
      begin: (of) => this.#begin(of),
      step: (ids, before, of) => this.#step(this.#embed(ids), before, of),
      logProbabilities: (output) => this.#logProbabilities(output),
    });
  }
}

/** What every position attends to. */
type Attended = Pick<AttentionMemory, "keys" | "pads">;

interface ReaderParts {
  readonly begin: (memory: AttentionMemory) => Carried;
  readonly step: (ids: Tensor, before: Carried, memory: Attended) => [Tensor, Carried];
  readonly logProbabilities: (output: Tensor) => Tensor;
}

/** Everything that a reader holds from one word to the next. */
interface Held {
  readonly memory: Attended;
  readonly carried: Carried;
  readonly output: Tensor;
}

function tensorsOf({ memory, carried, output }: Held): Tensor[] {
  const states = carried.states.flatMap(({ hidden, cell }) => [hidden, cell]);
  return [memory.keys, ...(memory.pads ? [memory.pads] : []), carried.attended, ...states, output];
}

/** A decoder position by position. What it holds lives outside scopes until `dispose`. */
export class AttentionReader {
  readonly #parts: ReaderParts;
  #held: Held;

  constructor(memory: AttentionMemory, parts: ReaderParts) {
    this.#parts = parts;
    this.#held = noGrad(() =>
      scope(() => {
        const first = new Array<number>(memory.keys.size(0)).fill(Vocabulary.sos);
        return this.#kept(this.#stepped(first, memory, parts.begin(memory)));
      }),
    );
  }

  /** R, rows that words are said of. */
  get rows(): number {
    return this.#held.memory.keys.size(0);
  }

  #stepped(words: readonly number[], memory: Attended, carried: Carried): Held {
    const ids = tensor(words, [words.length], { dtype: "int64", device: memory.keys.device });
    const [output, next] = this.#parts.step(ids, carried, memory);
    return { memory, carried: next, output };
  }

  /** Aliases of its own: what a caller made and frees stays the caller's. */
  #kept({ memory, carried, output }: Held): Held {
    const own = (value: Tensor): Tensor => value.alias().keep();
    return {
      memory: { keys: own(memory.keys), pads: memory.pads && own(memory.pads) },
      carried: {
        position: carried.position,
        attended: own(carried.attended),
        states: carried.states.map(({ hidden, cell }) => ({ hidden: own(hidden), cell: own(cell) })),
      },
      output: own(output),
    };
  }

  /** log p of every word at this position, (R, V). */
  logProbabilities(): Tensor {
    return this.#parts.logProbabilities(this.#held.output);
  }

  /** Goes on with `words[i]` said by row `parents[i]`. */
  advance(parents: readonly number[], words: readonly number[]): void {
    const before = this.#held;
    this.#held = noGrad(() =>
      scope(() => {
        const { memory, carried } = before;
        const rows = tensor(parents, [parents.length], { dtype: "int64", device: memory.keys.device });
        const chosen = { keys: memory.keys.indexSelect(0, rows), pads: memory.pads?.indexSelect(0, rows) };
        const states = carried.states.map(({ hidden, cell }) => ({
          hidden: hidden.indexSelect(1, rows),
          cell: cell.indexSelect(1, rows),
        }));
        const attended = carried.attended.indexSelect(0, rows);
        return this.#kept(this.#stepped(words, chosen, { position: carried.position, attended, states }));
      }),
    );
    for (const value of tensorsOf(before)) value.dispose();
  }

  dispose(): void {
    for (const value of tensorsOf(this.#held)) value.dispose();
  }
}
