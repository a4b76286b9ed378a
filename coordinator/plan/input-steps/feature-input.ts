import { present } from "../../../shared/core/assert.ts";
import { takenColumns } from "../../../shared/dataset/taken-columns.ts";
import { fileSpec, withoutFeature } from "../../../shared/domain/features.ts";
import type { FeatureOp } from "../../../shared/domain/step-binding.ts";
import type { TensorInfo } from "../../../shared/domain/tensor.ts";
import type { FeaturePart } from "../../../shared/extension/feature.ts";
import type { SpecProblem } from "../../../shared/job-file/issue-problems.ts";
import { formatKeyPath } from "../../../shared/job-file/key-path.ts";
import { findFiles } from "../../../shared/steps/file-column.ts";
import { unknownInput } from "../bind/bind-inputs.ts";
import type { InputStep } from "./input-step.ts";

/** Computes the values of a tensor from a column of files, by a feature. */
export function featureInput({ key, files: what, loadPlanner }: FeaturePart): InputStep {
  return {
    key,
    plan: async (input, inputs, { fields, signature, folder }) => {
      const path = ["map", "inputs", input];
      const problems: SpecProblem[] = [];
      const spec = present(inputs[input], "an input of the job");
      const { column = input, ...others } = spec;
      const own = present(fileSpec(spec, key), "an input with the key of the feature");
      const rest = withoutFeature(others, key);
      const tensor = findRowTensor(input, rest.batchAxis, signature.inputs, problems);
      const files = { name: column, path, isNamed: column !== input, what, folder: own.folder };
      const cells = findFiles(files, fields, problems);
      const made = `shardmill:${input}`;
      const planFeature = await loadPlanner();
      const planned =
        tensor === null
          ? null
          : planFeature(own, {
              column: made,
              tensor,
              scale: spec.scale,
              folder,
              report: (below, problem) =>
                problems.push({
                  path: [...path, ...(below === null ? [] : [key, ...below])],
                  part: "value",
                  ...problem,
                }),
            });
      const where = formatKeyPath([...path, key]);
      const more = planned?.columns.slice(1).map(({ name }) => name) ?? [];
      const taken = takenColumns(more, fields, where);
      if (problems.length + taken.length > 0 || cells === null || planned === null) {
        const found = problems.map(({ path: at, part: _part, ...problem }) => ({
          where: formatKeyPath(at),
          ...problem,
        }));
        return { problems: [...found, ...taken] };
      }
      const op: FeatureOp = { kind: "feature", feature: key, cells, data: planned.data };
      const passed = fields.map((field) => ({ ...field, from: field.name }));
      const columns = [...passed, ...planned.columns.map((field) => ({ ...field, from: null }))];
      const shape = planned.rowDims === null ? {} : { shape: [...planned.rowDims] };
      return {
        step: { where, op, files: [], reads: [column], columns },
        inputs: { ...inputs, [input]: { ...rest, column: made, ...shape } },
      };
    },
  };
}

/** Returns the model's input without its batch. Null, with a problem: no input of that name. */
function findRowTensor(
  input: string,
  batchAxis: number | undefined,
  tensors: readonly TensorInfo[],
  problems: SpecProblem[],
): TensorInfo | null {
  const tensor = tensors.find(({ name }) => name === input);
  if (tensor !== undefined)
    return { ...tensor, dims: tensor.dims.filter((_, at) => at !== (batchAxis ?? 0)) };
  problems.push(
    unknownInput(
      input,
      tensors.map(({ name }) => name),
    ),
  );
  return null;
}
