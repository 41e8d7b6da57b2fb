/** Numbers that JSON does not have. */

/** What is wrong with the numbers of a record: its first NaN or infinity, which JSON would write as null. */
export function nonFiniteIn(record: object): string | undefined {
  for (const [field, value] of Object.entries(record)) {
    const numbers: readonly unknown[] = Array.isArray(value) ? value : [value];
    const bad = numbers.find((number) => typeof number === "number" && !Number.isFinite(number));
    if (bad !== undefined) return `${field}: the model computes ${String(bad)}: its weights may be damaged`;
  }
  return undefined;
}
