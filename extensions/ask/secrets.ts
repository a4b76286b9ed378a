import { ShardmillError } from "../../shared/core/errors.ts";
import { expandVariables } from "../../shared/job-file/expand-variables.ts";

/** Headers with the worker's secrets. */
interface Secrets {
  readonly headers: Readonly<Record<string, string>>;
  /** Replaces secrets in a text by references to them. A server may repeat them in its words. */
  conceal(text: string): string;
}

/** Secrets below this length are not concealed: every text would have them. */
const LEAST_CHARS = 4;

/**
 * Expands references to the environment of this process.
 *
 * @throws {WORKER_UNFIT} when a variable is not set
 */
export function expandSecrets(
  headers: Readonly<Record<string, string>>,
  env: NodeJS.ProcessEnv,
  where: string,
): Secrets {
  const values = new Map<string, string>();
  const expanded = Object.entries(headers).map(([name, text]) => {
    const { text: value, faults } = expandVariables(text, env);
    const [fault] = faults;
    if (fault !== undefined)
      throw new ShardmillError("WORKER_UNFIT", `${where}: ${fault.what} for this worker`, {
        fields: { where },
        hint: "set it in the environment of `shardmill worker`, or of `shardmill run`",
      });
    for (const [, variable = ""] of text.matchAll(/\$\{([A-Za-z_]\w*)/g)) {
      const secret = env[variable] ?? "";
      if (secret.length >= LEAST_CHARS) values.set(secret, `\${${variable}}`);
    }
    return [name, value] as const;
  });
  return {
    headers: Object.fromEntries(expanded),
    conceal: (text) => [...values].reduce((rest, [secret, name]) => rest.replaceAll(secret, name), text),
  };
}
