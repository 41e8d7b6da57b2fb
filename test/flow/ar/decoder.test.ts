import { describe, expect, test } from "vitest";
import type { IncrementalDecoder } from "../../../src/flow/index.ts";
import { Generator, noGrad, randn, scope, stack, type Tensor, tensor } from "../../../src/torch/index.ts";
import { contextOf, disturb, inputOf, largest } from "../support.ts";
import { channels, flowOf, variants } from "./support.ts";

/** Longer than one room of a position buffer, and no multiple of it. */
const positions = 20;
const rows = 3;

function withDecoder(decoder: IncrementalDecoder, body: (decoder: IncrementalDecoder) => void): void {
  try {
    body(decoder);
  } finally {
    decoder.dispose();
  }
}

const at = (x: Tensor, t: number): Tensor => x.select(1, t);

describe.each(Object.entries(variants))("%s", (_, config) => {
  const make = (): ReturnType<typeof flowOf> => {
    const flow = flowOf(config, { positions });
    disturb(flow, 0.1);
    return flow;
  };

  test("decoding plainly reproduces x, whether what was inverted is accepted or committed again", () => {
    scope(() =>
      noGrad(() => {
        const flow = make();
        const context = contextOf([positions, positions, positions], positions);
        const x = inputOf(context, channels);
        const { y } = flow.encode(x, context);
        for (const again of [false, true]) {
          withDecoder(flow.decoder(rows), (decoder) => {
            for (let t = 0; t < positions; t++) {
              expect(decoder.position).toBe(t);
              const found = decoder.invert(at(y, t));
              expect(largest(found.sub(at(x, t)))).toBeLessThanOrEqual(1e-9);
              if (again) decoder.commit(found);
              else decoder.accept();
            }
          });
        }
      }),
    );
  });

  test("with snapping, the caches are those of a full pass over the snapped sequence", () => {
    scope(() =>
      noGrad(() => {
        const flow = make();
        const context = contextOf([positions, positions, positions], positions);
        const z = inputOf(context, channels);
        const chosen: Tensor[] = [];
        const latents: Tensor[] = [];
        withDecoder(flow.decoder(rows), (decoder) => {
          for (let t = 0; t < positions; t++) {
            // Anything but the point itself, as a nearby word would be.
            const word = t === 0 ? at(z, t) : decoder.invert(at(z, t)).mul(2).round().div(2);
            chosen.push(word);
            latents.push(decoder.commit(word));
          }
        });
        const full = flow.encode(stack(chosen, 1), context);
        expect(largest(full.y.sub(stack(latents, 1)))).toBeLessThanOrEqual(1e-9);
        expect(largest(full.y.sub(z))).toBeGreaterThan(1e-2);
      }),
    );
  });

  test("selected rows go on as if they had always been there", () => {
    scope(() =>
      noGrad(() => {
        const flow = make();
        const z = inputOf(contextOf([positions, positions, positions], positions), channels);
        const order = [2, 0, 0, 2];
        const turned = z.indexSelect(0, tensor(order, [4], { dtype: "int64" }));
        const whole = flow.decode(turned, contextOf([positions, positions, positions, positions], positions)).x;
        withDecoder(flow.decoder(rows), (decoder) => {
          for (let t = 0; t < positions; t++) {
            // In the middle of a position too: after its latents were inverted, before anything was committed.
            if (t === 7) {
              decoder.invert(at(z, t));
              decoder.select(order);
              expect(decoder.rows).toBe(4);
              decoder.accept();
              continue;
            }
            const found = decoder.invert(at(t < 7 ? z : turned, t));
            if (t > 7) expect(largest(found.sub(at(whole, t)))).toBeLessThanOrEqual(1e-9);
            decoder.accept();
          }
        });
      }),
    );
  });
});

test("a decoder is made of the parameters as they are: one made after a change decodes with them", () => {
  scope(() =>
    noGrad(() => {
      const flow = flowOf(variants["RNN-AR"], { positions });
      const z = randn([rows, channels], new Generator(1), { dtype: "float64" });
      const first = (): Tensor => {
        const decoder = flow.decoder(rows);
        decoder.commit(z);
        const x = decoder.invert(z);
        decoder.dispose();
        return x;
      };
      const before = first();
      disturb(flow);
      expect(largest(first().sub(before))).toBeGreaterThan(1e-3);
      expect(flow.parameters().every((parameter) => !parameter.isDisposed)).toBe(true);
    }),
  );
});

test("a decoder refuses what it cannot do", () => {
  scope(() =>
    noGrad(() => {
      const flow = flowOf(variants["Att-AR"], { positions: 2 });
      const z = randn([1, channels], new Generator(1), { dtype: "float64" });
      expect(() => flow.decoder(0)).toThrow(/at least one row/);
      withDecoder(flow.decoder(1), (decoder) => {
        expect(() => decoder.accept()).toThrow(/nothing was inverted/);
        decoder.commit(z);
        expect(() => decoder.accept()).toThrow(/nothing was inverted/);
        decoder.commit(z);
        expect(() => decoder.invert(z)).toThrow(/has 2 positions; position 2/);
      });
    }),
  );
});
