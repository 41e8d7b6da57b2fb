import { describe, expect, test } from "vitest";
import { BadRecordTally, readParallel, romanianLetters } from "../../src/corpora/index.ts";
import { collect, put, scratch } from "./support.ts";

const folder = scratch();

describe("parallel text", () => {
  test("comes pair by pair, with origins", async () => {
    const source = put(folder, "a.ro", "Bun\u0103 ziua.\nPa.\n");
    const target = put(folder, "a.en", "Good day.\nBye.");
    const origin = put(folder, "a.origin", "x\ny\n");
    expect(await collect(readParallel({ source, target, origin }))).toEqual([
      { line: 1, source: "Bun\u0103 ziua.", target: "Good day.", origin: "x" },
      { line: 2, source: "Pa.", target: "Bye.", origin: "y" },
    ]);
    expect((await collect(readParallel({ source, target })))[0].origin).toBeNull();
  });

  test("needs as many lines on both sides, also where bad records are skipped", async () => {
    const source = put(folder, "b.ro", "a\nb\nc\n");
    const target = put(folder, "b.en", "a\nb\n");
    await expect(collect(readParallel({ source, target }, new BadRecordTally()))).rejects.toThrow(
      `${target} has 2 lines, ${source} has more`,
    );
  });

  test("pairs with an empty or undecodable side are bad records of that side", async () => {
    const source = put(
      folder,
      "c.ro",
      Buffer.concat([Buffer.from("a\n\n"), Buffer.from([0xff, 10]), Buffer.from("d\n")]),
    );
    const target = put(folder, "c.en", "a\nb\nc\nd\n");
    const tally = new BadRecordTally();
    const pairs = await collect(readParallel({ source, target }, tally));
    expect(pairs.map((pair) => pair.line)).toEqual([1, 4]);
    expect(tally.first).toEqual([
      { file: source, line: 2, reason: "the line is empty" },
      { file: source, line: 3, reason: "the line is not UTF-8" },
    ]);
    await expect(collect(readParallel({ source, target }))).rejects.toThrow(`${source}:2: the line is empty`);
  });

  test("reads WMT's .sgm files", async () => {
    const sgm = (texts: string[]): string =>
      `<srcset setid="x" srclang="any">\n<doc docid="d">\n<p>\n${texts.map((text, index) => `<seg id="${index + 1}">${text}</seg>\n`).join("")}</p>\n</doc>\n</srcset>\n`;
    const source = put(folder, "d.ro.sgm", sgm(["Unu &amp; doi", "&lt;trei&gt; &amp;lt;"]));
    const target = put(folder, "d.en.sgm", sgm(["One &amp; two", " &quot;three&quot; "]));
    expect((await collect(readParallel({ source, target }))).map((pair) => [pair.source, pair.target])).toEqual([
      ["Unu & doi", "One & two"],
      ["<trei> &lt;", '"three"'],
    ]);
    const broken = put(folder, "e.sgm", "<seg id=1>one</seg>\n<seg id=2>two\n");
    await expect(collect(readParallel({ source: broken, target }))).rejects.toThrow(
      `${broken}:2: expected <seg>...</seg> on one line`,
    );
  });

  test("Romanian letters with a cedilla become those with a comma below, once for all", () => {
    const old = "\u015fi \u0163ar\u0103 \u015eI \u0162AR\u0102 s\u0327 T\u0327 t\u0326 \u00e7 \u0219\u021b";
    const modern = "\u0219i \u021bar\u0103 \u0218I \u021aAR\u0102 \u0219 \u021a \u021b \u00e7 \u0219\u021b";
    expect(romanianLetters(old)).toBe(modern);
    expect(romanianLetters(modern)).toBe(modern);
  });
});
