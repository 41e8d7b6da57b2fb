import { describe, expect, test } from "vitest";
import { type Bijection, CausalCoupling, type CausalFlow, Reversed } from "../../../src/flow/index.ts";
import { Adam } from "../../../src/nn/index.ts";
import { cat, Generator, grad, noGrad, randn, scope, type Tensor } from "../../../src/torch/index.ts";
import { contextOf, disturb, initOf, inputOf, largest, logAbsDet, numericJacobian } from "../support.ts";
import { alternating, base, channels, drawn, left, positions } from "./support.ts";

interface Kind {
  readonly make: (seed: number) => Bijection;
  /** Position t of the latents depends on positions up to t alone. */
  readonly causal: boolean;
  /** Before training it is the identity. */
  readonly identity?: boolean;
}

const coupling = (seed: number, seesSecond: boolean): CausalCoupling =>
  new CausalCoupling(
    initOf(seed),
    { positions, channels, seesSecond, bound: 2 },
    { width: 8, layers: 2, heads: 2, positionEncoding: "learned", dropout: 0 },
  );

const kinds: Record<string, Kind> = {
  "causal coupling, first half seen": { make: (seed) => coupling(seed, false), causal: true, identity: true },
  "causal coupling, second half seen": { make: (seed) => coupling(seed, true), causal: true, identity: true },
  "causal, Gaussian": { make: (seed) => left(seed, { head: "gaussian" }), causal: true, identity: true },
  "causal, Gaussian behind 2 couplings": {
    make: (seed) => left(seed, { head: "gaussian", steps: 2 }),
    causal: true,
    identity: true,
  },
  "causal, codebook": { make: (seed) => left(seed, {}), causal: true },
  "causal, codebook behind 3 couplings": { make: (seed) => left(seed, { steps: 3 }), causal: true },
  "causal, logistics": { make: (seed) => left(seed, { head: "logistic" }), causal: true },
  "causal, logistics, channels in turn": {
    make: (seed) => left(seed, { head: "logistic", channelOrder: "autoregressive" }),
    causal: true,
  },
  "causal, logistics in turn behind 1 coupling": {
    make: (seed) => left(seed, { head: "logistic", channelOrder: "autoregressive", steps: 1 }),
    causal: true,
  },
  reversed: { make: (seed) => new Reversed(left(seed, { head: "gaussian" })), causal: false, identity: true },
  "tarflow, Gaussian": { make: (seed) => alternating(seed, { head: "gaussian" }), causal: false, identity: true },
  "tarflow, codebook": { make: (seed) => alternating(seed, {}), causal: false },
};

const lengths = [6, 4, 1];

describe.each(Object.entries(kinds))("%s", (_, { make, causal, identity }) => {
  test("points of the model are inverted to 1e-9, the log-determinant is the numeric Jacobian's to 1e-8", () => {
    noGrad(() =>
      scope(() => {
        const map = make(1);
        disturb(map);
        const context = contextOf(lengths, positions);
        const x = drawn(map, context, channels);
        const { y, logDet } = map.encode(x, context);
        const back = map.decode(y, context);
        expect(y.shape).toEqual(x.shape);
        expect(logDet.shape).toEqual([lengths.length]);
        expect(logDet.dtype).toBe("float64");
        expect(largest(back.x.sub(x))).toBeLessThanOrEqual(1e-9);
        expect(largest(back.logDet.add(logDet))).toBeLessThanOrEqual(1e-9);
        expect(largest(y.sub(x))).toBeGreaterThan(1e-3);
        const pads = context.mask.neg().add(1);
        expect(largest(y.mul(pads))).toBe(0);
        expect(largest(back.x.mul(pads))).toBe(0);
        const alone = contextOf([4], positions);
        const one = x.slice(0, 1, 2).contiguous();
        const jacobian = numericJacobian((input) => map.encode(input, alone).y, one, 4);
        expect(Math.abs(logAbsDet(jacobian) - logDet.slice(0, 1, 2).item())).toBeLessThanOrEqual(1e-8);
      }),
    );
  });

  test("the density is the latents' and the log-determinant, and knows no pads, other rows or their order", () => {
    noGrad(() =>
      scope(() => {
        const map = make(1);
        disturb(map);
        const context = contextOf(lengths, positions);
        const x = drawn(map, context, channels);
        const { y, logDet } = map.encode(x, context);
        const normal = y
          .square()
          .sum([1, 2])
          .mul(-0.5)
          .sub(context.counts.mul(0.5 * channels * Math.log(2 * Math.PI)));
        const density = map.logDensity(x, context);
        expect(density.dtype).toBe("float64");
        expect(largest(density.sub(normal.add(logDet)))).toBeLessThanOrEqual(1e-8);
        const turned = map.logDensity(x.flip(0), contextOf([...lengths].reverse(), positions));
        expect(largest(turned.flip(0).sub(density))).toBeLessThanOrEqual(1e-11);
        // The second text alone, without its pads.
        const alone = map.encode(x.slice(0, 1, 2).slice(1, 0, 4).contiguous(), contextOf([4], 4));
        expect(largest(alone.y.sub(y.slice(0, 1, 2).slice(1, 0, 4)))).toBeLessThanOrEqual(1e-11);
        expect(Math.abs(alone.logDet.item() - logDet.slice(0, 1, 2).item())).toBeLessThanOrEqual(1e-10);
      }),
    );
  });

  if (causal) {
    test("what comes later changes nothing, bit for bit, in either direction", () => {
      noGrad(() =>
        scope(() => {
          const map = make(1);
          disturb(map);
          const context = contextOf([positions, positions], positions);
          const x = drawn(map, context, channels);
          const { y } = map.encode(x, context);
          const { x: back } = map.decode(y, context);
          for (let t = 0; t < positions; t++) {
            const change = (of: Tensor): Tensor => {
              const other = of.clone();
              other.slice(1, t, t + 1).copy_(randn([2, 1, channels], new Generator(70 + t), { dtype: "float64" }));
              return other;
            };
            expect(
              map
                .encode(change(x), context)
                .y.slice(1, 0, t)
                .equal(y.slice(1, 0, t)),
            ).toBe(true);
            expect(
              map
                .decode(change(y), context)
                .x.slice(1, 0, t)
                .equal(back.slice(1, 0, t)),
            ).toBe(true);
          }
        }),
      );
    });
  } else {
    test("every position changes every latent", () => {
      noGrad(() =>
        scope(() => {
          const map = make(1);
          disturb(map, 0.4);
          const context = contextOf([positions], positions);
          const x = drawn(map, context, channels);
          const last = x.clone();
          last.slice(1, positions - 1).mul_(0.9);
          const moved = map.encode(last, context).y.sub(map.encode(x, context).y).abs();
          expect(moved.select(1, 0).amax().item()).toBeGreaterThan(1e-6);
        }),
      );
    });
  }

  test("saved and loaded it is the same map", () => {
    scope(() =>
      noGrad(() => {
        const map = make(1);
        disturb(map);
        const other = make(2);
        other.loadStateDict(map.stateDict());
        const context = contextOf(lengths, positions);
        const x = drawn(map, context, channels);
        const { y } = map.encode(x, context);
        expect(other.encode(x, context).y.equal(y)).toBe(true);
        expect(other.decode(y, context).x.equal(map.decode(y, context).x)).toBe(true);
      }),
    );
  });

  test("nothing stale is kept: after an optimiser step on the density the round trip still closes", () => {
    scope(() => {
      const map = make(1);
      disturb(map);
      const context = contextOf(lengths, positions);
      const x = drawn(map, context, channels);
      const before = noGrad(() => map.encode(x, context).y);
      const optimiser = new Adam(map.namedParameters());
      const gradients = grad([map.logDensity(x, context).sum().neg()], map.parameters(), { allowUnused: true });
      optimiser.step(
        gradients.map((gradient, index) => gradient ?? map.parameters()[index].mul(0)),
        0.02,
      );
      noGrad(() => {
        const points = drawn(map, context, channels);
        const after = map.encode(points, context).y;
        expect(largest(map.decode(after, context).x.sub(points))).toBeLessThanOrEqual(1e-9);
        expect(largest(map.encode(x, context).y.sub(before))).toBeGreaterThan(1e-4);
      });
    });
  });

  if (identity) {
    test("before training it is the identity", () => {
      noGrad(() =>
        scope(() => {
          const map = make(1);
          const context = contextOf(lengths, positions);
          const x = inputOf(context, channels);
          const { y, logDet } = map.encode(x, context);
          expect(largest(y.sub(x))).toBeLessThanOrEqual(1e-12);
          expect(largest(logDet)).toBeLessThanOrEqual(1e-12);
        }),
      );
    });
  }
});

test.each(["gaussian", "codebook", "logistic"] as const)(
  "%s behind couplings: position by position it is the whole pass, and what stands there may be chosen",
  (head) => {
    noGrad(() =>
      scope(() => {
        const map = left(1, { head, steps: 2 });
        disturb(map);
        const context = contextOf([positions, positions], positions);
        const x = drawn(map, context, channels);
        const { y } = map.encode(x, context);
        const chosen = x.clone();
        chosen.slice(1, 2, 3).mul_(0.8);
        const forced = map.encode(chosen, context).y;
        const decoder = map.decoder(2);
        for (let t = 0; t < positions; t++) {
          expect(decoder.position).toBe(t);
          const z = (t < 2 ? y : forced).select(1, t);
          expect(largest(decoder.invert(z).sub((t < 2 ? x : chosen).select(1, t)))).toBeLessThanOrEqual(1e-9);
          // An inversion that is not accepted leaves nothing behind.
          decoder.invert(z.mul(0.5));
          if (t < 2) {
            decoder.invert(z);
            decoder.accept();
          } else {
            const latents = decoder.commit(chosen.select(1, t));
            expect(largest(latents.sub(forced.select(1, t)))).toBeLessThanOrEqual(1e-9);
          }
          if (t === 3) {
            decoder.select([1, 0, 1]);
            break;
          }
        }
        const swapped = (of: Tensor): Tensor => cat([of.slice(0, 1, 2), of.slice(0, 0, 1), of.slice(0, 1, 2)]);
        const next = decoder.invert(swapped(forced).select(1, 4));
        expect(largest(next.sub(swapped(chosen).select(1, 4)))).toBeLessThanOrEqual(1e-9);
        decoder.dispose();
      }),
    );
  },
);

test("two causal couplings are no longer affine in x_t given the past, which Gaussian steps of one direction stay", () => {
  noGrad(() =>
    scope(() => {
      const slopeChange = (map: CausalFlow): number => {
        disturb(map, 0.5);
        const context = contextOf([2], 2);
        const x = inputOf(context, channels);
        const slope = (at: Tensor): Tensor => numericJacobian((input) => map.encode(input, context).y, at, 2);
        const other = x.clone();
        other.slice(1, 1).add_(0.7);
        const own = (matrix: Tensor): Tensor => matrix.slice(0, channels).slice(1, channels);
        return largest(own(slope(x)).sub(own(slope(other))));
      };
      expect(slopeChange(left(1, { ...base, head: "gaussian", steps: 0 }))).toBeLessThanOrEqual(1e-8);
      expect(slopeChange(left(1, { ...base, head: "gaussian", steps: 2 }))).toBeGreaterThan(1e-2);
    }),
  );
});
