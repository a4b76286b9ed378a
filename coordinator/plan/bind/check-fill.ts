import { fitsDtype, isFloat } from "../../../shared/domain/dtype-range.ts";
import type { InputSpec } from "../../../shared/domain/map-spec.ts";
import type { ElementType, TensorInfo } from "../../../shared/domain/tensor.ts";
import type { SpecProblem } from "../../../shared/job-file/issue-problems.ts";
import type { KeyPath } from "../../../shared/job-file/key-path.ts";

/** Refuses scale and offset for texts. */
export function checkText(
  { name, dtype }: TensorInfo,
  spec: InputSpec | null,
  path: KeyPath,
  problems: SpecProblem[],
): void {
  if (dtype !== "string" || spec === null) return;
  const { scale, offset } = spec;
  for (const [key, found] of [
    ...(scale === 1 ? [] : [["scale", scale]]),
    ...(offset === 0 ? [] : [["offset", offset]]),
  ]) {
    problems.push({
      path: [...path, String(key)],
      part: "key",
      what: `the model's input \`${name}\` takes texts, which have no ${key}`,
      expected: `no \`${key}\``,
      found: String(found),
    });
  }
}

/** Expectation of texts that ONNX Runtime takes: it cuts them off at a NUL. */
export const NATIVE_TEXT = "text, in quotes, without a NUL character";

/** Checks whether ONNX Runtime takes a text whole. */
export function isNativeText(value: unknown): boolean {
  return typeof value === "string" && !value.includes("\0");
}

/** Checks that a fill is of the tensor's kind, and fits it. */
export function checkFill(
  { name, dtype }: TensorInfo,
  spec: InputSpec | null,
  path: KeyPath,
  problems: SpecProblem[],
): void {
  if (spec?.fill === undefined) return;
  const { fill, scale, offset } = spec;
  if (dtype === "string" ? isNativeText(fill) : isFitting(fill, { dtype, scale, offset })) return;
  problems.push({
    path: [...path, "fill"],
    part: "value",
    what: `the model's input \`${name}\` cannot hold this value`,
    expected: dtype === "string" ? NATIVE_TEXT : `${isFloat(dtype) ? "`NaN`, or " : ""}a ${dtype}`,
    found: JSON.stringify(fill),
  });
}

/** Checks a number as the worker checks those of a column: an unscaled fraction is no integer. */
function isFitting(
  fill: InputSpec["fill"],
  { dtype, scale, offset }: { readonly dtype: ElementType; readonly scale: number; readonly offset: number },
): boolean {
  if (fill !== "NaN" && typeof fill !== "number") return false;
  const value = Number(fill) * scale + offset;
  const mayBeFraction = isFloat(dtype) || dtype === "bool" || scale !== 1 || offset !== 0;
  return fitsDtype(value, dtype) && (mayBeFraction || Number.isInteger(value));
}
