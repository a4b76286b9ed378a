import { NEVER } from "../../shared/core/abort.ts";
import { ShardmillError } from "../../shared/core/errors.ts";
import { isAddress, notAFilePlace, notAPath } from "../../shared/domain/location.ts";
import { defineCommand } from "../../shared/extension/command.ts";
import { jsonOption } from "../../shared/terminal/command-parts.ts";
import { CONVERTED_PRECISIONS } from "./onnx/precision.ts";

export const convertCommand = defineCommand({
  options: (yargs) =>
    yargs
      .positional("model", {
        type: "string",
        demandOption: true,
        describe: "The ONNX file, or its folder: a path, or an address (s3://, ...)",
      })
      .option("precision", {
        choices: CONVERTED_PRECISIONS,
        requiresArg: true,
        demandOption: true,
        describe: "fp16: weights and values between operators. int8: MatMul and Gemm, quantised at run time",
      })
      .option("output", {
        alias: "o",
        type: "string",
        requiresArg: true,
        demandOption: true,
        describe: "The ONNX file to write: one file, external data included",
      })
      .option("force", { type: "boolean", default: false, describe: "Replace an existing output" })
      .option("json", jsonOption)
      .example(
        "$0 convert model.onnx --precision int8 -o model-int8.onnx",
        "Faster on CPUs, a quarter of the size",
      )
      .example("$0 convert model.onnx --precision fp16 -o model-fp16.onnx", "For GPUs: half of the size")
      .epilogue(
        "A job converts its model by itself, and checks it on the job's rows: see model.precision in the job file.",
      ),
  async run(args) {
    const { resolve } = await import("node:path");
    const { convertToFile } = await import("./convert-to-file.ts");
    const { conversionText } = await import("./conversion-text.ts");
    const { printText } = await import("../../shared/terminal/print-text.ts");
    const wrong = [
      ["model", notAFilePlace(args.model)],
      ["output", notAPath(args.output)],
    ] as const;
    for (const [name, problem] of wrong) {
      if (problem === null) continue;
      throw new ShardmillError("ARGUMENT_INVALID", `the ${name} is not a path`, {
        problems: [{ where: name, ...problem }],
      });
    }
    const output = resolve(args.output);
    const { conversion, bytesBefore, bytesAfter, sha256 } = await convertToFile({
      model: isAddress(args.model) ? args.model : resolve(args.model),
      precision: args.precision,
      output,
      replace: args.force,
      signal: NEVER,
    });
    const bytes = { output: args.output, bytesBefore, bytesAfter };
    if (args.json)
      process.stdout.write(`${JSON.stringify({ output, sha256, bytesBefore, bytesAfter, ...conversion })}\n`);
    else printText(process.stdout, (style) => conversionText(conversion, bytes, style));
  },
});
