import { expect, test } from "vitest";
import { errorOfExitCode, messageOf, UsageError } from "../../src/base/errors.ts";

test("a message is one short line without control characters, whatever a file put into it", () => {
  expect(messageOf(new UsageError("a.json: expected\n\tJSON"))).toBe("a.json: expected JSON");
  expect(messageOf("\u001b[2Jx\u2028y\u202ez\u0000")).toBe("[2Jx y z");
  const long = messageOf(new Error(`a.json: ${"x".repeat(3_000_000)} is no key`));
  expect(long.length).toBeLessThan(2000);
  expect(long).toMatch(/^a\.json: x+ \[\.\.\.\] x+ is no key$/);
  expect(messageOf(`${"x".repeat(749)}\u{1f600}${"x".repeat(1000)}`)).not.toMatch(/\p{Cs}/u);
});

test("a failure of another process is of the kind that its exit code says", () => {
  for (const [code, name] of [
    [1, "RiverrunError"],
    [2, "UsageError"],
    [3, "DataMissingError"],
    [137, "RiverrunError"],
  ] as const) {
    expect(errorOfExitCode("no", code)).toMatchObject({ name, message: "no", exitCode: code === 137 ? 1 : code });
  }
});
