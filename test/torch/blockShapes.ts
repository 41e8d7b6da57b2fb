/** The parameters of a transformer block, for tests of its operator. */

/** Shapes in the order that `transformerBlock` takes them: norm, packed projections, output, norm, inner and outer map. */
export function blockShapes(width: number, hidden: number): number[][] {
  return [
    [width],
    [width],
    [3 * width, width],
    [3 * width],
    [width, width],
    [width],
    [width],
    [width],
    [hidden, width],
    [hidden],
    [width, hidden],
    [width],
  ];
}
