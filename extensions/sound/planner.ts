import { present } from "../../shared/core/assert.ts";
import type { FieldType } from "../../shared/domain/dataset.ts";
import type { ModelFolder } from "../../shared/domain/model-folder.ts";
import {
  type SoundOp,
  type SoundPlan,
  valuesPerWindow,
  WINDOW_COLUMNS,
} from "./op.ts";
import type { StepColumn } from "../../shared/domain/step-binding.ts";
import type { TensorInfo } from "../../shared/domain/tensor.ts";
import type { SpecProblem } from "../../shared/job-file/issue-problems.ts";
import { formatKeyPath } from "../../shared/job-file/key-path.ts";
import { takenColumns } from "../../coordinator/plan/steps/taken-columns.ts";
import { findFiles, findRowTensor } from "../../coordinator/plan/input-steps/file-column.ts";
import type { InputStep } from "../../coordinator/plan/input-steps/input-step.ts";
import { planSounds, type ReportSound, type SoundSpec } from "./plan-sounds.ts";

const INT32: FieldType = { kind: "numeric", type: "int32" };
const FLOAT32: FieldType = { kind: "numeric", type: "float32" };
const FLOAT64: FieldType = { kind: "numeric", type: "float64" };

/** Sounds of a column, made into the values of a tensor, or into a row for each of their windows. */
export const soundInput: InputStep = {
  key: "sound",
  plan: async (input, inputs, { fields, signature, folder }) => {
    const path = ["map", "inputs", input];
    const problems: SpecProblem[] = [];
    const { sound, column = input, ...rest } = present(inputs[input], "an input of the job");
    if (sound === undefined) throw new Error("broken invariant: an input of sounds says how they are made");
    const tensor = findRowTensor(input, rest.batchAxis, signature.inputs, problems);
    const files = { name: column, path, isNamed: column !== input, what: "sounds", folder: sound.folder };
    const cells = findFiles(files, fields, problems);
    const report: ReportSound = (below, problem) =>
      problems.push({ path: [...path, "sound", ...below], part: "value", ...problem });
    const spec = withFolderSound(sound, folder, report);
    if (tensor !== null) checkRange(tensor, rest.scale, path, problems);
    const planned = tensor === null ? null : planSounds(spec, tensor, report);
    const where = formatKeyPath([...path, "sound"]);
    const taken = planned?.plan.windows ? takenColumns(WINDOW_COLUMNS, fields, where) : [];
    if (problems.length + taken.length > 0 || cells === null || planned === null) {
      const found = problems.map(({ path: at, part: _part, ...problem }) => ({
        where: formatKeyPath(at),
        ...problem,
      }));
      return { problems: [...found, ...taken] };
    }
    const { plan, rowDims } = planned;
    const samples = `shardmill:${input}`;
    const step = {
      where,
      op: { kind: "sound", cells, samples, ...plan } satisfies SoundOp,
      files: [],
      reads: [column],
      columns: [...fields.map((passed) => ({ ...passed, from: passed.name })), ...madeBy(plan, samples)],
    } as const;
    const shape = rowDims === null ? {} : { shape: [...rowDims] };
    return { step, inputs: { ...inputs, [input]: { ...rest, column: samples, ...shape } } };
  },
};

function madeBy(plan: SoundPlan, samples: string): readonly StepColumn[] {
  const made = { nullable: false, from: null };
  const { windows } = plan;
  if (windows === null) return [{ name: samples, type: { kind: "list", item: FLOAT32 }, ...made }];
  const length = valuesPerWindow(plan, windows);
  const [part, start, end] = WINDOW_COLUMNS;
  return [
    { name: samples, type: { kind: "fixedList", item: FLOAT32, length }, ...made },
    { name: part, type: INT32, ...made },
    { name: start, type: FLOAT64, ...made },
    { name: end, type: FLOAT64, ...made },
  ];
}

/** What the job leaves out of `sound`, as the model's folder has it. */
function withFolderSound(sound: SoundSpec, folder: ModelFolder | null, report: ReportSound): SoundSpec {
  for (const { about, where, what, found } of folder?.doubts ?? []) {
    const key = where.endsWith("do_normalize") ? "normalize" : "rate";
    if (about !== "sound" || sound[key] !== undefined) continue;
    report([], {
      what: `the model's folder does not say clearly how sounds are prepared: ${where} ${what}`,
      expected: `\`${key}\` here`,
      found,
    });
  }
  const { rate = null, normalize = null } = folder?.facts.sound ?? {};
  return { ...(rate === null ? {} : { rate }), ...(normalize === null ? {} : { normalize }), ...sound };
}

/** Samples lie between -1 and 1: of whole numbers nothing would be left. */
function checkRange(
  { name, dtype }: TensorInfo,
  scale: number,
  path: readonly string[],
  problems: SpecProblem[],
): void {
  if (dtype.startsWith("float") || scale !== 1) return;
  problems.push({
    path: [...path],
    part: "value",
    what: `samples lie between -1 and 1, and the model's input \`${name}\` is not of floats`,
    expected: "floats; or `scale`, as 32767 for whole numbers of 16 bits",
    found: dtype,
  });
}
