import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { LIBTORCH_VERSION } from "../../scripts/setup/wheels.mjs";
import { native, packageRoot } from "../../src/torch/native.ts";
import * as operators from "../../src/torch/operators.ts";

const declared = readFileSync(join(packageRoot, "native/operators.def"), "utf8")
  .split("\n")
  .map((line) => /^(OPERATOR|FUSED)\((\w+)(?:, (\w*))?\)$/.exec(line))
  .filter((match) => match !== null)
  .map(
    ([, kind, name, overload]) => `${kind === "FUSED" ? "riverrun" : "aten"}::${name}${overload ? `.${overload}` : ""}`,
  );

it("exports exactly the operators of the list, in its order, once each", () => {
  const exported = native.schemas().map(({ name, overload }) => (overload ? `${name}.${overload}` : name));
  expect(exported).toEqual(declared);
  expect(operators.operatorNames).toEqual(declared);
  expect(new Set(declared).size).toBe(declared.length);
});

it("declares one TypeScript function for each operator", () => {
  const functions = Object.keys(operators).filter((name) => name !== "operatorNames");
  const names = declared.map((name) => name.replace(/^(aten|riverrun)::/, "").replace(".", "_"));
  expect(functions.toSorted()).toEqual(names.toSorted());
});

// Other versions of libtorch spell some types of the same signatures in another way.
it.runIf(native.build().torch === LIBTORCH_VERSION)("has generated files that are up to date", () => {
  const generator = join(packageRoot, "scripts/generate-operators.ts");
  execFileSync(process.execPath, ["--import", "tsx", generator, "--check"], { cwd: packageRoot });
});
