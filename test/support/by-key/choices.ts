/** Source of choices for a grammar. The first option is the simplest, so that failures shrink. */
export interface Choices {
  /** Returns a whole number below `count`. */
  below(count: number): number;
  pick<T>(options: readonly [T, ...T[]]): T;
  /** Returns true once in `times`, and not when choices are simplest. */
  rarely(times: number): boolean;
}

/** Makes choices of numbers. After the last number, all choices are the simplest. */
export function choicesOf(numbers: readonly number[]): Choices {
  let next = 0;
  const below = (count: number): number => {
    const number = numbers[next] ?? 0;
    next += 1;
    return number % count;
  };
  return {
    below,
    pick: (options) => options[below(options.length)] ?? options[0],
    rarely: (times) => below(times) === times - 1,
  };
}
