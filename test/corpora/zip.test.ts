import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { crc32, deflateRawSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { extractZip, listZip, readZip } from "../../src/base/zip.ts";
import { unpack } from "../../src/corpora/fetch/unpack.ts";
import { put, scratch, storedZip } from "./support.ts";

const folder = scratch();
const files = { "a.txt": Buffer.from("hello\n"), "deep/b.bin": Buffer.alloc(100_000, 7), "empty.txt": Buffer.alloc(0) };

describe("zip archives", () => {
  test.each([false, true])("are unpacked whole, with 64-bit sizes: %s", async (is64) => {
    const archive = put(folder, `good${is64}.zip`, storedZip(files, crc32, is64));
    const into = join(folder, `out${is64}`);
    mkdirSync(into);
    await unpack(archive, "zip", into);
    for (const [name, data] of Object.entries(files)) expect(readFileSync(join(into, name)).equals(data)).toBe(true);
    expect(existsSync(join(into, ".unpacking"))).toBe(false);
  });

  test("that Python wrote are read, compressed files too", async () => {
    const archive = join(folder, "python.zip");
    const script =
      "import sys,zipfile\nz=zipfile.ZipFile(sys.argv[1],'w',zipfile.ZIP_DEFLATED)\nz.writestr('x/', '')\nz.writestr('x/y.txt', 'line\\n'*50000)\nz.close()";
    execFileSync("python3", ["-c", script, archive]);
    const [entry] = listZip(archive);
    expect(entry).toMatchObject({ name: "x/y.txt", bytes: 250_000, method: 8 });
    await extractZip(archive, entry, join(folder, "y.txt"));
    expect(readFileSync(join(folder, "y.txt"), "utf8")).toBe("line\n".repeat(50_000));
    expect(readZip(archive, entry).toString()).toBe("line\n".repeat(50_000));
  });

  test.each(["../evil.txt", "/etc/evil", "a/../../evil", "C:/evil", "..\\evil", "a//b"])(
    "that would write %s are refused",
    async (name) => {
      const archive = put(folder, "evil.zip", storedZip({ [name]: Buffer.from("x") }, crc32));
      const into = join(folder, "evil");
      mkdirSync(into, { recursive: true });
      await expect(unpack(archive, "zip", into)).rejects.toThrow("unsafe name");
      expect(existsSync(join(folder, "evil.txt"))).toBe(false);
    },
  );

  test("that are damaged, cut or none are refused with a reason", async () => {
    const good = storedZip(files, crc32);
    const reject = async (bytes: Buffer, reason: RegExp): Promise<void> => {
      const into = join(folder, "bad");
      mkdirSync(into, { recursive: true });
      await expect(unpack(put(folder, "bad.zip", bytes), "zip", into)).rejects.toThrow(reason);
    };
    await reject(good.subarray(0, good.length - 30), /not a whole zip archive/);
    await reject(Buffer.from("no archive"), /not a whole zip archive: it has no directory/);
    await reject(Buffer.alloc(0), /not a whole zip archive/);
    const flipped = Buffer.from(good);
    flipped[36] ^= 1; // a byte of a.txt
    await reject(flipped, /a.txt: the archive is damaged/);
    await reject(
      storedZip({ "a.txt": Buffer.from("x") }, () => 1),
      /the archive is damaged/,
    );
  });

  test("that claim a small size and unpack to a large one are stopped", async () => {
    const data = deflateRawSync(Buffer.alloc(50_000_000));
    const archive = storedZip({ "bomb.txt": data }, crc32);
    // Compression 8 in the directory; the sizes stay those of the compressed bytes.
    const directory = archive.indexOf(Buffer.from([0x50, 0x4b, 1, 2]));
    archive.writeUInt16LE(8, directory + 10);
    const path = put(folder, "bomb.zip", archive);
    await expect(extractZip(path, listZip(path)[0], join(folder, "bomb.txt"))).rejects.toThrow(
      "larger than the archive says",
    );
    expect(() => readZip(path, listZip(path)[0])).toThrow("cannot be unpacked");
  });

  test("mutated at any byte never crash or hang", async () => {
    const good = storedZip({ "a.txt": Buffer.from("hello"), "b.txt": Buffer.from("world") }, crc32, true);
    let refused = 0;
    for (let at = 0; at < good.length; at++) {
      const bytes = Buffer.from(good);
      bytes[at] ^= 0xff;
      const path = put(folder, "mutated.zip", bytes);
      try {
        for (const entry of listZip(path)) {
          const whole = readZip(path, entry);
          await extractZip(path, entry, join(folder, "mutated.txt"));
          expect(readFileSync(join(folder, "mutated.txt")).equals(whole)).toBe(true);
        }
      } catch (error) {
        expect(error).toHaveProperty("name", "RiverrunError");
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(100);
  });
});
