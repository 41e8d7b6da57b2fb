/** How fast a transfer is, and how long it will take. */

/** Over how many seconds the rate is taken. */
const windowSeconds = 10;

/** The rate of the last seconds. */
export class TransferRate {
  readonly #samples: { readonly seconds: number; readonly bytes: number }[] = [];

  /** @param bytes received until then, of all that are wanted. */
  add(seconds: number, bytes: number): void {
    this.#samples.push({ seconds, bytes });
    while (this.#samples.length > 2 && seconds - this.#samples[1].seconds > windowSeconds) this.#samples.shift();
  }

  /** 0 before two samples. */
  get bytesPerSecond(): number {
    const [first] = this.#samples;
    const last = this.#samples.at(-1);
    if (!first || !last || last.seconds <= first.seconds) return 0;
    return Math.max(0, (last.bytes - first.bytes) / (last.seconds - first.seconds));
  }

  /** Seconds until `total` bytes; null where it cannot be told. */
  secondsLeft(total: number | null): number | null {
    const last = this.#samples.at(-1);
    if (total === null || !last || this.bytesPerSecond === 0) return null;
    return Math.max(0, (total - last.bytes) / this.bytesPerSecond);
  }
}

/** `1.2 GB`, `30.3 MB`, `512 B` (decimal units). */
export function describeBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const units = ["kB", "MB", "GB", "TB"];
  let value = bytes / 1000;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${value.toFixed(1)} ${units[unit]}`;
}

/** `1:02:03` or `2:03` */
export function describeSeconds(seconds: number): string {
  const whole = Math.ceil(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const two = (value: number): string => String(value).padStart(2, "0");
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}
