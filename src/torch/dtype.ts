/** Element types and their codes in libtorch (c10::ScalarType). */
import { UsageError } from "../base/errors.ts";

/** Element types of tensors. Computation uses the first three; the others carry ids, masks and files. */
export type DType = "float64" | "float32" | "bfloat16" | "float16" | "int64" | "int32" | "uint8" | "bool";

const codes: Readonly<Record<DType, number>> = {
  uint8: 0,
  int32: 3,
  int64: 4,
  float16: 5,
  float32: 6,
  float64: 7,
  bool: 11,
  bfloat16: 15,
};
const names = new Map<number, DType>(Object.entries(codes).map(([name, code]) => [code, name as DType]));

/** libtorch's code of a dtype. @throws UsageError for an unknown name. */
export function dtypeCode(dtype: DType): number {
  const code = codes[dtype];
  if (code === undefined)
    throw new UsageError(`unknown dtype "${dtype}": expected one of ${Object.keys(codes).join(", ")}`);
  return code;
}

/** The dtype of a code. @throws UsageError for a type that riverrun does not use. */
export function dtypeOfCode(code: number): DType {
  const name = names.get(code);
  if (name === undefined) throw new UsageError(`tensors of libtorch's scalar type ${code} are not supported`);
  return name;
}

/** Whether values are real numbers of limited precision. */
export function isFloating(dtype: DType): boolean {
  return dtype === "float64" || dtype === "float32" || dtype === "bfloat16" || dtype === "float16";
}
