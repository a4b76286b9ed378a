import { ERROR_CODES, isErrorCode } from "../../shared/core/error-codes.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import { nearest } from "../../shared/core/nearest.ts";
import { defineCommand } from "../../shared/extension/command.ts";
import { jsonOption } from "../../shared/terminal/command-parts.ts";

export const explainCommand = defineCommand({
  options: (yargs) =>
    yargs
      .positional("code", { type: "string", describe: "Error code, as in SPEC_INVALID (default: lists all)" })
      .option("json", jsonOption)
      .example("$0 explain OUTPUT_OCCUPIED", "What happened, why, and what to do"),
  async run({ code, json }) {
    const { ERROR_HELP } = await import("./error-help.ts");
    const { codesText, explainText } = await import("./error-texts.ts");
    const { printText } = await import("../../shared/terminal/print-text.ts");
    if (code === undefined) {
      if (json) process.stdout.write(`${JSON.stringify(ERROR_HELP)}\n`);
      else printText(process.stdout, codesText);
      return;
    }
    const known = code.toUpperCase();
    if (!isErrorCode(known)) throw unknownCode(code);
    if (json) process.stdout.write(`${JSON.stringify({ code: known, ...ERROR_HELP[known] })}\n`);
    else printText(process.stdout, (style) => explainText(known, style));
  },
});

function unknownCode(code: string): ShardmillError {
  const near = nearest(code.toUpperCase(), Object.keys(ERROR_CODES));
  const guess = near === undefined ? "" : `did you mean ${near}? `;
  return new ShardmillError("ARGUMENT_INVALID", `${code} is not an error code`, {
    fields: { code },
    hint: `${guess}list all codes with \`shardmill explain\``,
  });
}
