/** Numbers as the pages show them. */

export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** Standard deviation over n - 1; 0 for a single value. */
export function deviation(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const centre = mean(values);
  return Math.sqrt(values.reduce((sum, value) => sum + (value - centre) ** 2, 0) / (values.length - 1));
}

/** A number with a fixed number of digits, "-" for none. */
export function shown(value: number | null | undefined, digits = 3): string {
  return value === null || value === undefined ? "-" : value.toFixed(digits);
}

/** A mean, with its standard deviation where there is one. */
export function withDeviation(mean: number | null, sd: number | null | undefined, digits = 3): string {
  const spread = mean === null || sd === null || sd === undefined ? "" : ` ± ${sd.toFixed(digits)}`;
  return `${shown(mean, digits)}${spread}`;
}

/** The same with a plus before a positive number. */
export function signed(value: number | null, digits = 3): string {
  return value === null ? "-" : `${value > 0 ? "+" : ""}${value.toFixed(digits)}`;
}

export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** Seconds, minutes or hours. */
export function duration(seconds: number): string {
  if (seconds < 120) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  return seconds < 7200 ? `${(seconds / 60).toFixed(1)} min` : `${(seconds / 3600).toFixed(1)} h`;
}
