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
    [option, { type: "string", requiresArg: true, describe: says }],
    [
      keyOption(option),
      {
        type: "string",
        requiresArg: true,
        describe: `The variable of the environment with the key of --${option}: LLM_KEY`,
      },
    ],
  ]),
);

/**
 * Returns the step that the arguments choose. Null: none.
 *
 * @throws {ARGUMENT_INVALID} when they choose several, or a model, too, or a key without its step
 */
export function chosenStep(args: object): ChosenStep | null {
  const texts = args as Readonly<Record<string, string | undefined>>;
  const alone = PARTS.find((part) => texts[part.option] === undefined && texts[keyOption(part.option)]);
  if (alone !== undefined) throw refused(keyOption(alone.option), `needs --${alone.option}`);
  const [chosen, other] = PARTS.filter(({ option }) => texts[option] !== undefined);
  if (chosen === undefined) return null;
  const excluded = other?.option ?? (texts.model === undefined ? null : "model");
  if (excluded !== null) throw refused(chosen.option, `excludes --${excluded}`);
  const { [chosen.option]: address = "", [keyOption(chosen.option)]: secret = null } = texts;
  return { part: chosen, address, secret };
}

function refused(option: string, why: string): ShardmillError {
  return new ShardmillError("ARGUMENT_INVALID", `--${option} ${why}`, { fields: { option } });
}

function keyOption(option: string): string {
  return `${option}-key`;
}
