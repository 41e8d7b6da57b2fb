/** A damaged addon is noticed without being loaded here, where it would end this process. */
import fs from "node:fs";
import path from "node:path";
import { expect, it } from "vitest";
import { addonFault } from "../../src/cli/addonFault.ts";
import { addonPath } from "../../src/torch/native.ts";
import { scratch } from "./support.ts";

it("says what is wrong with an addon that was cut short, and nothing of a whole one", () => {
  expect(addonFault(addonPath)).toBeUndefined();
  const copy = path.join(scratch(), "riverrun.node");
  fs.copyFileSync(addonPath, copy);
  fs.truncateSync(copy, 10);
  expect(addonFault(copy)).toMatch(/riverrun\.node/);
  fs.copyFileSync(addonPath, copy);
  fs.truncateSync(copy, Math.floor(fs.statSync(copy).size / 2));
  expect(addonFault(copy)).toBeTruthy();
});
