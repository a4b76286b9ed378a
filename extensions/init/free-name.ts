/**
 * Returns the first name that no column has, else the first name with a number appended. SQL ignores case.
 *
 * @param taken names in lower case
 */
export function freeName(names: readonly [string, ...string[]], taken: ReadonlySet<string>): string {
  const free = names.find((name) => !taken.has(name.toLowerCase()));
  if (free !== undefined) return free;
  const [wanted] = names;
  let count = 2;
  while (taken.has(`${wanted}_${count}`.toLowerCase())) count += 1;
  return `${wanted}_${count}`;
}
