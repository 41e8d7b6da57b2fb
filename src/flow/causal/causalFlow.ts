/** The left-to-right flow: causal couplings, then a head that gives each position a density given its past. */
import { RiverrunError } from "../../base/errors.ts";
import type { InitContext } from "../../nn/index.ts";
import { noGrad, scope, stack, type Tensor, tensor } from "../../torch/index.ts";
import { Bijection, type Decoded, type Encoded } from "../bijection.ts";
import type { FlowContext } from "../context.ts";
import { CausalDecoder } from "./causalDecoder.ts";
import { CodebookHead } from "./codebookHead.ts";
import { CausalCoupling } from "./coupling.ts";
import type { CausalHead } from "./head.ts";
import { CausalNetwork, type CausalSize } from "./network.ts";
import { RealPositions } from "./realPositions.ts";

/** What a flow is made of. */
export interface CausalFlowShape {
  readonly positions: number;
  readonly channels: number;
  /** K, causal couplings in front of the head. */
  readonly couplings: number;
  readonly couplingSize: CausalSize;
  /** Of the network in front of the head. */
  readonly size: CausalSize;
  /** c of the couplings' ln s = c tanh(l / c). */
  readonly bound: number;
  readonly head: (width: number) => CausalHead;
  /** What a trace calls the latents, after "latent "; nothing unless given. */
  readonly name?: string;
}

/** What the density says of given words. */
export interface WordScores {
  /** ln p(x) of each row, (B). */
  readonly logDensity: Tensor;
  /** sum_t ln p(w_t | x_t, x_<t) of each row, (B): the Bayes rule with the model's own prior of the next word. */
  readonly logPosterior: Tensor;
}

/**
 * z = f_K(... f_1(x)) by causal couplings, h_t = g(z_<t) by a causal transformer, y_t = head(z_t | h_t), of (B, T, C)
 * onto N(0, I). Position t of the latents depends on positions up to t alone, so decoding goes left to right with every
 * network's keys and values kept.
 */
export class CausalFlow extends Bijection {
  readonly #couplings: readonly CausalCoupling[];
  readonly #network: CausalNetwork;
  readonly #head: CausalHead;
  readonly #trace: string;

  constructor(init: InitContext, shape: CausalFlowShape) {
    super();
    const { positions, channels, bound } = shape;
    this.#couplings = Array.from({ length: shape.couplings }, (_, index) => {
      const coupling = { positions, channels, bound, seesSecond: index % 2 === 1 };
      return this.child(`coupling${index}`, new CausalCoupling(init, coupling, shape.couplingSize));
    });
    this.#network = this.child("network", new CausalNetwork(init, { input: channels, positions }, shape.size));
    this.#head = this.child("head", shape.head(shape.size.width));
    this.#trace = shape.name === undefined ? "latent" : `latent ${shape.name}`;
  }

  /** The head over the codebook's words where x itself is what it mixes: its components are then the words' points. */
  get wordHead(): CodebookHead | undefined {
    return this.#couplings.length === 0 && this.#head instanceof CodebookHead ? this.#head : undefined;
  }

  /** Couplings and network: what the head is asked about, for the N real positions. */
  #toHead(
    x: Tensor,
    context: FlowContext,
  ): { z: Tensor; hidden: Tensor; logDet: Tensor | undefined; real: RealPositions } {
    const { trace, dropout } = context.settings;
    let z = x;
    let logDet: Tensor | undefined;
    this.#couplings.forEach((coupling, index) => {
      const step = scope(() => coupling.encode(z, context));
      z = step.y;
      logDet = logDet ? logDet.add(step.logDet) : step.logDet;
      trace?.(`coupling ${index + 1}`, z, context);
    });
    const hidden = scope(() => this.#network.forward(z, { dropout }));
    trace?.("causal network", hidden, context);
    const real = new RealPositions(context);
    return { z: real.of(z), hidden: real.of(hidden), logDet, real };
  }

  encode(x: Tensor, context: FlowContext): Encoded {
    const { z, hidden, logDet, real } = this.#toHead(x, context);
    const placed = this.#head.encode(z, hidden);
    const y = real.back(placed.y);
    context.settings.trace?.(this.#trace, y, context);
    const own = real.sums(placed.logDet);
    return { y, logDet: logDet ? logDet.add(own) : own };
  }

  override logDensity(x: Tensor, context: FlowContext): Tensor {
    if (!this.#head.logDensity) return super.logDensity(x, context);
    const { z, hidden, logDet, real } = this.#toHead(x, context);
    const own = real.sums(this.#head.logDensity(z, hidden));
    return logDet ? logDet.add(own) : own;
  }

  /**
   * ln p(x) with what it says of the words that stand there, in one pass.
   *
   * @param words (B, T) int64
   * @throws RiverrunError where the flow has no word head
   */
  scoreWords(x: Tensor, words: Tensor, context: FlowContext): WordScores {
    const head = this.wordHead;
    if (!head) throw new RiverrunError("internal: this flow's head does not mix over the words of its input");
    const { z, hidden, real } = this.#toHead(x, context);
    const { logDensity, logJoint } = head.score(z, hidden, real.of(words));
    if (!logJoint) throw new RiverrunError("internal: words were given but not scored");
    const posterior = noGrad(() => real.sums(logJoint.sub(logDensity.detach())));
    return { logDensity: real.sums(logDensity), logPosterior: posterior };
  }

  /** ln pi_w(h_t) of every word at every position, (B, T, V), float64: the language model inside. */
  wordLogProbabilities(x: Tensor, context: FlowContext): Tensor {
    const head = this.wordHead;
    if (!head) throw new RiverrunError("internal: this flow's head does not mix over the words of its input");
    const { hidden, real } = this.#toHead(x, context);
    return real.back(head.logProbabilities(hidden));
  }

  /** Position by position; records no graph. */
  decode(y: Tensor, context: FlowContext): Decoded {
    return noGrad(() =>
      scope(() => {
        const decoder = this.decoder(y.size(0));
        try {
          const points: Tensor[] = [];
          for (const [position, z] of y.unbind(1).entries()) {
            const rows = context.lengths.flatMap((length, row) => (length > position ? [row] : []));
            points.push(decoder.invertRows(z, rows));
            decoder.accept();
          }
          const x = context.masked(stack(points, 1).to(context.dtype));
          return { x, logDet: tensor(decoder.logDet, [y.size(0)], { dtype: "float64", device: y.device }) };
        } finally {
          decoder.dispose();
        }
      }),
    );
  }

  /** Decoding one position at a time, of the parameters as they are now. */
  decoder(rows: number): CausalDecoder {
    if (!Number.isInteger(rows) || rows < 1) throw new RiverrunError(`a decoder needs at least one row, got ${rows}`);
    return new CausalDecoder({
      rows,
      reader: this.#network.reader(rows),
      steppers: this.#couplings.map((coupling) => coupling.stepper(rows)),
      invert: this.#head.inverter(),
      apply: (z, hidden) => this.#head.encode(z, hidden).y,
      dtype: this.#network.dtype,
    });
  }
}
