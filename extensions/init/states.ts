import { isFixed, type ModelSignature, type TensorInfo } from "../../shared/domain/tensor.ts";

/** An input that is what an output was for the part before. */
export interface StatePair {
  readonly input: TensorInfo;
  readonly output: string;
}

/** What recurrent models call what they remember: whole names, and parts of them. */
const WHOLE = /^(h|c|hx|cx)\d*$/;
const PART = /state|hidden|cell|lstm|gru|rnn|memory|cache|carry/;

/** What exporters put around the name of a state to tell the one that comes from the one that goes. */
const BEFORE = /^(prev|previous|old|init|initial|in|input)_|_?(prev|previous|old|init|initial|in|input|0)$/;
const BEHIND = /^(next|new|out|output|updated)_|_?(next|new|out|output|updated|n|1)$/;

/**
 * The states of a recurrent model: an input and an output of one type and shape, whose names are those of a
 * state and differ by what tells the next one from the one before: `h` and `hn`, `state` and `stateN`,
 * `cell_in` and `cell_out`.
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

/** A row's number alone is no state: it has a batch and what is remembered. */
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
