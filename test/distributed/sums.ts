/** Numbers that processes sum. */

/** Types that are summed in shared memory. */
export type Numbers = "float32" | "float64";

/** One number; an odd count; more than a cache; a slot of shared memory and the first number of the next; several slots. */
export const sizes: readonly number[] = [1, 37, 5001, 131_073, 300_011];

/** Numbers of a rank, of many magnitudes, whose sum depends on its order; small integers where a type has few digits. */
export function numbersOf(dtype: Numbers | "bfloat16" | "int64", rank: number, count: number): number[] {
  const exact = dtype === "bfloat16" || dtype === "int64";
  return Array.from({ length: count }, (_, index) => {
    if (exact) return ((rank + 1) * (index + 3)) % 17;
    const value = Math.sin(1 + index * 0.7 + rank * 12.9) * 10 ** ((index + 3 * rank) % 7);
    return dtype === "float32" ? Math.fround(value) : value;
  });
}

/** ((x_0 + x_1) + x_2) + ... in the arithmetic of the type. */
export function summed(dtype: Numbers, size: number, count: number): number[] {
  const round = dtype === "float32" ? Math.fround : (value: number): number => value;
  const rows = Array.from({ length: size }, (_, rank) => numbersOf(dtype, rank, count));
  return rows.reduce((sums, row) => sums.map((sum, index) => round(sum + row[index])));
}
