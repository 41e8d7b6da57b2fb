/**
 * Writes src/torch/operators.ts and docs/operators.md from the schemas of the operators that the addon exports
 * (native/operators.def). `--check` compares instead of writing and exits 1 where the files are out of date.
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { native, type OperatorSchema, packageRoot } from "../src/torch/native.ts";

const typeOf: Readonly<Record<string, string>> = {
  Tensor: "Handle",
  "Tensor[]": "readonly Handle[]",
  "Tensor?[]": "readonly (Handle | null)[]",
  int: "number",
  "int[]": "number | readonly number[]",
  float: "number",
  "float[]": "readonly number[]",
  bool: "boolean",
  "bool[]": "readonly boolean[]",
  Scalar: "number | boolean",
  "Scalar[]": "readonly number[]",
  str: "string",
  Device: "string",
  Generator: "Handle",
};
const resultType: Readonly<Record<string, string>> = {
  Tensor: "Handle",
  "Tensor[]": "Handle[]",
  Scalar: "number",
  bool: "boolean",
  int: "number",
  float: "number",
};
const reserved = new Set(["in", "function", "default", "var", "new", "this"]);

function identifier(name: string): string {
  return reserved.has(name) ? `${name}Argument` : name;
}

function functionName(operator: OperatorSchema): string {
  return operator.name.replace(/^(aten|riverrun)::/, "") + (operator.overload ? `_${operator.overload}` : "");
}

function functionText(operator: OperatorSchema, index: number): string {
  const lastRequired = operator.arguments.findLastIndex((a) => !a.optional && !a.hasDefault);
  const parameters = operator.arguments.map((argument, position) => {
    const type = typeOf[argument.kind];
    if (type === undefined)
      throw new Error(`${operator.schema}: argument type ${argument.kind} cannot cross the border`);
    const loose = argument.optional || argument.hasDefault;
    const mark = loose && position > lastRequired ? "?" : "";
    return `${identifier(argument.name)}${mark}: ${type}${argument.optional ? " | null" : ""}${loose && !mark ? " | undefined" : ""}`;
  });
  const values = [index, ...operator.arguments.map((a) => identifier(a.name))].join(", ");
  const inPlace = operator.name.endsWith("_") || operator.returns.length === 0;
  const results = operator.returns.map((kind) => {
    const type = resultType[kind];
    if (type === undefined) throw new Error(`${operator.schema}: result type ${kind} cannot cross the border`);
    return type;
  });
  const result = results.length === 1 ? results[0] : `[${results.join(", ")}]`;
  const body = inPlace ? `native.callInPlace(${values})` : `native.call(${values}) as ${result}`;
  return `/** \`${operator.schema}\` */\nexport function ${functionName(operator)}(${parameters.join(", ")}): ${inPlace ? "void" : result} {\n  ${inPlace ? "" : "return "}${body};\n}\n`;
}

/** The text as the project's formatter writes it, so that formatting the file does not make it out of date. */
function formatted(file: string, text: string): string {
  const biome = join(packageRoot, "node_modules", "@biomejs", "biome", "bin", "biome");
  const args = [biome, "format", `--stdin-file-path=${file}`];
  return execFileSync(process.execPath, args, { cwd: packageRoot, input: text, encoding: "utf8" });
}

const operators = native.schemas();
const code = `/**
 * The operators of libtorch that riverrun exports, by handle. Generated from native/operators.def by
 * \`npm run generate:operators\`: change the list, not this file. An operator that writes into its argument returns
 * nothing.
 */
import { type Handle, native } from "./native.ts";

/** Every exported operator in the order of its index. */
export const operatorNames: readonly string[] = [
${operators.map((o) => `  "${o.name}${o.overload ? `.${o.overload}` : ""}",`).join("\n")}
];

${operators.map(functionText).join("\n")}`;

const table = `# Exported operators

The addon exports these ${operators.length} operators of libtorch; \`src/torch/operators.ts\` declares them. Both are generated from
\`native/operators.def\` by \`npm run generate:operators\`, which also writes this page.

| function | schema |
|---|---|
${operators.map((o) => `| \`${functionName(o)}\` | \`${o.schema.replaceAll("|", "\\|")}\` |`).join("\n")}
`;

const check = process.argv.includes("--check");
for (const [file, text] of [
  ["src/torch/operators.ts", formatted("src/torch/operators.ts", code)],
  ["docs/operators.md", table],
] as const) {
  const path = join(packageRoot, file);
  if (!check) {
    writeFileSync(path, text);
  } else if (readFileSync(path, "utf8") !== text) {
    process.stderr.write(`${file} is out of date: run "npm run generate:operators"\n`);
    process.exitCode = 1;
  }
}
