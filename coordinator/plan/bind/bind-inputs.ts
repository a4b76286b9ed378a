import { listNames } from "../../../shared/core/list-names.ts";
import { didYouMean } from "../../../shared/core/nearest.ts";
import type { Columns } from "../../../shared/dataset/columns.ts";
import { fitsDtype } from "../../../shared/domain/dtype-range.ts";
import type { JobSpec } from "../../../shared/domain/job-spec.ts";
import type { InputBinding } from "../../../shared/domain/map-binding.ts";
import type { InputSpec } from "../../../shared/domain/map-spec.ts";
import { isUneven, withoutPadding } from "../../../shared/domain/row-shape.ts";
import { formatDims } from "../../../shared/domain/tensor.ts";
import { chosenSource, sourceOf } from "../../../shared/input-sources/input-sources.ts";
import type { SpecProblem } from "../../../shared/job-file/issue-problems.ts";
import { type BatchFirst, batchNamesOf } from "./bind-batch.ts";
import { bindInput, bindUneven, type ColumnInput, findColumns, mayBeUneven, pairsOf } from "./bind-input.ts";
import { bindSame, findSame } from "./bind-same.ts";
import { bindValue, type ValueInput } from "./bind-value.ts";
import { type DimSizes, LearnedSizes, openSymbols, unevenSymbol } from "./dims.ts";
import { Sequences } from "./sequences.ts";

/** Bound inputs of a model, and the sizes of symbols that binding found. */
interface BoundInputs {
  readonly inputs: readonly InputBinding[];
  readonly sizes: DimSizes;
  /** Symbols whose size differs between rows. */
  readonly sequences: Sequences;
}

export function bindInputs(
  spec: JobSpec["map"],
  tensors: readonly BatchFirst[],
  columns: Columns,
  problems: SpecProblem[],
): BoundInputs {
  checkInputNames(spec, tensors, problems);
  return new InputBinder(problems).bind(spec, tensors, columns);
}

class InputBinder {
  readonly #problems: SpecProblem[];
  readonly #sizes = new LearnedSizes();
  readonly #sequences = new Sequences();
  readonly #bound = new Map<string, InputBinding>();

  constructor(problems: SpecProblem[]) {
    this.#problems = problems;
  }

  bind(spec: JobSpec["map"], tensors: readonly BatchFirst[], columns: Columns): BoundInputs {
    const fed: ColumnInput[] = [];
    const values: ValueInput[] = [];
    this.#bindSame(spec, tensors);
    for (const { tensor } of tensors) {
      const own = ownSpec(spec, tensor.name);
      const source = chosenSource(own ?? {});
      if (source.rows === "same" || tensor.dims.length === 0) continue;
      if (source.rows === "value") {
        if (own !== null) values.push({ tensor, spec: own, source, binding: source.bind(own) });
      } else {
        const input = findColumns(tensor, { source, spec: own }, columns, this.#problems);
        if (input !== null) fed.push(input);
      }
    }
    for (const { tensor, source, binding } of values) {
      const of = tensors.find((other) => other.tensor.name === source.positionsOf(binding));
      if (of === undefined) continue;
      for (const symbol of openSymbols(tensor)) this.#sequences.join(symbol, unevenSymbol(of.tensor));
    }
    this.#bindColumns(fed);
    const names = tensors.map(({ tensor }) => tensor.name);
    for (const value of values) {
      const context = { names, values, bound: this.#bound, sizes: this.#sizes.known };
      const binding = bindValue(value, context, this.#problems);
      if (binding !== null) this.#bound.set(value.tensor.name, binding);
    }
    checkPads(fed, this.#bound, this.#problems);
    const inputs = tensors.flatMap(({ tensor, batchAxis }) => {
      const binding = this.#bound.get(tensor.name);
      return binding === undefined ? [] : [{ ...binding, batchAxis }];
    });
    return { inputs: withPads(inputs, fed), sizes: this.#sizes.known, sequences: this.#sequences };
  }

  /** Binds the inputs with one value for all rows, which depend on no other input. */
  #bindSame(spec: JobSpec["map"], tensors: readonly BatchFirst[]): void {
    const fed = tensors.filter(({ tensor }) => ownSpec(spec, tensor.name)?.value === undefined);
    const names = batchNamesOf(fed);
    for (const { tensor } of tensors) {
      const same = findSame(tensor, ownSpec(spec, tensor.name), this.#problems);
      const binding = same === null ? null : bindSame(same, names, this.#problems);
      if (binding !== null) this.#bound.set(tensor.name, binding);
    }
  }

  /**
   * Binds the inputs from columns. An input may get a size from another with the same symbol. So inputs with
   * a known shape are bound first. Dimensions that are then still open differ between rows.
   */
  #bindColumns(inputs: readonly ColumnInput[]): void {
    const later = inputs.filter((input) => !this.#tryEven(input, []));
    const open = later.filter((input) => {
      if (mayBeUneven(input, this.#sizes.known)) return true;
      this.#tryEven(input, this.#problems);
      return false;
    });
    for (const input of open) {
      const pairs = pairsOf(input, this.#sizes.known);
      const sequence = this.#sequences.number(pairs?.symbol ?? unevenSymbol(input.tensor));
      const context = { sizes: this.#sizes.known, sequence };
      const binding = bindUneven(input, context, this.#problems);
      if (binding !== null) this.#bound.set(input.tensor.name, binding);
    }
  }

  #tryEven(input: ColumnInput, problems: SpecProblem[]): boolean {
    const binding = bindInput(input, this.#sizes.known, problems);
    if (binding === null) return false;
    const clash = this.#sizes.learn(input.tensor, binding.rowDims, input.spec?.shape !== undefined);
    if (clash !== null) {
      problems.push({
        path: input.path,
        part: "value",
        what: `the columns give the model's dimension \`${clash.symbol}\` two sizes`,
        expected: `${clash.known}, as in another input`,
        found: `${clash.size}, for \`${input.tensor.name}\` ${formatDims(input.tensor.dims)}`,
        hint: "if the model means two dimensions by one name, give `shape`",
      });
      return false;
    }
    this.#bound.set(binding.tensor, binding);
    return true;
  }
}

/** Returns the job's settings of one input. */
export function ownSpec(spec: JobSpec["map"], name: string): InputSpec | null {
  return Object.hasOwn(spec.inputs, name) ? (spec.inputs[name] ?? null) : null;
}

function checkInputNames(
  spec: JobSpec["map"],
  tensors: readonly BatchFirst[],
  problems: SpecProblem[],
): void {
  const names = tensors.map(({ tensor }) => tensor.name);
  for (const name of Object.keys(spec.inputs)) {
    if (!names.includes(name)) problems.push(unknownInput(name, names));
  }
}

/** @param names names of the model's inputs, without `name` */
export function unknownInput(name: string, names: readonly string[]): SpecProblem {
  return {
    path: ["map", "inputs", name],
    part: "key",
    what: `the model has no input \`${name}\``,
    expected: `one of ${listNames(names)}`,
    found: `\`${name}\``,
    ...didYouMean(name, names),
  };
}

/** Checks that `pad` is set only for uneven rows, and that the tensor can hold it. */
function checkPads(
  sources: readonly ColumnInput[],
  bound: ReadonlyMap<string, InputBinding>,
  problems: SpecProblem[],
): void {
  for (const { tensor, spec, path } of sources) {
    const pad = spec?.pad;
    const binding = bound.get(tensor.name);
    if (pad === undefined || binding === undefined) continue;
    if (!isUneven(binding.rowShape)) {
      problems.push({
        path: [...path, "pad"],
        part: "key",
        what: "all rows of this input have one length, so none needs padding",
        expected:
          "a list column of no fixed length, for an input whose first dimension after the batch is open",
        found: `\`${tensor.name}\` with ${formatDims(binding.rowDims)} after the batch`,
        hint: "remove `pad`: `shape`, or another input with the same dimension, sets the length that the model leaves open",
      });
    } else if (!fitsDtype(pad, tensor.dtype)) {
      problems.push({
        path: [...path, "pad"],
        part: "value",
        what: `the model's input \`${tensor.name}\` cannot hold this value`,
        expected: tensor.dtype,
        found: String(pad),
      });
    }
  }
}

/**
 * Pads a sequence only if the model can detect padding: by a mask, or by the job's `pad`. Otherwise the
 * result would depend on the other rows of a batch, so rows are never padded.
 */
function withPads(inputs: readonly InputBinding[], sources: readonly ColumnInput[]): readonly InputBinding[] {
  const boundTensors = new Set(
    sources.filter(({ spec }) => spec?.pad !== undefined).map(({ tensor }) => tensor.name),
  );
  const padded = new Set(
    inputs.flatMap(({ tensor, source, scale, rowShape }) => {
      const marks = boundTensors.has(tensor) || sourceOf(source).marksPadding({ tensor, scale });
      return (isUneven(rowShape) || rowShape.kind === "counted") && marks ? [rowShape.sequence] : [];
    }),
  );
  return inputs.map((input) => {
    const { rowShape } = input;
    if (!isUneven(rowShape) || padded.has(rowShape.sequence)) return input;
    return { ...input, rowShape: withoutPadding(rowShape) };
  });
}
