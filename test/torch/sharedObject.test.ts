import { copyFileSync, mkdtempSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { addonPath } from "../../src/torch/native.ts";
import { missingBytes } from "../../src/torch/sharedObject.ts";

const folder = mkdtempSync(join(tmpdir(), "riverrun-shared-object-"));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe.skipIf(process.platform !== "linux")("a shared object", () => {
  test("is whole as it was built", () => {
    expect(missingBytes(addonPath)).toBe(0);
  });

  test.each([1, 4096])("lacks the %i bytes that were cut off", (cut) => {
    const path = join(folder, "cut.node");
    copyFileSync(addonPath, path);
    truncateSync(path, statSync(addonPath).size - cut);
    expect(missingBytes(path)).toBe(cut);
  });
});

test("files of another kind lack nothing that can be told", () => {
  const path = join(folder, "text.node");
  for (const text of ["", "short", "x".repeat(200)]) {
    writeFileSync(path, text);
    expect(missingBytes(path)).toBe(0);
  }
});
