import { fitsDtype, isChecked } from "../../../shared/domain/dtype-range.ts";
import type { InputSpec } from "../../../shared/domain/map-spec.ts";
import type { TensorInfo } from "../../../shared/domain/tensor.ts";
import type { SpecProblem } from "../../../shared/job-file/issue-problems.ts";
import type { KeyPath } from "../../../shared/job-file/key-path.ts";

/** Texts are not computed with. */
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

/** What stands in for a null is of the tensor's kind, and fits it. */
export function checkFill(
  { name, dtype }: TensorInfo,
  spec: InputSpec | null,
  path: KeyPath,
  problems: SpecProblem[],
): void {
  if (spec?.fill === undefined) return;
  const { fill, scale, offset } = spec;
  const fits = dtype === "string" ? typeof fill === "string" : fill === "NaN" || typeof fill === "number";
  if (fits && (dtype === "string" || fitsDtype(Number(fill) * scale + offset, dtype))) return;
  problems.push({
    path: [...path, "fill"],
    part: "value",
    what: `the model's input \`${name}\` cannot hold this value`,
    expected: dtype === "string" ? "text, in quotes" : `${isChecked(dtype) ? "" : "`NaN`, or "}a ${dtype}`,
    found: JSON.stringify(fill),
  });
}
