/** Numbers that JSON does not have. */

const isBad = (number: unknown): boolean => typeof number === "number" && !Number.isFinite(number);

/** The first NaN or infinity of a value, which is a number, a list of numbers or anything else. */
function badOf(value: unknown): unknown {
  if (value instanceof Float32Array || value instanceof Float64Array) return value.find(isBad);
  return Array.isArray(value) ? value.find(isBad) : isBad(value) ? value : undefined;
}

/** What is wrong with the numbers of a record: its first NaN or infinity, which JSON would write as null. */
export function nonFiniteIn(record: object): string | undefined {
  for (const [field, value] of Object.entries(record)) {
    const bad = badOf(value);
    if (bad !== undefined) return `${field}: the model computes ${String(bad)}: its weights may be damaged`;
  }
  return undefined;
}
