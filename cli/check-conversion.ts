import type { CheckConversion } from "../coordinator/job/pass-conversion.ts";
import { present } from "../shared/core/assert.ts";

/**
 * Checks the converted model of a job, and prints the results on stderr.
 *
 * @throws {CONVERSION_LOSS} when it differs from its original by more than the job allows
 */
export const checkConversion: CheckConversion = async (planned, signal) => {
  const { CONVERSION } = await import("../shared/domain/conversion.ts");
  const { createStyle } = await import("../shared/terminal/style.ts");
  const style = createStyle(process.stderr);
  for (const warning of planned.converted?.warnings ?? []) {
    process.stderr.write(`${style.warn(`warning: ${warning}`)}\n`);
  }
  const converter = await present(CONVERSION, "a job with a converted model has a converter").load();
  const { report, text, refusal } = await converter.check(planned, signal);
  process.stderr.write(`${text(style)}\n`);
  if (refusal !== null) throw refusal;
  return report;
};
