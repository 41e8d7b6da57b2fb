/** A part of a model: named parameters, buffers and children. */
import { UsageError } from "../base/errors.ts";
import { isFloating, noGrad, type Tensor } from "../torch/index.ts";

/** How strictly `loadStateDict` compares. */
export interface LoadOptions {
  /** Names that are missing or unexpected are errors. Default true; shapes and dtypes are compared in any case. */
  readonly strict?: boolean;
}

/**
 * Base of everything that owns tensors. Parameters are trained, buffers are saved with them but not trained. Names are
 * dotted paths in the order of registration, the same in every process, and name the tensors of a checkpoint.
 */
export abstract class Module {
  readonly #parameters = new Map<string, Tensor>();
  readonly #buffers = new Map<string, Tensor>();
  readonly #children = new Map<string, Module>();
  #training = true;

  #checkName(name: string): void {
    if (name === "") throw new UsageError("a module cannot register a tensor or part without a name");
    if (this.#parameters.has(name) || this.#buffers.has(name) || this.#children.has(name)) {
      throw new UsageError(`a module registers the name "${name}" twice`);
    }
  }

  /**
   * Registers a tensor as a leaf of the graph and returns it, laid out row by row as the fused optimisers need it. It
   * outlives every scope. With `trainable: false` it counts as a parameter, but no gradient is recorded for it.
   *
   * @throws UsageError where the name is taken
   */
  protected parameter(name: string, value: Tensor, options: { readonly trainable?: boolean } = {}): Tensor {
    this.#checkName(name);
    const leaf = value
      .detach()
      .contiguous()
      .setRequiresGrad(options.trainable ?? true)
      .keep();
    this.#parameters.set(name, leaf);
    return leaf;
  }

  /** Registers a tensor that is saved but not trained, and returns it. @throws UsageError where the name is taken */
  protected buffer(name: string, value: Tensor): Tensor {
    this.#checkName(name);
    this.#buffers.set(name, value.keep());
    return value;
  }

  /** Registers a part and returns it. @throws UsageError where the name is taken */
  protected child<Child extends Module>(name: string, module: Child): Child {
    this.#checkName(name);
    this.#children.set(name, module);
    return module;
  }

  #collect(of: (module: Module) => Iterable<[string, Tensor]>, prefix: string, into: Map<string, Tensor>): void {
    for (const [name, value] of of(this)) into.set(prefix + name, value);
    for (const [name, child] of this.#children) child.#collect(of, `${prefix}${name}.`, into);
  }

  /** Parameters by dotted name. */
  namedParameters(prefix = ""): Map<string, Tensor> {
    const found = new Map<string, Tensor>();
    this.#collect((module) => module.#parameters, prefix, found);
    return found;
  }

  /** The parameters that are trained, by dotted name: what an optimiser takes. */
  trainableParameters(prefix = ""): Map<string, Tensor> {
    return new Map([...this.namedParameters(prefix)].filter(([, parameter]) => parameter.requiresGrad));
  }

  /** Saved but untrained tensors by dotted name. */
  namedBuffers(prefix = ""): Map<string, Tensor> {
    const found = new Map<string, Tensor>();
    this.#collect((module) => module.#buffers, prefix, found);
    return found;
  }

  /** Parameters in the order of their names' registration. */
  parameters(): Tensor[] {
    return [...this.namedParameters().values()];
  }

  /** Number of numbers in the parameters. */
  parameterCount(): number {
    return this.parameters().reduce((sum, { numel }) => sum + numel, 0);
  }

  /** Starts or ends the training of all parameters, as when a part is frozen inside a larger model. */
  setTrainable(flag: boolean): this {
    for (const parameter of this.parameters()) parameter.setRequiresGrad(flag);
    return this;
  }

  /** Whether dropout and the like are on; true at first. */
  get training(): boolean {
    return this.#training;
  }

  /** Turns dropout and the like on or off, here and in all parts. */
  train(flag = true): this {
    this.#training = flag;
    for (const child of this.#children.values()) child.train(flag);
    return this;
  }

  /** Everything a checkpoint needs: parameters and buffers. The tensors are the module's own, not copies. */
  stateDict(): Map<string, Tensor> {
    return new Map([...this.namedParameters(), ...this.namedBuffers()]);
  }

  /**
   * Copies values in. Floating values are converted to the module's own precision.
   *
   * @throws UsageError naming every tensor that is missing, unexpected or of another shape or kind of number; then
   * nothing was changed.
   */
  loadStateDict(values: ReadonlyMap<string, Tensor>, options: LoadOptions = {}): void {
    const strict = options.strict ?? true;
    const own = this.stateDict();
    const problems: string[] = [];
    const pairs: [Tensor, Tensor][] = [];
    for (const [name, target] of own) {
      const value = values.get(name);
      if (!value) {
        if (strict) problems.push(`${name} is missing`);
      } else if (value.shape.join() !== target.shape.join()) {
        problems.push(`${name} has shape [${value.shape.join(", ")}], expected [${target.shape.join(", ")}]`);
      } else if (value.dtype !== target.dtype && !(isFloating(value.dtype) && isFloating(target.dtype))) {
        problems.push(`${name} holds ${value.dtype}, expected ${target.dtype}`);
      } else pairs.push([target, value]);
    }
    if (strict) for (const name of values.keys()) if (!own.has(name)) problems.push(`${name} is unexpected`);
    if (problems.length > 0) {
      const shown = problems.slice(0, 5).join("; ");
      throw new UsageError(
        `the tensors do not fit the model: ${shown}${problems.length > 5 ? `; and ${problems.length - 5} more` : ""}`,
      );
    }
    noGrad(() => {
      for (const [target, value] of pairs) target.copy_(value);
    });
  }

  /** Frees every tensor of this part and of its children. */
  dispose(): void {
    for (const value of this.stateDict().values()) value.dispose();
  }
}
