import { ShardmillError } from "../../shared/core/errors.ts";
import { STEPS } from "../../shared/domain/features.ts";
import type { JobDraftPart } from "../../shared/extension/job-draft.ts";

/** Step around which `init` can draft a job. */
interface DraftedPart extends JobDraftPart {
  /** Key of the step in the job file. */
  readonly key: string;
}

/** Step to draft, and the values of its options. */
export interface ChosenStep {
  readonly part: DraftedPart;
  readonly address: string;
  /** Name of the variable with the key of the address. Null: no key. */
  readonly secret: string | null;
}

const PARTS: readonly DraftedPart[] = STEPS.flatMap(({ key, draft }) =>
  draft === undefined ? [] : [{ ...draft, key }],
);

/** Options of the steps around which a job can be drafted. Their names depend on the extensions. */
export const STEP_OPTIONS: Record<never, never> = Object.fromEntries(
  PARTS.flatMap(({ option, says }) => [
    [option, { type: "string", requiresArg: true, conflicts: "model", describe: says }],
    [
      keyOption(option),
      {
        type: "string",
        requiresArg: true,
        implies: option,
        describe: `The variable of the environment with the key of --${option}: LLM_KEY`,
      },
    ],
  ]),
);

/**
 * Returns the step that the arguments choose. Null: none.
 *
 * @throws {ARGUMENT_INVALID} when they choose several
 */
export function chosenStep(args: object): ChosenStep | null {
  const texts = args as Readonly<Record<string, unknown>>;
  const [chosen, ...others] = PARTS.filter(({ option }) => texts[option] !== undefined);
  if (chosen === undefined) return null;
  const [other] = others;
  if (other !== undefined)
    throw new ShardmillError("ARGUMENT_INVALID", `--${chosen.option} excludes --${other.option}`, {
      fields: { option: other.option },
    });
  const secret = texts[keyOption(chosen.option)];
  return {
    part: chosen,
    address: String(texts[chosen.option]),
    secret: secret === undefined ? null : String(secret),
  };
}

function keyOption(option: string): string {
  return `${option}-key`;
}
