/** The standard normal distribution of one number in float64, with both tails exact to about 15 digits. */

/** ln sqrt(2 pi). */
export const logSqrtTwoPi = 0.5 * Math.log(2 * Math.PI);
const inverseSqrtPi = 1 / Math.sqrt(Math.PI);

// Rational approximations of W. J. Cody, Math. Comp. 23 (1969), 631-637, highest power first.
const smallTop = [
  0.185777706184603153, 3.1611237438705656, 113.864154151050156, 377.485237685302021, 3209.37758913846947,
];
const smallBottom = [1, 23.6012909523441209, 244.024637934444173, 1282.61652607737228, 2844.23683343917062];
const middleTop = [
  2.15311535474403846e-8, 0.564188496988670089, 8.88314979438837594, 66.1191906371416295, 298.635138197400131,
  881.95222124176909, 1712.04761263407058, 2051.07837782607147, 1230.33935479799725,
];
const middleBottom = [
  1, 15.7449261107098347, 117.693950891312499, 537.181101862009858, 1621.38957456669019, 3290.79923573345963,
  4362.61909014324716, 3439.36767414372164, 1230.33935480374942,
];
const largeTop = [
  0.0163153871373020978, 0.305326634961232344, 0.360344899949804439, 0.125781726111229246, 0.0160837851487422766,
  0.000658749161529837803,
];
const largeBottom = [
  1, 2.56852019228982242, 1.87295284992346725, 0.527905102951428412, 0.0605183413124413191, 0.00233520497626869185,
];

/** Horner's scheme; a function of its own for each degree, because this is where decoding spends its time. */
function degree4(c: readonly number[], x: number): number {
  return (((c[0] * x + c[1]) * x + c[2]) * x + c[3]) * x + c[4];
}
function degree5(c: readonly number[], x: number): number {
  return degree4(c, x) * x + c[5];
}
function degree8(c: readonly number[], x: number): number {
  return (((degree4(c, x) * x + c[5]) * x + c[6]) * x + c[7]) * x + c[8];
}

/** e^{x^2} erfc(x) for x >= 0. */
export function scaledErfc(x: number): number {
  if (x <= 0.46875) {
    const square = x * x;
    return Math.exp(square) * (1 - (x * degree4(smallTop, square)) / degree4(smallBottom, square));
  }
  if (x <= 4) return degree8(middleTop, x) / degree8(middleBottom, x);
  const inverse = 1 / (x * x);
  return (inverseSqrtPi - (inverse * degree5(largeTop, inverse)) / degree5(largeBottom, inverse)) / x;
}

/** Phi(-|z|) = e^{-z^2/2} times this. */
export function scaledTail(z: number): number {
  return 0.5 * scaledErfc(Math.abs(z) * Math.SQRT1_2);
}

/** ln Phi(z). */
export function logNormalCdf(z: number): number {
  const tail = scaledTail(z);
  return z <= 0 ? Math.log(tail) - 0.5 * z * z : Math.log1p(-tail * Math.exp(-0.5 * z * z));
}

/** z <= 0 with ln Phi(z) = `logP`, for logP <= ln(1/2). */
function lowerQuantile(logP: number): number {
  // Phi(z) <= e^{-z^2/2} / 2, so this is left of the root; ln Phi is concave, so Newton's steps come up to it from there.
  let z = -Math.sqrt(-2 * logP);
  for (let round = 0; round < 50; round++) {
    const tail = scaledTail(z);
    const step = (Math.log(tail) - 0.5 * z * z - logP) * tail * Math.sqrt(2 * Math.PI);
    z -= step;
    if (Math.abs(step) <= 1e-15 * (1 + Math.abs(z))) break;
  }
  return Math.min(z, 0);
}

/**
 * The quantile of a probability p given as ln p and ln(1 - p), of which the smaller decides: exact in both tails.
 */
export function normalQuantile(logP: number, logQ: number): number {
  return logP <= logQ ? lowerQuantile(logP) : -lowerQuantile(logQ);
}
