import { isFixed, type ModelSignature, type TensorInfo } from "../../shared/domain/tensor.ts";

/** Input that gets an output of the previous part. */
export interface StatePair {
  readonly input: TensorInfo;
  readonly output: string;
}

/** Names of states in recurrent models: whole names, and parts of names. */
const WHOLE = /^(h|c|hx|cx)\d*$/;
const PART = /state|hidden|cell|lstm|gru|rnn|memory|cache|carry/;

/** Affixes that distinguish the previous state from the next one. */
const BEFORE = /^(prev|previous|old|init|initial|in|input)_|_?(prev|previous|old|init|initial|in|input|0)$/;
const BEHIND = /^(next|new|out|output|updated)_|_?(next|new|out|output|updated|n|1)$/;

/**
 * Finds the states of a recurrent model: input and output pairs of one type and shape. Their names differ in
 * an affix only: `h` and `hn`, `state` and `stateN`, `cell_in` and `cell_out`.
 */
export function findStates({
  inputs,
  outputs,
}: Pick<ModelSignature, "inputs" | "outputs">): readonly StatePair[] {
  const taken = new Set<string>();
  return inputs.flatMap((input) => {
    const output = outputs.find((other) => !taken.has(other.name) && isNext(input, other));
    if (output === undefined) return [];
    taken.add(output.name);
    return [{ input, output: output.name }];
  });
}

function isNext(input: TensorInfo, output: TensorInfo): boolean {
  const [before, behind] = [input.name.toLowerCase(), output.name.toLowerCase()];
  const stem = before.replace(BEFORE, "");
  const isState = WHOLE.test(stem) || PART.test(stem);
  const isPair = behind !== before && [before, stem].includes(behind.replace(BEHIND, ""));
  return isState && isPair && isAlike(input, output);
}

/** Compares type and shape. A state has a batch and further dims, so a single number per row is none. */
function isAlike(input: TensorInfo, output: TensorInfo): boolean {
  const isSame = input.dtype === output.dtype && input.dims.length === output.dims.length;
  return (
    isSame &&
    input.dims.length > 1 &&
    input.dims.every((dim, at) => {
      const other = output.dims[at];
      return !isFixed(dim) || !isFixed(other) || dim === other;
    })
  );
}
