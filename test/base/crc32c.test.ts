import { expect, it } from "vitest";
import { crc32c } from "../../src/base/crc32c.ts";

it.each([
  ["123456789", 0xe3069283],
  ["", 0],
])("crc32c of %j is the published check value", (text, expected) => {
  expect(crc32c(Buffer.from(text))).toBe(expected);
});

it.each([
  [new Uint8Array(32), 0x8a9136aa],
  [new Uint8Array(32).fill(0xff), 0x62a8ab43],
  [Uint8Array.from({ length: 32 }, (_, index) => index), 0x46dd794e],
  [Uint8Array.from({ length: 32 }, (_, index) => 31 - index), 0x113fdb5c],
])("agrees with RFC 3720, appendix B.4 (%#)", (bytes, expected) => {
  expect(crc32c(bytes)).toBe(expected);
});
