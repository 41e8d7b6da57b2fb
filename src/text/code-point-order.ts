/**
 * Compares two strings by their code points. JavaScript's own order compares UTF-16 units and puts characters outside
 * the basic plane before U+E000; this one agrees with the order of UTF-8 bytes and with Python's.
 */
export function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) {
      const isSurrogateX = (x & 0xf800) === 0xd800;
      const isSurrogateY = (y & 0xf800) === 0xd800;
      if (isSurrogateX !== isSurrogateY) return isSurrogateX ? 1 : -1;
      return x - y;
    }
  }
  return a.length - b.length;
}
