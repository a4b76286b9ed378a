import type { CheckConversion } from "../coordinator/job/pass-conversion.ts";
import { present } from "../shared/core/assert.ts";

/**
 * Checks the converted model of a job, and prints the results on stderr.
 *
 * @throws {CONVERSION_LOSS} when it differs from its original by more than the job allows
 */
export const checkConversion: CheckConversion = async (planned, signal) => {
  const { CONVERSION } = await import("../shared/domain/conversion.ts");
  const { printText } = await import("../shared/terminal/print-text.ts");
  for (const warning of planned.converted?.warnings ?? []) {
    printText(process.stderr, (style) => style.warn(`warning: ${warning}`));
  }
  const converter = await present(CONVERSION, "a job with a converted model has a converter").load();
  const { report, text, refusal } = await converter.check(planned, signal);
  printText(process.stderr, text);
  if (refusal !== null) throw refusal;
  return report;
};
