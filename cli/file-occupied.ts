import { ShardmillError } from "../shared/core/errors.ts";

/** The refusal to write over a file that a command was to make. */
export function fileOccupied(path: string): ShardmillError {
  return new ShardmillError("OUTPUT_OCCUPIED", `${path} is there already`, {
    fields: { path },
    hint: "choose another with -o, print it with -o -, or replace it with --force",
  });
}
