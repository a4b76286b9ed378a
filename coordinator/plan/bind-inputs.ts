import { didYouMean } from "../../shared/core/nearest.ts";
import type { InputSpec, JobSpec } from "../../shared/domain/job-spec.ts";
import type { InputBinding } from "../../shared/domain/map-plan.ts";
import type { ModelSignature, TensorInfo } from "../../shared/domain/tensor.ts";
import type { SpecProblem } from "../../shared/spec/issue-problems.ts";
import { type Columns, listNames } from "./bind-column.ts";
import { bindInput } from "./bind-input.ts";
import { bindMask, type MaskSource } from "./bind-mask.ts";
import { type DimSizes, learnSizes } from "./bind-shape.ts";
import { findSource, type InputSource } from "./bind-source.ts";
import { bindUneven, checkPads, mayBeUneven, unevenSymbol, withPads } from "./bind-uneven.ts";

/** The inputs of a model, bound, and what was learned of its symbols on the way. */
export interface BoundInputs {
  readonly inputs: readonly InputBinding[];
  readonly sizes: DimSizes;
  /** The symbols that have another size in each row. */
  readonly uneven: ReadonlySet<string>;
}

export function bindInputs(
  spec: JobSpec["map"],
  signature: ModelSignature,
  columns: Columns,
  problems: SpecProblem[],
): BoundInputs {
  checkInputNames(spec, signature, problems);
  return new InputBinder(problems).bind(spec, signature, columns);
}

class InputBinder {
  readonly #problems: SpecProblem[];
  readonly #sizes = new Map<string, number>();
  readonly #uneven = new Set<string>();
  readonly #bound = new Map<string, InputBinding>();

  constructor(problems: SpecProblem[]) {
    this.#problems = problems;
  }

  bind(spec: JobSpec["map"], signature: ModelSignature, columns: Columns): BoundInputs {
    const sources: InputSource[] = [];
    const masks: MaskSource[] = [];
    for (const tensor of signature.inputs) {
      const own = ownSpec(spec, tensor);
      if (tensor.dims.length === 0) continue;
      if (own?.mask !== undefined) masks.push({ tensor, spec: own, of: own.mask });
      else {
        const source = findSource(tensor, own, columns, this.#problems);
        if (source !== null) sources.push(source);
      }
    }
    this.#bindSources(sources);
    const names = signature.inputs.map(({ name }) => name);
    const maskNames = masks.map(({ tensor }) => tensor.name);
    for (const mask of masks) {
      const context = { names, maskNames, bound: this.#bound, sizes: this.#sizes };
      const binding = bindMask(mask, context, this.#problems);
      if (binding !== null) this.#addUneven(mask.tensor, binding);
    }
    checkPads(sources, this.#bound, this.#problems);
    const inputs = signature.inputs.flatMap((tensor) => this.#bound.get(tensor.name) ?? []);
    return { inputs: withPads(inputs, sources), sizes: this.#sizes, uneven: this.#uneven };
  }

  /**
   * An input may get a size from another that shares a symbol: those that settle their own shape go first. What is still
   * open then is what differs from row to row.
   */
  #bindSources(sources: readonly InputSource[]): void {
    const later = sources.filter((source) => !this.#tryEven(source, []));
    const open = later.filter((source) => {
      if (mayBeUneven(source, this.#sizes)) return true;
      this.#tryEven(source, this.#problems);
      return false;
    });
    for (const source of open) {
      const binding = bindUneven(source, this.#sizes, this.#problems);
      if (binding !== null) this.#addUneven(source.tensor, binding);
    }
  }

  #addUneven(tensor: TensorInfo, binding: InputBinding): void {
    this.#bound.set(tensor.name, binding);
    this.#uneven.add(unevenSymbol(tensor));
  }

  #tryEven(source: InputSource, problems: SpecProblem[]): boolean {
    const binding = bindInput(source, this.#sizes, problems);
    if (binding === null) return false;
    const clash = learnSizes(source.tensor, binding.rowDims, this.#sizes);
    if (clash !== null) {
      problems.push({
        path: source.path,
        part: "value",
        what: `the model's dimension \`${clash.symbol}\` cannot have two sizes`,
        expected: String(clash.known),
        found: String(clash.size),
      });
      return false;
    }
    this.#bound.set(binding.tensor, binding);
    return true;
  }
}

function ownSpec(spec: JobSpec["map"], { name }: TensorInfo): InputSpec | null {
  return Object.hasOwn(spec.inputs, name) ? (spec.inputs[name] ?? null) : null;
}

function checkInputNames(spec: JobSpec["map"], signature: ModelSignature, problems: SpecProblem[]): void {
  const names = signature.inputs.map((tensor) => tensor.name);
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
