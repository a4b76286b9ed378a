import type { Problem, ShardmillError } from "../core/errors.ts";
import { plainStyle, type Style } from "./style.ts";
import { counted, indented, labelled, oneLine } from "./text.ts";

/** Limit of shown problems. A message may be long, such as a database's, but not a page. */
const MAX_PROBLEMS = 20;

/**
 * Renders an error for users: the message, then each problem with its place, expected and found values, and a
 * hint. Never renders a stack.
 *
 * ```
 * error: the job file has 1 problem (SPEC_INVALID)
 *
 *   map.inputs.image.column: no such column
 *     expected  one of id, label, pixels
 *     found     pixel
 *     hint      did you mean `pixels`?
 * ```
 */
export function renderError(error: ShardmillError, style: Style = plainStyle): string {
  const { code, message, problems, hint } = error;
  const shown = problems.slice(0, MAX_PROBLEMS);
  const [headline = "", ...more] = indented(message, "  ").split("\n");
  const lines = [`${style.bad("error:")} ${style.bold(headline)} ${style.dim(`(${code})`)}`, ...more];
  lines.push(...labelled(factsOf(error), style.dim));
  for (const problem of shown) lines.push("", ...problemLines(problem, style));
  if (problems.length > shown.length) {
    lines.push("", style.dim(`  ... ${counted(problems.length - shown.length, "more problem")}`));
  }
  const isSaid = shown.some((problem) => problem.hint === hint);
  if (hint !== undefined && !isSaid) lines.push("", `${style.accent("hint:")} ${indented(hint, "  ")}`);
  return lines.join("\n");
}

function problemLines({ where, what, expected, found, hint }: Problem, style: Style): string[] {
  const details = [
    ["expected", expected],
    ["found", found],
    ["hint", hint],
  ] as const;
  return [
    `  ${style.accent(oneLine(where))}: ${indented(what, "    ")}`,
    ...labelled(
      details.map(([label, value]) => [label, value === undefined ? null : oneLine(value)]),
      style.dim,
      "    ",
    ),
  ];
}

/**
 * Returns the facts that message and problems do not contain, and the cause if it adds any. Skips flags,
 * which are for programs. Skips numbers beside problems, which only count them.
 */
function factsOf(error: ShardmillError): [label: string, value: string | null][] {
  const { message, problems } = error;
  const shown = [message, ...problems.flatMap((problem) => Object.values(problem))].map(oneLine).join("\n");
  const place = placeOf(error.fields);
  const facts = Object.entries(error.fields).map(([label, value]): [string, string | null] => {
    const isForMachines =
      value === null || typeof value === "boolean" || (typeof value === "number" && problems.length > 0);
    const text = isForMachines || (place !== null && PLACE_FIELDS.has(label)) ? "" : oneLine(String(value));
    return [oneLine(label), text === "" || includesWord(shown, text) ? null : text];
  });
  return [["where", place], ...facts, ["cause", causeOf(error.cause, shown)]];
}

const PLACE_FIELDS: ReadonlySet<string> = new Set([
  ...["shard", "rowStart", "rowEnd", "worker"],
  ...["file", "files", "firstFile", "lastFile"],
]);

/**
 * Formats the fields of an attempt: `rows 0 to 49 of a.parquet (shard 0), on node1-cpu0`. Null: the error is
 * not about an attempt.
 */
function placeOf(fields: ShardmillError["fields"]): string | null {
  const { shard, rowStart, rowEnd, worker } = fields;
  if (typeof shard !== "number" || typeof rowStart !== "number" || typeof rowEnd !== "number") return null;
  const rows = `rows ${rowStart} to ${rowEnd - 1}${filesOf(fields)}`;
  return `${rows} (shard ${shard})${typeof worker === "string" ? `, on ${oneLine(worker)}` : ""}`;
}

/** Names the file of the rows. Rows of several files are numbered over the whole input. */
function filesOf({ file, files, firstFile, lastFile }: ShardmillError["fields"]): string {
  if (typeof file === "string") return ` of ${oneLine(file)}`;
  if (typeof files !== "number" || typeof firstFile !== "string" || typeof lastFile !== "string") return "";
  return ` of the input, in ${files} files from ${oneLine(firstFile)} to ${oneLine(lastFile)}`;
}

/** Checks whether a text occurs as a whole word: 7 is not in 17. */
function includesWord(shown: string, text: string): boolean {
  const isWordEnd = (char: string | undefined) => char === undefined || !/[\p{L}\p{N}]/u.test(char);
  for (let at = shown.indexOf(text); at >= 0; at = shown.indexOf(text, at + 1)) {
    if (isWordEnd(shown[at - 1]) && isWordEnd(shown[at + text.length])) return true;
  }
  return false;
}

/**
 * Returns the cause if it adds information. A missing file is in the message already, and gRPC's own text
 * (with a numbered status) is, too.
 */
function causeOf(cause: unknown, shown: string): string | null {
  if (!(cause instanceof Error)) return null;
  const code = "code" in cause ? cause.code : null;
  const reason = oneLine(cause.message);
  const saysMore = code !== "ENOENT" && typeof code !== "number" && reason !== "" && !shown.includes(reason);
  return saysMore ? reason : null;
}
