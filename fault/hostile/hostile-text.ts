import type { Dice } from "./dice.ts";
import { type HostileFile, mutate } from "./mutate.ts";

/** A good job file, which is damaged. */
const GOOD_JOB = `name: hostile
input: { path: ./data }
model: { path: ./model.onnx, device: cpu }
map:
  inputs: { input: x }
  outputs: { best: { tensor: logits, op: argmax } }
  keep: [id]
  batch: { rows: 32 }
reduce:
  counts:
    combine: SELECT best, count(*) AS n FROM rows GROUP BY best
    final: SELECT best, sum(n)::BIGINT AS n FROM partials GROUP BY best ORDER BY best
output: { path: ./out }
`;

const LIES: readonly (() => HostileFile)[] = [
  lie("a valid job", () => GOOD_JOB),
  lie("nothing", () => ""),
  lie("a null byte", () => GOOD_JOB.replace("hostile", "hos\0tile")),
  lie("only null bytes", () => "\0".repeat(10_000)),
  lie("aliases of aliases of aliases", () => {
    const levels = Array.from({ length: 30 }, (_, level) => {
      const of = level === 0 ? "x" : `*a${level - 1}`;
      return `a${level}: &a${level} [${Array(10).fill(of).join(", ")}]`;
    });
    return `${levels.join("\n")}\n${GOOD_JOB}`;
  }),
  lie("an alias of itself", () => `a: &a [*a]\n${GOOD_JOB}`),
  lie("brackets 100,000 deep", () => `name: ${"[".repeat(100_000)}`),
  lie("closed brackets 20,000 deep", () => `name: ${"[".repeat(20_000)}${"]".repeat(20_000)}`),
  lie("maps 50,000 deep", () => "a: {".repeat(50_000)),
  lie("indented 5,000 deep", () =>
    Array.from({ length: 3_000 }, (_, depth) => `${" ".repeat(depth)}a:`).join("\n"),
  ),
  lie("3 MiB of keys", () => Array.from({ length: 200_000 }, (_, key) => `k${key}: 1`).join("\n")),
  lie("5 MiB of one word", () => `name: ${"x".repeat(5 << 20)}`),
  lie("3 MiB of one word", () => `name: ${"x".repeat(3 << 20)}`),
  lie("a million dashes", () => `name: ${"- ".repeat(1_000_000)}`),
  lie("merge keys", () => `base: &b { a: 1 }\n<<: [${Array(50_000).fill("*b").join(", ")}]\n${GOOD_JOB}`),
  lie("a key that sets the prototype", () => `__proto__: { polluted: true }\nconstructor: 1\n${GOOD_JOB}`),
  lie("a tag that makes an object", () => `name: !!js/function "process.exit(7)"\n`),
  lie("many documents", () => "---\na: 1\n".repeat(50_000)),
  lie("a glob of many braces", () =>
    GOOD_JOB.replace("./data", "'./{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}*'"),
  ),
  lie("a million rows a batch too many", () => GOOD_JOB.replace("rows: 32", "rows: 1e300")),
  lie("SQL that reads files", () => GOOD_JOB.replace("FROM rows", "FROM read_text('/etc/passwd')")),
  lie("a million labels", () =>
    GOOD_JOB.replace("op: argmax", `op: argmax, labels: [${"a, ".repeat(300_000)}]`),
  ),
];

function lie(what: string, make: () => string): () => HostileFile {
  return () => ({ what, bytes: Buffer.from(make()) });
}

export function hostileJobFile(index: number, dice: Dice): HostileFile {
  return LIES[index]?.() ?? mutate(Buffer.from(GOOD_JOB), dice);
}
