/**
 * Returns a check for yargs: numbers not below their minimum, and integers except for `fractions`. Without it
 * `--jobs x` is NaN, and a command that tries nothing reports success.
 *
 * @throws {Error} naming the invalid option
 */
export function numbersFrom(
  leasts: Readonly<Record<string, number>>,
  fractions: readonly string[] = [],
): (given: Readonly<Record<string, unknown>>) => true {
  return (given) => {
    for (const [name, least] of Object.entries(leasts)) {
      const value = given[name];
      if (value === undefined) continue;
      const isWhole = !fractions.includes(name);
      const isRight =
        typeof value === "number" && value >= least && (!isWhole || Number.isSafeInteger(value));
      if (!isRight) throw new Error(`--${name} must be a ${isWhole ? "whole " : ""}number from ${least} on`);
    }
    return true;
  };
}
