/**
 * Lifetime of tensors. Inside `scope` every new tensor belongs to the scope and is freed when it ends, except what the
 * function returns; outside any scope the garbage collector is the safety net. Deterministic freeing is what keeps a
 * training step fast: left to the collector, activations made a step 2.5 times slower.
 */
import { RiverrunError } from "../base/errors.ts";
import { type Handle, native } from "./native.ts";

/** What a scope owns: something that names a native tensor. */
export interface Disposable {
  readonly handle: Handle;
}

let current: Disposable[] | undefined;
const collected = new FinalizationRegistry<Handle>((handle) => native.free(handle));

/** Puts a new tensor under the care of the innermost scope, or of the garbage collector outside any scope. */
export function adopt(tensor: Disposable): void {
  if (current) current.push(tensor);
  else collected.register(tensor, tensor.handle, tensor);
}

/** Takes a tensor out of every scope: from now on it lives until it is disposed of or collected. */
export function release(tensor: Disposable): void {
  kept.add(tensor);
  collected.register(tensor, tensor.handle, tensor);
}

/** The tensors that `release` took out; the scopes pass over them. */
const kept = new WeakSet<Disposable>();

/** Forgets a tensor that was disposed of by hand. */
export function forget(tensor: Disposable): void {
  collected.unregister(tensor);
}

function isDisposable(value: object): value is Disposable {
  return "handle" in value && typeof value.handle === "number" && "dispose" in value;
}

/** Every tensor reachable from a returned value through arrays, maps, sets and the properties of objects. */
function reachable(value: unknown, found: Set<Disposable>, seen: Set<object>): void {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value) || seen.has(value)) return;
  if (isDisposable(value)) {
    found.add(value);
    return;
  }
  seen.add(value);
  if (value instanceof Map || value instanceof Set) {
    for (const entry of value) reachable(entry, found, seen);
  } else if (Array.isArray(value)) {
    for (const element of value) reachable(element, found, seen);
  } else {
    for (const property of Object.values(value)) reachable(property, found, seen);
  }
}

/**
 * Runs `body` and frees every tensor it made, except those reachable from its result, which pass to the scope around
 * it. Scopes nest. The body must be synchronous: tensors made after an `await` would land in somebody else's scope.
 *
 * @throws RiverrunError where the body returns a promise.
 */
export function scope<Result>(body: () => Result): Result {
  const outer = current;
  const mine: Disposable[] = [];
  current = mine;
  let result: Result;
  try {
    result = body();
    if (result instanceof Promise) {
      throw new RiverrunError("scope: the function must be synchronous, but it returned a promise");
    }
  } catch (error) {
    current = outer;
    freeAll(mine, new Set());
    throw error;
  }
  current = outer;
  const escaping = new Set<Disposable>();
  if (typeof result === "object" && result !== null) reachable(result, escaping, new Set());
  freeAll(mine, escaping);
  return result;
}

function freeAll(tensors: readonly Disposable[], escaping: ReadonlySet<Disposable>): void {
  const handles: Handle[] = [];
  for (const tensor of tensors) {
    if (kept.has(tensor)) continue;
    if (escaping.has(tensor)) adopt(tensor);
    else handles.push(tensor.handle);
  }
  if (handles.length > 0) native.free(handles);
}
