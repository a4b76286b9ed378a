/** Rounds to the nearest integer, and a half to the even one, as Python, NumPy and OpenCV do. */
export function halfToEven(value: number): number {
  const down = Math.floor(value);
  const rest = value - down;
  return rest > 0.5 || (rest === 0.5 && down % 2 !== 0) ? down + 1 : down;
}
