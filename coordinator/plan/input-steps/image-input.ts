import { present } from "../../../shared/core/assert.ts";
import type { Field, FieldType } from "../../../shared/domain/dataset.ts";
import type { ImageOp } from "../../../shared/domain/image-op.ts";
import { parseLocation } from "../../../shared/domain/location.ts";
import { product, type TensorInfo } from "../../../shared/domain/tensor.ts";
import type { SpecProblem } from "../../../shared/job-file/issue-problems.ts";
import { formatKeyPath } from "../../../shared/job-file/key-path.ts";
import { unknownInput } from "../bind/bind-inputs.ts";
import { Columns, describeFieldType } from "../bind/columns.ts";
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
    const tensor = findTensor(input, signature.inputs, problems);
    const columnPath = column === input ? path : [...path, "column"];
    const field = new Columns(fields).find(column, columnPath, problems);
    const cells = field === null ? null : cellsOf(field.type, image.folder);
    if (field !== null && cells === null)
      problems.push({ path: columnPath, part: "value", ...noImages(field) });
    const report: ReportImage = (below, problem) =>
      problems.push({ path: [...path, "image", ...below], part: "value", ...problem });
    const spec = withFolderImage(image, folder, report);
    const planned = tensor === null ? null : planImages(spec, withoutBatch(tensor, rest.batchAxis), report);
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

function findTensor(
  input: string,
  tensors: readonly TensorInfo[],
  problems: SpecProblem[],
): TensorInfo | null {
  const tensor = tensors.find(({ name }) => name === input);
  if (tensor === undefined)
    problems.push(
      unknownInput(
        input,
        tensors.map(({ name }) => name),
      ),
    );
  return tensor ?? null;
}

function withoutBatch({ name, dtype, dims }: TensorInfo, batchAxis = 0): TensorInfo {
  return { name, dtype, dims: dims.filter((_, at) => at !== batchAxis) };
}

/** What the cells of a column are to a reader of images; null: they are none. */
function cellsOf(type: FieldType, folder: string): ImageOp["cells"] | null {
  switch (type.kind) {
    case "binary":
    case "fixedBinary":
      return { kind: "bytes" };
    case "string":
      return { kind: "locations", folder: parseLocation(folder) };
    case "dictionary":
      return cellsOf(type.values, folder);
    default:
      return null;
  }
}

function noImages({ name, type }: Field): Omit<SpecProblem, "path" | "part"> {
  return {
    what: `column \`${name}\` holds no images`,
    expected: "the bytes of image files (binary), or where they are (text)",
    found: describeFieldType(type),
  };
}
