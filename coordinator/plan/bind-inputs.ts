import { didYouMean } from "../../shared/core/nearest.ts";
import type { JobSpec } from "../../shared/domain/job-spec.ts";
import type { InputBinding } from "../../shared/domain/map-plan.ts";
import type { InputSpec } from "../../shared/domain/map-spec.ts";
import type { TensorInfo } from "../../shared/domain/tensor.ts";
import type { SpecProblem } from "../../shared/job-file/issue-problems.ts";
import type { BatchFirst } from "./bind-batch-axis.ts";
import { type Columns, listNames } from "./bind-column.ts";
import { bindInput } from "./bind-input.ts";
import { bindMask, type MaskSource } from "./bind-mask.ts";
import { type DimSizes, formatDims } from "./bind-shape.ts";
import { LearnedSizes } from "./bind-sizes.ts";
import { findSource, type InputSource } from "./bind-source.ts";
import { bindUneven, checkPads, mayBeUneven, unevenSymbol, withPads } from "./bind-uneven.ts";

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
    const sources: InputSource[] = [];
    const masks: MaskSource[] = [];
    for (const { tensor } of tensors) {
      const own = ownSpec(spec, tensor.name);
      if (tensor.dims.length === 0) continue;
      if (own?.mask !== undefined) masks.push({ tensor, spec: own, of: own.mask });
      else {
        const source = findSource(tensor, own, columns, this.#problems);
        if (source !== null) sources.push(source);
      }
    }
    this.#bindSources(sources);
    const names = tensors.map(({ tensor }) => tensor.name);
    const maskNames = masks.map(({ tensor }) => tensor.name);
    for (const mask of masks) {
      const context = { names, maskNames, bound: this.#bound, sizes: this.#sizes.known };
      const binding = bindMask(mask, context, this.#problems);
      if (binding !== null) this.#addUneven(mask.tensor, binding);
    }
    checkPads(sources, this.#bound, this.#problems);
    const inputs = tensors.flatMap(({ tensor, batchAxis }) => {
      const binding = this.#bound.get(tensor.name);
      return binding === undefined ? [] : [{ ...binding, batchAxis }];
    });
    return { inputs: withPads(inputs, sources), sizes: this.#sizes.known, uneven: this.#uneven };
  }

  /**
   * An input may get a size from another that shares a symbol: those that settle their own shape go first.
   * What is still open then is what differs from row to row.
   */
  #bindSources(sources: readonly InputSource[]): void {
    const later = sources.filter((source) => !this.#tryEven(source, []));
    const open = later.filter((source) => {
      if (mayBeUneven(source, this.#sizes.known)) return true;
      this.#tryEven(source, this.#problems);
      return false;
    });
    for (const source of open) {
      const binding = bindUneven(source, this.#sizes.known, this.#problems);
      if (binding !== null) this.#addUneven(source.tensor, binding);
    }
  }

  #addUneven(tensor: TensorInfo, binding: InputBinding): void {
    this.#bound.set(tensor.name, binding);
    this.#uneven.add(unevenSymbol(tensor));
  }

  #tryEven(source: InputSource, problems: SpecProblem[]): boolean {
    const binding = bindInput(source, this.#sizes.known, problems);
    if (binding === null) return false;
    const clash = this.#sizes.learn(source.tensor, binding.rowDims, source.spec?.shape !== undefined);
    if (clash !== null) {
      problems.push({
        path: source.path,
        part: "value",
        what: `the columns give the model's dimension \`${clash.symbol}\` two sizes`,
        expected: `${clash.known}, as in another input`,
        found: `${clash.size}, for \`${source.tensor.name}\` ${formatDims(source.tensor.dims)}`,
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
