/** A disk without room, played by the call that writes. */
import type * as fileSystem from "node:fs";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it, vi } from "vitest";
import { type TrainOptions, train } from "../../src/train/index.ts";
import { microConfig, sameRun, scratch, texts } from "./support.ts";

const disk = vi.hoisted(() => ({ room: Number.POSITIVE_INFINITY }));
vi.mock("node:fs", async (original) => {
  const fs = await original<typeof fileSystem>();
  return {
    ...fs,
    writeSync: (descriptor: number, data: Uint8Array, offset: number, length: number) => {
      disk.room -= length;
      if (disk.room < 0) throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
      return fs.writeSync(descriptor, data, offset, length);
    },
  };
});
afterEach(() => {
  disk.room = Number.POSITIVE_INFINITY;
});

describe("a full disk", () => {
  it("ends the training with the older checkpoint whole, from which it goes on", async () => {
    const whole = join(scratch(), "whole");
    const out = join(scratch(), "full");
    const options: TrainOptions = { config: microConfig(), texts, out: whole };
    (await train(options)).model.dispose();
    const start = (room: number): Promise<unknown> =>
      train({
        ...options,
        out,
        resume: true,
        onEveryStep: ({ step }) => {
          if (step === 6) disk.room = room;
        },
      });
    for (const room of [0, 40_000]) {
      await expect(start(room)).rejects.toThrow(
        /checkpoint of step 6 could not be written.*ENOSPC.*step-000000003, is whole/,
      );
      disk.room = Number.POSITIVE_INFINITY;
      expect(readdirSync(join(out, "training")).sort()).toEqual(["last.json", "step-000000003"]);
      expect(readFileSync(join(out, "training", "last.json"), "utf8")).toContain("step-000000003");
    }
    (await train({ ...options, out, resume: true })).model.dispose();
    expect(sameRun(whole, out)).toBe(true);
  });

  it("says how to go on where it is the best model that finds no room", async () => {
    const out = join(scratch(), "full");
    const options: TrainOptions = { config: microConfig(), texts, out, resume: true };
    const start = train({
      ...options,
      onValidation: ({ step }) => {
        if (step === 4) disk.room = 0;
      },
    });
    await expect(start).rejects.toThrow(
      /cannot write .*full\/config\.json: ENOSPC.*the last checkpoint is whole\. Make room .* go on with --resume/,
    );
    disk.room = Number.POSITIVE_INFINITY;
    (await train(options)).model.dispose();
  });
});
