/** Says where a JSON text is wrong; `JSON.parse` often does not. */

/** The first fault of a text. */
export interface JsonFault {
  /** UTF-16 offset of the first character that cannot stand there. */
  readonly offset: number;
  /** Keys and indices down to the value with the fault. */
  readonly path: readonly (string | number)[];
  readonly reason: string;
}

const space = /[ \t\n\r]*/y;
const scalar = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y;
const escape = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

function matchAt(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}

/** The first fault of a text that `JSON.parse` refuses (RFC 8259's grammar). */
export function locateJsonFault(text: string): JsonFault {
  const frames: { readonly isList: boolean; part: string | number }[] = [];
  let at = 0;
  let expects: "value" | "firstValue" | "firstKey" | "key" | "after" = "value";
  const fault = (reason: string, offset = at): JsonFault => ({
    offset,
    path: frames.map((frame) => frame.part),
    reason,
  });
  const found = (): string => (at >= text.length ? "the end" : JSON.stringify(text.slice(at, at + 12)));
  const skip = (): void => {
    at += matchAt(space, text, at)?.length ?? 0;
  };
  const readString = (): string | JsonFault => {
    let end = at + 1;
    for (;;) {
      if (end >= text.length) return fault("the string does not end", text.length);
      const unit = text.charCodeAt(end);
      if (unit === 0x22) return text.slice(at, end + 1);
      if (unit < 0x20) return fault("the string holds a control character that is not escaped", end);
      if (unit !== 0x5c) end++;
      else {
        const escaped = matchAt(escape, text, end);
        if (escaped === undefined)
          return fault(`the string holds a wrong escape, ${JSON.stringify(text.slice(end, end + 2))}`, end);
        end += escaped.length;
      }
    }
  };
  for (;;) {
    skip();
    const frame = frames.at(-1);
    const character = text[at];
    if (expects === "after") {
      if (!frame) return fault(at < text.length ? `expected the end, found ${found()}` : "the text is valid JSON");
      const close = frame.isList ? "]" : "}";
      if (character === ",") {
        at++;
        if (typeof frame.part === "number") frame.part++;
        expects = frame.isList ? "value" : "key";
      } else if (character === close) {
        at++;
        frames.pop();
      } else return fault(`expected "," or "${close}", found ${found()}`);
    } else if (expects === "key" || expects === "firstKey") {
      if (expects === "firstKey" && character === "}") {
        at++;
        frames.pop();
        expects = "after";
        continue;
      }
      if (character !== '"') return fault(`expected a key, found ${found()}`);
      const key = readString();
      if (typeof key !== "string") return key;
      at += key.length;
      if (frame) frame.part = JSON.parse(key) as string;
      skip();
      if (text[at] !== ":") return fault(`expected ":", found ${found()}`);
      at++;
      expects = "value";
    } else if (expects === "firstValue" && character === "]") {
      at++;
      frames.pop();
      expects = "after";
    } else if (character === "{" || character === "[") {
      at++;
      frames.push({ isList: character === "[", part: character === "[" ? 0 : "" });
      expects = character === "[" ? "firstValue" : "firstKey";
    } else {
      const value = character === '"' ? readString() : matchAt(scalar, text, at);
      if (value === undefined) return fault(`expected a value, found ${found()}`);
      if (typeof value !== "string") return value;
      at += value.length;
      expects = "after";
    }
  }
}
