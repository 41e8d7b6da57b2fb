/** Where new parameters come from: one generator, one dtype, one device, nothing global; and whose networks they are of. */
import { type DType, type Generator, ones, rand, randn, scope, type Tensor, zeros } from "../torch/index.ts";
import { linalg_qr } from "../torch/operators.ts";
import { Tensor as TensorClass } from "../torch/tensor.ts";
import { NetworkSettings } from "./networkSettings.ts";

/** Makes the starting values of parameters. Random ones are drawn on the CPU in float64, so all dtypes start alike. */
export class InitContext {
  readonly generator: Generator;
  readonly dtype: DType;
  readonly device: string;
  /** What the model says of its networks. */
  readonly networks: NetworkSettings;

  constructor(options: {
    readonly generator: Generator;
    readonly dtype: DType;
    readonly device: string;
    readonly networks?: NetworkSettings;
  }) {
    this.generator = options.generator;
    this.dtype = options.dtype;
    this.device = options.device;
    this.networks = options.networks ?? new NetworkSettings();
  }

  zeros(shape: readonly number[]): Tensor {
    return zeros(shape, { dtype: this.dtype, device: this.device });
  }
  ones(shape: readonly number[]): Tensor {
    return ones(shape, { dtype: this.dtype, device: this.device });
  }
  /** U(-bound, bound). */
  uniform(shape: readonly number[], bound: number): Tensor {
    return scope(() =>
      this.#place(
        rand(shape, this.generator, { dtype: "float64" })
          .mul(2 * bound)
          .sub(bound),
      ),
    );
  }
  /** N(0, std^2). */
  normal(shape: readonly number[], std: number): Tensor {
    return scope(() => this.#place(randn(shape, this.generator, { dtype: "float64" }).mul(std)));
  }
  /** N(0, 2 / (fan in + fan out)) for a matrix (out, in). */
  xavierNormal(rows: number, columns: number): Tensor {
    return this.normal([rows, columns], Math.sqrt(2 / (rows + columns)));
  }
  /** A random orthogonal matrix: Q of the QR decomposition of a Gaussian one, signs fixed by R's diagonal. */
  orthogonal(n: number): Tensor {
    return scope(() => {
      const gaussian = randn([n, n], this.generator, { dtype: "float64" });
      const [q, r] = linalg_qr(gaussian.handle).map((handle) => TensorClass.adopt(handle));
      return this.#place(q.mul(r.diagonal().sign()));
    });
  }
  #place(value: Tensor): Tensor {
    return value.to(this.dtype, this.device);
  }
}
