import { present } from "../../shared/core/assert.ts";
import type { Problem } from "../../shared/core/errors.ts";
import { formatBytes, parseBytes } from "../../shared/core/units.ts";
import { takenColumns } from "../../shared/dataset/taken-columns.ts";
import type { Field, FieldType } from "../../shared/domain/dataset.ts";
import type { PlannedStep, Refused, StepPlanner } from "../../shared/extension/step-part.ts";
import { findStepFiles } from "../../shared/steps/file-column.ts";
import { fixedSize, pixelsPlan } from "./image-plan.ts";
import { bytesOfPixels, channelCount, type PixelsOp, sizeColumns } from "./op.ts";
import type { PixelsSpec } from "./spec.ts";

const INT32: FieldType = { kind: "numeric", type: "int32" };

/** Plans a step that turns a column of images into columns of pixels and sizes. */
export function planPixels(
  spec: PixelsSpec,
  { where, fields }: Pick<Parameters<StepPlanner>[1], "where" | "fields">,
): PlannedStep | Refused {
  const { column, as, dtype, layout, folder } = spec;
  const maxBytes = present(parseBytes(spec.maxBytes), "sizes were checked");
  const { cells, problems } = findStepFiles({ column, folder, what: "images", where }, fields);
  const plan = pixelsPlan(spec, { dtype, layout });
  const size = fixedSize(plan);
  const made: readonly Field[] = [
    { name: as, type: typeOf({ ...plan, size }), nullable: false },
    ...sizeColumns(as).map(({ name }) => ({ name, type: INT32, nullable: false })),
  ];
  const taken = takenColumns(
    made.map(({ name }) => name),
    fields,
    where,
  );
  const all = [...problems, ...taken, ...sizeProblems({ ...plan, size, maxBytes }, where)];
  if (cells === null || all.length > 0) return { problems: all };
  const data: PixelsOp = { ...plan, as, cells, size, maxBytes };
  const passed = fields.map((field) => ({ ...field, from: field.name }));
  const columns = [...passed, ...made.map((field) => ({ ...field, from: null }))];
  return { data: { ...data }, files: [], reads: [column], columns };
}

function typeOf({ size, dtype, channels }: Pick<PixelsOp, "size" | "dtype" | "channels">): FieldType {
  const item: FieldType = { kind: "numeric", type: dtype };
  if (size === null) return { kind: "list", item };
  return { kind: "fixedList", item, length: size.width * size.height * channelCount(channels) };
}

function sizeProblems(
  { size, maxBytes, ...plan }: Pick<PixelsOp, "size" | "maxBytes" | "channels" | "dtype">,
  where: string,
): readonly Problem[] {
  const bytes = size === null ? 0 : bytesOfPixels(size, plan);
  if (bytes <= maxBytes) return [];
  return [
    {
      where: `${where}.maxBytes`,
      what: "is less than each image becomes",
      expected: `at least ${formatBytes(bytes)}`,
      found: formatBytes(maxBytes),
    },
  ];
}
