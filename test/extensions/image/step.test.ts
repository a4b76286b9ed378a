import { Binary, Int32, type RecordBatch, vectorFromArray } from "apache-arrow";
import { IMAGE_DTYPES, type ImageDtype } from "../../../extensions/image/op.ts";
import { fieldsOf } from "../../../shared/dataset/fields.ts";
import type { StepBinding } from "../../../shared/domain/step-binding.ts";
import { openStep } from "../../../shared/steps/open-step.ts";
import { stepContract } from "../../contract/step-contract.ts";
import { imageFile } from "../../support/image-files.ts";
import { only, tableOf } from "../../support/sample-table.ts";
import { anImagePlan } from "./image-fixtures.ts";

const FILES = ["rgb.png", "rgb.jpg", "alpha.webp", "cmyk.jpg", "deep.png"];

/** Returns rows with images, truncated ones, and nulls. */
function someRows(): RecordBatch {
  const cells = Array.from({ length: 20 }, (_, row) => {
    if (row % 7 === 3) return null;
    const bytes = imageFile(FILES[row % FILES.length] ?? "");
    return row % 6 === 5 ? bytes.subarray(0, 100) : bytes;
  });
  const [batch] = tableOf({
    id: only(vectorFromArray([...cells.keys()], new Int32())),
    photo: only(vectorFromArray(cells, new Binary())),
  }).batches;
  if (batch === undefined) throw new Error("expected one record batch");
  return batch;
}

function planOf(rows: RecordBatch, dtype: ImageDtype): StepBinding {
  const plan = anImagePlan({
    ...{ resize: { kind: "exact", width: 6, height: 5 }, width: 6, height: 5 },
    ...{ dtype, rescale: dtype === "uint8" ? 1 : 1 / 255 },
  });
  const type = { kind: "fixedList", item: { kind: "numeric", type: dtype }, length: 90 } as const;
  return {
    where: "map.inputs.x.image",
    op: { kind: "feature", feature: "image", cells: { kind: "bytes" }, data: { ...plan } },
    files: [],
    reads: ["photo"],
    columns: [
      ...fieldsOf(rows.schema).map((field) => ({ ...field, from: field.name })),
      { name: "pixels", type, nullable: false, from: null },
    ],
  };
}

for (const dtype of IMAGE_DTYPES) {
  stepContract(`images to ${dtype}`, async () => {
    const rows = someRows();
    const plan = planOf(rows, dtype);
    return { plan, open: (options) => openStep(plan, options), rows };
  });
}
