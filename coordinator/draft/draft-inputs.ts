import type { Field } from "../../shared/domain/dataset.ts";
import { isUneven } from "../../shared/domain/row-shape.ts";
import type { TensorInfo } from "../../shared/domain/tensor.ts";
import { isMaskName } from "../../shared/input-sources/position-mask.ts";
import { likelyBatchAxis } from "../plan/bind/bind-batch.ts";
import { cellSize } from "../plan/bind/columns.ts";
import { holdsFiles, imageKeys, isText, textKeys } from "./computed-inputs.ts";
import { isIdName } from "./id-column.ts";
import { type DraftContext, type DraftKeys, tryBind } from "./try-bind.ts";

/** How one input of the model is fed. */
export interface InputDraft {
  readonly tensor: TensorInfo;
  readonly keys: DraftKeys;
  /** What only the user can know. */
  readonly questions: readonly string[];
}

/** More names than these say nothing to a reader. */
const MOST_NAMES = 12;

/** Names of inputs that tell the two texts of a pair apart: all zero for one text. */
const TYPE_NAMES: readonly string[] = ["token_type_ids", "segment_ids"];

/**
 * How each input of the model could be fed: by the column of its name, by the only column whose type and
 * shape fit, by columns side by side, or as a mask of another input. Where several columns fit, the first is
 * taken, and the question names all.
 */
export function draftInputs(context: DraftContext): readonly InputDraft[] {
  return new InputDrafter(context).draft();
}

class InputDrafter {
  readonly #context: DraftContext;
  readonly #drafts = new Map<string, InputDraft>();
  readonly #used = new Set<string>();

  constructor(context: DraftContext) {
    this.#context = context;
  }

  draft(): readonly InputDraft[] {
    const { inputs } = this.#context.signature;
    const later = inputs.filter((tensor) => !this.#byName(tensor));
    const masks = later.filter(({ name }) => isMaskName(name) || TYPE_NAMES.includes(name));
    const fed = later.filter((tensor) => !masks.includes(tensor));
    for (const tensor of fed) {
      if (this.#asValue(tensor)) continue;
      if (!this.#asImages(tensor) && !this.#asText(tensor)) this.#byShape(tensor);
    }
    for (const tensor of masks) if (!this.#asMask(tensor)) this.#byShape(tensor);
    return inputs.flatMap(({ name }) => this.#drafts.get(name) ?? []);
  }

  #byName(tensor: TensorInfo): boolean {
    const field =
      this.#context.fields.find(({ name }) => name === tensor.name) ??
      this.#context.fields.find(({ name }) => plain(name) === plain(tensor.name));
    if (field === undefined || !this.#fits(tensor, { column: field.name })) return false;
    // What a file holds is no tensor, whatever its column is called.
    const images = imageKeys(tensor, this.#context.folder?.facts.image ?? null);
    if (images !== null && holdsFiles(field.type)) return false;
    this.#add(tensor, { column: field.name }, []);
    return true;
  }

  /** Where the folder says how images are prepared, a column of files is what it means. */
  #asImages(tensor: TensorInfo): boolean {
    const image = imageKeys(tensor, this.#context.folder?.facts.image ?? null);
    if (image === null) return false;
    const files = this.#context.fields.filter(({ name, type }) => holdsFiles(type) && !this.#used.has(name));
    const fitting = files.filter(({ name }) => this.#fits(tensor, { column: name, image }));
    // Bytes are files; a text may be anything.
    const [first, ...others] = fitting.toSorted((a, b) => Number(isText(a.type)) - Number(isText(b.type)));
    if (first === undefined) return false;
    const names = listed(fitting.map(({ name }) => name));
    const which = others.length === 0 ? [] : [`which column is it? these could hold images: ${names}`];
    this.#add(tensor, { column: first.name, image }, which);
    return true;
  }

  /** Where the folder has a tokenizer, and no column holds the ids, a column of text is what it means. */
  #asText(tensor: TensorInfo): boolean {
    const { fields, folder } = this.#context;
    const keys = textKeys(tensor, folder);
    const hasIds = fields.some(
      (field) => sureness(field) === 2 && this.#fits(tensor, { column: field.name }),
    );
    if (keys === null || hasIds) return false;
    const texts = fields.filter(({ name, type }) => isText(type) && !isIdName(name));
    const [first, ...others] = texts.filter(({ name }) => this.#fits(tensor, { column: name, ...keys }));
    if (first === undefined) return false;
    const names = listed([first, ...others].map(({ name }) => name));
    const which = others.length === 0 ? [] : [`which column is the text? these are texts: ${names}`];
    const prompts = Object.entries(folder?.facts.tokenizer?.prompts ?? {});
    const prefixes = prompts.map(([name, prompt]) => `\`prefix: ${JSON.stringify(prompt)}\` (${name})`);
    const prefix =
      prefixes.length === 0 ? [] : [`the model's maker writes a text in front: ${prefixes.join(", ")}`];
    this.#add(tensor, { column: first.name, ...keys }, [...which, ...prefix]);
    return true;
  }

  /** An input without a batch is the same for all rows, whatever the columns are called. */
  #asValue(tensor: TensorInfo): boolean {
    if (tensor.dims.length > 0) return false;
    const value = tensor.dtype === "bool" ? false : 0;
    this.#add(tensor, { value }, ["it is the same for all rows: which value is it?"]);
    return true;
  }

  /** Of the columns that fit, the surest count: sizes that are known before those that rows will tell. */
  #byShape(tensor: TensorInfo): void {
    const free = this.#context.fields.filter(({ name }) => !this.#used.has(name));
    const fitting = free.filter(({ name }) => this.#fits(tensor, { column: name }));
    const ranks = fitting.map((field) => sureness(field));
    const best = fitting.filter((_field, index) => ranks[index] === Math.max(...ranks));
    const [first, ...others] = best;
    const stacked = first === undefined || best.every(isScalar) ? this.#stacked(tensor, free) : null;
    if (stacked !== null) this.#add(tensor, { columns: stacked }, []);
    else if (first === undefined) {
      if (!this.#reassign(tensor, new Set())) this.#unfed(tensor);
    } else {
      const names = listed(best.map(({ name }) => name));
      this.#add(
        tensor,
        { column: first.name },
        others.length === 0 ? [] : [`which column is it? these fit: ${names}`],
      );
    }
  }

  /**
   * A column that fits may feed an input already that another column fits, too: that one then gives it up. So
   * no choice that was made before keeps a job from being possible.
   */
  #reassign(tensor: TensorInfo, asked: Set<string>): boolean {
    const fitting = this.#context.fields.filter(({ name }) => this.#fitsAlone(tensor, { column: name }));
    const free = fitting.find(({ name }) => !this.#used.has(name));
    if (free !== undefined) {
      this.#add(tensor, { column: free.name }, ["is it this column? No other was left that fits"]);
      return true;
    }
    for (const { name } of fitting) {
      const owner = [...this.#drafts.values()].find(({ keys }) => keys.column === name)?.tensor;
      if (owner === undefined || asked.has(name)) continue;
      asked.add(name);
      if (!this.#reassign(owner, asked)) continue;
      this.#add(tensor, { column: name }, [`is it this column? It fits \`${owner.name}\`, too`]);
      return true;
    }
    return false;
  }

  /** Columns of one number each, side by side: all that are no ids, or all that differ by a number. */
  #stacked(tensor: TensorInfo, free: readonly Field[]): readonly string[] | null {
    const numbers = free.filter((field) => isScalar(field) && !isIdName(field.name)).map(({ name }) => name);
    const family = (name: string) => name.replace(/\d+/g, "0");
    const families = new Set(numbers.map(family));
    const groups = [numbers, ...[...families].map((own) => numbers.filter((name) => family(name) === own))];
    return groups.find((names) => names.length > 1 && this.#fits(tensor, { columns: names })) ?? null;
  }

  /** A mask is made of the input whose rows are of uneven length. */
  #asMask(tensor: TensorInfo): boolean {
    const bound = tryBind({ inputs: this.#keys() }, { ...this.#context, signature: this.#signature([]) });
    const uneven =
      bound.kind === "fits" ? bound.binding.inputs.filter(({ rowShape }) => isUneven(rowShape)) : [];
    const [of] = uneven;
    if (of === undefined) return false;
    const keys = isMaskName(tensor.name) ? { mask: of.tensor } : { mask: of.tensor, scale: 0 };
    if (!this.#fits(tensor, keys)) return false;
    this.#add(tensor, keys, []);
    return true;
  }

  #unfed(tensor: TensorInfo): void {
    const names = listed(this.#context.fields.map(({ name }) => name));
    this.#add(tensor, { column: tensor.name }, [
      `no column fits: name one that holds these values, or make it in map.prepare. The columns are: ${names}`,
    ]);
  }

  #add(tensor: TensorInfo, keys: DraftKeys, questions: readonly string[]): void {
    const axis = this.#batchAxis(tensor);
    const asked = axis === null ? [] : [`is dimension ${axis}, counted from 0, the batch?`];
    this.#drafts.set(tensor.name, {
      tensor,
      keys: { ...keys, ...(axis === null ? {} : { batchAxis: axis }) },
      questions: [...questions, ...asked, ...this.#scaleQuestions(tensor, keys)],
    });
    const columns = Array.isArray(keys.columns) ? keys.columns : [keys.column];
    for (const column of columns) if (typeof column === "string") this.#used.add(column);
  }

  #scaleQuestions({ dtype, dims }: TensorInfo, keys: DraftKeys): readonly string[] {
    const field = this.#context.fields.find(({ name }) => name === keys.column);
    if (field === undefined || keys.image !== undefined || !dtype.startsWith("float") || !holdsBytes(field))
      return [];
    if (dims.length === 4 && field.type.kind === "binary")
      return ["are these image files? Then add `image: {}` and its keys; if not, they are read as 0 to 255"];
    return ["bytes go in as 0 to 255. If the model was trained on 0 to 1, add `scale: 0.00392156862745098`"];
  }

  /** Together with the inputs that are fed already, whose sizes may settle its own. */
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

  #keys(): Record<string, DraftKeys> {
    return Object.fromEntries([...this.#drafts].map(([name, { keys }]) => [name, keys]));
  }

  /** A model of the inputs that are fed already and of these. */
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

/** How much a column's type says of its size: all, that it is a list, or nothing. */
function sureness({ name, type }: Field): number {
  const cell = cellSize(type);
  if (cell === null || isIdName(name)) return 0;
  return { values: 3, bytes: 3, perRow: 2, bytesPerRow: 1 }[cell.kind];
}

function isScalar({ type }: Field): boolean {
  return type.kind === "numeric";
}

function holdsBytes({ type }: Field): boolean {
  if (type.kind === "binary" || type.kind === "fixedBinary") return true;
  if (type.kind === "list" || type.kind === "fixedList")
    return holdsBytes({ name: "", type: type.item, nullable: true });
  return type.kind === "numeric" && type.type === "uint8";
}

/** A name without what people write differently: `Input IDs` is `input_ids`. */
function plain(name: string): string {
  return name.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "");
}

export function listed(names: readonly string[]): string {
  const shown = names.slice(0, MOST_NAMES).join(", ");
  return names.length > MOST_NAMES ? `${shown} and ${names.length - MOST_NAMES} more` : shown;
}
