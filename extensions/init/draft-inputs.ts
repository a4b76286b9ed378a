import { likelyBatchAxis } from "../../coordinator/plan/bind/bind-batch.ts";
import { unevenSymbol } from "../../coordinator/plan/bind/dims.ts";
import type { Field } from "../../shared/domain/dataset.ts";
import { FILE_KEYS, INPUTS } from "../../shared/domain/features.ts";
import { holdsFiles } from "../../shared/domain/file-cells.ts";
import { isUneven } from "../../shared/domain/row-shape.ts";
import { isFixed, type TensorInfo } from "../../shared/domain/tensor.ts";
import { type DraftKeys, listed, whichColumn } from "../../shared/extension/feature-draft.ts";
import { isMaskName } from "../../shared/input-sources/position-mask.ts";
import { TYPE_NAMES } from "../../shared/input-sources/text-inputs.ts";
import { columnDoubts, isRowId, plainName } from "./column-doubts.ts";
import { holdsBytes, isScalar, sureness } from "./field-kinds.ts";
import { isIdName, textColumns } from "./id-column.ts";
import { findStates, type StatePair } from "./states.ts";
import { type DraftContext, tryBind } from "./try-bind.ts";

const INPUT_KEYS = INPUTS.map(({ key }) => key);

/** Draft of one model input. */
export interface InputDraft {
  readonly tensor: TensorInfo;
  readonly keys: DraftKeys;
  /** Questions that only the user can answer. */
  readonly questions: readonly string[];
}

interface DraftedInputs {
  readonly inputs: readonly InputDraft[];
  /** Inputs that are states of a recurrent model, which no column feeds. */
  readonly states: readonly StatePair[];
}

/**
 * Drafts each model input: from the column of its name, the only column that fits, or stacked columns. An
 * input may also be another input's mask. If several columns fit, the first is chosen, and the question names
 * all.
 */
export function draftInputs(context: DraftContext): DraftedInputs {
  return new InputDrafter(context).draft();
}

class InputDrafter {
  readonly #context: DraftContext;
  readonly #drafts = new Map<string, InputDraft>();
  readonly #used = new Set<string>();

  constructor(context: DraftContext) {
    this.#context = context;
  }

  draft(): DraftedInputs {
    const { inputs } = this.#context.signature;
    const states = findStates(this.#context.signature);
    const later = inputs.filter((tensor) => !this.#byName(tensor));
    const kept = states.filter(({ input }) => later.includes(input));
    const masks = later.filter(({ name }) => isMaskName(name) || TYPE_NAMES.includes(name));
    const isKept = (tensor: TensorInfo) => kept.some(({ input }) => input === tensor);
    const fed = later.filter((tensor) => !masks.includes(tensor) && !isKept(tensor));
    for (const tensor of fed.filter(({ dims }) => dims.length > 0))
      if (!this.#byWay(tensor)) this.#byShape(tensor);
    for (const tensor of masks) if (!this.#asMask(tensor)) this.#byShape(tensor);
    for (const tensor of fed.filter(({ dims }) => dims.length === 0)) this.#asValue(tensor);
    const fitting = kept.filter((pair) => this.#fitsState(pair));
    for (const { input } of kept.filter((pair) => !fitting.includes(pair))) this.#byShape(input);
    return { inputs: inputs.flatMap(({ name }) => this.#drafts.get(name) ?? []), states: fitting };
  }

  #byName(tensor: TensorInfo): boolean {
    const field =
      this.#context.fields.find(({ name }) => name === tensor.name) ??
      this.#context.fields.find(({ name }) => plainName(name) === plainName(tensor.name));
    if (field === undefined || this.#isFiles(tensor, field)) return false;
    if (!this.#fits(tensor, { column: field.name })) return false;
    this.#add(tensor, { column: field.name }, []);
    return true;
  }

  /** Returns true for a column of files, which are not tensors, whatever its name is. */
  #isFiles(tensor: TensorInfo, field: Field): boolean {
    const { folder, ways } = this.#context;
    const isClaimed = ways.some(({ claims }) => claims?.(tensor, folder) === true);
    return (isClaimed && holdsFiles(field.type)) || this.#isSeenFiles(tensor, field);
  }

  #isSeenFiles({ dtype, dims }: TensorInfo, { name }: Field): boolean {
    return this.#context.sample.files.has(name) && (dtype.startsWith("float") || dims.length === 4);
  }

  /**
   * Drafts an input by an extension. Extensions look at the content of columns, so they precede a match by
   * type and shape.
   */
  #byWay(tensor: TensorInfo): boolean {
    const { signature, folder, sample, ways, stepDrafts, fields } = this.#context;
    const fits = (keys: DraftKeys) => this.#fits(tensor, keys);
    const hasStates = findStates(signature).length > 0;
    const context = {
      ...{ signature, hasStates, folder, files: sample.files, fits, free: this.#free() },
      texts: textColumns(fields),
      lists: fields.filter((field) => sureness(field) === 2),
    };
    for (const { way } of [...ways, ...stepDrafts.values()]) {
      const found = way(tensor, context);
      if (found === null) continue;
      this.#add(tensor, found.keys, found.questions);
      return true;
    }
    return false;
  }

  #free(): readonly Field[] {
    return this.#context.fields.filter(({ name }) => !this.#used.has(name));
  }

  /**
   * Drafts a constant. An input without a batch is the same for all rows, whatever the columns are called.
   */
  #asValue(tensor: TensorInfo): void {
    const drafted = [...this.#drafts.values()].map(({ keys }) => keys);
    const [known] = this.#context.ways.flatMap((way) => way.value?.(tensor, drafted) ?? []);
    if (known !== undefined) this.#add(tensor, { value: known }, []);
    else {
      const value = tensor.dtype === "bool" ? false : 0;
      this.#add(tensor, { value }, ["this input is the same for all rows: which value is it?"]);
    }
  }

  /**
   * Drafts an input by shape, from the best of the columns that fit. Columns of known size precede columns
   * whose size depends on the rows.
   */
  #byShape(tensor: TensorInfo): void {
    const free = this.#free().filter((field) => !this.#isSeenFiles(tensor, field));
    const fitting = free.filter(
      (field) => !isRowId(tensor, field) && this.#fits(tensor, { column: field.name }),
    );
    const ranks = fitting.map((field) => sureness(field));
    const best = fitting.filter((_field, index) => ranks[index] === Math.max(...ranks));
    const [first] = best;
    const stacked = first === undefined || best.every(isScalar) ? this.#stacked(tensor, free) : null;
    if (stacked !== null) this.#add(tensor, { columns: stacked }, []);
    else if (first === undefined) {
      if (!this.#reassign(tensor, new Set())) this.#unfed(tensor);
    } else {
      this.#add(tensor, { column: first.name }, whichColumn(best, "these fit"));
    }
  }

  /**
   * Moves a fitting column from another input that fits another column, too. So an earlier choice never makes
   * a job impossible.
   */
  #reassign(tensor: TensorInfo, requested: Set<string>): boolean {
    const columns = this.#context.fields.filter(
      (field) => !this.#isSeenFiles(tensor, field) && !isRowId(tensor, field),
    );
    const fitting = columns.filter(({ name }) => this.#fitsAlone(tensor, { column: name }));
    const free = fitting.find(({ name }) => !this.#used.has(name));
    if (free !== undefined) {
      this.#add(tensor, { column: free.name }, ["is this the right column? No other column fits"]);
      return true;
    }
    for (const { name } of fitting) {
      const owner = [...this.#drafts.values()].find(({ keys }) => keys.column === name)?.tensor;
      if (owner === undefined || requested.has(name)) continue;
      requested.add(name);
      if (!this.#reassign(owner, requested)) continue;
      this.#add(tensor, { column: name }, [`is this the right column? It also fits \`${owner.name}\``]);
      return true;
    }
    return false;
  }

  /** Returns columns of one number each to stack: all except ids, or all whose names differ by a number. */
  #stacked(tensor: TensorInfo, free: readonly Field[]): readonly string[] | null {
    const numbers = free.filter((field) => isScalar(field) && !isIdName(field.name)).map(({ name }) => name);
    const family = (name: string) => name.replace(/\d+/g, "0");
    const families = new Set(numbers.map(family));
    const groups = [numbers, ...[...families].map((own) => numbers.filter((name) => family(name) === own))];
    return groups.find((names) => names.length > 1 && this.#fits(tensor, { columns: names })) ?? null;
  }

  /** Drafts a mask of the input whose rows are uneven. */
  #asMask(tensor: TensorInfo): boolean {
    const bound = tryBind({ inputs: this.#keys() }, { ...this.#context, signature: this.#signature([]) });
    const uneven =
      bound.kind === "fits" ? bound.binding.inputs.filter(({ rowShape }) => isUneven(rowShape)) : [];
    const own = unevenSymbol(tensor);
    const shares = ({ tensor: name }: { readonly tensor: string }) =>
      this.#context.signature.inputs.some((input) => input.name === name && unevenSymbol(input) === own);
    const of = uneven.find(shares) ?? uneven[0];
    if (of === undefined) return false;
    const keys = isMaskName(tensor.name) ? { mask: of.tensor } : this.#companion(tensor, of.tensor);
    if (!this.#fits(tensor, keys)) return false;
    this.#add(tensor, keys, []);
    return true;
  }

  /** Returns the keys of an input that accompanies another: by the step that makes that one, else zeros. */
  #companion(tensor: TensorInfo, of: string): DraftKeys {
    const own = this.#drafts.get(of)?.keys ?? {};
    for (const draft of this.#context.stepDrafts.values()) {
      const found = draft.companion(tensor, of, own);
      if (found !== null) return found;
    }
    return { mask: of, scale: 0 };
  }

  #unfed(tensor: TensorInfo): void {
    const names = listed(this.#context.fields.map(({ name }) => name));
    const isOfLists = /int/.test(tensor.dtype) && tensor.dims.slice(1).some((dim) => !isFixed(dim));
    const values = isOfLists
      ? "a list of whole numbers in each row (`tokenizer` makes token ids from text)"
      : "these values";
    this.#add(tensor, { column: tensor.name }, [
      `no column fits: name one that holds ${values}, or make it in map.prepare. The columns are: ${names}`,
      ...(isOfLists ? [] : this.#textQuestions()),
    ]);
  }

  #textQuestions(): readonly string[] {
    return this.#context.textCauses.map(
      ({ column, why, hint }) =>
        `is \`${column}\` intended? ${why[0]?.toUpperCase()}${why.slice(1)}. ${hint}`,
    );
  }

  #add(tensor: TensorInfo, keys: DraftKeys, questions: readonly string[]): void {
    const axis = this.#batchAxis(tensor);
    const requested = axis === null ? [] : [`is dimension ${axis}, counted from 0, the batch?`];
    this.#drafts.set(tensor.name, {
      tensor,
      keys: { ...keys, ...(axis === null ? {} : { batchAxis: axis }) },
      questions: [...questions, ...requested, ...this.#columnQuestions(tensor, keys)],
    });
    const columns = Array.isArray(keys.columns) ? keys.columns : [keys.column];
    for (const column of columns) if (typeof column === "string") this.#used.add(column);
  }

  #columnQuestions(tensor: TensorInfo, keys: DraftKeys): readonly string[] {
    const { dtype } = tensor;
    const field = this.#context.fields.find(({ name }) => name === keys.column);
    const isPlain = [...FILE_KEYS, ...INPUT_KEYS].every((key) => keys[key] === undefined);
    if (field === undefined || !isPlain) return [];
    if (!dtype.startsWith("float") || !holdsBytes(field)) return columnDoubts(tensor, field);
    const requested = this.#context.ways.flatMap(({ ask }) => ask?.(tensor, field) ?? []);
    if (requested.length > 0) return requested;
    return [
      "bytes become numbers from 0 to 255. If the model was trained on 0 to 1, add `scale: 0.00392156862745098`",
    ];
  }

  /** Checks an input together with the drafted inputs, which may fix open sizes of it. */
  #fits(tensor: TensorInfo, keys: DraftKeys): boolean {
    const axis = this.#batchAxis(tensor);
    const own = axis === null ? keys : { ...keys, batchAxis: axis };
    const inputs = { ...this.#keys(), [tensor.name]: own };
    return tryBind({ inputs }, { ...this.#context, signature: this.#signature([tensor]) }).kind === "fits";
  }

  #fitsAlone(tensor: TensorInfo, keys: DraftKeys): boolean {
    const axis = this.#batchAxis(tensor);
    const own = axis === null ? keys : { ...keys, batchAxis: axis };
    const signature = { inputs: [tensor], outputs: [], unusable: [] };
    return tryBind({ inputs: { [tensor.name]: own } }, { ...this.#context, signature }).kind === "fits";
  }

  /** Checks a state. It depends on no column, but uneven rows cannot have one. */
  #fitsState({ input, output }: StatePair): boolean {
    const outputs = this.#context.signature.outputs.filter(({ name }) => name === output);
    const signature = { ...this.#signature([input]), outputs };
    const map = { inputs: this.#keys(), state: { [input.name]: output } };
    return tryBind(map, { ...this.#context, signature }).kind === "fits";
  }

  #keys(): Record<string, DraftKeys> {
    return Object.fromEntries([...this.#drafts].map(([name, { keys }]) => [name, keys]));
  }

  /** Returns a model with the drafted inputs and the additional ones. */
  #signature(more: readonly TensorInfo[]): DraftContext["signature"] {
    const inputs = this.#context.signature.inputs.filter(
      (tensor) => this.#drafts.has(tensor.name) || more.includes(tensor),
    );
    return { inputs, outputs: [], unusable: [] };
  }

  #batchAxis(tensor: TensorInfo): number | null {
    const inputs = this.#context.signature.inputs.map((one) => ({ tensor: one, batchAxis: 0, said: false }));
    const own = inputs.find((input) => input.tensor === tensor);
    return own === undefined || tensor.dims.length === 0 ? null : likelyBatchAxis(own, inputs);
  }
}
