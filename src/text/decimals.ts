/** Decimal numbers in bytes: read exactly, written in the fewest digits. */

const powersOfTen = Array.from({ length: 23 }, (_, exponent) => 10 ** exponent);
const zero = 48;
const point = 46;
const plus = 43;
const minus = 45;

/**
 * The number that the ASCII bytes from `start` to `end` write (an optional sign, digits with or without a point, an
 * optional exponent), the same as `Number` gives; NaN for anything else.
 *
 * Up to 15 significant digits and powers of ten up to 22 are exact in float64, so that one product or quotient is rounded
 * correctly (Clinger, 1990); the rest goes through `Number`.
 */
export function parseDecimal(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  const negative = bytes[at] === minus;
  if (at < end && (negative || bytes[at] === plus)) at++;
  const first = at;
  while (at < end && bytes[at] === zero) at++;
  let leading = at;
  let mantissa = 0;
  for (; at < end; at++) {
    const digit = bytes[at] - zero;
    if (digit < 0 || digit > 9) break;
    mantissa = mantissa * 10 + digit;
  }
  let significant = at - leading;
  let digits = at - first;
  let exponent = 0;
  if (at < end && bytes[at] === point) {
    const fraction = ++at;
    if (significant === 0) while (at < end && bytes[at] === zero) at++;
    leading = at;
    for (; at < end; at++) {
      const digit = bytes[at] - zero;
      if (digit < 0 || digit > 9) break;
      mantissa = mantissa * 10 + digit;
    }
    significant += at - leading;
    digits += at - fraction;
    exponent = fraction - at;
  }
  if (digits === 0) return Number.NaN;
  if (at < end) {
    if ((bytes[at] | 32) !== 101) return Number.NaN;
    at++;
    const down = bytes[at] === minus;
    if (at < end && (down || bytes[at] === plus)) at++;
    if (at === end) return Number.NaN;
    let power = 0;
    for (; at < end; at++) {
      const digit = bytes[at] - zero;
      if (digit < 0 || digit > 9) return Number.NaN;
      power = power * 10 + digit;
    }
    exponent += down ? -power : power;
  }
  if (significant <= 15 && exponent >= -22 && exponent <= 22) {
    const value = exponent < 0 ? mantissa / powersOfTen[-exponent] : mantissa * powersOfTen[exponent];
    return negative ? -value : value;
  }
  return Number(String.fromCharCode(...bytes.subarray(start, end)));
}

/**
 * A float32 in the fewest significant digits that give it back when they are read and rounded to float32.
 *
 * @param value a finite float32
 */
export function shortestSingle(value: number): string {
  const size = Math.abs(value);
  if (size >= 1e-9 && size < 1e9) {
    const digitsBefore = Math.floor(Math.log10(size)) + 1;
    // m / 10^k is the float64 next to the decimal, and that prints as the decimal.
    for (let digits = 6; digits <= 9; digits++) {
      const places = digits - digitsBefore;
      const decimal =
        places < 0
          ? Math.round(size / powersOfTen[-places]) * powersOfTen[-places]
          : Math.round(size * powersOfTen[places]) / powersOfTen[places];
      if (Math.fround(decimal) === size) return String(value < 0 ? -decimal : decimal);
    }
  }
  for (let digits = 1; digits < 9; digits++) {
    const decimal = Number(value.toPrecision(digits));
    if (Math.fround(decimal) === value) return String(decimal);
  }
  return String(Number(value.toPrecision(9)));
}
