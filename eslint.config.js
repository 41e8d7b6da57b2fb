// Typed lint: promises that nobody awaits, any in the open, and imports that point upwards.
import tseslint from "typescript-eslint";

/** Floors of docs/architecture.md; a file may import from its own floor's allowed list and from below. */
const floors = {
  base: 0,
  torch: 1,
  nn: 2,
  text: 2,
  corpora: 3,
  metrics: 3,
  flow: 4,
  generate: 5,
  lm: 5,
  train: 6,
  serve: 7,
  report: 7,
  experiments: 8,
  bench: 9,
  cli: 10,
};

const upwards = Object.entries(floors)
  .filter(([, floor]) => floor < 10)
  .map(([folder, floor]) => ({
    files: [`src/${folder}/**/*.ts`],
    rules: {
      "no-restricted-imports": /** @type {["error", object]} */ ([
        "error",
        {
          patterns: [
            {
              group: [
                ...Object.entries(floors)
                  .filter(([other, height]) => height > floor || (height === floor && other !== folder))
                  .map(([other]) => `**/${other}/**`),
              ],
              message: "imports point downwards only (docs/architecture.md)",
            },
          ],
        },
      ]),
    },
  }));

export default tseslint.config(
  { ignores: ["dist/**", "build/**", "node_modules/**", ".oracle/**", "coverage/**"] },
  {
    files: ["**/*.ts"],
    languageOptions: { parser: tseslint.parser, parserOptions: { projectService: true } },
    plugins: { "@typescript-eslint": tseslint.plugin },
    rules: {
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-misused-promises": "error",
      "@typescript-eslint/await-thenable": "error",
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/switch-exhaustiveness-check": "error",
      "@typescript-eslint/no-unnecessary-type-assertion": "error",
      eqeqeq: "error",
      "no-console": "error",
    },
  },
  { files: ["examples/**/*.ts"], rules: { "no-console": "off" } },
  ...upwards,
);
