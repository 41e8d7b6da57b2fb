/** The tensors inside plain records and lists, for what has to live outside scopes. */
import { Tensor } from "../../torch/tensor.ts";

/** Every tensor of a record or list, however nested. */
export function tensorsOf(value: object | undefined): Tensor[] {
  if (value === undefined) return [];
  if (value instanceof Tensor) return [value];
  return Object.values(value).flatMap((part: unknown) =>
    typeof part === "object" && part !== null ? tensorsOf(part) : [],
  );
}
