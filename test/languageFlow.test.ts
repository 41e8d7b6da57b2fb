import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { LanguageFlow } from "../src/languageFlow.ts";
import { scratch } from "./folders.ts";
import { microConfig, texts } from "./train/support.ts";

it("trains, writes a report and scores; a folder read again scores the same", async () => {
  const out = join(scratch(), "flow");
  const flow = await LanguageFlow.train({ config: microConfig({ maxSteps: 2 }), texts, out });
  expect(existsSync(join(out, "report.html"))).toBe(true);
  expect(LanguageFlow.load(out).score(texts)).toEqual(flow.score(texts));
});

it("refuses a configuration that no command line would let through, before anything is written", async () => {
  const out = join(scratch(), "wrong");
  await expect(LanguageFlow.train({ config: microConfig({ maxSteps: Number("many") }), texts, out })).rejects.toThrow(
    /^config: train\.maxSteps: .*NaN/,
  );
  expect(existsSync(out)).toBe(false);
});
