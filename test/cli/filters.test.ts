/** The commands as filters: JSON lines with ids, restarts by line, latents in a pipe, bad lines far into a file. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { addDecode } from "../../src/cli/commands/decode.ts";
import { addEncode } from "../../src/cli/commands/encode.ts";
import { addPerturb } from "../../src/cli/commands/perturb.ts";
import { addReconstruct } from "../../src/cli/commands/reconstruct.ts";
import { addScore } from "../../src/cli/commands/score.ts";
import { addTrain } from "../../src/cli/commands/train.ts";
import type { AddCommand } from "../../src/cli/program.ts";
import { type Ended, records, run, scratch, sentencesFile, tinyTraining } from "./support.ts";

const folder = scratch();
const model = join(folder, "model");

beforeAll(async () => {
  expect((await run(addTrain, tinyTraining(sentencesFile(folder), model))).code).toBe(0);
});

/** Runs a command on the model with this input. */
function filter(command: AddCommand, args: readonly string[], input: string): Promise<Ended> {
  const [name, ...rest] = args;
  return run(command, [name, "--model", model, ...rest], input);
}

const jsonl = [
  '{"id": "a", "text": "mara sold a red pie ."}',
  '{"id": 7, "words": 1}',
  "not JSON",
  '{"id": {"no": "name"}, "text": "lene sold a warm pie ."}',
  '{"id": 8, "text": ""}',
].join("\n");

describe("JSON lines", () => {
  it("on stdin give texts and ids; every line has its record, in order", async () => {
    const { code, out } = await filter(addScore, ["score", "--jsonl"], jsonl);
    expect(code).toBe(0);
    const rows = records(out);
    expect(rows.map(({ id, line, text }) => [id, line, text])).toEqual([
      ["a", undefined, "mara sold a red pie ."],
      [7, 2, undefined],
      [undefined, 3, undefined],
      [undefined, undefined, "lene sold a warm pie ."],
      [8, 5, undefined],
    ]);
    expect(Object.keys(rows[0])[0]).toBe("id");
    expect(rows[1].error).toContain('string "text"');
    const path = join(folder, "five.jsonl");
    writeFileSync(path, jsonl);
    expect((await filter(addScore, ["score", path], "")).out).toBe(out);
  });

  it("are plain text without --jsonl", async () => {
    const rows = records((await filter(addScore, ["score"], '{"text": "mara"}\n')).out);
    expect(rows).toMatchObject([{ text: '{"text": "mara"}' }]);
  });

  it("name all variants of a text", async () => {
    const args = ["perturb", "--jsonl", "--variants", "2", "--line-numbers"];
    const rows = records((await filter(addPerturb, args, jsonl)).out);
    expect(rows.map(({ id, line, variant }) => [id, line, variant])).toEqual([
      ["a", 1, 0],
      ["a", 1, 1],
      [7, 2, undefined],
      [undefined, 3, undefined],
      [undefined, 4, 0],
      [undefined, 4, 1],
      [8, 5, undefined],
    ]);
  });
});

describe("a run that goes on", () => {
  const lines = Array.from({ length: 150 }, (_, i) =>
    i % 40 === 5 ? "" : `${["mara", "oskar", "lene"][i % 3]} sold a ${["warm", "red"][i % 2]} pie .`,
  );

  it("writes what the whole run would have written after the lines to skip", async () => {
    // The batches of 64 and of 50 lines begin elsewhere: products may round otherwise.
    const figures = (out: string): unknown[] =>
      records(out).map(({ line, error, text, tokens, nelbo }) => [
        line,
        error,
        text,
        tokens,
        nelbo === undefined ? undefined : Number(nelbo).toFixed(3),
      ]);
    const input = `${lines.join("\n")}\n`;
    const whole = figures((await filter(addScore, ["score", "--line-numbers"], input)).out);
    expect(whole).toHaveLength(150);
    expect(whole.map((row) => (row as unknown[])[0])).toEqual(lines.map((_, i) => i + 1));
    for (const done of [1, 6, 64, 149]) {
      const args = ["score", "--line-numbers", "--skip-lines", String(done), "--batch", "50"];
      const rest = await filter(addScore, args, input);
      expect(rest.code).toBe(0);
      expect(figures(rest.out)).toEqual(whole.slice(done));
    }
  });

  it("is done, and no failure, where nothing is left", async () => {
    const path = join(folder, "done.txt");
    writeFileSync(path, "mara sold a red pie .\n\n");
    for (const [command, name] of [
      [addScore, "score"],
      [addReconstruct, "reconstruct"],
    ] as const) {
      expect(await filter(command, [name, "--skip-lines", "2", path], "")).toMatchObject({
        code: 0,
        out: "",
        err: expect.stringContaining("nothing after the 2 lines"),
      });
    }
    const last = await filter(addScore, ["score", "--skip-lines", "1", path], "");
    expect(last.code).toBe(0);
    expect(records(last.out)).toMatchObject([{ line: 2, error: expect.stringContaining("empty") }]);
  });
});

describe("latents", () => {
  it("go through a pipe and come back as the texts of the file's way", async () => {
    const input = '{"id": "a", "text": "mara sold a red pie ."}\n{"text": "oskar sold a warm pie ."}\n';
    const encoded = await filter(addEncode, ["encode", "--jsonl"], input);
    const rows = records(encoded.out);
    expect(rows.map(({ id, text, positions }) => [id, text, positions])).toEqual([
      ["a", "mara sold a red pie .", 8],
      [undefined, "oskar sold a warm pie .", 8],
    ]);
    const decoded = records((await filter(addDecode, ["decode"], encoded.out)).out);
    const file = join(folder, "z.safetensors");
    await filter(addEncode, ["encode", "--jsonl", "--out", file], input);
    const fromFile = records((await filter(addDecode, ["decode", file], "")).out);
    expect(decoded.map(({ text }) => text)).toEqual(fromFile.map(({ text }) => text));
    expect(decoded[0]).toEqual({ id: "a", text: fromFile[0].text });
  });

  it("that are none are errors by line", async () => {
    const bad = [
      '{"positions": 3, "values": []}',
      '{"positions": 2, "values": [1]}',
      '{"positions": 2}',
      `{"positions": 2, "values": [${new Array<number>(32).fill(0).join()}]}`,
    ];
    const rows = records((await filter(addDecode, ["decode"], `${bad.join("\n")}\n`)).out);
    expect(rows).toMatchObject([
      { line: 1, error: expect.stringContaining("positions: expected a multiple of 2 up to 16, got 3") },
      { line: 2, error: expect.stringContaining("2 x 16 = 32 numbers, got 1") },
      { line: 3, error: expect.stringContaining('"values"') },
      { text: expect.any(String) },
    ]);
  });
});

it("a NUL byte far into the input costs its line, not the run", async () => {
  const line = "mara sold a red pie .\n";
  const many = 4000;
  const input = `${line.repeat(many)}mara sold a \0 pie .\n${line}`;
  const { code, out } = await filter(addScore, ["score", "--skip-lines", String(many - 1)], input);
  expect(code).toBe(0);
  expect(records(out)).toMatchObject([{}, { line: many + 1, error: "the line holds a NUL byte" }, {}]);
});

// The recipe of docs/filters.md: keep the whole lines of what a killed run has written, skip as many, append.
it.skipIf(process.platform === "win32" || !existsSync("/bin/sh"))("the recipe drops a torn line", () => {
  const torn = join(folder, "torn.jsonl");
  writeFileSync(torn, '{"text":"a"}\n{"text":"b"}\n{"te');
  const script = 'n=$(wc -l < "$1"); head -n "$n" "$1" > "$1.whole"; mv "$1.whole" "$1"; echo "$n"';
  const done = spawnSync("/bin/sh", ["-c", script, "sh", torn], { encoding: "utf8" });
  expect(done.stdout.trim()).toBe("2");
  expect(spawnSync("cat", [torn], { encoding: "utf8" }).stdout).toBe('{"text":"a"}\n{"text":"b"}\n');
});

it.skipIf(process.platform === "win32" || !existsSync("/bin/sh"))(
  "the recipe drops a line begun, whatever its id",
  () => {
    const torn = join(folder, "begun.jsonl");
    const kept = '{"id":"a","line":12,"variant":0}\n{"id":7,"line":12,"variant":1}\n';
    const begun = [
      '{"line":2,"variant":0}',
      '{"id":7,"line":2,"variant":1}',
      '{"id":"a, \\"b\\"","line":2,"variant":2}',
    ];
    writeFileSync(torn, `${kept}${begun.join("\n")}\n{"id":"a, b","li`);
    const recipe = readFileSync(join(import.meta.dirname, "..", "..", "docs", "filters.md"), "utf8");
    const lines =
      /n=\$\(wc -l < out\.jsonl\)\nlast=[^]*?mv out\.jsonl\.whole out\.jsonl\n/.exec(recipe)?.[0] ?? "false";
    const script = lines.replaceAll("out.jsonl", "begun.jsonl");
    expect(spawnSync("/bin/sh", ["-ec", script], { cwd: folder, encoding: "utf8" })).toMatchObject({
      status: 0,
      stderr: "",
    });
    expect(readFileSync(torn, "utf8")).toBe(kept);
  },
);
