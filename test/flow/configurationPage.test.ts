import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { z } from "zod";
import { configSchema, presetConfig } from "../../src/flow/index.ts";

const page = readFileSync(fileURLToPath(new URL("../../docs/configuration.md", import.meta.url)), "utf8");

interface Node {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Node>>;
  readonly enum?: readonly string[];
}

/** The rows of the page's tables: every key without keys of its own, with its description and its value in a preset. */
function rowsOf(node: Node, path: string, value: unknown): string[] {
  if (!node.properties) {
    // <eos> would be taken for HTML.
    const words = (node.description ?? "").replaceAll("<", "\\<");
    const choices = node.enum ? ` (${node.enum.map((choice) => `\`${choice}\``).join(", ")})` : "";
    return [`| \`${path}\` | \`${JSON.stringify(value)}\` | ${words}${words && choices} |`];
  }
  return Object.entries(node.properties).flatMap(([key, child]) =>
    // Its keys are those of train.
    key === "flowTrain"
      ? []
      : rowsOf(child, path === "" ? key : `${path}.${key}`, (value as Record<string, unknown> | undefined)?.[key]),
  );
}

it("describes every key of a configuration", () => {
  const schema: Node = z.toJSONSchema(configSchema, { io: "input" }) as Node;
  const { attentionDecoder } = presetConfig("small-plus");
  const expected = rowsOf(schema, "", { ...presetConfig("small"), attentionDecoder });
  expect(expected.length).toBeGreaterThan(50);
  expect(expected.filter((row) => row.endsWith("|  |"))).toEqual([]);
  expect(page.match(/^\| `.*$/gm)).toEqual(expected);
});
