/** The nearest whole number, of two as near the even one: as Python, NumPy and OpenCV round. */
export function halfToEven(value: number): number {
  const down = Math.floor(value);
  const rest = value - down;
  return rest > 0.5 || (rest === 0.5 && down % 2 !== 0) ? down + 1 : down;
}
