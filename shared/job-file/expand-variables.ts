interface Expanded {
  readonly text: string;
  /** True when a part came from the environment. Messages hide such a value, because it may be a secret. */
  readonly fromEnvironment: boolean;
  readonly faults: readonly { readonly what: string; readonly expected: string; readonly hint: string }[];
}

/** Text that is exactly one reference. */
export const LONE_REFERENCE = /^\$\{[^}]*\}$/;

const REFERENCE = /\$\$\{|\$\{([^}]*)(\}?)/g;
const NAME = /^([A-Za-z_][A-Za-z0-9_]*)(?::-([\s\S]*))?$/;

/**
 * Expands variables. `${NAME}` becomes the variable's value, and `$${` a plain `${`. `${NAME:-default}`
 * becomes the default if the variable is unset or empty, as in a shell. Values are not expanded again.
 *
 * @param literal escapes a value where the text is a pattern
 */
export function expandVariables(
  text: string,
  env: NodeJS.ProcessEnv,
  literal: (value: string) => string = (value) => value,
): Expanded {
  const faults: { what: string; expected: string; hint: string }[] = [];
  let fromEnvironment = false;
  const expanded = text.replace(
    REFERENCE,
    (reference, inner: string | undefined, end: string | undefined) => {
      if (inner === undefined) return "${";
      const [, name, fallback] = (end === "}" ? NAME.exec(inner) : null) ?? [];
      if (name === undefined) {
        faults.push({
          what: `\`${reference}\` is not a reference to a variable`,
          expected: `\`\${NAME}\` or \`\${NAME:-default}\``,
          hint: "write `$${` for a plain `${`",
        });
        return reference;
      }
      const value = Object.hasOwn(env, name) ? env[name] : undefined;
      if (value !== undefined && (value !== "" || fallback === undefined)) {
        fromEnvironment = true;
        return literal(value);
      }
      if (fallback !== undefined) return fallback;
      faults.push({
        what: `environment variable \`${name}\` is not set`,
        expected: "a value in the environment",
        hint: `set it, or give a default: \`\${${name}:-default}\``,
      });
      return reference;
    },
  );
  return { text: expanded, fromEnvironment, faults };
}
