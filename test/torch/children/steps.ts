/**
 * Training-like steps of a small network with batches of changing size: prints {warm, end, live, allocator, losses}
 * with the resident bytes after a tenth of the steps and at the end.
 */
import { Generator, grad, memory, noGrad, randn, scope, setThreads } from "../../../src/torch/index.ts";

const steps = Number(process.argv[2]);
setThreads(1);
const generator = new Generator(1);
const shapes = [[64, 96], [96], [96, 96], [96], [96, 64]];
const weights = shapes.map((shape) => scope(() => randn(shape, generator).mul(0.1)).setRequiresGrad());
const losses: number[] = [];
let warm = 0;
for (let step = 0; step < steps; step++) {
  const loss = scope(() => {
    const x = randn([8 + ((step * 37) % 57), 64], generator);
    const [a, b, c, d, e] = weights;
    const hidden = x.matmul(a).add(b).tanh();
    const y = hidden.matmul(c).add(d).tanh().add(hidden).softmax(1).log().matmul(e);
    const error = y.sub(x);
    const total = error.mul(error).mean();
    const gradients = grad([total], weights);
    noGrad(() => {
      weights.forEach((weight, i) => {
        weight.add_(gradients[i], -0.05);
      });
    });
    return total.item();
  });
  if (step < 30) losses.push(loss);
  if (step === Math.floor(steps / 10)) warm = process.memoryUsage.rss();
  if (step % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
}
const end = process.memoryUsage.rss();
for (const weight of weights) weight.dispose();
generator.dispose();
const { liveTensors: live, allocator } = memory();
process.stdout.write(`${JSON.stringify({ warm, end, live, allocator: allocator.name, losses })}\n`);
