import { ShardmillError } from "../shared/core/errors.ts";

/** What a command that was told to stop ends with: exit code 130. */
export function interrupted(): ShardmillError {
  return new ShardmillError("INTERRUPTED", "stopped by a signal", {
    hint: "the same command goes on where this one stopped",
  });
}
