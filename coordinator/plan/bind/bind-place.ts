import { NO_PICTURE, placeColumn } from "../../../shared/boxes/place.ts";
import { listNames } from "../../../shared/core/list-names.ts";
import type { Field } from "../../../shared/domain/dataset.ts";
import type { JobSpec } from "../../../shared/domain/job-spec.ts";
import type { OutputSpec } from "../../../shared/domain/map-spec.ts";
import { USUAL_OP } from "../../../shared/domain/model-folder.ts";
import type { SpecProblem } from "../../../shared/job-file/issue-problems.ts";
import { opOf } from "../../../shared/output-ops/output-ops.ts";

/**
 * Replaces the picture input that an output names by the column with the places of its pictures. Default: the
 * only input made from pictures, or else none.
 */
export function withPlace(
  [column, output]: readonly [string, OutputSpec],
  { inputs }: Pick<JobSpec["map"], "inputs">,
  fields: readonly Field[],
  problems: SpecProblem[],
): OutputSpec {
  const { picture, op = USUAL_OP } = output;
  if (picture === NO_PICTURE || opOf({ kind: op }).reads === undefined) return output;
  const made = new Set(fields.map(({ name }) => name));
  const placeOf = (input: string) => placeColumn(inputs[input]?.column ?? input);
  const pictures = Object.keys(inputs).filter((input) => made.has(placeOf(input)));
  const found = picture === undefined ? pictures : pictures.filter((input) => input === picture);
  const [only = NO_PICTURE] = found;
  if (found.length === 1) return { ...output, picture: placeOf(only) };
  if (picture === undefined && found.length === 0) return output;
  problems.push({
    path: ["map", "outputs", column, "picture"],
    part: picture === undefined ? "key" : "value",
    what:
      picture === undefined ? "several inputs are made from pictures" : "is not an input made from pictures",
    expected: pictures.length === 0 ? `\`${NO_PICTURE}\`` : `${listNames(pictures)} or \`${NO_PICTURE}\``,
    ...(picture === undefined ? {} : { found: `\`${picture}\`` }),
  });
  return { ...output, picture: NO_PICTURE };
}
