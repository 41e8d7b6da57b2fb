/** Words and vectors out of nowhere, for models whose speed is measured. */
import { Generator, randn, scope } from "../torch/index.ts";

/** w0, w1, ... */
export function wordNames(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `w${index}`);
}

/** Standard normal vectors, rows x dimensions. */
export function randomTable(rows: number, dimensions: number): Float32Array {
  const generator = new Generator(1);
  const table = scope(() => randn([rows * dimensions], generator).data()) as Float32Array;
  generator.dispose();
  return table;
}
