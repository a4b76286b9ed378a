import type { CommandModule } from "yargs";

export const schemaCommand: CommandModule = {
  command: "schema",
  describe: "Print the JSON Schema of the job file, for editors",
  builder: (yargs) =>
    yargs.example(
      "$0 schema > job.schema.json",
      "And in job.yaml: # yaml-language-server: $schema=./job.schema.json",
    ),
  handler: async () => {
    const { jobSpecJsonSchema } = await import("../shared/job-file/json-schema.ts");
    process.stdout.write(`${JSON.stringify(jobSpecJsonSchema(), null, 2)}\n`);
  },
};
