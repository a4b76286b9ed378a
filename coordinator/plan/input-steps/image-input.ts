import { present } from "../../../shared/core/assert.ts";
import type { FieldType } from "../../../shared/domain/dataset.ts";
import type { ImageOp } from "../../../shared/domain/image-op.ts";
import { product } from "../../../shared/domain/tensor.ts";
import type { SpecProblem } from "../../../shared/job-file/issue-problems.ts";
import { formatKeyPath } from "../../../shared/job-file/key-path.ts";
import { findFiles, findRowTensor } from "./file-column.ts";
import { withFolderImage } from "./folder-image.ts";
import { planImages, type ReportImage } from "./image-plan.ts";
import type { InputStep } from "./input-step.ts";

/** Images of a column, made into the values of a tensor. */
export const imageInput: InputStep = {
  key: "image",
  plan: async (input, inputs, { fields, signature, folder }) => {
    const path = ["map", "inputs", input];
    const problems: SpecProblem[] = [];
    const { image, column = input, ...rest } = present(inputs[input], "an input of the job");
    if (image === undefined) throw new Error("broken invariant: an input of images says how they are made");
    const tensor = findRowTensor(input, rest.batchAxis, signature.inputs, problems);
    const files = { name: column, path, isNamed: column !== input, what: "images", folder: image.folder };
    const cells = findFiles(files, fields, problems);
    const report: ReportImage = (below, problem) =>
      problems.push({ path: [...path, "image", ...below], part: "value", ...problem });
    const spec = withFolderImage(image, folder, report);
    const planned = tensor === null ? null : planImages(spec, tensor, report);
    if (problems.length > 0 || cells === null || planned === null)
      return {
        problems: problems.map(({ path: at, part: _part, ...problem }) => ({
          where: formatKeyPath(at),
          ...problem,
        })),
      };
    const { plan, rowDims } = planned;
    const made = `shardmill:${input}`;
    const item = { kind: "numeric", type: plan.dtype } as const;
    const type: FieldType = { kind: "fixedList", item, length: product(rowDims) };
    const step = {
      where: formatKeyPath([...path, "image"]),
      op: { kind: "image", cells, ...plan } satisfies ImageOp,
      files: [],
      reads: [column],
      columns: [
        ...fields.map((passed) => ({ ...passed, from: passed.name })),
        { name: made, type, nullable: false, from: null },
      ],
    } as const;
    return { step, inputs: { ...inputs, [input]: { ...rest, column: made, shape: [...rowDims] } } };
  },
};
