import { radixes } from "./op.ts";

/** Step of the transform: `radix` parts of `count` values each, in `stride` transforms. */
interface Pass {
  readonly radix: number;
  readonly count: number;
  readonly stride: number;
}

/** Fourier transform of real values, in double precision. */
export class RealFft {
  readonly #isHalved: boolean;
  readonly #fft: ComplexFft;
  /** Powers of the root of unity. */
  readonly #roots: Roots;

  constructor(length: number) {
    this.#isHalved = length % 2 === 0;
    this.#fft = new ComplexFft(this.#isHalved ? length / 2 : length);
    this.#roots = rootsOf(length);
  }

  /** Writes the complex values of the frequencies from zero to the highest to `re` and `im`. */
  transform(signal: Float64Array, re: Float64Array, im: Float64Array): void {
    const fft = this.#fft;
    if (this.#isHalved) {
      // Even values are the real part of half as many complex values, and odd ones the imaginary part.
      for (let at = 0; at < fft.re.length; at += 1) {
        fft.re[at] = signal[2 * at] ?? 0;
        fft.im[at] = signal[2 * at + 1] ?? 0;
      }
      fft.transform();
      this.#split(re, im);
      return;
    }
    fft.re.set(signal);
    fft.im.fill(0);
    fft.transform();
    re.set(fft.re.subarray(0, re.length));
    im.set(fft.im.subarray(0, im.length));
  }

  /** Separates the transforms of even and odd values, and joins them. */
  #split(re: Float64Array, im: Float64Array): void {
    const { cos, sin } = this.#roots;
    const from = this.#fft;
    const half = from.re.length;
    for (let at = 0; at <= half; at += 1) {
      const first = at === half ? 0 : at;
      const last = at === 0 ? 0 : half - at;
      const a = from.re[first] ?? 0;
      const b = from.im[first] ?? 0;
      const c = from.re[last] ?? 0;
      const d = from.im[last] ?? 0;
      const oddRe = (b + d) / 2;
      const oddIm = (c - a) / 2;
      re[at] = (a + c) / 2 + oddRe * (cos[at] ?? 0) - oddIm * (sin[at] ?? 0);
      im[at] = (b - d) / 2 + oddRe * (sin[at] ?? 0) + oddIm * (cos[at] ?? 0);
    }
  }
}

/**
 * Fourier transform of complex values.
 *
 * Source: Stockham's algorithm with any radix, in Van Loan, Computational Frameworks for the Fast Fourier
 * Transform, 1992.
 */
class ComplexFft {
  re: Float64Array;
  im: Float64Array;
  #toRe: Float64Array;
  #toIm: Float64Array;
  readonly #passes: readonly Pass[];
  readonly #roots: Roots;

  constructor(length: number) {
    [this.re, this.im] = [new Float64Array(length), new Float64Array(length)];
    [this.#toRe, this.#toIm] = [new Float64Array(length), new Float64Array(length)];
    this.#passes = passesOf(length);
    this.#roots = rootsOf(length);
  }

  /** Replaces the values by their transform. */
  transform(): void {
    for (const pass of this.#passes) {
      if (pass.radix === 4) this.#passOfFour(pass);
      else this.#passOf(pass);
      [this.re, this.#toRe] = [this.#toRe, this.re];
      [this.im, this.#toIm] = [this.#toIm, this.im];
    }
  }

  #passOfFour({ count, stride }: Pass): void {
    const { re, im, toRe, toIm, cos, sin } = this.#arrays();
    const turn = cos.length / (4 * count);
    const part = count * stride;
    for (let at = 0; at < count; at += 1) {
      const c1 = cos[at * turn] ?? 0;
      const s1 = sin[at * turn] ?? 0;
      const c2 = cos[2 * at * turn] ?? 0;
      const s2 = sin[2 * at * turn] ?? 0;
      const c3 = cos[3 * at * turn] ?? 0;
      const s3 = sin[3 * at * turn] ?? 0;
      for (let from = at * stride, to = 4 * at * stride; from < (at + 1) * stride; from += 1, to += 1) {
        const ar = re[from] ?? 0;
        const ai = im[from] ?? 0;
        const br = re[from + part] ?? 0;
        const bi = im[from + part] ?? 0;
        const cr = re[from + 2 * part] ?? 0;
        const ci = im[from + 2 * part] ?? 0;
        const dr = re[from + 3 * part] ?? 0;
        const di = im[from + 3 * part] ?? 0;
        const sumR = ar + cr;
        const sumI = ai + ci;
        const differenceR = ar - cr;
        const differenceI = ai - ci;
        const otherR = br + dr;
        const otherI = bi + di;
        const turnedR = bi - di;
        const turnedI = dr - br;
        toRe[to] = sumR + otherR;
        toIm[to] = sumI + otherI;
        const xr = differenceR + turnedR;
        const xi = differenceI + turnedI;
        toRe[to + stride] = xr * c1 - xi * s1;
        toIm[to + stride] = xr * s1 + xi * c1;
        const yr = sumR - otherR;
        const yi = sumI - otherI;
        toRe[to + 2 * stride] = yr * c2 - yi * s2;
        toIm[to + 2 * stride] = yr * s2 + yi * c2;
        const zr = differenceR - turnedR;
        const zi = differenceI - turnedI;
        toRe[to + 3 * stride] = zr * c3 - zi * s3;
        toIm[to + 3 * stride] = zr * s3 + zi * c3;
      }
    }
  }

  /** Sums the parts of each value, with one factor for the root of unity and the turn. */
  #passOf({ radix, count, stride }: Pass): void {
    const { re, im, toRe, toIm, cos, sin } = this.#arrays();
    const { length } = cos;
    for (let at = 0; at < count; at += 1) {
      for (let out = 0; out < radix; out += 1) {
        const to = stride * (radix * at + out);
        for (let each = 0; each < radix; each += 1) {
          const angle = ((at + each * count) * out * (length / (radix * count))) % length;
          const c = cos[angle] ?? 0;
          const s = sin[angle] ?? 0;
          const from = stride * (at + each * count);
          for (let lane = 0; lane < stride; lane += 1) {
            const ar = re[from + lane] ?? 0;
            const ai = im[from + lane] ?? 0;
            const beforeR = each === 0 ? 0 : (toRe[to + lane] ?? 0);
            const beforeI = each === 0 ? 0 : (toIm[to + lane] ?? 0);
            toRe[to + lane] = beforeR + ar * c - ai * s;
            toIm[to + lane] = beforeI + ar * s + ai * c;
          }
        }
      }
    }
  }

  #arrays() {
    return { re: this.re, im: this.im, toRe: this.#toRe, toIm: this.#toIm, ...this.#roots };
  }
}

/** Cosines and sines of a circle. */
interface Roots {
  readonly cos: Float64Array;
  readonly sin: Float64Array;
}

function rootsOf(length: number): Roots {
  const angle = (-2 * Math.PI) / length;
  return {
    cos: Float64Array.from({ length }, (_, at) => Math.cos(angle * at)),
    sin: Float64Array.from({ length }, (_, at) => Math.sin(angle * at)),
  };
}

function passesOf(length: number): readonly Pass[] {
  let rest = length;
  let stride = 1;
  return radixes(length).map((radix) => {
    const pass = { radix, count: rest / radix, stride };
    rest /= radix;
    stride *= radix;
    return pass;
  });
}
