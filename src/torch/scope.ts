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

/** One running scope: the tensors it owns and the scope around it. */
interface Frame {
  readonly tensors: Disposable[];
  readonly outer: Frame | undefined;
}

let current: Frame | undefined;
const collected = new FinalizationRegistry<Handle>((handle) => native.free(handle));

/** Puts a new tensor under the care of the innermost scope, or of the garbage collector outside any scope. */
export function adopt(tensor: Disposable): void {
  if (current !== undefined) current.tensors.push(tensor);
  else collected.register(tensor, tensor.handle, tensor);
}

/** Takes a tensor out of every scope: from now on it lives until it is disposed of or collected. */
export function release(tensor: Disposable): void {
  for (let frame = current; frame !== undefined; frame = frame.outer) {
    const at = frame.tensors.lastIndexOf(tensor);
    const last = at < 0 ? undefined : frame.tensors.pop();
    if (last === undefined) continue;
    if (last !== tensor) frame.tensors[at] = last;
    collected.register(tensor, tensor.handle, tensor);
    return;
  }
}

/** Forgets a tensor that was disposed of by hand. */
export function forget(tensor: Disposable): void {
  if (current === undefined || current.tensors.at(-1) !== tensor) collected.unregister(tensor);
  else current.tensors.pop();
}

function isDisposable(value: object): value is Disposable {
  return "handle" in value && typeof value.handle === "number" && "dispose" in value;
}

/** Every tensor reachable from a value through arrays, maps, sets and the properties of objects. */
function reachable(value: object): Set<Disposable> {
  const found = new Set<Disposable>();
  const seen = new Set<object>();
  const pending: unknown[] = [value];
  while (pending.length > 0) {
    const next = pending.pop();
    if (typeof next !== "object" || next === null || ArrayBuffer.isView(next) || seen.has(next)) continue;
    seen.add(next);
    if (isDisposable(next)) found.add(next);
    else if (next instanceof Map) for (const [key, entry] of next) pending.push(key, entry);
    else if (next instanceof Set || Array.isArray(next)) for (const element of next) pending.push(element);
    else for (const property of Object.values(next)) pending.push(property);
  }
  return found;
}

const nothing: ReadonlySet<Disposable> = new Set();

function escapingFrom(result: unknown): ReadonlySet<Disposable> {
  if (typeof result !== "object" || result === null) return nothing;
  if (result instanceof Promise) {
    result.catch(() => undefined); // The refusal below is the error to see, not what the orphaned promise rejects with.
    throw new RiverrunError("scope: the function must be synchronous, but it returned a promise");
  }
  return isDisposable(result) ? new Set([result]) : reachable(result);
}

/**
 * Runs `body` and frees every tensor it made, except those reachable from its result (through arrays, maps, sets and
 * public properties; not through closures or private fields), which pass to the scope around it. Scopes nest. The body
 * must be synchronous: tensors made after an `await` would land in somebody else's scope.
 *
 * @throws RiverrunError where the body returns a promise, and whatever the body throws; either way all is freed.
 */
export function scope<Result>(body: () => Result): Result {
  const frame: Frame = { tensors: [], outer: current };
  current = frame;
  if (frame.outer === undefined) native.inScope(true);
  let escaping = nothing;
  try {
    const result = body();
    escaping = escapingFrom(result);
    return result;
  } finally {
    current = frame.outer;
    leave(frame.tensors, escaping);
    if (frame.outer === undefined) native.inScope(false);
  }
}

/** Handles on their way to be freed, passed in one call; grows to the largest scope seen. */
let handles = new Float64Array(256);

function leave(tensors: readonly Disposable[], escaping: ReadonlySet<Disposable>): void {
  if (tensors.length > handles.length) handles = new Float64Array(2 * tensors.length);
  let count = 0;
  for (const tensor of tensors) {
    if (escaping.size > 0 && escaping.has(tensor)) adopt(tensor);
    else handles[count++] = tensor.handle;
  }
  if (count > 0) native.free(handles, count);
}
