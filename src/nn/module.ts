/** A part of a model: named parameters, buffers and children. */
import { UsageError } from "../base/errors.ts";
import { noGrad, type Tensor } from "../torch/index.ts";

/**
 * Base of everything that owns tensors. Parameters are trained, buffers are saved with them but not trained. Names are
 * dotted paths in the order of registration, the same in every process, and name the tensors of a checkpoint.
 */
export abstract class Module {
  readonly #parameters = new Map<string, Tensor>();
  readonly #buffers = new Map<string, Tensor>();
  readonly #children = new Map<string, Module>();

  /** Registers a trained tensor and returns it. It outlives every scope. */
  protected parameter(name: string, value: Tensor): Tensor {
    this.#parameters.set(name, value.setRequiresGrad().keep());
    return value;
  }

  /** Registers a tensor that is saved but not trained, and returns it. */
  protected buffer(name: string, value: Tensor): Tensor {
    this.#buffers.set(name, value.keep());
    return value;
  }

  /** Registers a part and returns it. */
  protected child<Child extends Module>(name: string, module: Child): Child {
    this.#children.set(name, module);
    return module;
  }

  #collect(of: (module: Module) => Iterable<[string, Tensor]>, prefix: string, into: Map<string, Tensor>): void {
    for (const [name, value] of of(this)) into.set(prefix + name, value);
    for (const [name, child] of this.#children) child.#collect(of, `${prefix}${name}.`, into);
  }

  /** Trained tensors by dotted name. */
  namedParameters(): Map<string, Tensor> {
    const found = new Map<string, Tensor>();
    this.#collect((module) => module.#parameters, "", found);
    return found;
  }

  /** Saved but untrained tensors by dotted name. */
  namedBuffers(): Map<string, Tensor> {
    const found = new Map<string, Tensor>();
    this.#collect((module) => module.#buffers, "", found);
    return found;
  }

  /** Trained tensors in the order of their names' registration. */
  parameters(): Tensor[] {
    return [...this.namedParameters().values()];
  }

  /** Number of trained numbers. */
  parameterCount(): number {
    return this.parameters().reduce((sum, { numel }) => sum + numel, 0);
  }

  /** Everything a checkpoint needs: parameters and buffers. */
  stateDict(): Map<string, Tensor> {
    return new Map([...this.namedParameters(), ...this.namedBuffers()]);
  }

  /**
   * Copies values in, strictly. Floating values are converted to the module's own dtype.
   *
   * @throws UsageError naming every tensor that is missing, unexpected or of another shape; then nothing was changed.
   */
  loadStateDict(values: ReadonlyMap<string, Tensor>): void {
    const own = this.stateDict();
    const problems: string[] = [];
    for (const [name, target] of own) {
      const value = values.get(name);
      if (!value) problems.push(`${name} is missing`);
      else if (value.shape.join() !== target.shape.join()) {
        problems.push(`${name} has shape [${value.shape.join(", ")}], expected [${target.shape.join(", ")}]`);
      }
    }
    for (const name of values.keys()) if (!own.has(name)) problems.push(`${name} is unexpected`);
    if (problems.length > 0) {
      const shown = problems.slice(0, 5).join("; ");
      throw new UsageError(
        `the tensors do not fit the model: ${shown}${problems.length > 5 ? `; and ${problems.length - 5} more` : ""}`,
      );
    }
    noGrad(() => {
      for (const [name, target] of own) target.copy_(values.get(name) as Tensor);
    });
  }

  /** Frees every tensor of this part and of its children. */
  dispose(): void {
    for (const value of this.stateDict().values()) value.dispose();
  }
}
