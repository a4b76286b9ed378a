export type ColumnScales = Float32Array;

/**
 * The largest whole number that a weight becomes: seven bits and a sign bit less than int8 has room for. x86
 * without VNNI adds two products of an unsigned byte and a signed one in 16 bits, and cuts what does not fit:
 * 2 x 255 x 64 = 32,640 is the most that does.
 */
const MOST = 64;

interface ColumnShape {
  /** Of the product's right side. */
  readonly rows: number;
  readonly columns: number;
  /** The values lie column after column. */
  readonly transposed: boolean;
}

/**
 * Weights as int8, row after row, symmetric around zero: `value = whole * scale`, with a scale for each
 * column.
 *
 * @param weights all finite
 */
export function quantizeColumns(
  weights: Float32Array,
  { rows, columns, transposed }: ColumnShape,
  most = MOST,
): { values: Int8Array; scales: ColumnScales } {
  const [rowStep, columnStep] = transposed ? [1, rows] : [columns, 1];
  const greatest = new Float32Array(columns);
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      const size = Math.abs(weights[row * rowStep + column * columnStep] ?? 0);
      if (size > (greatest[column] ?? 0)) greatest[column] = size;
    }
  }
  // A column of zeros, or of less than float32 can divide by: it is zero.
  const scales = greatest.map((size) => (size / most > 0 ? size / most : 1));
  const values = new Int8Array(rows * columns);
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      const whole = Math.round((weights[row * rowStep + column * columnStep] ?? 0) / (scales[column] ?? 1));
      values[row * columns + column] = Math.max(-most, Math.min(most, whole));
    }
  }
  return { values, scales };
}
