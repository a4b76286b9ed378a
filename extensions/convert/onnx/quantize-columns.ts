export type ColumnScales = Float32Array;

/**
 * Largest quantised weight: half of what int8 can hold. x86 without VNNI adds two products of an unsigned and
 * a signed byte in 16 bits, and saturates. The largest sum that fits is 2 x 255 x 64 = 32,640.
 */
const MOST = 64;

interface ColumnShape {
  /** Rows of the product's right side. */
  readonly rows: number;
  readonly columns: number;
  /** True when the values are in column-major order. */
  readonly transposed: boolean;
}

/**
 * Quantises weights to int8 in row-major order, symmetric around zero: `value = whole * scale`. Each column
 * has its own scale.
 *
 * @param weights finite values
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
  // A column of zeros, or of values too small for a float32 scale, becomes zero.
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
