/** Checked access to what JSON.parse returns. Every function throws a FieldError that names path, expected and found. */
import { FieldError } from "./badRecords.ts";

/** What `JSON.parse` calls an object. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** A word for the type of a JSON value. */
export function kindOf(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "an object";
  if (typeof value === "string") return "a string";
  return typeof value === "number" ? `the number ${value}` : String(value);
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function asObject(value: unknown, path: string): JsonObject {
  if (!isObject(value)) throw new FieldError(path, `expected an object, found ${kindOf(value)}`);
  return value;
}

export function asList(value: unknown, path: string): readonly unknown[] {
  if (!Array.isArray(value)) throw new FieldError(path, `expected a list, found ${kindOf(value)}`);
  return value;
}

/** The value under a key that the object itself has; undefined otherwise. */
export function own(object: JsonObject, key: string): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

export function listField(object: JsonObject, key: string, path: string): readonly unknown[] {
  return asList(own(object, key), `${path}.${key}`);
}

export function stringField(object: JsonObject, key: string, path: string): string {
  const value = own(object, key);
  if (typeof value !== "string") throw new FieldError(`${path}.${key}`, `expected a string, found ${kindOf(value)}`);
  return value;
}

export function integerField(object: JsonObject, key: string, path: string): number {
  const value = own(object, key);
  if (typeof value !== "number" || !Number.isSafeInteger(value)) {
    throw new FieldError(`${path}.${key}`, `expected an integer, found ${kindOf(value)}`);
  }
  return value;
}

export function asNumber(value: unknown, path: string): number {
  if (typeof value !== "number" || !Number.isFinite(value)) {
    throw new FieldError(path, `expected a number, found ${kindOf(value)}`);
  }
  return value;
}

/** `.a.b[0]` without the leading dot, after the place of the record itself. */
export function joinPlace(place: string, path: string): string {
  const joined = place + path;
  return joined.startsWith(".") ? joined.slice(1) : joined;
}
