import { listNames } from "../../shared/core/list-names.ts";
import { didYouMean } from "../../shared/core/nearest.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import type { InputBinding } from "../../shared/domain/map-plan.ts";
import type { InputSpec } from "../../shared/domain/map-spec.ts";
import type { TensorInfo } from "../../shared/domain/tensor.ts";
import { chosenSource } from "../../shared/input-sources/input-sources.ts";
import type { SpecProblem } from "../../shared/job-file/issue-problems.ts";
import type { BatchFirst } from "./bind-batch-axis.ts";
import type { Columns } from "./bind-column.ts";
import { bindInput } from "./bind-input.ts";
import { type DimSizes, formatDims } from "./bind-shape.ts";
import { LearnedSizes } from "./bind-sizes.ts";
import { type ColumnInput, findColumns } from "./bind-source.ts";
import { bindUneven, checkPads, mayBeUneven, unevenSymbol, withPads } from "./bind-uneven.ts";
import { bindValue, type ValueInput } from "./bind-value.ts";

/** The inputs of a model, bound, and what was learned of its symbols on the way. */
interface BoundInputs {
  readonly inputs: readonly InputBinding[];
  readonly sizes: DimSizes;
  /** The symbols that have another size in each row. */
  readonly uneven: ReadonlySet<string>;
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
  readonly #uneven = new Set<string>();
  readonly #bound = new Map<string, InputBinding>();

  constructor(problems: SpecProblem[]) {
    this.#problems = problems;
  }

  bind(spec: JobSpec["map"], tensors: readonly BatchFirst[], columns: Columns): BoundInputs {
    const fed: ColumnInput[] = [];
    const values: ValueInput[] = [];
    for (const { tensor } of tensors) {
      const own = ownSpec(spec, tensor.name);
      const source = chosenSource(own ?? {});
      if (tensor.dims.length === 0) continue;
      if (source.rows === "value") {
        if (own !== null) values.push({ tensor, spec: own, source, plan: source.bind(own) });
      } else {
        const input = findColumns(tensor, { source, spec: own }, columns, this.#problems);
        if (input !== null) fed.push(input);
      }
    }
    this.#bindColumns(fed);
    const names = tensors.map(({ tensor }) => tensor.name);
    for (const value of values) {
      const context = { names, values, bound: this.#bound, sizes: this.#sizes.known };
      const binding = bindValue(value, context, this.#problems);
      if (binding !== null) this.#addUneven(value.tensor, binding);
    }
    checkPads(fed, this.#bound, this.#problems);
    const inputs = tensors.flatMap(({ tensor, batchAxis }) => {
      const binding = this.#bound.get(tensor.name);
      return binding === undefined ? [] : [{ ...binding, batchAxis }];
    });
    return { inputs: withPads(inputs, fed), sizes: this.#sizes.known, uneven: this.#uneven };
  }

  /**
   * An input may get a size from another that shares a symbol: those that settle their own shape go first.
   * What is still open then is what differs from row to row.
   */
  #bindColumns(inputs: readonly ColumnInput[]): void {
    const later = inputs.filter((input) => !this.#tryEven(input, []));
    const open = later.filter((input) => {
      if (mayBeUneven(input, this.#sizes.known)) return true;
      this.#tryEven(input, this.#problems);
      return false;
    });
    for (const input of open) {
      const binding = bindUneven(input, this.#sizes.known, this.#problems);
      if (binding !== null) this.#addUneven(input.tensor, binding);
    }
  }

  #addUneven(tensor: TensorInfo, binding: InputBinding): void {
    this.#bound.set(tensor.name, binding);
    this.#uneven.add(unevenSymbol(tensor));
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

/** What the job says of one input. */
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
    if (names.includes(name)) continue;
    problems.push({
      path: ["map", "inputs", name],
      part: "key",
      what: `the model has no input \`${name}\``,
      expected: `one of ${listNames(names)}`,
      found: `\`${name}\``,
      ...didYouMean(name, names),
    });
  }
}
