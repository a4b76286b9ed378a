import { batchNamesOf, inputsBatchFirst, otherBatchAxis } from "../../coordinator/plan/bind/bind-batch.ts";
import type { OutputBinding } from "../../shared/domain/map-binding.ts";
import { leavesPooling, type ModelFolder, USUAL_OP } from "../../shared/domain/model-folder.ts";
import { areDue, dueDims } from "../../shared/domain/model-output.ts";
import { formatDims, product, type TensorInfo } from "../../shared/domain/tensor.ts";
import type { DraftKeys } from "../../shared/extension/feature-draft.ts";
import { classNaming, isLabelOutput, scoreNotes, severalLabels, unnamedQuestions } from "./class-outputs.ts";
import { freeName } from "./free-name.ts";
import { type DraftContext, type DraftMap, tryBind } from "./try-bind.ts";

/** One output column, or several with one op. */
export interface OutputDraft {
  readonly column: string;
  readonly keys: DraftKeys;
  readonly notes: readonly string[];
  readonly questions: readonly string[];
}

/** Model output without a column, and the reason. */
export interface OmittedOutput {
  readonly tensor: string;
  readonly why: string;
}

interface DraftedOutputs {
  readonly outputs: readonly OutputDraft[];
  readonly omitted: readonly OmittedOutput[];
}

/** Output names that exporters use for class scores before a softmax, and after it. */
const LOGITS = /logits|scores?$/i;
const PROBABILITIES = /prob/i;
/** Suffix of a classifier's class name in its architecture. */
const CLASSIFIER = /Classification$/;

/**
 * Drafts the output columns from names, shapes and the folder.
 *
 * @param base drafted inputs, states and kept columns
 */
export function draftOutputs(
  context: DraftContext,
  base: DraftMap & { readonly keep: readonly string[] },
): DraftedOutputs {
  const { keep, state = {} } = base;
  const { outputs, unusable } = context.signature;
  const states = new Set(Object.values(state));
  const tensors = outputs.filter(({ name }) => !states.has(name));
  const omitted: OmittedOutput[] = unusable.map(({ name, kind }) => ({ tensor: name, why: `it is ${kind}` }));
  const drafts: OutputDraft[] = [];
  const taken = new Set(keep.map((name) => name.toLowerCase()));
  const bound = tensors.map((tensor) => ({ tensor, plain: bindPlain(tensor, base, context) }));
  const someEven = bound.some(({ plain }) => plain.kind === "fits" && !isOpen(plain));
  for (const { tensor, plain } of bound) {
    if (plain.kind === "misfit" || (someEven && isOpen(plain))) {
      omitted.push({ tensor: tensor.name, why: plain.kind === "misfit" ? plain.why : OPEN });
      continue;
    }
    for (const draft of columnsOf(tensor, plain, context)) {
      const column = freeName([draft.column, `${tensor.name}_${draft.column}`, `${draft.column}_out`], taken);
      const named = { ...draft, column };
      const fits = problemsOf({ ...base, outputs: { [column]: named.keys } }, context).length === 0;
      if (!fits) continue;
      taken.add(column.toLowerCase());
      drafts.push(named);
    }
  }
  return { outputs: drafts, omitted };
}

/** Output that fits. `binding` is null while the inputs do not fit. */
interface FittingOutput {
  readonly kind: "fits";
  readonly binding: OutputBinding | null;
  /** Batch axis and shape that the model does not declare. */
  readonly own: DraftKeys;
}

type PlainOutput = FittingOutput | { readonly kind: "misfit"; readonly why: string };

/** Binds an output: as declared, with another batch axis, or in the shape of a run. */
function bindPlain(tensor: TensorInfo, base: DraftMap, context: DraftContext): PlainOutput {
  const { signature, ran } = context;
  const inputs = inputsBatchFirst(signature, (name) => numberOf(base.inputs?.[name]?.batchAxis), []);
  const other = otherBatchAxis(tensor, batchNamesOf(inputs));
  const dims = ran?.outputs.find(({ name }) => name === tensor.name)?.dims ?? null;
  let why = "";
  let declared: FittingOutput | null = null;
  for (const own of [{}, ...(other === null ? [] : [{ batchAxis: other }])]) {
    const tried = bindAs(tensor, own, base, context);
    if (tried.kind === "fits") {
      declared = tried;
      break;
    }
    why = tried.why;
  }
  const binding = declared?.binding ?? null;
  const isGiven =
    ran === null ||
    dims === null ||
    binding === null ||
    (binding.open === undefined && areDue(dims, dueDims(binding, ran.ran)));
  if (declared !== null && isGiven) return declared;
  const shaped = ran === null || dims === null ? null : shapeOf(dims, ran.ran.rows, other);
  const given = shaped === null ? null : bindAs(tensor, shaped, base, context);
  return given?.kind === "fits" ? given : (declared ?? { kind: "misfit", why });
}

/** Reason to omit an open output if there are others. */
const OPEN = "its rows differ in shape, so rows would run one by one";

function isOpen({ binding }: FittingOutput): boolean {
  return binding?.open !== undefined;
}

/** Returns the keys for an output in the shape of a run. Null: no dimension is the batch. */
function shapeOf(dims: readonly number[], rows: number, likely: number | null): DraftKeys | null {
  const axis = [likely ?? 0, 0, dims.indexOf(rows)].find((place) => dims[place] === rows);
  if (axis === undefined) return null;
  const shape = dims.filter((_, place) => place !== axis);
  return { shape, ...(axis === 0 ? {} : { batchAxis: axis }) };
}

function bindAs(tensor: TensorInfo, own: DraftKeys, base: DraftMap, context: DraftContext): PlainOutput {
  // The column is alone, so a problem must be the output's own.
  const map = { ...base, keep: [], outputs: { y: { tensor: tensor.name, op: USUAL_OP, ...own } } };
  const [problem] = problemsOf(map, context);
  if (problem !== undefined) {
    const found = problem.found === undefined ? "" : ` (${problem.found})`;
    return { kind: "misfit", why: `${problem.what}${found}` };
  }
  const tried = tryBind(map, context);
  return { kind: "fits", binding: tried.kind === "fits" ? (tried.binding.outputs[0] ?? null) : null, own };
}

function numberOf(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}

/** Returns the problems of outputs only. An input without a column is reported elsewhere. */
function problemsOf(map: DraftMap, context: DraftContext) {
  const tried = tryBind(map, context);
  return tried.kind === "fits" ? [] : tried.problems.filter(({ where }) => where.startsWith("map.outputs"));
}

function columnsOf(
  tensor: TensorInfo,
  { binding, own }: FittingOutput,
  { folder, signature, classes: ofColumns }: DraftContext,
): readonly OutputDraft[] {
  const { name } = tensor;
  const isLeft = saysPooling(folder) && leavesPooling({ tensor: name });
  const where = { tensor: name, ...(isLeft ? { op: USUAL_OP } : {}), ...own };
  const ofBatch = batchQuestions(tensor, own);
  const pooling = folder?.facts.pooling ?? null;
  if (pooling !== null && hasPositions(binding) && binding.rowValues > 1) {
    const keys = {
      ...where,
      op: "pool",
      pool: pooling.pool,
      ...(pooling.normalize ? { normalize: true } : {}),
    };
    const notes = ["One vector a row, pooled as in 1_Pooling."];
    return [{ column: "embedding", keys, notes, questions: ofBatch }];
  }
  const how = "how do the token vectors of a text become one vector? `op: pool` does this, with `pool`";
  const questions = isLeft ? [...ofBatch, how] : ofBatch;
  const values = binding?.rowValues ?? declaredValues(tensor);
  const isFloat = tensor.dtype.startsWith("float");
  const isVector = (binding?.rowDims ?? []).filter((size) => size > 1).length <= 1;
  const isRow = binding?.open === undefined && !hasPositions(binding);
  const classes = isRow && isFloat && isVector ? values : 0;
  const { labels = null, multiLabel = false, architecture = null } = folder?.facts ?? {};
  const named = classNaming({ labels, own: tensor.classes, ofColumns, classes });
  const isClassifier = named.isClassifier || CLASSIFIER.test(architecture ?? "");
  if (classes === 1 && CLASSIFIER.test(architecture ?? "") && LOGITS.test(name)) {
    const notes = ["One number a row, as the model returns it. `op: sigmoid` maps it to 0 to 1."];
    return [{ column: "score", keys: where, notes, questions }];
  }
  if (classes < 2 || !(isClassifier || LOGITS.test(name) || PROBABILITIES.test(name))) {
    const unknown = isLeft ? [] : unnamedQuestions(tensor, classes);
    return [{ column: name, keys: where, notes: plainNotes(binding), questions: [...questions, ...unknown] }];
  }
  if (PROBABILITIES.test(name) && signature.outputs.some((other) => isLabelOutput(other, tensor)))
    return [{ column: name, keys: where, notes: scoreNotes(tensor), questions }];
  if (multiLabel)
    return [
      severalLabels({
        tensor: name,
        where,
        isProbabilities: PROBABILITIES.test(name),
        labels,
        classes,
        questions,
      }),
    ];
  const asked = [...questions, ...named.questions];
  const keys = { ...where, op: "argmax", ...named.keys };
  const label = { column: "label", keys, notes: named.notes, questions: asked };
  if (PROBABILITIES.test(name)) return [label, { column: name, keys: where, notes: [], questions }];
  const sure = ["The confidence of the model: the largest value after a softmax."];
  return [label, { column: "score", keys: { ...where, op: "maxSoftmax" }, notes: sure, questions }];
}

/** Asks about a drafted shape that the model does not declare. */
function batchQuestions({ dims }: TensorInfo, { shape, batchAxis }: DraftKeys): readonly string[] {
  const given = `the model declares ${formatDims(dims)}, and returned this shape in one run. Is it the same for every row?`;
  return [
    ...(batchAxis === undefined ? [] : [`is dimension ${String(batchAxis)}, counted from 0, the batch?`]),
    ...(shape === undefined ? [] : [given]),
  ];
}

/** Returns true when the folder mentions pooling, clearly or not. */
function saysPooling(folder: ModelFolder | null): boolean {
  return folder?.facts.pooling != null || folder?.doubts.some(({ about }) => about === "pooling") === true;
}

/** Returns the declared number of values, or 0 with open dimensions. Serves while the inputs do not fit. */
function declaredValues({ dims }: TensorInfo): number {
  return product(dims.slice(1).map((dim) => (typeof dim === "number" ? dim : 0)));
}

const OPEN_NOTE = "Lists, as rows differ in shape. Rows run one by one: give `shape` if all have one shape.";

function plainNotes(binding: OutputBinding | null): readonly string[] {
  if (binding?.open !== undefined) return [OPEN_NOTE];
  if (!hasPositions(binding)) return [];
  return ["One value, or several, for each position of a row: a list that is as long as the row."];
}

function hasPositions(binding: OutputBinding | null): binding is OutputBinding {
  return binding !== null && binding.sequence !== null;
}
