import type { Options } from "yargs";
import { ShardmillError } from "../core/errors.ts";

/** Option of commands that have a result for programs. */
export const jsonOption = {
  type: "boolean",
  default: false,
  describe: "Print one JSON result on stdout; everything else goes to stderr",
} as const satisfies Options;

/** Makes the refusal to write over a file that a command was to make. */
export function fileOccupied(path: string): ShardmillError {
  return new ShardmillError("OUTPUT_OCCUPIED", `${path} is there already`, {
    fields: { path },
    hint: "choose another with -o, print it with -o -, or replace it with --force",
  });
}
