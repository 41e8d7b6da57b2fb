/** The free mixture head: every channel a mixture of logistics. */
import { type InitContext, Linear, type NetworkSettings, product } from "../../nn/index.ts";
import { arange, noGrad, scope, type Tensor, tensor } from "../../torch/index.ts";
import { softClip } from "../softClip.ts";
import { CausalHead, type HeadInverse } from "./head.ts";
import {
  type LogisticMixture,
  logisticMixtureLogDensity,
  logisticToNormal,
  type MixtureNumbers,
  normalToLogistic,
} from "./logisticMixture.ts";

/** Choices of a head. */
export interface LogisticShape {
  readonly channels: number;
  readonly width: number;
  /** M, logistics of a channel. */
  readonly components: number;
  /** autoregressive: channel i reads channels before it too; independent: the past alone. */
  readonly order: "autoregressive" | "independent";
  /** c of ln s = c tanh(. / c). */
  readonly bound: number;
}

/**
 * p(x | h) = prod_i sum_k pi_ik L(x_i; m_ik, s_ik), L logistic (Mix-1 of arXiv:2507.00425). The parameters are a linear
 * map of h and, where the order is autoregressive, of hidden units of which unit j reads h and the channels up to
 * j mod (C - 1), and is read by the channels after that (a masked layer, arXiv:1502.03509).
 */
export class LogisticHead extends CausalHead {
  readonly #shape: LogisticShape;
  readonly #settings: NetworkSettings;
  readonly #parameters: Linear;
  readonly #fromHidden: Linear | undefined;
  readonly #fromChannels: Tensor | undefined;
  readonly #toParameters: Tensor | undefined;

  constructor(init: InitContext, shape: LogisticShape) {
    super();
    const { channels, width, components, order } = shape;
    this.#shape = shape;
    this.#settings = init.networks;
    const outputs = 3 * components * channels;
    this.#parameters = this.child("parameters", new Linear(init, width, outputs));
    if (order === "autoregressive") {
      this.#fromHidden = this.child("fromHidden", new Linear(init, width, width));
      this.#fromChannels = this.parameter("fromChannels", init.uniform([width, channels], 1 / Math.sqrt(channels)));
      this.#toParameters = this.parameter("toParameters", init.uniform([outputs, width], 1 / Math.sqrt(width)));
    }
  }

  /** ln pi, m and ln s of every channel, (N, C, M). */
  #mixture(x: Tensor, hidden: Tensor): LogisticMixture {
    const { channels, components, bound } = this.#shape;
    let values = this.#parameters.forward(hidden);
    if (this.#fromHidden && this.#fromChannels && this.#toParameters) {
      const place = { device: x.device } as const;
      // Degree of unit j: it reads channels 0..degree and is read by channels above it.
      const units = arange(0, this.#shape.width, 1, place);
      const degree = units.sub(
        units
          .div(Math.max(1, channels - 1))
          .floor()
          .mul(Math.max(1, channels - 1)),
      );
      const reads = arange(0, channels, 1, place).unsqueeze(0).le(degree.unsqueeze(1)).to(x.dtype);
      const owner = arange(0, channels, 1, place).repeat(3 * components);
      const isRead = degree.unsqueeze(0).lt(owner.unsqueeze(1)).to(x.dtype);
      const inner = product(x, this.#fromChannels.mul(reads)).add(this.#fromHidden.forward(hidden)).gelu("tanh");
      values = values.add(product(inner, this.#toParameters.mul(isRead)));
    }
    const [logits, mean, scale] = values.reshape(x.size(0), 3, components, channels).transpose(2, 3).unbind(1);
    return { logPi: logits.logSoftmax(-1), mean, logScale: softClip(scale, bound) };
  }

  /** The same for all positions at once, in the model's network precision. */
  #whole(x: Tensor, hidden: Tensor): LogisticMixture {
    return this.#settings.run(() => this.#mixture(x, hidden));
  }

  override logDensity(x: Tensor, hidden: Tensor): Tensor {
    return logisticMixtureLogDensity(x, this.#whole(x, hidden)).sum(1).to("float64");
  }

  #numbers({ logPi, mean, logScale }: LogisticMixture): MixtureNumbers {
    const data = (values: Tensor): Float64Array => values.to("float64").contiguous().data() as Float64Array;
    return { logPi: data(logPi), mean: data(mean), logScale: data(logScale), count: this.#shape.components };
  }

  /** Records no graph. `y` is float64. */
  encode(x: Tensor, hidden: Tensor): { y: Tensor; logDet: Tensor } {
    const [rows, channels] = x.shape;
    const numbers = noGrad(() => scope(() => this.#numbers(this.#whole(x, hidden))));
    const points = scope(() => x.to("float64").data()) as Float64Array;
    const logDet = new Float64Array(rows);
    const y = points.map((point, index) => {
      const { value, logSlope } = logisticToNormal(point, numbers, index);
      logDet[Math.floor(index / channels)] += logSlope;
      return value;
    });
    const place = { dtype: "float64", device: x.device } as const;
    return { y: tensor(y, x.shape, place), logDet: tensor(logDet, [rows], place) };
  }

  /** Records no graph. `x` is float64. In the autoregressive order one channel of all rows after the other. */
  inverter(): HeadInverse {
    return (y, hidden) => {
      const [rows, channels] = y.shape;
      const latents = scope(() => y.to("float64").data()) as Float64Array;
      const x = new Float64Array(rows * channels);
      const logDet = new Float64Array(rows);
      const numbersNow = (): MixtureNumbers =>
        noGrad(() =>
          scope(() =>
            this.#numbers(this.#mixture(tensor(x, y.shape, { dtype: "float64" }).to(hidden.dtype, y.device), hidden)),
          ),
        );
      let numbers = numbersNow();
      for (let channel = 0; channel < channels; channel++) {
        if (channel > 0 && this.#shape.order === "autoregressive") numbers = numbersNow();
        for (let row = 0; row < rows; row++) {
          const index = row * channels + channel;
          const { value, logSlope } = normalToLogistic(latents[index], numbers, index);
          x[index] = value;
          logDet[row] += logSlope;
        }
      }
      const place = { dtype: "float64", device: y.device } as const;
      return { x: tensor(x, y.shape, place), logDet: tensor(logDet, [rows], place) };
    };
  }
}
