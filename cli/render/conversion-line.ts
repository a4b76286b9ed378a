import type { JobConversion } from "../../shared/domain/conversion.ts";
import { counted } from "../../shared/terminal/text.ts";

/** Returns the entry of a conversion in a list of facts. Empty: the model is not converted. */
export function conversionEntry(found: JobConversion | null): [label: string, value: string][] {
  return found === null ? [] : [[found.key, conversionLine(found)]];
}

/**
 * Describes a conversion and its accuracy in one line, with the worst figures of several outputs:
 * `int8: cosine 0.9995 on average, 0.9979 at least; agreement 97.7 % (256 rows compared)`
 */
function conversionLine({ value, check }: JobConversion): string {
  if (check === null) return `${value}, not compared with the original`;
  const { rows, failedRows, outputs } = check;
  const least = (figures: readonly (number | null)[]) => {
    const known = figures.filter((figure) => figure !== null);
    return known.length === 0 ? null : Math.min(...known);
  };
  const mean = least(outputs.map(({ meanCosine }) => meanCosine));
  const worst = least(outputs.map(({ leastCosine }) => leastCosine));
  const agreement = least(outputs.map((output) => output.agreement));
  const figures = [
    ...(mean === null || worst === null
      ? []
      : [`cosine ${mean.toFixed(5)} on average, ${worst.toFixed(5)} at least`]),
    ...(agreement === null ? [] : [`agreement ${percent(agreement)}`]),
    ...(failedRows === 0 ? [] : [`fails on ${counted(failedRows, "row")}`]),
  ];
  const compared = `(${counted(rows, "row")} compared)`;
  return figures.length === 0 ? `${value} ${compared}` : `${value}: ${figures.join("; ")} ${compared}`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
