import type { OutputAccuracy } from "../../shared/domain/precision.ts";

type Numbers = Readonly<Record<number, number>> & { readonly length: number };

export interface ComparedOutput {
  readonly tensor: string;
  /** The job reads an order or a class from it. */
  readonly ranked: boolean;
  /** Its values are whole numbers (or bools): equal or not. */
  readonly whole: boolean;
}

/** One output of two models, row by row: `add` what both made of each row, then `finish`. */
export class OutputComparison {
  readonly #output: ComparedOutput;
  #rows = 0;
  #values = 0;
  #errorSum = 0;
  #maxError = 0;
  #notFiniteRows = 0;
  #agreedRows = 0;
  #rankedRows = 0;
  #cosines = 0;
  #cosineSum = 0;
  #leastCosine = 1;
  /** Of rows of one value: all rows as one vector. */
  readonly #single = new Products();

  constructor(output: ComparedOutput) {
    this.#output = output;
  }

  add(original: Numbers, converted: Numbers): void {
    this.#rows += 1;
    const products = original.length === 1 ? this.#single : new Products();
    let allFinite = true;
    for (let index = 0; index < original.length; index += 1) {
      const a = original[index] ?? 0;
      const b = converted[index] ?? Number.NaN;
      // What the original has no number for, nothing can be compared with.
      if (!Number.isFinite(a)) continue;
      if (!Number.isFinite(b)) {
        allFinite = false;
        continue;
      }
      const error = Math.abs(b - a);
      this.#values += 1;
      this.#errorSum += error;
      this.#maxError = Math.max(this.#maxError, error);
      products.add(a, b);
    }
    if (!allFinite) this.#notFiniteRows += 1;
    if (original.length > 1) this.#addCosine(products.cosine());
    this.#addAgreement(original, converted);
  }

  finish(): OutputAccuracy {
    const { tensor, ranked, whole } = this.#output;
    const single = this.#cosines === 0 && this.#rows > 0 ? this.#single.cosine() : null;
    const mean = this.#cosines === 0 ? single : this.#cosineSum / this.#cosines;
    const least = this.#cosines === 0 ? single : this.#leastCosine;
    return {
      tensor,
      maxError: this.#maxError,
      meanError: this.#values === 0 ? 0 : this.#errorSum / this.#values,
      meanCosine: whole ? null : mean,
      leastCosine: whole ? null : least,
      agreement: this.#rankedRows === 0 ? null : this.#agreedRows / this.#rankedRows,
      ranked,
      notFiniteRows: this.#notFiniteRows,
    };
  }

  #addCosine(cosine: number): void {
    this.#cosines += 1;
    this.#cosineSum += cosine;
    this.#leastCosine = Math.min(this.#leastCosine, cosine);
  }

  #addAgreement(original: Numbers, converted: Numbers): void {
    if (this.#output.whole) {
      this.#rankedRows += 1;
      if (areEqual(original, converted)) this.#agreedRows += 1;
    } else if (original.length > 1) {
      this.#rankedRows += 1;
      if (greatest(original) === greatest(converted)) this.#agreedRows += 1;
    }
  }
}

class Products {
  #both = 0;
  #first = 0;
  #second = 0;

  add(a: number, b: number): void {
    this.#both += a * b;
    this.#first += a * a;
    this.#second += b * b;
  }

  /** Two vectors of zeros are alike; one beside another vector is not. */
  cosine(): number {
    if (this.#first === 0 || this.#second === 0) return this.#first === this.#second ? 1 : 0;
    return Math.max(-1, Math.min(1, this.#both / Math.sqrt(this.#first) / Math.sqrt(this.#second)));
  }
}

function areEqual(a: Numbers, b: Numbers): boolean {
  if (a.length !== b.length) return false;
  for (let index = 0; index < a.length; index += 1) if (a[index] !== b[index]) return false;
  return true;
}

function greatest(values: Numbers): number {
  let best = 0;
  for (let index = 1; index < values.length; index += 1) {
    if ((values[index] ?? 0) > (values[best] ?? 0)) best = index;
  }
  return best;
}
